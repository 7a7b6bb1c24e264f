"""Show what happens: a changing block on a terminal, else a log of plain lines with one at least every 15 s.

All output goes to stderr, because `--json` uses stdout.
"""

from __future__ import annotations

import abc
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

LINE_SECONDS = 15.0
"""Seconds between two status lines of a plain log."""


class LiveDisplay(abc.ABC):
    """Use it as a context manager: it restores the terminal at the end. A subclass says what is shown.

    `console` is stderr by default; `clock` returns seconds and never goes back.
    """

    def __init__(self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._heartbeat: threading.Thread | None = None
        self._live: Live | None = None
        self._last_status = clock()

    @abc.abstractmethod
    def _render(self) -> RenderableType:
        """Return the block that a terminal shows."""

    @abc.abstractmethod
    def _status_line(self) -> str:
        """Return the line that a plain log gets when nothing else was printed."""

    def __enter__(self) -> Self:
        self._last_status = self._clock()
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            # stdout stays unchanged: it may be a JSON document that a program reads.
            self._live = Live(
                console=self._console,
                get_renderable=self._render,
                refresh_per_second=6,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        else:
            self._heartbeat = threading.Thread(target=self._run_heartbeat, name="heartbeat", daemon=True)
            self._heartbeat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._heartbeat is not None:
            self._heartbeat.join(timeout=2)
            self._heartbeat = None

    def tick(self) -> None:
        """Print a status line if the last one is LINE_SECONDS old. The heartbeat calls this."""
        with self._lock:
            if self._live is None and self._clock() - self._last_status >= LINE_SECONDS:
                self._last_status = self._clock()
                self._print_line(Text(self._status_line(), style="dim"))

    def _run_heartbeat(self) -> None:
        while not self._stopped.wait(0.25):
            try:
                self.tick()
            except (OSError, ValueError):
                return  # the log was closed

    def _print_line(self, text: Text) -> None:
        """Print a line. On a terminal the caller must not hold the lock.

        The thread that draws the block holds the lock of rich while it waits for that of the display. A thread that
        held the display's lock and waited for that of rich would wait for ever.
        """
        if self._live is not None:
            self._console.print(text, highlight=False)  # wrapped between words
            return
        with self._lock:
            self._console.print(text, soft_wrap=True, highlight=False)  # a line of a log stays whole for grep


class StatusDisplay(LiveDisplay):
    """Show lines, and below them one line that changes. A subclass says what this status is."""

    @abc.abstractmethod
    def status(self) -> str:
        """Return the line that says what happens now, and what is left."""

    def _render(self) -> RenderableType:
        return Text(self.status(), no_wrap=True, overflow="ellipsis", style="dim")

    def _status_line(self) -> str:
        return self.status()

    def _print_output(self, text: str) -> None:
        with self._lock:
            self._last_status = self._clock()  # a log that has just got a line needs no other one
        self._print_line(Text(text))
