"""Faults in persistent connections, pipelining and closing."""

from __future__ import annotations

from typing import Any

from wsgi_gauntlet.servers.reference_server import framing, parsing
from wsgi_gauntlet.servers.reference_server.gateway import Gateway
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected
from wsgi_gauntlet.servers.reference_server.server import Connection
from wsgi_gauntlet.servers.reference_server.stream import Stream

from .mutation import mutant, replace, wrap_function


@mutant("http/connection/keep-alive")
def one_request_a_connection() -> None:
    """Every response says close, and the server closes the connection."""
    replace(framing, "persistent", lambda _fields, _used: False)


@mutant("http/connection/says-close", "http/expect/final-says-whether")
def close_not_announced() -> None:
    """The server closes the connection after every response, and no response says so."""
    replace(framing, "persistent", lambda _fields, _used: False)
    replace(Gateway, "connection", lambda _self: "")


@mutant(
    "http/connection/close-honoured",
    "http/connection/close-in-list",
    "http/connection/http10-closes",
    "http/connection/behind-close-unprocessed",
)
def never_closes() -> None:
    """The connection always stays open."""
    replace(framing, "persistent", lambda _fields, _used: True)


@mutant("http/connection/behind-close-served")
def close_means_silence() -> None:
    """The server rejects a request with `close` because of the bytes that follow it."""

    def answer(right: Any, self: Connection, request: Any, *about: Any) -> Any:
        if self.stream.buffer and not framing.persistent(request.fields, request.line.version):
            self.refuse(RequestRejected(400, "there is more behind a closing request"))
            return False
        return right(self, request, *about)

    wrap_function(Connection, "answer", answer)


@mutant(
    "http/connection/close-in-list/last",
    "http/connection/close-in-list/case",
    "http/connection/close-in-list/lines",
    "http/connection/close-in-list/empty-members",
)
def close_exactly() -> None:
    """Only a Connection field of exactly `close` closes."""
    replace(
        framing,
        "persistent",
        lambda fields, used: used >= (1, 1) and parsing.values(fields, b"connection") != [b"close"],
    )


@mutant("http/connection/close-in-list/beside-keep-alive")
def keep_alive_wins() -> None:
    """`keep-alive` takes precedence over `close`."""
    wrap_function(
        framing,
        "persistent",
        lambda right, fields, used: b"keep-alive" in parsing.members(fields, b"connection") or right(fields, used),
    )


@mutant("http/connection/http10-keep-alive")
def keep_alive_untrue() -> None:
    """HTTP/1.0 with keep-alive gets `keep-alive` in the response, and the connection closes."""

    def answer(right: Any, self: Connection, request: Any, *about: Any) -> bool:
        again: bool = right(self, request, *about)
        return again and request.line.version >= (1, 1)

    wrap_function(Connection, "answer", answer)


@mutant("http/connection/pipeline-order", "http/framing/cl-then-next", "http/chunked/then-next")
def pipeline_lost() -> None:
    """The server discards bytes that arrive before it has sent a response."""

    def answer(right: Any, self: Connection, *about: Any) -> Any:
        again = right(self, *about)
        self.stream.buffer.clear()
        return again

    wrap_function(Connection, "answer", answer)


@mutant("http/connection/pipeline-cut")
def beginning_of_next_request_lost() -> None:
    """The server discards the beginning of a request that arrives before it has sent a response."""

    def answer(right: Any, self: Connection, *about: Any) -> Any:
        if b"\r\n\r\n" not in self.stream.buffer:
            self.stream.buffer.clear()
        return right(self, *about)

    wrap_function(Connection, "answer", answer)


@mutant("http/connection/pipeline-bad-second")
def looks_ahead() -> None:
    """An invalid request ends the connection before the response to the previous request."""

    def answer(right: Any, self: Connection, *about: Any) -> Any:
        line, lf, _ = bytes(self.stream.buffer).partition(b"\r\n")
        if lf:
            try:
                parsing.request_line(line)
            except RequestRejected as refused:
                self.refuse(refused)
                return False
        return right(self, *about)

    wrap_function(Connection, "answer", answer)


@mutant("http/connection/error-readable-after-upload")
def closes_at_once() -> None:
    """The server closes a connection at once, even if the client still sends."""
    replace(Stream, "close", lambda self: self.socket.close())


@mutant("http/connection/upgrade-unknown")
def any_upgrade() -> None:
    """The server accepts every upgrade."""

    def answer(right: Any, self: Connection, request: Any, *about: Any) -> Any:
        if parsing.values(request.fields, b"upgrade"):
            self.stream.send(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            return False
        return right(self, request, *about)

    wrap_function(Connection, "answer", answer)
