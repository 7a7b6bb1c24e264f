"""Faults that appear when the app reads its input with different methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wsgi_gauntlet.servers.reference_server.input_stream import InputStream

from .mutation import mutant, replace, wrap_function

NEXT = ("byte-first", "line-first", "next-first", "sized-lines", "nothing-between", "read-last")
"""Variants in which another method follows next()."""


@mutant(
    *(f"pep3333/input/mixed/{each}" for each in (*NEXT, "pieces", "pieces-at-lines", "long-lines")),
    *(f"pep3333/input/mixed/{each}" for each in ("chunks", "chunks-of-one", "chunks-at-lines", "chunks-next-first")),
)
def iteration_reads_ahead() -> None:
    """Iteration reads the complete input first, so that other methods find nothing."""
    replace(InputStream, "__iter__", lambda self: iter(self.read().splitlines(keepends=True)))


@mutant("pep3333/input/mixed/line-first", "pep3333/input/mixed/readlines-between", "pep3333/input/mixed/chunks")
def rest_of_line_lost() -> None:
    """read() after readline() loses the bytes that readline() had read ahead."""

    def read(right: Any, self: InputStream, size: int | None = -1, /) -> bytes:
        if vars(self).pop("line_read", False):
            self._ahead = b""
        found: bytes = right(self, size)
        return found

    def readline(right: Any, self: InputStream, size: int | None = -1, /) -> bytes:
        found: bytes = right(self, size)
        vars(self)["line_read"] = True
        return found

    wrap_function(InputStream, "read", read)
    wrap_function(InputStream, "readline", readline)


@mutant("pep3333/input/mixed/chunks", "pep3333/input/mixed/chunks-of-one", "pep3333/input/mixed/chunks-long-lines")
def line_ends_with_chunk() -> None:
    """readline() returns the beginning of a line at the end of a chunk."""

    def readline(self: InputStream, size: int | None = -1, /) -> bytes:
        piece = self._piece(-1 if size is None or size < 0 else size)
        line, lf, rest = piece.partition(b"\n")
        self._ahead = rest + self._ahead
        return line + lf

    replace(InputStream, "readline", readline)


@mutant(
    "pep3333/input/mixed/long-lines",
    "pep3333/input/mixed/long-lines-next",
    "pep3333/input/mixed/buffer-edge",
    "pep3333/input/mixed/chunks-long-lines",
)
def lines_end_at_8192() -> None:
    """readline() returns at most 8192 bytes."""
    wrap_function(
        InputStream, "readline", lambda right, self, size=-1: right(self, 8192 if size < 0 else min(size, 8192))
    )


@mutant(
    "pep3333/input/mixed/readlines-last",
    "pep3333/input/mixed/iteration-last",
    "pep3333/input/mixed/chunks-readlines",
    "pep3333/input/mixed/readlines-between",
)
def first_line_skipped() -> None:
    """Iteration after another method skips to the beginning of the next line."""

    def lines(self: InputStream) -> Iterator[bytes]:
        if vars(self).get("read_before"):
            self.readline()
        return iter(self.readline, b"")

    def read(right: Any, self: InputStream, size: int | None = -1, /) -> bytes:
        vars(self)["read_before"] = True
        found: bytes = right(self, size)
        return found

    replace(InputStream, "__iter__", lines)
    wrap_function(InputStream, "read", read)


@mutant(
    "pep3333/input/terminated-ends/chunks-readlines",
    "pep3333/input/terminated-ends/chunks-iteration",
    "pep3333/input/terminated-ends/chunks-lines",
)
def last_line_needs_line_end() -> None:
    """readline() drops a last line without a line ending."""

    def readline(right: Any, self: InputStream, size: int | None = -1, /) -> bytes:
        line: bytes = right(self, size)
        return b"" if self._ended and not self._ahead and not line.endswith(b"\n") else line

    wrap_function(InputStream, "readline", readline)
