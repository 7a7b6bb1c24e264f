"""Faults in wsgi.input, wsgi.errors, 100 (Continue), and in bodies that the app leaves unread."""

from __future__ import annotations

import io
import os
import sys
import time
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ, framing, parsing, response
from wsgi_gauntlet.servers.reference_server.framing import CHUNKED
from wsgi_gauntlet.servers.reference_server.gateway import Gateway
from wsgi_gauntlet.servers.reference_server.input_stream import BODY_TIMEOUT_SECONDS, READ_BYTES, InputStream
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected
from wsgi_gauntlet.servers.reference_server.server import Connection
from wsgi_gauntlet.servers.reference_server.stream import Stream

from .mutation import mutant, replace, wrap_function


@mutant("pep3333/input/methods")
def no_readlines() -> None:
    """wsgi.input has no readlines()."""
    del InputStream.readlines


@mutant("pep3333/input/methods-work", "pep3333/input/delivery-matrix")
def universal_newlines() -> None:
    """CR LF in a body becomes LF."""
    wrap_function(InputStream, "_piece", lambda right, self, most: right(self, most).replace(b"\r", b""))


@mutant("pep3333/input/eof-at-content-length", "pep3333/input/terminated-ends")
def body_without_end() -> None:
    """A read at the end of the request waits for more bytes."""

    def piece(right: Any, self: InputStream, most: int) -> bytes:
        found: bytes = right(self, most)
        return found or self._stream.some(READ_BYTES, _soon())

    wrap_function(InputStream, "_piece", piece)


@mutant("pep3333/input/no-bleed")
def body_goes_on() -> None:
    """A read past the end of the request returns the next bytes of the connection."""

    def read(right: Any, self: InputStream, size: int = -1) -> bytes:
        found: bytes = right(self, size)
        return found + self._stream.take(max(size - len(found), 0))

    wrap_function(InputStream, "read", read)


@mutant("pep3333/input/read-no-argument")
def reads_to_the_connections_end() -> None:
    """read() without a size waits for the end of the connection."""

    def read(right: Any, self: InputStream, size: int = -1) -> bytes:
        found: bytes = right(self, size)
        while size < 0 and (more := self._stream.some(READ_BYTES, _soon())):
            found += more
        return found

    wrap_function(InputStream, "read", read)


@mutant("pep3333/input/read-past-end")
def end_raises() -> None:
    """A read past the end raises EOFError."""

    def read(right: Any, self: InputStream, size: int = -1) -> bytes:
        found: bytes = right(self, size)
        if not found and size:
            raise EOFError
        return found

    wrap_function(InputStream, "read", read)


def _soon() -> float:
    return time.monotonic() + BODY_TIMEOUT_SECONDS


@mutant("pep3333/input/readline-size")
def readline_ignores_size() -> None:
    """readline(size) reads the whole line."""
    wrap_function(InputStream, "readline", lambda right, self, _size=-1: right(self))


@mutant("pep3333/input/readlines-hint")
def readlines_loses_lines() -> None:
    """readlines(hint) discards the bytes after the lines that it returns."""

    def readlines(right: Any, self: InputStream, hint: int = -1) -> Any:
        lines = right(self, hint)
        self.drain()
        return lines

    wrap_function(InputStream, "readlines", readlines)


@mutant("pep3333/input/bytes-only")
def bytearrays() -> None:
    """The read methods return a bytearray."""
    wrap_function(InputStream, "read", lambda right, self, size=-1: bytearray(right(self, size)))


@mutant(
    "http/connection/fragmented-body",
    "pep3333/input/delivery-matrix/byte-by-byte",
    "pep3333/input/delivery-matrix/paused",
    "pep3333/input/delivery-matrix/head-and-body-apart",
)
def only_what_is_there() -> None:
    """The body consists of the bytes that have arrived at the first read; the server does not wait for the rest."""

    replace(Stream, "some", lambda self, size, _deadline: self.take(size))
    wrap_function(InputStream, "_plain_piece", lambda right, self: right(self) if self._stream.buffer else b"")


@mutant("pep3333/input/chunked-decoded", "http/chunked/one-chunk")
def chunks_unknown() -> None:
    """The server ignores Transfer-Encoding: a chunked body is empty."""
    replace(framing, "length", lambda fields, _used: framing.declared(fields))


@mutant("pep3333/input/chunked-decoded", "http/chunked/one-chunk")
def chunks_raw() -> None:
    """The app gets a chunked body with its chunk lines."""

    def coded(self: InputStream) -> bytes:
        if self._begun:
            return b""
        self._begun = self._ended = True
        while b"0\r\n\r\n" not in self._stream.buffer and self._stream.fill(_soon()):
            pass
        return self._stream.take(self._stream.buffer.find(b"0\r\n\r\n") + 5)

    replace(InputStream, "_coded_piece", coded)


@mutant(
    "pep3333/input/unread-body",
    "http/framing/unread-small",
    "http/framing/unread-1mb",
    "http/framing/unread-chunks",
    "http/framing/get-with-body",
    "http/framing/head-with-body",
)
def unread_body_left() -> None:
    """A body that the app leaves unread stays on the connection."""
    replace(InputStream, "clean", True)
    replace(InputStream, "drain", lambda _self: None)


@mutant("pep3333/input/large-body", "http/chunked/large-chunk")
def bytes_lost_between_pieces() -> None:
    """The last byte of a large body that arrives in several segments is lost."""

    def fill(right: Any, self: Stream, deadline: float) -> bool:
        found: bool = right(self, deadline)
        if len(self.buffer) > 60000:
            self.buffer[59999] = 0
        return found

    wrap_function(Stream, "fill", fill)


@mutant("http/framing/unread-after-error")
def unread_body_left_after_error() -> None:
    """If the app fails, the server reads the rest of the body as the next request."""

    def fail(right: Any, self: Connection, gateway: Gateway, refused: RequestRejected) -> None:
        if gateway.head_sent:
            right(self, gateway, refused)
        else:
            self.stream.send(response.head("500 Error", response.completed([("Content-Length", "0")])))

    def answer(right: Any, self: Connection, *about: Any) -> bool:
        right(self, *about)
        return True

    wrap_function(Connection, "fail", fail)
    wrap_function(Connection, "answer", answer)


@mutant("http/framing/partly-read")
def partly_read_body_left() -> None:
    """The rest of a partly read body stays on the connection."""
    clean: Any = vars(InputStream)["clean"].fget
    read = InputStream.read

    def begin(self: InputStream, size: int = -1) -> bytes:
        vars(self)["touched"] = True
        return read(self, size)

    def drain(right: Any, self: InputStream) -> None:
        if "touched" not in vars(self):
            right(self)
        elif self._ahead:
            self._stream.buffer[:0] = self._ahead  # read from the socket, and not by the app

    replace(InputStream, "read", begin)
    replace(InputStream, "clean", property(lambda self: "touched" in vars(self) or clean(self)))
    wrap_function(InputStream, "drain", drain)


@mutant("http/framing/get-with-body", "http/framing/head-with-body")
def body_by_method() -> None:
    """The method decides whether a request has a body: GET and HEAD have none."""

    def read(right: Any, self: Connection) -> Any:
        request = right(self)
        if request is not None and self.method in ("GET", "HEAD"):
            request.fields[:] = [(n, v) for n, v in request.fields if n.lower() != b"content-length"]
        return request

    wrap_function(Connection, "read_request", read)


@mutant("http/framing/cl-zero-then-bytes")
def zero_is_no_length() -> None:
    """The server ignores a Content-Length of 0 and takes the bytes after the headers as the body."""
    wrap_function(framing, "decimal", lambda right, text: right(text) or CHUNKED - 1)

    def begin(right: Any, self: InputStream, stream: Stream, length: int, invite: Any = None) -> None:
        right(self, stream, len(stream.buffer) if length < CHUNKED else length, invite)

    wrap_function(InputStream, "__init__", begin)
    wrap_function(environ, "headers", lambda right, fields: {k: v for k, v in right(fields).items() if v != "0"})


@mutant("http/framing/cl-short-then-fin", "http/expect/body-never-sent")
def waits_for_the_dead() -> None:
    """The server waits for a client that has disconnected in the middle of its body."""

    def some(right: Any, self: Stream, size: int, deadline: float) -> bytes:
        data: bytes = right(self, size, deadline)
        if not data:
            time.sleep(BODY_TIMEOUT_SECONDS)
        return data

    wrap_function(Stream, "some", some)


# ---------------------------------------------------------------------- wsgi.errors


class _Mute:
    """Has none of the methods."""


@mutant("pep3333/errors-stream/methods")
def errors_without_methods() -> None:
    """wsgi.errors has none of the required methods."""
    replace(environ, "errors", _Mute)


@mutant("pep3333/errors-stream/methods/write", "pep3333/errors-stream/methods/writelines")
def errors_take_bytes() -> None:
    """wsgi.errors accepts only bytes."""
    replace(environ, "errors", lambda: sys.stderr.buffer)


@mutant("pep3333/errors-stream/unicode")
def errors_in_ascii() -> None:
    """wsgi.errors raises for non-ASCII characters."""
    stream = io.TextIOWrapper(sys.stderr.buffer, encoding="ascii", errors="strict", write_through=True)
    replace(environ, "errors", lambda: stream)


@mutant("pep3333/errors-stream/reaches-log")
def errors_thrown_away() -> None:
    """The server discards all text that the app writes to wsgi.errors."""
    nowhere = open(os.devnull, "w")  # noqa: PTH123, SIM115 - open as long as the process
    replace(environ, "errors", lambda: nowhere)


# ---------------------------------------------------------------------- Expect


@mutant("pep3333/expect/continue-on-read", "http/expect/early-body")
def continue_refused() -> None:
    """100-continue gets 417."""

    def invitation(_self: Connection, request: Any) -> None:
        if parsing.members(request.fields, b"expect"):
            raise RequestRejected(417, "nothing can be expected here")

    replace(Connection, "invitation", invitation)


@mutant("pep3333/expect/no-continue-unread", "pep3333/expect/ignored-on-http10", "http/expect/http10")
def continue_at_once() -> None:
    """The server sends 100 (Continue) at once to every client that asks, including HTTP/1.0."""

    def invitation(self: Connection, request: Any) -> None:
        if parsing.members(request.fields, b"expect"):
            self.invite()

    replace(Connection, "invitation", invitation)


@mutant("http/expect/one-continue")
def continue_twice() -> None:
    """The server sends 100 (Continue) twice."""

    def invite(right: Any, self: Connection) -> None:
        right(self)
        right(self)

    wrap_function(Connection, "invite", invite)


@mutant("http/expect/one-continue")
def continue_never() -> None:
    """The server never sends 100 (Continue) and waits for the body."""
    replace(Connection, "invite", lambda _self: None)


@mutant("http/expect/value-case")
def expectation_compared_exactly() -> None:
    """The server recognizes 100-continue only in lower case."""
    wrap_function(
        Connection,
        "invitation",
        lambda right, self, request: (
            right(self, request) if parsing.values(request.fields, b"expect") == [b"100-continue"] else None
        ),
    )


@mutant("http/expect/before-chunks")
def no_continue_for_chunks() -> None:
    """The server sends no 100 (Continue) for a chunked body."""
    wrap_function(
        Connection,
        "invitation",
        lambda right, self, request: (
            None if parsing.values(request.fields, b"transfer-encoding") else right(self, request)
        ),
    )


@mutant("http/expect/interim-clean")
def continue_with_length() -> None:
    """The 100 (Continue) has a Content-Length."""
    replace(response, "CONTINUE", b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n")
