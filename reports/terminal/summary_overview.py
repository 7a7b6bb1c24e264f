"""The overview of scenarios and servers: a sign for each cell, and a figure if there is room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wsgi_gauntlet.harness.model import Grade, Results, ScenarioResult
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.key_figure import key_figure
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

GRADE_STYLES = {
    Grade.UNAFFECTED: "green",
    Grade.DEGRADED: "yellow",
    Grade.COLLAPSED: "bold red",
    Grade.NOT_RECOVERED: "bold red",
    Grade.MEASURED: "",
}

_MAX_SCENARIO_COLUMNS = 24
"""Columns of a scenario id. The longest is slow-headers/first-byte."""


def overview(results: Results, out: Console) -> None:
    """Print the grade of each server in each scenario, within the width of `out`.

    Long names of servers become letters. If even that is too wide, the overview is cut into several tables, because a
    folded row looks like two rows.
    """
    found = {each.server for each in results.load}
    servers = [each.name for each in aggregation.servers(results) if each.name in found]
    scenarios = {
        name: {each.server: each for each in cells} for name, (_, cells) in aggregation.scenarios(results).items()
    }
    first = min(_MAX_SCENARIO_COLUMNS, max(map(len, scenarios)), max(out.width // 3, 8))
    available_columns = out.width - first - 1
    names = {each: line(each, 24) for each in servers}
    letters = {each: _letter(place) for place, each in enumerate(servers)}
    for heads, render_cell in ((names, _cell_text), (letters, _cell_text), (letters, _short_cell_text)):
        cells = {
            name: {each: render_cell(by_server[each]) if each in by_server else Text("") for each in servers}
            for name, by_server in scenarios.items()
        }
        widths = [max(cell_len(heads[each]), *(row[each].cell_len for row in cells.values())) for each in servers]
        if sum(widths) + len(widths) <= available_columns:
            break
    for part in _split_into_tables(servers, widths, available_columns):
        out.print(_table(first, cells, {each: heads[each] for each in part}))
    for each, letter in letters.items() if heads is letters else ():
        out.print(Text.assemble((letter, "dim"), f"  {line(each, 60)}"), highlight=False)
    used = {each.grade for each in results.load}
    marks = [
        f"{mark.sign}{labels.NO_BREAK_SPACE}{grade.label}" for grade, mark in labels.GRADES.items() if grade in used
    ]
    numbers = ["a number after a sign is N*, the smallest number of slow clients that makes the server collapse"] * any(
        each.collapse for each in results.load
    )
    out.print(Text(", ".join([*marks, *numbers]), style="dim"), highlight=False)


def _table(first: int, cells: dict[str, dict[str, Text]], heads: dict[str, str]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("scenario", width=first, no_wrap=True, overflow="ellipsis")
    for each in heads.values():
        table.add_column(Text(each), no_wrap=True)
    for name, row in cells.items():
        table.add_row(Text(line(name)), *(row[each] for each in heads))
    return table


def _split_into_tables(servers: Sequence[str], widths: Sequence[int], available_columns: int) -> Iterator[list[str]]:
    part: list[str] = []
    used = 0
    for each, width in zip(servers, widths, strict=True):
        if part and used + width + 1 > available_columns:
            yield part
            part, used = [], 0
        part.append(each)
        used += width + 1
    if part:
        yield part


def _cell_text(load: ScenarioResult) -> Text:
    figure = key_figure(load).replace(f"N*{labels.NO_BREAK_SPACE}", "")
    return Text(f"{labels.GRADES[load.grade].sign} {figure}".rstrip(), style=GRADE_STYLES.get(load.grade, "dim"))


def _short_cell_text(load: ScenarioResult) -> Text:
    star = "" if load.collapse is None or load.grade in labels.NOT_JUDGED_GRADES else f" {load.collapse}"
    return Text(f"{labels.GRADES[load.grade].sign}{star}", style=GRADE_STYLES.get(load.grade, "dim"))


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else str(place + 1)
