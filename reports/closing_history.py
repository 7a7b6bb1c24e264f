"""Versions of one server on the terminal: a line each with its counts, then what each fixed and broke, by case."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..harness.model import Results, Verdict
from . import words
from .history import Change, Timeline, timelines
from .visible import line

LISTED = 12
"""Cases that are listed of one step; the page has them all."""

_SHOWN = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)
_STYLES = {Verdict.FAIL: "bold red", Verdict.WARN: "yellow", Verdict.FLAKY: "magenta", Verdict.PASS: "green"}


def over_versions(results: Results, out: Console) -> None:
    """Print each server of `results` of which several versions were checked."""
    for each in timelines(results):
        out.print(Text(f"\n{line(each.server, 60)} over its versions", style="bold"))
        out.print(_table(each))
        _steps(each, out)


def _table(timeline: Timeline) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("version", no_wrap=True)
    for each in _SHOWN:
        table.add_column(Text(f"{words.VERDICTS[each].sign} {each}"), justify="right", no_wrap=True)
    for name in ("other", "fixed", "broke"):
        table.add_column(name, justify="right", no_wrap=True)
    for point in timeline.points:
        if not point.counts.total:
            table.add_row(Text(line(point.version, 30)), Text(words.MISSING, style="dim"))
            continue
        numbers = [Text(str(point.counts[each]), style=_STYLES[each] if point.counts[each] else "dim")
                   for each in _SHOWN]  # fmt: skip
        first = point is timeline.checked[0]
        changed = [
            Text("" if first else str(len(each)), style=style if each else "dim")
            for each, style in ((point.fixed, "green"), (point.broke, "bold red"))
        ]
        table.add_row(Text(line(point.version, 30)), *numbers, Text(str(point.others), style="dim"), *changed)
    return table


def _steps(timeline: Timeline, out: Console) -> None:
    for point in timeline.points:
        if point.why:
            out.print(Text(f"{line(point.version, 30)} was not checked: {line(point.why, 400)}"), highlight=False)
    for point in timeline.points:
        for word, style, changes in (("fixed", "green", point.fixed), ("broke", "bold red", point.broke)):
            if changes:
                head = Text.assemble((line(point.version, 30), "bold"), " ", (f"{word} {len(changes)}", style))
                out.print(head, highlight=False)
                _cases(changes, out)


def _cases(changes: Sequence[Change], out: Console) -> None:
    for each in changes[:LISTED]:
        tags = "".join(f" [{line(tag, 20)}]" for tag in each.after.tags)
        signs = f"{words.VERDICTS[each.before.verdict].sign} → {words.VERDICTS[each.after.verdict].sign}"
        text = Text.assemble(f"    {signs} {line(each.case)}", (tags, "yellow"))
        out.print(text, highlight=False, soft_wrap=True)
    if len(changes) > LISTED:
        out.print(Text(f"    … and {words.counted(len(changes) - LISTED, 'more case')} in the report", style="dim"))
