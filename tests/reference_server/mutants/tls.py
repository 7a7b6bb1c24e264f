"""Faults in TLS and in variables of the deployer."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ, tls_connection
from wsgi_gauntlet.servers.reference_server.stream import Stream

from .mutation import mutant, replace, wrap_function


def _loses(name: str) -> None:
    wrap_function(
        tls_connection,
        "described",
        lambda right, connection: {key: value for key, value in right(connection).items() if key != name},
    )


@mutant("pep3333/environ/tls-variables/https")
def https_missing() -> None:
    """There is no HTTPS in environ."""
    _loses("HTTPS")


@mutant("pep3333/environ/tls-variables/ssl-protocol")
def ssl_protocol_missing() -> None:
    """There is no SSL_PROTOCOL in environ."""
    _loses("SSL_PROTOCOL")


@mutant("pep3333/environ/url-scheme-tls", "pep3333/environ/url-reconstruction-tls")
def scheme_always_http() -> None:
    """wsgi.url_scheme is http, also over TLS."""
    replace(environ, "scheme", lambda _place: "http")


@mutant("pep3333/environ/configurable")
def environment_kept_from_the_app() -> None:
    """The server puts no variable of the deployer into environ."""
    replace(environ, "deployed", dict)


@mutant("http/tls/closure-alert")
def ends_without_alert() -> None:
    """Connections end without a closure alert."""
    replace(tls_connection, "last_word", lambda _connection: None)


@mutant("http/tls/incomplete-close")
def falls_with_a_client_that_leaves() -> None:
    """The server exits when a client closes a persistent connection."""

    def fill(right: Any, self: Stream, deadline: float) -> bool:
        more: bool = right(self, deadline)
        if not more and isinstance(self.socket, ssl.SSLSocket):
            os._exit(3)
        return more

    wrap_function(Stream, "fill", fill)


@mutant("http/tls/plain-http")
def takes_plain_http_too() -> None:
    """The server serves plain HTTP on the TLS port."""

    def secured(right: Any, plain: socket.socket, tls: ssl.SSLContext) -> Any:
        plain.settimeout(tls_connection.HANDSHAKE_TIMEOUT_SECONDS)
        handshake = plain.recv(1, socket.MSG_PEEK) == b"\x16"
        return right(plain, tls) if handshake else plain

    wrap_function(tls_connection, "secured", secured)


@mutant("http/tls/handshake-broken-off")
def falls_with_a_handshake() -> None:
    """The server exits when a handshake fails."""

    def secured(right: Any, plain: socket.socket, tls: ssl.SSLContext) -> Any:
        try:
            return right(plain, tls)
        except OSError:
            os._exit(3)

    wrap_function(tls_connection, "secured", secured)


@mutant("http/tls/handshake-stalled")
def one_handshake_at_a_time() -> None:
    """A handshake waits for the previous one."""
    turn = threading.Lock()

    def secured(right: Any, plain: socket.socket, tls: ssl.SSLContext) -> Any:
        with turn:
            return right(plain, tls)

    wrap_function(tls_connection, "secured", secured)
