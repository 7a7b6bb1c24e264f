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

from ..harness.model import Check, Grade, Load, Standing, Verdict
from .closing import summary
from .visible import line
from .words import GRADES, UNJUDGED, VERDICTS, best_rate, counted, got, grade, rate, tallied

__all__ = ["Terminal", "summary"]

QUIET_FOR = 1.25
"""Seconds after which a plain log gets a line to show that the run goes on; promised are 2."""

STALE = 20.0
"""Seconds after which a server that has not been heard of loses its line."""

_SHOWN = 12
_TOLD = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.ERROR)
_HELD = (Standing.EXPECTED, Standing.UNEXPECTED_FAIL, Standing.UNEXPECTED_PASS)


@dataclass
class _Doing:
    text: str
    fraction: float | None
    at: float


class Terminal:
    """Shows a run as it goes on; use it as a context manager, so that the terminal is restored however the run ends.

    `console` is where to (stderr by default), `clock` in seconds.
    """

    def __init__(self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._beat: threading.Thread | None = None
        self._live: Live | None = None
        self._stage, self._total, self._done = "", 0, 0
        self._verdicts: Counter[Verdict] = Counter()
        self._standings: Counter[Standing] = Counter()
        self._doing: dict[str, _Doing] = {}
        self._widest = 0
        self._begun = self._stage_begun = self._spoke = clock()

    def __enter__(self) -> Self:
        self._begun = self._stage_begun = self._spoke = self._clock()
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            # Standard output is left alone: it may be the JSON document that a program reads.
            self._live = Live(
                console=self._console,
                get_renderable=self._picture,
                refresh_per_second=6,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        else:
            self._beat = threading.Thread(target=self._beating, name="heartbeat", daemon=True)
            self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._beat is not None:
            self._beat.join(timeout=2)
            self._beat = None

    def stage(self, name: str, total: int) -> None:
        """Begin a stretch of work."""
        with self._lock:
            self._close_stage()
            self._stage, self._total, self._done = line(name, 40), total, 0
            self._stage_begun = self._clock()
            self._doing.clear()
        if self._live is None:
            self._say(Text(f"{self._stage}: {counted(total, 'cell')}"))

    def working(self, server: str, doing: str, fraction: float | None = None) -> None:
        """Show what `server` is at."""
        with self._lock:
            # The last one heard of stands last, so that a long list drops those that have gone quiet.
            self._doing.pop(server, None)
            if fraction is None or fraction < 1:
                self._doing[server] = _Doing(line(doing, 120), fraction, self._clock())

    def checked(self, cell: Check) -> None:
        """Count one cell of conformance."""
        with self._lock:
            self._done += 1
            self._verdicts[cell.verdict] += 1
            if cell.baseline is not None:
                self._standings[cell.baseline.standing] += 1

    def loaded(self, cell: Load) -> None:
        """Say what a server came to in a scenario."""
        with self._lock:
            self._done += 1
            self._doing.pop(cell.server, None)
        told = grade(cell)
        best = best_rate(cell)
        if cell.grade is Grade.MEASURED and best is not None:
            told += f", {rate(best)} at best"
        elif cell.goodput is not None and cell.grade not in UNJUDGED:
            told += f", {got(cell)}"
        if cell.note:
            came = tallied(each.held for each in cell.claims) if cell.claims else grade(cell)
            told = f"{came}. {line(cell.note, 300)}"
        self._say(Text(f"{GRADES[cell.grade].sign} {line(cell.server, 60)} in {line(cell.scenario, 60)}: {told}"))

    def remark(self, text: str) -> None:
        """Say one line."""
        self._say(Text(line(text, 1000)))

    def tick(self) -> None:
        """Say how far the run is, where the log has been quiet for long; the heartbeat calls it."""
        with self._lock:
            if self._live is None and self._clock() - self._spoke >= QUIET_FOR:
                self._say(Text(self._standing(), style="dim"))

    def _beating(self) -> None:
        while not self._over.wait(0.25):
            try:
                self.tick()
            except (OSError, ValueError):
                return  # nobody reads any more

    def _say(self, text: Text) -> None:
        with self._lock:
            self._spoke = self._clock()
            # A log's lines are for grep and stay whole; a person's are broken between words.
            self._console.print(text, soft_wrap=self._live is None, highlight=False)

    def _close_stage(self) -> None:
        if self._stage and self._live is None:
            took = _clock_face(self._clock() - self._stage_begun)
            self._say(Text(f"{self._stage}: {self._done} of {counted(self._total, 'cell')} in {took}{self._counts()}"))

    def _standing(self) -> str:
        now = self._clock()
        if not self._stage:
            return f"{_clock_face(now - self._begun)}  getting ready{self._at_work(3)}"
        return f"{_clock_face(now - self._begun)}  {self._stage} {self._done}/{self._total}{self._at_work(3)}"

    def _at_work(self, most: int) -> str:
        told = []
        for name, doing in list(self._recent().items())[-most:]:
            share = "" if doing.fraction is None else f" {doing.fraction * 100:.0f} %"
            told.append(f"{line(name, 40)}: {doing.text}{share}")
        return "  " + "; ".join(told) if told else ""

    def _recent(self) -> dict[str, _Doing]:
        now = self._clock()
        return {name: each for name, each in self._doing.items() if now - each.at < STALE}

    def _counts(self) -> str:
        told = [f"{VERDICTS[each].sign} {self._verdicts[each]} {each}" for each in _TOLD if self._verdicts[each]]
        told += [f"{number} {each}" for each in _HELD if (number := self._standings[each])]
        return f"; {', '.join(told)}" if told and self._stage == "check" else ""

    def _picture(self) -> RenderableType:
        with self._lock:
            now = self._clock()
            head = Table.grid(padding=(0, 1))
            for _ in range(4):
                head.add_column(no_wrap=True)
            signs = "  ".join(f"{VERDICTS[each].sign} {self._verdicts[each]}" for each in _TOLD if self._verdicts[each])
            head.add_row(
                Text(self._stage or "getting ready", style="bold"),
                ProgressBar(total=max(self._total, 1), completed=self._done, width=24, pulse=not self._total),
                Text(f"{self._done}/{self._total}  " if self._total else ""),
                Text(f"{_clock_face(now - self._begun)}  {signs}", style="dim"),
            )
            shown = sorted(list(self._recent().items())[-_SHOWN:])
            # Never narrower again: a bar that moves sideways with the names draws the eye for nothing.
            self._widest = max(self._widest, *(min(28, len(line(name)) + 2) for name, _ in shown), 2)
            rows = Table.grid(padding=(0, 1), expand=True)
            rows.add_column(no_wrap=True, width=self._widest)
            rows.add_column(width=12)
            rows.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
            figures = ""
            for name, doing in shown:
                what = doing.text
                if self._stage == "load":
                    what, figures = _parted(what)
                share = doing.fraction
                bar = ProgressBar(total=1, completed=share, width=12) if share is not None else Text("")
                rows.add_row(Text(f"  {line(name, 26)}"), bar, Text(what, style="dim"))
            if self._stage != "load":
                return Group(head, rows)
            # Load is one server at a time. Its figures are what is watched: a line of their own keeps them whole at 80
            # columns, and it is there before the first of them, so that nothing jumps.
            return Group(head, rows, Text(f"    {figures}", no_wrap=True, overflow="ellipsis"))


def _parted(text: str) -> tuple[str, str]:
    """Return which scenario it is, and what goes on in it: `slow-read`, `crowd: 8 slow clients, p99 12 ms`."""
    scenario, colon, doing = text.partition(": ")
    return (scenario, doing) if colon else (text, "")


def _clock_face(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
