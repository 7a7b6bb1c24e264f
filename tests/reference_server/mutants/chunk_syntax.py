"""Faults in the syntax of chunks, their extensions and trailer sections."""

from __future__ import annotations

import re
from typing import Any

from wsgi_gauntlet.servers.reference_server import framing, parsing
from wsgi_gauntlet.servers.reference_server.input_stream import InputStream
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected

from .mutation import mutant, replace, wrap_function

DEADLINE = 1e8
"""A deadline that never passes, of a size that a socket accepts as a time-out."""


def skip_bytes_after_data() -> None:
    """Skip two bytes after the data of a chunk, whatever they are."""
    replace(InputStream, "after_chunk", lambda self: _skip(self, 2))


def _skip(body: InputStream, count: int) -> None:
    while count:
        count -= len(body._stream.some(count, DEADLINE)) or count


@mutant("http/chunked/wrong-bytes-after-data")
def two_bytes_skipped() -> None:
    """The server skips two bytes after the data of a chunk without a look at them."""
    skip_bytes_after_data()


def skip_blank_lines() -> None:
    """Skip empty lines before a chunk size."""

    def line(right: Any, self: InputStream, limit: int) -> bytes:
        buffer = self._stream.buffer
        while limit == framing.CHUNK_LINE_LIMIT and (buffer or self._stream.fill(DEADLINE)):
            if not buffer.startswith((b"\r\n", b"\n", b" \r\n")):
                break
            del buffer[: buffer.index(b"\n") + 1]
        found: bytes = right(self, limit)
        return found

    wrap_function(InputStream, "_line", line)


@mutant("http/chunked/blank-line")
def blank_lines_skipped() -> None:
    """The server skips empty lines before a chunk size."""
    skip_blank_lines()


def _for_last_size(parse: Any) -> None:
    def size(right: Any, line: bytes) -> int:
        try:
            if parse(line) == 0:
                return 0
        except ValueError:
            pass
        found: int = right(line)
        return found

    wrap_function(framing, "chunk_size", size)


@mutant("http/chunked/last-size-syntax")
def last_size_by_int() -> None:
    """A chunk whose size Python's int(text, 16) reads as 0 is the last one."""
    _for_last_size(lambda line: int(line.partition(b";")[0], 16))


@mutant("http/chunked/last-size-syntax")
def last_size_by_strtol() -> None:
    """A chunk is the last one if its line begins with 0 or with no digit."""
    _for_last_size(lambda line: int((re.match(rb"[0-9A-Fa-f]*", line) or [b""])[0] or b"0", 16))


def _lose_body_of(method: str) -> None:
    """Let the app read an empty body if `method` of InputStream rejects the body."""

    def checked(right: Any, self: InputStream) -> bytes:
        try:
            found: bytes = right(self)
        except RequestRejected:
            vars(self)["lost"] = self._ended = True
            return b""
        return found

    def read(right: Any, self: InputStream, *size: int) -> bytes:
        data: bytes = right(self, *size)
        return b"" if vars(self).get("lost") else data

    wrap_function(InputStream, method, checked)
    wrap_function(InputStream, "read", read)


@mutant("http/chunked/extension-malformed")
def bad_extension_empties_the_body() -> None:
    """With a malformed chunk extension the app reads an empty body."""
    _lose_body_of("_coded_piece")


@mutant("http/chunked/extension-without-semicolon")
def bytes_after_size_ignored() -> None:
    """The server ignores whatever follows the digits of a chunk size."""
    wrap_function(framing, "chunk_size", lambda right, line: right((re.match(rb"[0-9A-Fa-f]+", line) or [line])[0]))


@mutant("http/chunked/trailer-malformed", "http/chunked/trailer-lf")
def bad_trailer_empties_the_body() -> None:
    """With a malformed trailer section the app reads an empty body."""
    _lose_body_of("trailer")


@mutant("http/chunked/trailer-too-large")
def trailer_ends_at_its_limit() -> None:
    """The server reads 64 KiB of a trailer section and leaves the rest on the connection."""

    def trailer(self: InputStream) -> None:
        size = 0
        while size < parsing.HEAD_LIMIT:
            line = self._stream.line(parsing.HEAD_LIMIT - size, DEADLINE)
            size += len(line)
            if line == b"\r\n":
                break

    replace(InputStream, "trailer", trailer)
