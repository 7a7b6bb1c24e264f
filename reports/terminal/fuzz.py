"""Show the progress of a fuzzing run on stderr: one line that changes on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from wsgi_gauntlet.reports.terminal.live_display import LINE_SECONDS

LABELS = {
    "inputs": "inputs sent to every server",
    "causes": "causes found and shrunk",
    "confirmed": "causes confirmed on servers started afresh",
}


class FuzzProgress:
    """A context manager whose `show` gets the progress. `clock` returns seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._console = Console(stderr=True)
        self._status: Status | None = None
        self._last = clock()

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
        elif self._clock() - self._last >= LINE_SECONDS:
            self._last = self._clock()
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
