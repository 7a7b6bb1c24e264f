"""A server's log as its supervisor writes it, and the one line of it that tells why a start failed."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import trio

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""What Werkzeug writes to a pipe too; a report has no use for it."""

EXCERPT = 64 << 10
"""Bytes of log that one question gets at most."""

READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""How a log is opened: a server can have put something else in its place, which would make us wait for ever."""

WAIT = 0.05
STEP = 0.005

TELLING = (
    re.compile(r"^\s*(?:[\w]+\.)*\w*(?:Error|Exception|NotFound|Exit|Refused)\b(?:: .*)?$"),
    re.compile(
        r"\[(?:emerg|alert|crit)\]|\bno python application found\b|^\s*(?:fatal|error|usage)\b|: error:", re.IGNORECASE
    ),
    re.compile(r"\b(?:error|exception|failed|cannot|can't|unable|not found|no module|denied|invalid)\b", re.IGNORECASE),
)
"""What the line looks like that says most, best first: an exception's last line, a server's own fatal, anything bad."""


class ServerLog:
    """The log of one server, or of a front and the server behind it together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = 0

    def mark(self) -> int:
        """Return where the log ends now."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def since(self, mark: int) -> str:
        """Return what was written after `mark`: at most 64 KiB, with a note of what was cut out of the middle."""
        size = self.mark()
        self._seen = size
        try:
            with os.fdopen(os.open(self.path, READ), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return ""
                file.seek(mark)
                if size - mark <= EXCERPT:
                    return _text(file.read(EXCERPT))
                first = file.read(EXCERPT // 2)
                file.seek(size - EXCERPT // 2)
                last = file.read(EXCERPT // 2)
        except OSError:
            return ""
        note = f"\n[{size - mark - len(first) - len(last)} bytes left out]\n"
        return _text(first) + note + _text(last)

    async def grew(self) -> None:
        """Return when there is more than `since` last saw, or after 50 ms."""
        for _ in range(round(WAIT / STEP)):
            await trio.sleep(STEP)
            if self.mark() > self._seen:
                return


def _text(data: bytes) -> str:
    return COLOUR.sub("", data.decode("utf-8", "replace"))


def telling_line(log: str) -> str:
    """Return the line of `log` that says best what went wrong, '' for an empty log."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for pattern in TELLING:
        for line in reversed(lines):
            if pattern.search(line):
                return line[:300]
    return lines[-1][:300] if lines else ""


def last_traceback(log: str) -> str:
    """Return the end of the last traceback in `log`, as a part of a sentence; '' where there is none."""
    _, found, after = log.rpartition("Traceback (most recent call last):")
    if not found:
        return ""
    frames: list[str] = []
    for line in after.splitlines():
        text = line.strip()
        if text and not set(text) <= set("^~ "):
            frames.append(text)
        if line and not line[:1].isspace() and len(frames) > 1:
            break  # an exception's own line stands where the traceback began
    return f"; the server's log says: {' | '.join(frames[-3:])[:400]}" if frames else ""
