"""Show a run: with bars on a terminal, else as plain lines. The output never pauses for more than 2 s.

All output goes to stderr, because `--json` uses stdout. Text of servers and users is shown without control characters
and is never read as markup.
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

from wsgi_gauntlet.harness.events import (
    CaseFinished,
    Event,
    Message,
    Progress,
    ScenarioFinished,
    ServerFailed,
    StageStarted,
)
from wsgi_gauntlet.harness.model import BaselineStatus, Grade, ScenarioResult, Verdict
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.labels import (
    GRADES,
    VERDICTS,
    best_rate,
    describe_claims,
    describe_service,
    grade,
    pluralize,
    rate,
)

HEARTBEAT_SECONDS = 1.25
"""Seconds without output after which a plain log gets a status line."""

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


class ProgressDisplay:
    """Show the events of a run. Use it as a context manager: it restores the terminal at the end.

    `console` is stderr by default; `clock` returns seconds.
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
                    self._done += 1
                    self._verdicts[cell.verdict] += 1
                    if cell.baseline is not None:
                        self._baseline_statuses[cell.baseline.status] += 1
            case ScenarioFinished(cell):
                with self._lock:
                    self._done += 1
                    self._activities.pop(cell.server, None)
                self._print_line(Text(_describe_scenario(cell)))
            case ServerFailed(server, reason):
                self._print_line(Text(line(f"{server}: {reason}", 1000)))
            case Message(text):
                self._print_line(Text(line(text, 1000)))

    def _start_stage(self, name: str, cells: int) -> None:
        with self._lock:
            self._close_stage()
            self._stage, self._total, self._done = line(name, 40), cells, 0
            self._stage_started = self._clock()
            self._activities.clear()
        if self._live is None:
            self._print_line(Text(f"{self._stage}: {pluralize(cells, 'cell')}"))

    def tick(self) -> None:
        """Print a status line if the log has had no output for a while. The heartbeat calls this."""
        with self._lock:
            if self._live is None and self._clock() - self._last_output >= HEARTBEAT_SECONDS:
                self._print_line(Text(self._status_line(), style="dim"))

    def _run_heartbeat(self) -> None:
        while not self._stopped.wait(0.25):
            try:
                self.tick()
            except (OSError, ValueError):
                return  # the log was closed

    def _print_line(self, text: Text) -> None:
        with self._lock:
            self._last_output = self._clock()
            # Lines of a log stay whole for grep; lines on a terminal are wrapped between words.
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


def _describe_scenario(cell: ScenarioResult) -> str:
    """Return one line with the result of a server in a scenario."""
    result = grade(cell)
    best = best_rate(cell)
    if cell.grade is Grade.MEASURED and best is not None:
        result += f", {rate(best)} at best"
    elif cell.goodput is not None and cell.grade.is_judged:
        result += f", {describe_service(cell)}"
    if cell.note:
        claims = describe_claims(each.verdict for each in cell.claims) if cell.claims else grade(cell)
        result = f"{claims}. {line(cell.note, 300)}"
    return f"{GRADES[cell.grade].sign} {line(cell.server, 60)} in {line(cell.scenario, 60)}: {result}"


def _split_activity(text: str) -> tuple[str, str]:
    """Return the scenario and its activity: `slow-read` and `during: 8 slow clients, p99 12 ms`."""
    scenario, colon, activity = text.partition(": ")
    return (scenario, activity) if colon else (text, "")


def _format_minutes(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
