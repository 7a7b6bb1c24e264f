"""The part of the summary about versions of a server: counts, then the cases that each version fixed and broke."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.reports.analysis.version_history import VerdictChange, VersionHistory, version_histories
from wsgi_gauntlet.reports.terminal.layout import fold, print_lines
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

MAX_CASES_LISTED = 12
"""The largest number of cases listed for one version without --all. The report has all of them."""

_VERDICT_COLUMNS = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)
_STYLES = {Verdict.FAIL: "bold red", Verdict.WARN: "yellow", Verdict.FLAKY: "magenta", Verdict.PASS: "green"}


def print_version_history(results: Results, out: Console, *, every_case: bool = False) -> None:
    """Print each server with several checked versions; with `every_case` every case that a version changed."""
    for each in version_histories(results):
        out.print(Text(f"\n{line(each.server, 60)} and its versions", style="bold"))
        out.print(_table(each))
        _print_changes(each, out, None if every_case else MAX_CASES_LISTED)


def _table(version_history: VersionHistory) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("version", no_wrap=True)
    for each in _VERDICT_COLUMNS:
        table.add_column(Text(f"{labels.VERDICTS[each].sign} {each}"), justify="right", no_wrap=True)
    for name in ("other", "fixed", "broke"):
        table.add_column(name, justify="right", no_wrap=True)
    for point in version_history.points:
        if not point.counts.total:
            table.add_row(Text(line(point.version, 30)), Text(labels.MISSING, style="dim"))
            continue
        numbers = [Text(str(point.counts[each]), style=_STYLES[each] if point.counts[each] else "dim")
                   for each in _VERDICT_COLUMNS]  # fmt: skip
        first = point is version_history.checked[0]
        changed = [
            Text("" if first else str(len(each)), style=style if each else "dim")
            for each, style in ((point.fixed, "green"), (point.broke, "bold red"))
        ]
        table.add_row(Text(line(point.version, 30)), *numbers, Text(str(point.others), style="dim"), *changed)
    return table


def _print_changes(version_history: VersionHistory, out: Console, limit: int | None) -> None:
    for point in version_history.points:
        if point.why:
            out.print(Text(f"{line(point.version, 30)} was not checked: {line(point.why, 400)}"), highlight=False)
    for point in version_history.points:
        for word, style, changes in (("fixed", "green", point.fixed), ("broke", "bold red", point.broke)):
            if changes:
                head = Text.assemble((line(point.version, 30), "bold"), " ", (f"{word} {len(changes)}", style))
                out.print(head, highlight=False)
                _print_cases(changes, out, limit)


def _print_cases(changes: Sequence[VerdictChange], out: Console, limit: int | None) -> None:
    for each in changes[:limit]:
        tags = "".join(f" [{line(tag, 20)}]" for tag in each.after.tags)
        signs = f"{labels.VERDICTS[each.before.verdict].sign} → {labels.VERDICTS[each.after.verdict].sign}"
        text = Text.assemble(f"    {signs} {line(each.case)}", (tags, "yellow"))
        print_lines(out, fold(out, text, indent=8))
    if limit is not None and len(changes) > limit:
        more = labels.pluralize(len(changes) - limit, "more case")
        out.print(Text(f"    … and {more}; --all lists them, and so does the report", style="dim"), highlight=False)
