"""The log of a server, which its supervisor writes, and the line in it that explains a failed start."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import trio

ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""Colours, which Werkzeug writes to a pipe too."""

EXCERPT_BYTES = 64 << 10
"""Bytes of the log that one read returns at most."""

OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""How a log is opened: a server may have put something else in its place, which could block for ever."""

GROWTH_TIMEOUT = 0.05
POLL_INTERVAL = 0.005

ERROR_LINE_PATTERNS = (
    re.compile(r"^\s*(?:[\w]+\.)*\w*(?:Error|Exception|NotFound|Exit|Refused)\b(?:: .*)?$"),
    re.compile(
        r"\[(?:emerg|alert|crit)\]|\bno python application found\b|^\s*(?:fatal|error|usage)\b|: error:", re.IGNORECASE
    ),
    re.compile(r"\b(?:error|exception|failed|cannot|can't|unable|not found|no module|denied|invalid)\b", re.IGNORECASE),
)
"""The most useful lines, best first: the last line of an exception, a fatal error of the server, any complaint."""


class ServerLog:
    """The log of one server, or of a proxy and the server behind it together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_size = 0

    def position(self) -> int:
        """Return the present end of the log."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def since(self, position: int) -> str:
        """Return what was logged after `position`: at most 64 KiB, with a note if the middle was cut out."""
        size = self.position()
        self._read_size = size
        if size <= position:
            return ""
        try:
            with os.fdopen(os.open(self.path, OPEN_FLAGS), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return ""
                file.seek(position)
                if size - position <= EXCERPT_BYTES:
                    return _text(file.read(EXCERPT_BYTES))
                first = file.read(EXCERPT_BYTES // 2)
                file.seek(size - EXCERPT_BYTES // 2)
                last = file.read(EXCERPT_BYTES // 2)
        except OSError:
            return ""
        note = f"\n[{size - position - len(first) - len(last)} bytes left out]\n"
        return _text(first) + note + _text(last)

    async def wait_for_growth(self) -> None:
        """Return when the log is longer than at the last read, or after 50 ms."""
        for _ in range(round(GROWTH_TIMEOUT / POLL_INTERVAL)):
            await trio.sleep(POLL_INTERVAL)
            if self.position() > self._read_size:
                return


def _text(data: bytes) -> str:
    return ANSI_COLOUR.sub("", data.decode("utf-8", "replace"))


def most_relevant_line(log: str) -> str:
    """Return the line of `log` that best explains a failure, '' for an empty log."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for pattern in ERROR_LINE_PATTERNS:
        for line in reversed(lines):
            if pattern.search(line):
                return line[:300]
    return lines[-1][:300] if lines else ""


def last_traceback(log: str) -> str:
    """Return the end of the last traceback in `log`, as a part of a sentence; '' if there is none."""
    _, found, after = log.rpartition("Traceback (most recent call last):")
    if not found:
        return ""
    frames: list[str] = []
    for line in after.splitlines():
        text = line.strip()
        if text and not set(text) <= set("^~ "):
            frames.append(text)
        if line and not line[:1].isspace() and len(frames) > 1:
            break  # the line of the exception itself begins where the traceback began
    return f"; the server's log: {' | '.join(frames[-3:])[:400]}" if frames else ""
