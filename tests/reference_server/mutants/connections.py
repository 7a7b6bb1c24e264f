"""Faults of keeping, sharing and closing connections."""

from __future__ import annotations

from typing import Any

from .. import framing, parsing
from ..gateway import Gateway
from ..rejection import RequestRejected
from ..server import Connection
from ..stream import Stream
from .mutation import mutant, replace, wrap_function


@mutant("http/connection/keep-alive")
def one_request_a_connection() -> None:
    """Every answer closes its connection, and says so."""
    replace(framing, "persistent", lambda _fields, _used: False)


@mutant("http/connection/says-close", "http/expect/final-says-whether")
def close_not_announced() -> None:
    """Every answer closes its connection, and does not say so."""
    replace(framing, "persistent", lambda _fields, _used: False)
    replace(Gateway, "connection", lambda _self: "")


@mutant(
    "http/connection/close-honoured",
    "http/connection/close-in-list",
    "http/connection/http10-closes",
    "http/connection/behind-close-unprocessed",
)
def never_closes() -> None:
    """The connection stays, whatever the client says."""
    replace(framing, "persistent", lambda _fields, _used: True)


@mutant("http/connection/behind-close-served")
def close_means_silence() -> None:
    """Whatever comes behind a closing request is refused in its place."""

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
    """Of `keep-alive, close` the first counts."""
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
    """What came before an answer was out is thrown away."""

    def answer(right: Any, self: Connection, *about: Any) -> Any:
        again = right(self, *about)
        self.stream.buffer.clear()
        return again

    wrap_function(Connection, "answer", answer)


@mutant("http/connection/pipeline-bad-second")
def looks_ahead() -> None:
    """A broken request ends the connection before the one in front of it is answered."""

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
    """A connection is closed at once, whatever the client still sends."""
    replace(Stream, "close", lambda self: self.socket.close())


@mutant("http/connection/upgrade-unknown")
def any_upgrade() -> None:
    """Every upgrade is agreed to."""

    def answer(right: Any, self: Connection, request: Any, *about: Any) -> Any:
        if parsing.values(request.fields, b"upgrade"):
            self.stream.send(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            return False
        return right(self, request, *about)

    wrap_function(Connection, "answer", answer)
