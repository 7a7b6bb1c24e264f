"""Faults in sizes and lines of wsgi.input and wsgi.errors."""

from __future__ import annotations

import sys

from wsgi_gauntlet.servers.reference_server import environ
from wsgi_gauntlet.servers.reference_server.input_stream import InputStream

from .mutation import mutant, replace, wrap_function


@mutant("pep3333/input/sizes/zero")
def zero_is_everything() -> None:
    """read(0) reads the rest."""
    wrap_function(InputStream, "read", lambda right, self, size=-1: right(self, size or -1))


@mutant("pep3333/input/sizes/minus-one")
def minus_one_is_nothing() -> None:
    """read(-1) returns b''."""
    wrap_function(InputStream, "read", lambda right, self, *size: b"" if size == (-1,) else right(self, *size))


@mutant("pep3333/input/long-line")
def lines_end_at_64_kib() -> None:
    """readline() ends a line that is longer than 64 KiB."""
    wrap_function(
        InputStream, "readline", lambda right, self, size=-1: right(self, 65536 if size is None or size < 0 else size)
    )


class _OneLine:
    def write(self, text: str) -> None:
        sys.stderr.write(text.replace("\n", " "))

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        sys.stderr.flush()


@mutant("pep3333/errors-stream/line-ends")
def lines_joined() -> None:
    """Line ends in text for wsgi.errors become spaces."""
    replace(environ, "errors", _OneLine)
