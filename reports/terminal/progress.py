"""A run on the terminal: bars where there is one, plain lines where there is not, never silent for more than 2 s.

Everything goes to stderr, stdout belongs to `--json`. What servers and users wrote is shown without control
characters, and never read as markup.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wsgi_gauntlet.harness.model import BaselineStatus, CaseResult, Grade, ScenarioResult, Verdict
from wsgi_gauntlet.reports.terminal.summary import summary
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.labels import (
    GRADES,
    NOT_JUDGED_GRADES,
    VERDICTS,
    best_rate,
    describe_claims,
    describe_service,
    grade,
    pluralize,
    rate,
)

__all__ = ["ProgressDisplay", "summary"]

HEARTBEAT_SECONDS = 1.25
"""Seconds after which a plain log gets a line to show that the run goes on; promised are 2."""

STALE_SECONDS = 20.0
"""Seconds after which a server that has not been heard of loses its line."""

_MAX_SERVERS_SHOWN = 12
_REPORTED_VERDICTS = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.ERROR)
_REPORTED_STATUSES = (BaselineStatus.EXPECTED, BaselineStatus.UNEXPECTED_FAIL, BaselineStatus.UNEXPECTED_PASS)


@dataclass
class _Activity:
    text: str
    fraction: float | None
    at: float


class ProgressDisplay:
    """Shows a run as it goes on; use it as a context manager, so that the terminal is restored however the run ends.

    `console` is where to (stderr by default), `clock` in seconds.
    """

    def __init__(self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._heartbeat: threading.Thread | None = None
        self._live: Live | None = None
        self._stage, self._total, self._done = "", 0, 0
        self._verdicts: Counter[Verdict] = Counter()
        self._baseline_statuses: Counter[BaselineStatus] = Counter()
        self._activities: dict[str, _Activity] = {}
        self._name_width = 0
        self._started = self._stage_started = self._last_output = clock()

    def __enter__(self) -> Self:
        self._started = self._stage_started = self._last_output = self._clock()
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            # Standard output is left alone: it may be the JSON document that a program reads.
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

    def stage_started(self, name: str, total: int) -> None:
        """Begin a stretch of work."""
        with self._lock:
            self._close_stage()
            self._stage, self._total, self._done = line(name, 40), total, 0
            self._stage_started = self._clock()
            self._activities.clear()
        if self._live is None:
            self._print_line(Text(f"{self._stage}: {pluralize(total, 'cell')}"))

    def progress(self, server: str, activity: str, fraction: float | None = None) -> None:
        """Show what `server` is at."""
        with self._lock:
            # The last one heard of stands last, so that a long list drops those that have gone quiet.
            self._activities.pop(server, None)
            if fraction is None or fraction < 1:
                self._activities[server] = _Activity(line(activity, 120), fraction, self._clock())

    def case_finished(self, cell: CaseResult) -> None:
        """Count one cell of conformance."""
        with self._lock:
            self._done += 1
            self._verdicts[cell.verdict] += 1
            if cell.baseline is not None:
                self._baseline_statuses[cell.baseline.status] += 1

    def scenario_finished(self, cell: ScenarioResult) -> None:
        """Say what a server came to in a scenario."""
        with self._lock:
            self._done += 1
            self._activities.pop(cell.server, None)
        message = grade(cell)
        best = best_rate(cell)
        if cell.grade is Grade.MEASURED and best is not None:
            message += f", {rate(best)} at best"
        elif cell.goodput is not None and cell.grade not in NOT_JUDGED_GRADES:
            message += f", {describe_service(cell)}"
        if cell.note:
            came = describe_claims(each.verdict for each in cell.claims) if cell.claims else grade(cell)
            message = f"{came}. {line(cell.note, 300)}"
        self._print_line(
            Text(f"{GRADES[cell.grade].sign} {line(cell.server, 60)} in {line(cell.scenario, 60)}: {message}")
        )

    def message(self, text: str) -> None:
        """Say one line."""
        self._print_line(Text(line(text, 1000)))

    def tick(self) -> None:
        """Say how far the run is, where the log has been quiet for long; the heartbeat calls it."""
        with self._lock:
            if self._live is None and self._clock() - self._last_output >= HEARTBEAT_SECONDS:
                self._print_line(Text(self._status_line(), style="dim"))

    def _run_heartbeat(self) -> None:
        while not self._stopped.wait(0.25):
            try:
                self.tick()
            except (OSError, ValueError):
                return  # nobody reads any more

    def _print_line(self, text: Text) -> None:
        with self._lock:
            self._last_output = self._clock()
            # A log's lines are for grep and stay whole; a person's are broken between words.
            self._console.print(text, soft_wrap=self._live is None, highlight=False)

    def _close_stage(self) -> None:
        if self._stage and self._live is None:
            took = _format_minutes(self._clock() - self._stage_started)
            self._print_line(
                Text(f"{self._stage}: {self._done} of {pluralize(self._total, 'cell')} in {took}{self._counts_text()}")
            )

    def _status_line(self) -> str:
        now = self._clock()
        if not self._stage:
            return f"{_format_minutes(now - self._started)}  getting ready{self._activity_text(3)}"
        return (
            f"{_format_minutes(now - self._started)}  {self._stage} {self._done}/{self._total}{self._activity_text(3)}"
        )

    def _activity_text(self, most: int) -> str:
        message = []
        for name, activity in list(self._recent_activities().items())[-most:]:
            share = "" if activity.fraction is None else f" {activity.fraction * 100:.0f} %"
            message.append(f"{line(name, 40)}: {activity.text}{share}")
        return "  " + "; ".join(message) if message else ""

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
        return f"; {', '.join(message)}" if message and self._stage == "check" else ""

    def _render(self) -> RenderableType:
        with self._lock:
            now = self._clock()
            head = Table.grid(padding=(0, 1))
            for _ in range(4):
                head.add_column(no_wrap=True)
            signs = "  ".join(
                f"{VERDICTS[each].sign} {self._verdicts[each]}" for each in _REPORTED_VERDICTS if self._verdicts[each]
            )
            head.add_row(
                Text(self._stage or "getting ready", style="bold"),
                ProgressBar(total=max(self._total, 1), completed=self._done, width=24, pulse=not self._total),
                Text(f"{self._done}/{self._total}  " if self._total else ""),
                Text(f"{_format_minutes(now - self._started)}  {signs}", style="dim"),
            )
            shown = sorted(list(self._recent_activities().items())[-_MAX_SERVERS_SHOWN:])
            # Never narrower again: a bar that moves sideways with the names draws the eye for nothing.
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
            # Load is one server at a time. Its figures are what is watched: a line of their own keeps them whole at 80
            # columns, and it is there before the first of them, so that nothing jumps.
            return Group(head, rows, Text(f"    {figures}", no_wrap=True, overflow="ellipsis"))


def _split_activity(text: str) -> tuple[str, str]:
    """Return which scenario it is, and what goes on in it: `slow-read`, `during: 8 slow clients, p99 12 ms`."""
    scenario, colon, activity = text.partition(": ")
    return (scenario, activity) if colon else (text, "")


def _format_minutes(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
