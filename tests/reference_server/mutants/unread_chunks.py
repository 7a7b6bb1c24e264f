"""Faults in throwing away a chunked body that the app did not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsgi_gauntlet.servers.reference_server.input_stream import InputStream

from .chunk_syntax import DEADLINE, skip_blank_lines, skip_bytes_after_data
from .chunked_requests import (
    crlf_after_data_optional,
    lf_ends_chunk_lines,
    size_by_int,
    size_by_strtol,
    size_of_32_bits,
    spilt_data_thrown_away,
)
from .mutation import mutant, replace, wrap_function

HIDDEN = "http/framing/hidden-in-trailer"
MALFORMED = "http/framing/unread-malformed"
TRAILER = "http/framing/unread-trailer"


def _keep_connection() -> None:
    """Read what is left of a chunked body, instead of closing the connection."""
    replace(InputStream, "clean", True)


def _drained_trailer(read: Callable[[InputStream], object]) -> None:
    """Let `read` take the place of reading the trailer section, if the app did not read the body."""

    def drain(right: Any, self: InputStream) -> None:
        vars(self)["draining"] = True
        right(self)

    def trailer(right: Any, self: InputStream) -> None:
        (read if vars(self).get("draining") else right)(self)

    _keep_connection()
    wrap_function(InputStream, "drain", drain)
    wrap_function(InputStream, "trailer", trailer)


@mutant(TRAILER, HIDDEN)
def unread_trailer_left() -> None:
    """The server leaves the trailer section of an unread body on the connection."""
    _drained_trailer(lambda _body: None)


@mutant(
    f"{TRAILER}/two",
    f"{TRAILER}/no-chunk",
    f"{TRAILER}/extension",
    HIDDEN,
)
def unread_trailer_is_one_line() -> None:
    """The server reads one line of the trailer section of an unread body."""
    _drained_trailer(lambda body: body._line(1000))


@mutant(HIDDEN)
def unread_trailer_ends_without_colon() -> None:
    """The trailer section of an unread body ends before the first line without a colon."""

    def trailer(body: InputStream) -> None:
        while line := body._line(1000):
            if b":" not in line:
                body._stream.buffer[:0] = line + b"\r\n"
                return

    _drained_trailer(trailer)


@mutant(HIDDEN)
def two_bytes_after_unread_chunks() -> None:
    """The server skips two bytes after the last chunk of an unread body."""
    _drained_trailer(lambda body: body._stream.some(2, DEADLINE))


@mutant(f"{MALFORMED}/size", f"{MALFORMED}/last")
def unread_size_by_int() -> None:
    """The server parses the sizes of an unread body with Python's int(text, 16)."""
    _keep_connection()
    size_by_int.install()


@mutant(f"{MALFORMED}/size", f"{MALFORMED}/blank-line", f"{MALFORMED}/last")
def unread_size_by_strtol() -> None:
    """A chunk size of an unread body is the leading digits of its line, or 0 without any."""
    _keep_connection()
    size_by_strtol.install()


@mutant(f"{MALFORMED}/size")
def unread_size_of_32_bits() -> None:
    """The server truncates a chunk size of an unread body to 32 bits."""
    _keep_connection()
    size_of_32_bits.install()


@mutant(f"{MALFORMED}/after-data")
def unread_spilt_data_thrown_away() -> None:
    """The server ignores bytes between the data of an unread chunk and the next line."""
    _keep_connection()
    spilt_data_thrown_away.install()


@mutant(f"{MALFORMED}/after-data")
def two_bytes_of_unread_skipped() -> None:
    """The server skips two bytes after the data of an unread chunk without a look at them."""
    _keep_connection()
    skip_bytes_after_data()


@mutant(f"{MALFORMED}/after-data")
def crlf_after_unread_data_optional() -> None:
    """The data of an unread chunk need no CRLF after it."""
    _keep_connection()
    crlf_after_data_optional.install()


@mutant(f"{MALFORMED}/blank-line")
def blank_lines_of_unread_skipped() -> None:
    """The server skips empty lines before a chunk size of an unread body."""
    _keep_connection()
    skip_blank_lines()


@mutant(f"{MALFORMED}/lf")
def lf_ends_unread_chunk_lines() -> None:
    """LF alone ends the lines of an unread chunked body."""
    _keep_connection()
    lf_ends_chunk_lines.install()
