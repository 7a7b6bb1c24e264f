"""Lenient parsing that several faults share."""

from __future__ import annotations

import re
from typing import Any

from wsgi_gauntlet.servers.reference_server import parsing
from wsgi_gauntlet.servers.reference_server.parsing import RequestLine
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected
from wsgi_gauntlet.servers.reference_server.stream import Stream

from .mutation import replace, wrap_function


def cr_ends_lines() -> None:
    """Let a bare CR end a line."""

    def fill(right: Any, self: Stream, deadline: float) -> bool:
        found: bool = right(self, deadline)
        self.buffer[:] = re.sub(rb"\r(?!\n|\Z)", b"\r\n", bytes(self.buffer))
        return found

    wrap_function(Stream, "fill", fill)


def end_completes_heads() -> None:
    """Let the end of the connection complete the headers, and accept headers that miss required parts."""

    def line(right: Any, self: Stream, limit: int, deadline: float) -> bytes:
        while b"\n" not in self.buffer and len(self.buffer) <= limit:
            if not self.fill(deadline):
                self.buffer += b"\r\n"
        found: bytes = right(self, limit, deadline)
        return found

    def opening(right: Any, self: Stream, limit: int, deadline: float) -> bytes:
        # With nothing at all on the connection there is no head to complete.
        if not self.buffer and not self.fill(deadline):
            return b""
        found: bytes = line(right, self, limit, deadline)
        return found

    wrap_function(Stream, "line", line)
    right = Stream.line
    wrap_function(Stream, "opening", lambda _right, self, limit, deadline: opening(right, self, limit, deadline))
    wrap_function(parsing, "request_line", _without_version)
    replace(parsing, "check_host", lambda _fields, _used: None)


def _without_version(right: Any, line: bytes) -> RequestLine:
    parts = line.split()
    if len(parts) == 2:
        return RequestLine(parts[0], parts[1], (1, 0))
    found: RequestLine = right(line)
    return found


def drop_broken_fields() -> None:
    """Ignore lines that are not fields."""

    def field(right: Any, line: bytes) -> Any:
        try:
            return right(line)
        except RequestRejected:
            return b"Left_Out", b""

    wrap_function(parsing, "field", field)
