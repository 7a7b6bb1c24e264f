"""Show a comparison while it runs: rounds done and left, and the time left. On a terminal the last line changes.

Without a terminal there is one line for each round, and one each HEARTBEAT_SECONDS. All output goes to stderr.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from wsgi_gauntlet.harness.events import Event, Message, Progress, RoundFinished, ServerFailed
from wsgi_gauntlet.harness.model import FigureComparison
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

HEARTBEAT_SECONDS = 15.0
"""Seconds without output after which a plain log gets a line."""

MAX_FIGURES_IN_LINE = 3
"""Figures that the line of a round shows."""


class ComparisonDisplay:
    """Show the events of a comparison. Use it as a context manager: it restores the terminal at the end.

    `console` is stderr by default; `clock` returns seconds.
    """

    def __init__(self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._heartbeat: threading.Thread | None = None
        self._live: Live | None = None
        self._activity = "getting ready"
        self._rounds = self._rounds_left = 0
        self._seconds_left: float | None = None
        self._round_at = self._last_output = clock()

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                console=self._console,
                get_renderable=lambda: Text(self.status(), no_wrap=True, overflow="ellipsis", style="dim"),
                refresh_per_second=4,
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

    def handle(self, event: Event) -> None:
        """Show `event`."""
        match event:
            case Progress(server, activity):
                with self._lock:
                    self._activity = f"{line(server, 30)}: {line(activity, 60)}"
            case RoundFinished():
                with self._lock:
                    self._rounds = len(event.comparison.valid_rounds)
                    self._rounds_left, self._seconds_left = event.rounds_left, event.seconds_left
                    self._round_at = self._clock()
                self._print_line(describe_round(event))
            case ServerFailed(server, reason):
                self._print_line(line(f"{server}: {reason}", 1000))
            case Message(text):
                self._print_line(line(text, 1000))

    def status(self) -> str:
        """Return the line that says what happens now, and what is left."""
        with self._lock:
            if self._seconds_left is None:
                return self._activity
            left = max(0.0, self._seconds_left - (self._clock() - self._round_at))
            rounds = f"{labels.pluralize(self._rounds, 'round')}, {self._rounds_left} left"
            return f"{rounds}, {time_left(left)}  {self._activity}"

    def tick(self) -> None:
        """Print a line if the log has had no output for a while. The heartbeat calls this."""
        with self._lock:
            if self._clock() - self._last_output >= HEARTBEAT_SECONDS:
                self._print_line(self.status())

    def _run_heartbeat(self) -> None:
        while not self._stopped.wait(0.5):
            try:
                self.tick()
            except (OSError, ValueError):
                return  # the log was closed

    def _print_line(self, text: str) -> None:
        with self._lock:
            self._last_output = self._clock()
            self._console.print(Text(text), soft_wrap=self._live is None, highlight=False)


def describe_round(event: RoundFinished) -> str:
    """Return one line about a finished round: its ratios, and what is left."""
    left = f"; {event.rounds_left} left, {time_left(event.seconds_left)}" if event.rounds_left else ""
    if not event.round.valid:
        return f"round {event.round.number}: invalid, measured again: {line(event.round.why, 300)}"
    shown = ", ".join(
        f"{line(each.label, 30)} {ratio}"
        for each in event.comparison.judged[:MAX_FIGURES_IN_LINE]
        if (ratio := _round_ratio(each))
    )
    return f"round {event.round.number} ({event.round.order}): {shown or 'no ratio'}{left}"


def time_left(seconds: float) -> str:
    """Return the expected time as `about 3 min`."""
    if seconds < 1:
        return "nearly done"
    return f"about {round(seconds)} s" if seconds < 90 else f"about {round(seconds / 60)} min"


def _round_ratio(each: FigureComparison) -> str:
    latest = each.by_round[-1] if each.by_round else None
    if latest is None:
        return ""
    return f"{each.letter}/A {latest * 100:+.0f} pt" if each.difference else f"{each.letter}/A {latest:.2f}"
