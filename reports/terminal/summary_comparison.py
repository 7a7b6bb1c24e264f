"""The part of the summary that compares servers which differ in one thing."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.analysis.comparison import ServerComparison, find_pairs, missing_servers
from wsgi_gauntlet.reports.text.escaping import line


def print_comparisons(results: Results, out: Console) -> None:
    """Print a line for each pair, and the servers that are missing for a pair."""
    found, without = find_pairs(results), missing_servers(results)
    if found or without:
        out.print(Text("\nServers that differ in one thing", style="bold"))
    if found:
        out.print(_table(found))
    for each in without:
        text = f"Add {line(each.alone, 40)} to see the effect of {line(each.front, 40)} in {line(each.chain, 60)}."
        out.print(Text(text, style="dim"), highlight=False)


def _table(found: list[ServerComparison]) -> Table:
    checked, loaded = any(each.summary for each in found), any(each.loads for each in found)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("with", "without"):
        table.add_column(name, overflow="fold")
    if checked:
        for name in ("better", "worse"):
            table.add_column(name, no_wrap=True)
        table.add_column("same", justify="right", no_wrap=True)
    if loaded:
        table.add_column("load", no_wrap=True)
    for each in found:
        row = [Text(line(name, 60)) for name in (each.other, each.plain)]
        row += _change_counts(each) if checked else []
        row += [_load_counts(each)] if loaded else []
        table.add_row(*row)
    return table


def _change_counts(comparison: ServerComparison) -> list[Text]:
    if not comparison.summary:
        return [Text("")] * 3
    improved_cells, worsened_cells = len(comparison.improved), len(comparison.worsened)
    return [
        Text(f"{comparison.difference.improved_label} {improved_cells}", style="green" if improved_cells else "dim"),
        Text(f"{comparison.difference.worsened_label} {worsened_cells}", style="bold red" if worsened_cells else "dim"),
        Text(str(comparison.same), style="dim"),
    ]


def _load_counts(comparison: ServerComparison) -> Text:
    if not comparison.loads:
        return Text("")
    better, worse = comparison.better, comparison.worse
    return Text.assemble(
        (f"+{better}", "green" if better else "dim"), " ", (f"−{worse}", "bold red" if worse else "dim")
    )
