"""A replay on a terminal: the time line while it grows, then the verdict and the reproducer.

Whatever the server sends, the app reports or the log says is shown with escapes for all that is not plain text.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..harness.attempts.patterns import Pattern
from ..harness.documents import encoded
from ..harness.model import AppEvent, CaseInfo, Verdict, WireEvent, WireKind
from ..harness.replaying.replay import Replayed
from ..harness.replaying.reproducer import document
from .timeline import Row, app_row, wire_row
from .visible import clean, line

SHOWN = 800
"""Characters of one event's bytes."""

DETAIL = 240
"""Characters of one event of the app."""

PIECES = 3
"""Pieces of an answer in a row that are shown; more are counted."""

_CUT = re.compile(r"(\d+) of these \d+ bytes were not kept")

STYLES = {"sent": "cyan", "received": "green", "app": "magenta", "log": "yellow", "process": "yellow", "note": "dim"}

COLOURS = {Verdict.PASS: "bold green", Verdict.FAIL: "bold red", Verdict.WARN: "bold yellow", Verdict.ERROR: "bold red"}

INDENT = " " * 13


class Replaying:
    """Prints what it is told, as harness.replay.Watcher says."""

    def __init__(self, console: Console) -> None:
        self._out = console
        self._start: float | None = None
        self._row = (0, 0, 0)  # connection, pieces received in a row, bytes of those not shown

    def remark(self, text: str) -> None:
        """Print a line beside the time line."""
        self._print(Text(line(text), style="dim"))

    def wire(self, event: WireEvent) -> None:
        """Print an event on a connection, cut where it is long."""
        connection, pieces, unseen = self._row
        if event.connection == connection and pieces >= PIECES:
            cut = _CUT.fullmatch(event.note) if event.kind is WireKind.NOTE else None
            if event.kind is WireKind.RECEIVED or cut:
                more = int(cut[1]) if cut else len(event.data)
                self._row = (connection, pieces + (not cut), unseen + more)
                return
        self._catch_up()
        if event.kind is WireKind.RECEIVED:
            self._row = (event.connection, pieces + 1 if event.connection == connection else 1, 0)
        self._show(wire_row(event, self._since(event.at), many=True))

    def app(self, event: AppEvent) -> None:
        """Print what the app reported; what it does for the harness alone is left out."""
        if event.detail.get("path") != "/fence":
            self._show(app_row(event, self._since(event.at), DETAIL))

    def log(self, at: float, line: str) -> None:
        """Print a line of the server's log."""
        self._show(Row(self._after(at), "log", "log", "", _cut(clean(line))))

    def process(self, at: float, note: str) -> None:
        """Print what became of the server's processes."""
        self._show(Row(self._after(at), "process", "·", "process", _cut(clean(note))))

    def closing(self, told: Replayed, case: CaseInfo) -> None:
        """Print the verdict, what was expected and what came, and the reproducer."""
        self._catch_up()
        cell = told.cell
        self._print()
        self._print(Text(f"{cell.verdict}", style=COLOURS.get(cell.verdict, "bold")).append(f"  {cell.case}", "bold"))
        self._print(Text(f"  {line(case.summary)}"))
        for label, text in (("expected", cell.expected), ("actual", cell.actual)):
            if text:
                self._print(Text(f"  {label:9} {line(text, 2000)}"))
        for finding in cell.findings:
            self._print(Text(f"  noticed   {line(finding, 500)}", style="dim"))
        for hint in _hints(told):
            self._print(Text(f"  {hint}", style="dim"))
        self._print()
        if told.reproducer.why_not:
            self._print(Text(line(f"No reproducer: {told.reproducer.why_not}.")))
        else:
            self._print(Text("The same without wsgi-gauntlet; --write DIR puts it into files.", style="bold"))
            self._print()
            self._print(Text(clean(document(told.reproducer)).rstrip()))

    def written(self, files: Iterable[Path]) -> None:
        """Say which files the reproducer is in now."""
        for each in files:
            self._print(Text(f"wrote {line(str(each))}", style="dim"))

    def _show(self, row: Row) -> None:
        where = f"#{row.connection} " if row.connection else ""
        style = STYLES.get(row.side, "")
        head = Text(f"{row.at:9.1f} ms ", style="dim").append(f"{row.arrow} {where}{row.label}".rstrip(), style=style)
        text = _cut(row.text)
        if row.side in ("sent", "received") and text:
            self._print(head)
            for each in text.split("\n"):
                self._print(Text(f"{INDENT}{each}"))
        else:
            self._print(head.append(f"  {text}" if text else "", style=""))

    def _catch_up(self) -> None:
        connection, pieces, unseen = self._row
        if unseen:
            more = f"{pieces - PIECES} more pieces, {unseen:,} B, not shown"
            self._print(Text(f"{INDENT}← #{connection} received {more}", style="dim"))
        self._row = (0, 0, 0)

    def _since(self, at: float) -> float:
        if self._start is None:
            self._start = at
        return self._start

    def _after(self, at: float) -> float:
        return (at - self._since(at)) * 1000

    def _print(self, text: Text | None = None) -> None:
        self._out.print(text if text is not None else "", soft_wrap=True, highlight=False, markup=False)


class _Output(Console):
    def on_broken_pipe(self) -> None:
        # rich's own ends the process with 1, which says here that the case failed.
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())
        raise BrokenPipeError


def show(console: Console | None = None, *, stderr: bool = False) -> Replaying:
    """Return what prints a replay on stdout, or on stderr where stdout is for a JSON document."""
    return Replaying(console or _Output(stderr=stderr, highlight=False, emoji=False))


def as_json(told: Replayed) -> str:
    """Return the replay as one JSON document."""
    return encoded(told.document()).decode()


def _hints(told: Replayed) -> list[str]:
    hints = []
    if told.well_formed and told.pattern is Pattern.WHOLE and told.cell.verdict is Verdict.PASS:
        hints.append("All of it was well-formed: --pattern bytes, lines or paused sends it another way.")
    if told.cell.verdict not in (Verdict.PASS, Verdict.INFO):
        hints.append(f"What it asks and why: wsgi-gauntlet explain {shlex.quote(told.cell.case)}")
    return hints


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… {len(text) - SHOWN:,} characters more"
