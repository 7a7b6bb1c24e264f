"""Show a run: with bars on a terminal, else as plain lines: one for the start and the end of each stage, and one every
15 s.

Text of servers and users is shown without control characters and is never read as markup.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wsgi_gauntlet.harness.events import (
    CaseFinished,
    Event,
    Message,
    Progress,
    ScenarioFinished,
    ServerFailed,
    StageStarted,
)
from wsgi_gauntlet.harness.model import BaselineStatus, Verdict
from wsgi_gauntlet.reports.terminal.layout import clip
from wsgi_gauntlet.reports.terminal.live_display import LiveDisplay
from wsgi_gauntlet.reports.terminal.scenario_line import describe_scenario
from wsgi_gauntlet.reports.terminal.time_left import TimeLeft, describe_time_left
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.labels import VERDICTS, pluralize

STALE_SECONDS = 20.0
"""Seconds without an event after which the line of a server disappears."""

_MAX_SERVERS_SHOWN = 12
_REPORTED_VERDICTS = tuple(each for each in Verdict if each.needs_attention)
_REPORTED_STATUSES = (BaselineStatus.EXPECTED, BaselineStatus.UNEXPECTED_FAIL, BaselineStatus.UNEXPECTED_PASS)


@dataclass
class _Activity:
    text: str
    fraction: float | None
    at: float


class ProgressDisplay(LiveDisplay):
    """Show the events of a run. With `verbose` a plain log also gets a line for each cell of load."""

    def __init__(
        self,
        console: Console | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        verbose: bool = False,
    ) -> None:
        super().__init__(console, clock=clock)
        self._verbose = verbose
        self._stage, self._total, self._done = "", 0, 0
        self._verdicts: Counter[Verdict] = Counter()
        self._baseline_statuses: Counter[BaselineStatus] = Counter()
        self._activities: dict[str, _Activity] = {}
        self._name_width = 0
        self._started = self._stage_started = clock()
        self._time_left = TimeLeft(0, self._started)

    def __enter__(self) -> Self:
        self._started = self._stage_started = self._clock()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError, ValueError):  # the log was closed
            self._close_stage()
        super().__exit__(kind, error, trace)

    def handle(self, event: Event) -> None:
        """Show `event`."""
        match event:
            case StageStarted(name, cells):
                self._start_stage(name, cells)
            case Progress(server, activity, fraction):
                with self._lock:
                    # The newest activity is the last one: a list that is too long drops the oldest.
                    self._activities.pop(server, None)
                    if fraction is None or fraction < 1:
                        self._activities[server] = _Activity(line(activity, 120), fraction, self._clock())
            case CaseFinished(cell):
                with self._lock:
                    self._finish_cell()
                    self._verdicts[cell.verdict] += 1
                    if cell.baseline is not None:
                        self._baseline_statuses[cell.baseline.status] += 1
            case ScenarioFinished(cell):
                with self._lock:
                    self._finish_cell()
                    self._activities.pop(cell.server, None)
                if self._live is not None or self._verbose:
                    self._print_line(Text(describe_scenario(cell)))
            case ServerFailed(server, reason):
                self._print_line(Text(line(f"{server}: {reason}", 1000)))
            case Message(text):
                self._print_line(Text(line(text, 1000)))

    def _start_stage(self, name: str, cells: int) -> None:
        with self._lock:
            self._close_stage()
            self._stage, self._total, self._done = line(name, 40), cells, 0
            self._stage_started = self._last_status = self._clock()
            self._time_left = TimeLeft(cells, self._stage_started)
            self._activities.clear()
        if self._live is None:
            self._print_line(Text(f"{self._stage}: {pluralize(cells, 'cell')}"))

    def _finish_cell(self) -> None:
        self._done += 1
        self._time_left.finished(self._clock())

    def _close_stage(self) -> None:
        with self._lock:
            if not self._stage or self._live is not None:
                return
            stage, self._stage = self._stage, ""
            took = _format_minutes(self._clock() - self._stage_started)
            counts = self._counts_text() if stage == "check" else ""
            self._print_line(Text(f"{stage}: {self._done} of {pluralize(self._total, 'cell')} in {took}{counts}"))

    def _status_line(self) -> str:
        now = self._clock()
        parts = [_format_minutes(now - self._started)]
        parts.append(f"{self._stage} {self._done}/{self._total}" if self._stage else "getting ready")
        if left := describe_time_left(self._time_left.estimate(now)):
            parts.append(left)
        text = "  ".join(parts)
        return f"{text}{self._activity_text(self._console.width - cell_len(text))}"

    def _activity_text(self, columns: int) -> str:
        """Return what the newest servers do, as far as it fits."""
        text = ""
        for name, activity in reversed(self._recent_activities().items()):
            share = "" if activity.fraction is None else f" {activity.fraction * 100:.0f} %"
            found = f"{'; ' if text else '  '}{line(name, 40)}: {activity.text}{share}"
            if cell_len(text + found) > columns:
                return text or f"  {clip(found, columns - 2)}"
            text += found
        return text

    def _recent_activities(self) -> dict[str, _Activity]:
        now = self._clock()
        return {name: each for name, each in self._activities.items() if now - each.at < STALE_SECONDS}

    def _counts_text(self) -> str:
        message = [
            f"{VERDICTS[each].sign} {self._verdicts[each]} {each}"
            for each in _REPORTED_VERDICTS
            if self._verdicts[each]
        ]
        message += [
            f"{number} {each.label}" for each in _REPORTED_STATUSES if (number := self._baseline_statuses[each])
        ]
        return f"; {', '.join(message)}" if message else ""

    def _render(self) -> RenderableType:
        with self._lock:
            now = self._clock()
            head = self._head(now)
            shown = sorted(list(self._recent_activities().items())[-_MAX_SERVERS_SHOWN:])
            # The column never gets narrower, so that the bars do not move sideways.
            self._name_width = max(self._name_width, *(min(28, len(line(name)) + 2) for name, _ in shown), 2)
            rows = Table.grid(padding=(0, 1), expand=True)
            rows.add_column(no_wrap=True, width=self._name_width)
            rows.add_column(width=12)
            rows.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
            figures = ""
            for name, activity in shown:
                what = activity.text
                if self._stage == "load":
                    what, figures = _split_activity(what)
                share = activity.fraction
                bar = ProgressBar(total=1, completed=share, width=12) if share is not None else Text("")
                rows.add_row(Text(f"  {line(name, 26)}"), bar, Text(what, style="dim"))
            if self._stage != "load":
                return Group(head, rows)
            # Load runs one server at a time. Its figures have a line of their own, so that 80 columns are enough. The
            # line exists before the first figures, so that nothing moves.
            return Group(head, rows, Text(f"    {figures}", no_wrap=True, overflow="ellipsis"))

    def _head(self, now: float) -> RenderableType:
        """Return the line with the stage, its bar, the time and the signs of cells that need attention."""
        signs = "  ".join(
            f"{VERDICTS[each].sign} {self._verdicts[each]}" for each in _REPORTED_VERDICTS if self._verdicts[each]
        )
        numbers = f"{self._done}/{self._total}" if self._total else ""
        time_left = describe_time_left(self._time_left.estimate(now))
        texts = [self._stage or "getting ready", numbers, _format_minutes(now - self._started), time_left, signs]
        # The bar gets the rest of the line, and the signs go first if there is not enough.
        bar = min(24, self._console.width - sum(cell_len(each) + 1 for each in texts) - 1)
        if bar < 4:
            texts, bar = texts[:-1], 4
        stage, *others = texts
        head = Table.grid(padding=(0, 1))
        for _ in range(len(others) + 2):
            head.add_column(no_wrap=True, overflow="ellipsis")
        head.add_row(
            Text(stage, style="bold"),
            ProgressBar(total=max(self._total, 1), completed=self._done, width=bar, pulse=not self._total),
            *(Text(each, style="" if each is numbers else "dim") for each in others),
        )
        return head


def _split_activity(text: str) -> tuple[str, str]:
    """Return the scenario and its activity: `slow-read` and `during: 8 slow clients, p99 12 ms`."""
    scenario, colon, activity = text.partition(": ")
    return (scenario, activity) if colon else (text, "")


def _format_minutes(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
