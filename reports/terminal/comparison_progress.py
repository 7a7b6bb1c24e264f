"""Show a comparison while it runs: rounds done and left, and the time left. On a terminal the last line changes.

Without a terminal there is one line for each round.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console

from wsgi_gauntlet.harness.events import Event, Message, Progress, RoundFinished, ServerFailed
from wsgi_gauntlet.harness.model import FigureComparison
from wsgi_gauntlet.reports.terminal.live_display import StatusDisplay
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

MAX_FIGURES_IN_LINE = 3
"""Figures that the line of a round shows."""


class ComparisonDisplay(StatusDisplay):
    """Show the events of a comparison."""

    def __init__(self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, clock=clock)
        self._activity = "getting ready"
        self._rounds = self._rounds_left = 0
        self._seconds_left: float | None = None
        self._round_at = clock()

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
                self._print_output(describe_round(event))
            case ServerFailed(server, reason):
                self._print_output(line(f"{server}: {reason}", 1000))
            case Message(text):
                self._print_output(line(text, 1000))

    def status(self) -> str:
        """Return the line that says what happens now, and what is left."""
        with self._lock:
            if self._seconds_left is None:
                return self._activity
            left = max(0.0, self._seconds_left - (self._clock() - self._round_at))
            rounds = f"{labels.pluralize(self._rounds, 'round')}, {self._rounds_left} left"
            return f"{rounds}, {time_left(left)}  {self._activity}"


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
