"""Show a search while it runs: who is left in the race, why the others went, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wsgi_gauntlet.harness.events import (
    CandidateEliminated,
    Event,
    Message,
    Progress,
    RoundFinished,
    ServerFailed,
    StageStarted,
    TrialFinished,
)
from wsgi_gauntlet.harness.model.recommendation import FigureId, Trial
from wsgi_gauntlet.harness.recommendation.screening import SHOWN
from wsgi_gauntlet.reports.terminal.comparison_progress import describe_round, time_left
from wsgi_gauntlet.reports.terminal.live_display import StatusDisplay
from wsgi_gauntlet.reports.text import recommendation_text
from wsgi_gauntlet.reports.text.escaping import line

BAR_COLUMNS = 12
"""The width of the bar that shows how much of the time is used."""


class SearchDisplay(StatusDisplay):
    """Show the events of a search."""

    def __init__(self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, clock=clock)
        self._activity = "getting ready"
        self._left: int | None = None
        self._letters: dict[str, str] = {}
        self._seconds_left: float | None = None
        self._started = self._at = clock()

    def handle(self, event: Event) -> None:
        """Show `event`."""
        match event:
            case Progress(server, activity):
                with self._lock:
                    self._activity = f"{line(server, 40)}: {line(activity, 60)}"
            case StageStarted(_, cells):
                with self._lock:
                    self._left = cells
            case TrialFinished(trial, left, seconds_left):
                with self._lock:
                    self._left, self._seconds_left, self._at = left, seconds_left, self._clock()
                self._print_output(describe_trial(trial))
            case CandidateEliminated(elimination, left):
                with self._lock:
                    self._left = left
                self._print_output(
                    f"out: {line(elimination.candidate, 80)}: "
                    f"{line(recommendation_text.describe_elimination(elimination), 400)} {left} left"
                )
            case RoundFinished():
                names = {each.letter: line(each.name, 60) for each in event.comparison.candidates}
                if names != self._letters:
                    self._letters = names
                    self._print_output(f"finals: {', '.join(f'{each} = {name}' for each, name in names.items())}")
                self._print_output(describe_round(event))
            case ServerFailed(server, reason):
                self._print_output(line(f"{server}: {reason}", 1000))
            case Message(text):
                self._print_output(line(text, 1000))

    def status(self) -> str:
        """Return the line that says who is left, what happens now, and how much time is left."""
        with self._lock:
            race = "" if self._left is None else f"{self._left} in the race, "
            if self._seconds_left is None:
                return f"{race}{self._activity}"
            return f"{race}{time_left(self._time_left(self._seconds_left))}  {self._activity}"

    def share_of_time(self) -> float | None:
        """Return the share of the time that is used, from 0 to 1, None before the first trial."""
        with self._lock:
            if self._seconds_left is None:
                return None
            used, left = self._clock() - self._started, self._time_left(self._seconds_left)
            return used / (used + left) if left > 0 else 1.0

    def _time_left(self, seconds: float) -> float:
        """Return how many of the `seconds` are left that were left at the last trial."""
        return max(0.0, seconds - (self._clock() - self._at))

    def _render(self) -> RenderableType:
        share = self.share_of_time()
        if share is None:
            return super()._render()
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(width=BAR_COLUMNS)
        row.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        row.add_row(ProgressBar(total=1, completed=share, width=BAR_COLUMNS), Text(self.status(), style="dim"))
        return row


def describe_trial(trial: Trial) -> str:
    """Return one line about a finished trial."""
    name = f"{trial.stage}: {line(trial.candidate, 80)}"
    if trial.ruled_out:
        return f"{name}: {line(trial.ruled_out, 300)}"
    if not trial.valid:
        return f"{name}: invalid, it does not count: {line(trial.why, 300)}"
    shown = [
        f"{SHOWN[FigureId(each.id)][0]} {SHOWN[FigureId(each.id)][1](each.value)}"
        for each in trial.figures
        if each.value is not None and each.id in {known.value for known in SHOWN}
    ]
    others = [f"{line(each.label, 60)} {each.value:g}" for each in trial.figures if each.value is not None]
    return f"{name}: {', '.join(shown or others) or 'no figure'}"
