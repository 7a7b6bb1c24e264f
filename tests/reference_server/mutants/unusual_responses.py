"""Faults in unusual responses of the app: write(), invalid lengths, close() too early or never."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from wsgi_gauntlet.servers.reference_server import response
from wsgi_gauntlet.servers.reference_server.gateway import BodyEnd, Gateway

from .mutation import mutant, replace, wrap_function

# ---------------------------------------------------------------------- write()


@mutant("pep3333/body/binary-exact-written")
def written_line_ends_converted() -> None:
    """LF in bytes passed to write() becomes CR LF."""
    wrap_function(Gateway, "write", lambda right, self, data: right(self, data.replace(b"\n", b"\r\n")))


@mutant("pep3333/body/empty-write")
def empty_chunk_written() -> None:
    """The server sends a b'' passed to write() as a chunk of size 0."""

    def write(right: Any, self: Gateway, data: bytes) -> None:
        right(self, data)
        if not data and self.ends is BodyEnd.CHUNKS:
            self.send(response.chunk(data))

    wrap_function(Gateway, "write", write)


@mutant("pep3333/body/block-by-block-after-write")
def buffered_after_write() -> None:
    """After a write(), the server holds yielded blocks back until the end of the body."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        right(self, [b"".join(result)] if self.written else result)

    wrap_function(Gateway, "iterate", iterate)


# ---------------------------------------------------------------------- start_response


@mutant("pep3333/start-response/second-call-after-error")
def failed_call_forgotten() -> None:
    """The server ignores a call of start_response that raised."""

    def start(right: Any, self: Gateway, *arguments: Any) -> Any:
        try:
            return right(self, *arguments)
        except (TypeError, ValueError):
            self.called = False
            raise

    wrap_function(Gateway, "start_response", start)


@mutant("pep3333/start-response/exc-info-reraises-after-write")
def written_counts_for_nothing() -> None:
    """With exc_info, and after only a write(), start_response does nothing."""

    def reraise(right: Any, self: Gateway, exc_info: Any) -> None:
        if not self.written:
            right(self, exc_info)

    wrap_function(Gateway, "reraise", reraise)


@mutant("pep3333/start-response/latin1-kept")
def headers_in_utf_8() -> None:
    """The server encodes headers as UTF-8."""
    wrap_function(
        response,
        "head",
        lambda right, status, headers: right(
            status, [(name, value.encode("utf-8").decode("latin-1")) for name, value in headers]
        ),
    )


@mutant("pep3333/error-handling/non-latin1-status")
def status_characters_replaced() -> None:
    """The server replaces a status character outside latin-1 with a question mark."""
    right = response.status_line
    replace(response, "check_status", lambda _status: None)
    replace(response, "status_line", lambda status: right(status.encode("latin-1", "replace").decode("latin-1")))


# ---------------------------------------------------------------------- lengths


@mutant("pep3333/content-length/two-lengths", "pep3333/content-length/not-a-number")
def lengths_unchecked() -> None:
    """The server sends the Content-Length headers of the app unchanged."""
    replace(response, "check_lengths", lambda _headers: None)
    wrap_function(response, "values", _as_numbers)


def _as_numbers(right: Any, headers: Any, name: str) -> list[str]:
    found: list[str] = right(headers, name)
    return [each if each.isdigit() else "5" for each in found] if name == "content-length" else found


@mutant("pep3333/content-length/short-body-logged")
def short_body_not_logged() -> None:
    """A body that is too short is not logged."""
    replace(Gateway, "log", lambda _self, _text: None)


# ---------------------------------------------------------------------- close()


def _closes(unless: Callable[[Gateway], bool]) -> None:
    wrap_function(Gateway, "finish", lambda right, self, result: None if unless(self) else right(self, result))


@mutant("pep3333/close/on-iter-error")
def closed_once_begun() -> None:
    """The server calls close() only if it has begun to iterate."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        blocks = iter(result)
        vars(self)["begun"] = True
        right(self, blocks if self.length_of(result) is None else result)

    wrap_function(Gateway, "iterate", iterate)
    _closes(lambda self: "begun" not in vars(self))


@mutant("pep3333/close/on-no-start")
def unstarted_not_closed() -> None:
    """The server does not call close() if the app has not called start_response."""
    _closes(lambda self: not self.called)


@mutant("pep3333/close/on-bodiless")
def bodiless_not_closed() -> None:
    """close() is not called for a status without a body."""
    _closes(lambda self: bool(self.status) and self.code in (204, 304))


def _reset(self: Gateway) -> bool:
    stream: Any = vars(self)["send"].__self__
    try:
        stream.socket.settimeout(0.05)
        stream.socket.recv(1, socket.MSG_PEEK)
    except ConnectionResetError:
        return True
    except OSError:
        return False
    return False


@mutant("pep3333/close/on-client-gone-late")
def not_closed_after_reset() -> None:
    """The server does not call close() if the client has reset the connection."""
    _closes(_reset)


@mutant("pep3333/close/when-length-reached")
def not_closed_at_length() -> None:
    """The server does not call close() if it did not request all blocks."""
    _closes(lambda self: self.satisfied)
