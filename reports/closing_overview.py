"""Scenarios x servers on the terminal: a sign for each cell and, where there is room, the figure that says most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..harness.model import Grade, Load, Results
from . import tally, words
from .sections.overview import key_figure
from .visible import line

GRADE_STYLES = {
    Grade.IMMUNE: "green",
    Grade.DEGRADES: "yellow",
    Grade.COLLAPSES: "bold red",
    Grade.WEDGED: "bold red",
    Grade.MEASURED: "",
}

_SCENARIO = 24
"""Columns for a scenario's id; the longest is slow-headers/first-byte."""


def overview(results: Results, out: Console) -> None:
    """Print what each server came to in each scenario, within the width of `out`.

    Where their names are too wide servers are lettered; where even signs are, they stand in several tables one below
    the other, because a row that is folded is read as two.
    """
    found = {each.server for each in results.loads}
    servers = [each.name for each in tally.servers(results) if each.name in found]
    scenarios = {name: {each.server: each for each in cells} for name, (_, cells) in tally.scenarios(results).items()}
    first = min(_SCENARIO, max(map(len, scenarios)), max(out.width // 3, 8))
    room = out.width - first - 1
    names = {each: line(each, 24) for each in servers}
    letters = {each: _letter(place) for place, each in enumerate(servers)}
    for heads, told in ((names, _told), (letters, _told), (letters, _short)):
        cells = {
            name: {each: told(by_server[each]) if each in by_server else Text("") for each in servers}
            for name, by_server in scenarios.items()
        }
        widths = [max(cell_len(heads[each]), *(row[each].cell_len for row in cells.values())) for each in servers]
        if sum(widths) + len(widths) <= room:
            break
    for part in _parts(servers, widths, room):
        out.print(_table(first, cells, {each: heads[each] for each in part}))
    for each, letter in letters.items() if heads is letters else ():
        out.print(Text.assemble((letter, "dim"), f"  {line(each, 60)}"), highlight=False)
    used = {each.grade for each in results.loads}
    marks = [f"{mark.sign}{words.JOINED}{grade}" for grade, mark in words.GRADES.items() if grade in used]
    numbers = ["a number beside it is N*, the fewest slow clients that do it"] * any(
        each.collapse for each in results.loads
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


def _parts(servers: Sequence[str], widths: Sequence[int], room: int) -> Iterator[list[str]]:
    part: list[str] = []
    used = 0
    for each, width in zip(servers, widths, strict=True):
        if part and used + width + 1 > room:
            yield part
            part, used = [], 0
        part.append(each)
        used += width + 1
    if part:
        yield part


def _told(load: Load) -> Text:
    figure = key_figure(load).replace(f"N*{words.JOINED}", "")
    return Text(f"{words.GRADES[load.grade].sign} {figure}".rstrip(), style=GRADE_STYLES.get(load.grade, "dim"))


def _short(load: Load) -> Text:
    star = "" if load.collapse is None or load.grade in words.UNJUDGED else f" {load.collapse}"
    return Text(f"{words.GRADES[load.grade].sign}{star}", style=GRADE_STYLES.get(load.grade, "dim"))


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else str(place + 1)
