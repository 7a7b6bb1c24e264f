"""Servers that differ in one thing on the terminal: a line for each pair, then what the call lacks for one."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..harness.model import Results
from .beside import Twins, lacking, pairs
from .visible import line


def beside(results: Results, out: Console) -> None:
    """Print what a front masks and causes, what a version fixed and broke, and what tuning changes."""
    found, without = pairs(results), lacking(results)
    if found or without:
        out.print(Text("\nWhat one difference changes", style="bold"))
    if found:
        out.print(_table(found))
    for each in without:
        text = f"Add {line(each.alone, 40)}: it shows what {line(each.front, 40)} changes in {line(each.chain, 60)}."
        out.print(Text(text, style="dim"), highlight=False)


def _table(found: list[Twins]) -> Table:
    checked, loaded = any(each.told for each in found), any(each.loads for each in found)
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
        row += _counts(each) if checked else []
        row += [_load(each)] if loaded else []
        table.add_row(*row)
    return table


def _counts(twins: Twins) -> list[Text]:
    if not twins.told:
        return [Text("")] * 3
    gained, lost = len(twins.gains), len(twins.losses)
    return [
        Text(f"{twins.difference.gain} {gained}", style="green" if gained else "dim"),
        Text(f"{twins.difference.loss} {lost}", style="bold red" if lost else "dim"),
        Text(str(twins.same), style="dim"),
    ]


def _load(twins: Twins) -> Text:
    if not twins.loads:
        return Text("")
    better, worse = twins.better, twins.worse
    return Text.assemble(
        (f"+{better}", "green" if better else "dim"), " ", (f"−{worse}", "bold red" if worse else "dim")
    )
