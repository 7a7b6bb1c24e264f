"""The output of `replay`: the time line, then the verdict and the reproducer.

Data of the server, the app and the log is escaped.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.text import Text

from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import AppEvent, CaseInfo, ConnectionEvent, ConnectionEventKind, Verdict
from wsgi_gauntlet.harness.replay.reproducer import document
from wsgi_gauntlet.harness.replay.runner import ReplayResult
from wsgi_gauntlet.harness.store.json_encoding import to_json
from wsgi_gauntlet.reports.terminal.layout import fold, print_lines
from wsgi_gauntlet.reports.terminal.listings import TerminalConsole
from wsgi_gauntlet.reports.text.escaping import escape_text, line
from wsgi_gauntlet.reports.text.timeline import TimelineRow, app_row, wire_row

MAX_EVENT_CHARACTERS = 800
"""Characters of the bytes of one event."""

MAX_DETAIL_CHARACTERS = 240
"""Characters of one app event."""

MAX_PIECES_SHOWN = 3
"""Pieces of a response in a row that are shown. More are only counted."""

SIDE_STYLES = {
    "sent": "cyan",
    "received": "green",
    "app": "magenta",
    "log": "yellow",
    "process": "yellow",
    "note": "dim",
}

VERDICT_STYLES = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.WARN: "bold yellow",
    Verdict.ERROR: "bold red",
}

INDENT = " " * 13


class ReplayPrinter:
    """Prints the events of a replay."""

    def __init__(self, console: Console) -> None:
        self._out = console
        self._start: float | None = None
        self._last_received = (0, 0, 0)  # connection, pieces received in a row, bytes of those not shown

    def message(self, text: str) -> None:
        """Print a line that is not part of the time line."""
        self._print(Text(line(text), style="dim"))

    def wire(self, event: ConnectionEvent) -> None:
        """Print a connection event. A long one is cut."""
        connection, pieces, hidden_bytes = self._last_received
        received = event.kind is ConnectionEventKind.RECEIVED
        if received and event.connection == connection and pieces >= MAX_PIECES_SHOWN:
            self._last_received = (connection, pieces + 1, hidden_bytes + len(event.data) + event.omitted)
            return
        self._print_hidden()
        if received:
            self._last_received = (event.connection, pieces + 1 if event.connection == connection else 1, 0)
        self._print_row(wire_row(event, self._start_time(event.at), several_connections=True))

    def app(self, event: AppEvent) -> None:
        """Print what the app reported; what it does for the harness alone is left out."""
        if event.detail.get("path") != "/sync":
            self._print_row(app_row(event, self._start_time(event.at), MAX_DETAIL_CHARACTERS))

    def log(self, at: float, line: str) -> None:
        """Print a line of the server's log."""
        self._print_row(TimelineRow(self._milliseconds(at), "log", "log", "", _shorten(escape_text(line))))

    def process(self, at: float, note: str) -> None:
        """Print an event of the server processes."""
        self._print_row(TimelineRow(self._milliseconds(at), "process", "·", "process", _shorten(escape_text(note))))

    def print_result(self, result: ReplayResult, case: CaseInfo) -> None:
        """Print the verdict, the expected and the actual behaviour, and the reproducer."""
        self._print_hidden()
        cell = result.cell
        self._print()
        self._print(
            Text(f"{cell.verdict}", style=VERDICT_STYLES.get(cell.verdict, "bold")).append(f"  {cell.case}", "bold")
        )
        self._print(Text(f"  {line(case.summary)}"))
        for label, text in (("expected", cell.expected), ("actual", cell.actual)):
            if text:
                self._print(Text(f"  {label:9} {line(text, 2000)}"))
        for finding in cell.findings:
            self._print(Text(f"  lint      {line(finding, 500)}", style="dim"))
        for hint in _hints(result):
            self._print(Text(f"  {hint}", style="dim"))
        self._print()
        if result.reproducer.why_not:
            self._print(Text(line(f"No reproducer: {result.reproducer.why_not}.")))
        else:
            self._print(Text("Reproducer without wsgi-gauntlet; --write DIR writes it into files.", style="bold"))
            self._print()
            # Commands to paste stay whole.
            print_lines(self._out, [Text(escape_text(document(result.reproducer)).rstrip())])

    def print_files(self, files: Iterable[Path]) -> None:
        """Print the files of the reproducer."""
        for each in files:
            self._print(Text(f"wrote {line(str(each))}", style="dim"))

    def _print_row(self, row: TimelineRow) -> None:
        where = f"#{row.connection} " if row.connection else ""
        style = SIDE_STYLES.get(row.side, "")
        head = Text(f"{row.at:9.1f} ms ", style="dim").append(f"{row.arrow} {where}{row.label}".rstrip(), style=style)
        text = _shorten(row.text)
        if row.side in ("sent", "received") and text:
            self._print(head)
            for each in text.split("\n"):
                self._print(Text(f"{INDENT}{each}"), indent=len(INDENT))
        else:
            self._print(head.append(f"  {text}" if text else "", style=""), indent=len(INDENT))

    def _print_hidden(self) -> None:
        connection, pieces, hidden_bytes = self._last_received
        if hidden_bytes:
            more = f"{pieces - MAX_PIECES_SHOWN} more pieces, {hidden_bytes:,} B, not shown"
            self._print(Text(f"{INDENT}← #{connection} received {more}", style="dim"))
        self._last_received = (0, 0, 0)

    def _start_time(self, at: float) -> float:
        if self._start is None:
            self._start = at
        return self._start

    def _milliseconds(self, at: float) -> float:
        return (at - self._start_time(at)) * 1000

    def _print(self, text: Text | None = None, *, indent: int = 4) -> None:
        """Print lines that fit into a terminal. Without one they stay whole, for grep."""
        for each in text.split("\n") if text else [Text("")]:
            lines = fold(self._out, each, indent=indent) if self._out.is_terminal else [each]
            print_lines(self._out, lines)


def show(console: Console | None = None, *, stderr: bool = False) -> ReplayPrinter:
    """Return a printer on stdout, or on stderr if stdout is for a JSON document."""
    return ReplayPrinter(console or TerminalConsole(stderr=stderr, highlight=False, emoji=False))


def as_json(result: ReplayResult) -> str:
    """Return the replay as one JSON document."""
    return to_json(result.document()).decode()


def _hints(result: ReplayResult) -> list[str]:
    hints = []
    if result.well_formed and result.segmentation is Segmentation.WHOLE and result.cell.verdict is Verdict.PASS:
        hints.append("The request was well-formed: --pattern bytes, lines or paused sends it in other segments.")
    if result.cell.verdict not in (Verdict.PASS, Verdict.INFO):
        hints.append(f"Requirement and reason: wsgi-gauntlet explain {shlex.quote(result.cell.case)}")
    return hints


def _shorten(text: str) -> str:
    return (
        text
        if len(text) <= MAX_EVENT_CHARACTERS
        else f"{text[:MAX_EVENT_CHARACTERS]}… {len(text) - MAX_EVENT_CHARACTERS:,} characters more"
    )
