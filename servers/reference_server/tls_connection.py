"""TLS (RFC 8446) on a connection, and its variables in the environ."""

from __future__ import annotations

import contextlib
import socket
import ssl

HANDSHAKE_TIMEOUT_SECONDS = 10.0
"""Seconds in which a client must have agreed with the server."""


def context(certificate: str, key: str) -> ssl.SSLContext:
    """Return what connections are secured with."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    return made


def secured(plain: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """Return the connection with TLS on it. Raises OSError where the client speaks none, or takes too long over it."""
    plain.settimeout(HANDSHAKE_TIMEOUT_SECONDS)
    return tls.wrap_socket(plain, server_side=True)


def described(connection: socket.socket) -> dict[str, str]:
    """Return Apache's variables (PEP 3333, environ Variables) of a connection over TLS."""
    if not isinstance(connection, ssl.SSLSocket):
        return {}
    cipher = connection.cipher()
    return {
        "HTTPS": "on",
        "SSL_PROTOCOL": connection.version() or "",
        "SSL_CIPHER": cipher[0] if cipher else "",
    }


def last_word(connection: socket.socket) -> None:
    """Send the closure alert (RFC 9112, section 9.8), and wait for none."""
    if isinstance(connection, ssl.SSLSocket):
        connection.settimeout(0)
        with contextlib.suppress(ssl.SSLError):  # the client's own alert is still to come, or data before it
            connection.unwrap()
