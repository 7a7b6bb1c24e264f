"""Faults in decoding chunked bodies."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ, framing, parsing
from wsgi_gauntlet.servers.reference_server.input_stream import InputStream
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected
from wsgi_gauntlet.servers.reference_server.stream import Stream

from .mutation import mutant, replace, wrap_function


@mutant("http/chunked/many-chunks")
def one_chunk_only() -> None:
    """Only a body's first chunk reaches the app."""

    def coded(right: Any, self: InputStream) -> bytes:
        first = not self._begun
        piece: bytes = right(self)
        if first or self._ended:
            return piece
        while not self._ended:
            right(self)
        return b""

    wrap_function(InputStream, "_coded_piece", coded)


@mutant("http/chunked/empty")
def empty_chunked_body_refused() -> None:
    """The server rejects a chunked body without data."""

    def trailer(right: Any, self: InputStream) -> None:
        if not vars(self).get("some"):
            raise RequestRejected(400, "the body is empty")
        right(self)

    def size(right: Any, self: InputStream) -> bytes:
        piece: bytes = right(self)
        vars(self)["some"] = bool(piece)
        return piece

    wrap_function(InputStream, "trailer", trailer)
    wrap_function(InputStream, "_coded_piece", size)


@mutant("http/chunked/hex-case")
def sizes_in_decimal() -> None:
    """A chunk's size is decimal."""
    replace(framing, "hexadecimal", framing.decimal)


@mutant("http/chunked/zero-padded")
def no_leading_zeros() -> None:
    """The server rejects a chunk size with leading zeros."""

    def hexadecimal(right: Any, digits: bytes) -> int:
        if len(digits) > 1 and digits.startswith(b"0"):
            raise RequestRejected(400, "the size begins with 0")
        found: int = right(digits)
        return found

    wrap_function(framing, "hexadecimal", hexadecimal)


@mutant("http/chunked/extension-token", "http/chunked/extension-quoted")
def extensions_refused() -> None:
    """The server rejects chunk extensions."""

    def size(right: Any, line: bytes) -> int:
        if b";" in line:
            raise RequestRejected(400, "no chunk extensions, please")
        found: int = right(line)
        return found

    wrap_function(framing, "chunk_size", size)


@mutant("http/chunked/extension-quoted")
def quotes_not_known() -> None:
    """A chunk extension ends at the next semicolon, even inside quotes."""
    wrap_function(framing, "chunk_size", lambda right, line: right(line.partition(b'"')[0] or b"x"))


@mutant("http/chunked/extension-bad")
def cr_ends_an_extension() -> None:
    """A bare CR ends the line of a chunk size, and the server ignores bytes between the data and the next line."""

    def line(self: InputStream, limit: int) -> bytes:
        found = self._stream.line(limit, 1e12)
        head, cr, rest = found[:-2].partition(b"\r")
        if cr:
            self._stream.buffer[:0] = rest + found[-2:]
        return head

    replace(InputStream, "_line", line)
    replace(InputStream, "after_chunk", lambda self: self._stream.line(1000, 1e12))


@mutant("http/chunked/extension-64k")
def extensions_without_end() -> None:
    """The server accepts a chunk extension of one megabyte."""
    replace(framing, "CHUNK_LINE_LIMIT", 1 << 20)


@mutant(
    "http/chunked/size-syntax/0x",
    "http/chunked/size-syntax/underscore",
    "http/chunked/size-syntax/plus",
    "http/chunked/size-syntax/minus",
    "http/chunked/size-syntax/space-before",
)
def size_by_int() -> None:
    """The server parses a chunk size with Python's int(text, 16) and drops the sign."""

    def size(line: bytes) -> int:
        try:
            return abs(int(line.partition(b";")[0], 16))
        except ValueError:
            raise RequestRejected(400, "this is no number") from None

    replace(framing, "chunk_size", size)


def _any_trailer() -> None:
    def trailer(self: InputStream) -> None:
        while self._line(parsing.HEAD_LIMIT):
            pass

    replace(InputStream, "trailer", trailer)


@mutant(
    "http/chunked/size-syntax/empty",
    "http/chunked/size-syntax/letter",
    "http/chunked/size-syntax/nul",
)
def size_by_strtol() -> None:
    """A chunk size is the leading digits of its line, or 0 without any. Any bytes may be a trailer."""
    replace(framing, "chunk_size", lambda line: int((re.match(rb"[0-9A-Fa-f]*", line) or [b""])[0] or b"0", 16))
    _any_trailer()


@mutant("http/chunked/size-overflow")
def size_of_32_bits() -> None:
    """A chunk size is a signed 32-bit number, and a size of 0 or less ends the body."""

    def hexadecimal(digits: bytes) -> int:
        size = int(digits, 16) & 0xFFFFFFFF
        return size if size < 2**31 else 0

    replace(framing, "hexadecimal", hexadecimal)
    _any_trailer()


@mutant("http/chunked/size-zeros")
def size_of_eight_digits() -> None:
    """Only the first eight digits of a chunk size count. Any bytes may be a trailer."""
    replace(framing, "hexadecimal", lambda digits: int(digits[:8], 16))
    _any_trailer()


@mutant("http/chunked/spill")
def spilt_data_thrown_away() -> None:
    """The server ignores bytes between the data of a chunk and the next line."""
    replace(InputStream, "after_chunk", lambda self: self._line(1000) and None)


@mutant("http/chunked/no-crlf-after-data")
def crlf_after_data_optional() -> None:
    """The data of a chunk need no CRLF after it."""

    def after(right: Any, self: InputStream) -> None:
        if b"\r\n".startswith(bytes(self._stream.buffer[:2])):
            right(self)

    wrap_function(InputStream, "after_chunk", after)


@mutant("http/chunked/no-last-chunk-then-fin", "http/chunked/no-final-crlf")
def end_completes_the_chunks() -> None:
    """A connection that ends in the middle of a chunked body completes it."""

    def coded(right: Any, self: InputStream) -> bytes:
        try:
            piece: bytes = right(self)
        except RequestRejected as refused:
            if "connection ended" not in refused.reason:
                raise
            self._ended = True
            return b""
        return piece

    wrap_function(InputStream, "_coded_piece", coded)


@mutant("http/chunked/no-last-chunk-then-fin/early")
def missing_bytes_made_up() -> None:
    """If a chunk ends too early, the app reads bytes that nobody sent, and then fails."""

    def some(right: Any, self: Stream, most: int, deadline: float) -> bytes:
        piece: bytes = right(self, most, deadline)
        if piece or getattr(self, "made_up", False):
            return piece
        self.made_up = True  # type: ignore[attr-defined]
        return bytes(most)

    wrap_function(Stream, "some", some)


@mutant("http/chunked/lf-terminators")
def lf_ends_chunk_lines() -> None:
    """LF alone ends the lines of the chunked coding."""
    wrap_function(
        parsing, "terminated", lambda right, line: right(line if line.endswith(b"\r\n") else line[:-1] + b"\r\n")
    )


@mutant("http/chunked/trailer", "http/chunked/trailer-then-next")
def trailers_refused() -> None:
    """The server rejects trailer fields."""

    def trailer(self: InputStream) -> None:
        if self._line(parsing.HEAD_LIMIT):
            raise RequestRejected(400, "no trailers, please")

    replace(InputStream, "trailer", trailer)


@mutant("http/chunked/trailer-then-next")
def trailers_left() -> None:
    """Trailer fields stay on the connection."""
    replace(InputStream, "trailer", lambda _self: None)


@mutant("http/chunked/trailer-forbidden")
def trailers_merged() -> None:
    """The server reads chunked bodies before it calls the app, and treats their trailers as headers."""

    def trailer(self: InputStream) -> None:
        vars(self)["trailers"] = trailers = []
        while line := self._line(parsing.HEAD_LIMIT):
            trailers.append(parsing.field(line))

    def build(right: Any, request: Any, place: Any, body: InputStream) -> Any:
        if body._chunked:
            data = b""
            with contextlib.suppress(RequestRejected):
                data = body.read()
            trailers = vars(body).get("trailers", [])
            for name, value in trailers:
                request.fields[:] = [f for f in request.fields if f[0].lower() != name.lower()] + [(name, value)]
                if name.lower() == b"transfer-encoding":
                    data = b""  # whatever gzip makes of it
            body._ahead = data
        return right(request, place, body)

    replace(InputStream, "trailer", trailer)
    wrap_function(environ, "build", build)
