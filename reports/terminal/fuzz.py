"""Show the progress of a fuzzing run on stderr: one line that changes on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

LINE_SECONDS = 5.0
"""Seconds between two lines, if stderr is no terminal."""

LABELS = {
    "inputs": "inputs sent to every server",
    "causes": "causes found and shrunk",
    "confirmed": "causes confirmed on servers started afresh",
}


class FuzzProgress:
    """A context manager whose `show` gets the progress."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._status: Status | None = None
        self._last = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("starting the servers")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done; 0 if the total is unknown."""
        text = f"{done} of {total} {LABELS[what]}" if total else f"{done} {LABELS[what]}"
        if self._status is not None:
            self._status.update(text)
        elif time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
