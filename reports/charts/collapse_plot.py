"""N* of every server for every kind of slow client: one row a server, one mark a kind.

N* is the smallest number of slow clients that made the server collapse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Results, ScenarioInfo, ScenarioResult
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.charts.drawing import Drawing, Table
from wsgi_gauntlet.reports.charts.layout import (
    NARROW,
    WIDE,
    LegendItem,
    RowLayout,
    draw_legend,
    legend_height,
    mark,
)
from wsgi_gauntlet.reports.charts.palette import SERIES_COUNT
from wsgi_gauntlet.reports.charts.reasons import why_not_judged
from wsgi_gauntlet.reports.charts.run_note import RunNote, run_note
from wsgi_gauntlet.reports.charts.scales import Scale, powers_of_two
from wsgi_gauntlet.reports.charts.shapes import DOTTED
from wsgi_gauntlet.reports.charts.text_width import text_width
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

TITLE = "How many slow clients make a server collapse?"
_SUBTITLE = "N* by kind of slow client. The fewer kinds made a server collapse, the higher it stands."
_ONE_KIND_SUBTITLE = "N* is the smallest number of slow clients with this effect. The largest N* is at the top."
_AXIS = "slow clients at which the server collapsed (log scale)"
_SHAPES = "osD^vP"

MARK, _PITCH, STACK = 9.0, 9.5, 4
"""The size of a mark, the distance of marks with the same N*, and how many of them stand above each other."""

_MIN_ROW, _NARROW_ROW = 32.0, 16.0


@dataclass(frozen=True)
class KindResult:
    """N* of one server for one kind of slow client.

    `collapse` is N*, or an upper bound of it if `above` + 1 is less. `tried` is the largest number without a collapse.
    With neither, the cell was not measured, and `reason` says why.
    """

    server: str
    kind: str
    collapse: int | None = None
    above: int = 0
    tried: int | None = None
    reason: str = ""

    @property
    def text(self) -> str:
        """N* as `9`, `≤ 9`, `> 256` or `–`."""
        if self.collapse is not None:
            return (
                f"{self.collapse:,}"
                if self.above + 1 >= self.collapse
                else f"≤{labels.NO_BREAK_SPACE}{self.collapse:,}"
            )
        return f">{labels.NO_BREAK_SPACE}{self.tried:,}" if self.tried is not None else labels.MISSING


@dataclass(frozen=True)
class CollapseData:
    """The kinds of slow clients, and the rows: each server with a result for each kind that it was tried with."""

    kinds: Sequence[ScenarioInfo]
    rows: Sequence[tuple[str, Sequence[KindResult]]]
    note: RunNote


def collapse_data(results: Results) -> CollapseData | None:
    """Return the data of the chart, or None if no scenario searched for N*."""
    found = {
        name: (info, cells)
        for name, (info, cells) in aggregation.scenarios(results).items()
        if searches_collapse(cells)
    }
    if not found:
        return None
    by_server: dict[str, list[KindResult]] = {}
    for name, (_, cells) in found.items():
        for load in cells:
            by_server.setdefault(load.server, []).append(_kind_result(load, name))
    order = [each.name for each in aggregation.servers(results) if each.name in by_server]
    rows = sorted(((name, by_server[name]) for name in order), key=lambda row: _robustness(row[1]))
    return CollapseData([info for info, _ in found.values()], rows, run_note(results))


def searches_collapse(cells: Sequence[ScenarioResult]) -> bool:
    """Say whether a scenario searches for N*: its steps count slow clients, not connections of a closed loop."""
    steps = [step for each in cells for step in each.steps]
    return any(each.collapse is not None for each in cells) or (
        bool(steps) and all(each.rate is None for each in steps)
    )


def _kind_result(load: ScenarioResult, kind: str) -> KindResult:
    fine = [each.clients for each in load.steps if not each.collapsed]
    down = [each.clients for each in load.steps if each.collapsed]
    collapse = load.collapse if load.collapse is not None else min(down, default=None)
    if load.grade in labels.NOT_JUDGED_GRADES:
        return KindResult(load.server, kind, reason=why_not_judged(load))
    if collapse is not None:
        above = max((each for each in fine if each < collapse), default=0)
        # A cell without steps has only the number, which the search found exactly.
        return KindResult(load.server, kind, collapse, above if load.steps else collapse - 1)
    if fine:
        return KindResult(load.server, kind, tried=max(fine))
    return KindResult(load.server, kind, reason=f"{load.grade.label}: N* was not searched")


def _robustness(cells: Sequence[KindResult]) -> tuple[bool, int, float, float]:
    """Return the key of the order: servers without a figure last, then by collapses, then by their N*."""
    collapses = [each.collapse for each in cells if each.collapse is not None]
    known = len(collapses) + sum(each.tried is not None for each in cells)
    return not known, len(collapses), -min(collapses, default=0), -sum(math.log(each) for each in collapses)


def collapse_plot(data: CollapseData, *, narrow: bool = False) -> Drawing:
    """Draw a row for each server. Kinds with the same N* stand above and beside each other.

    An open mark at the right edge is a kind that the server withstood: its N* is more than tried. A grey mark in a
    dotted frame is a kind without a valid result.
    """
    styles = _styles(data.kinds)
    legend = [LegendItem(mark(*styles[each.id], MARK), line(each.title, 60)) for each in data.kinds] + [
        LegendItem(mark("o", "ink", MARK, hollow=True), "open: no collapse, more than tried"),
        LegendItem(_not_measured_marker, "grey: not measured or invalid"),
    ]
    heights = [_height([*_groups(cells).values()], narrow) for _, cells in data.rows]
    width = NARROW if narrow else WIDE
    subtitle = _SUBTITLE if len(data.kinds) > 1 else _ONE_KIND_SUBTITLE
    layout = RowLayout(
        TITLE, subtitle, heights, narrow=narrow, values=200.0, legend=legend_height(legend, width),
        caption=data.note.caption,
    )  # fmt: skip
    numbers = [
        number
        for _, cells in data.rows
        for each in cells
        for number in (each.collapse, each.tried)
        if number is not None
    ] or [1]
    edge = _edge(layout)
    scale = Scale(1, max(*numbers, 2), layout.left + MARK / 2, edge - (24 if narrow else 34), log=True)
    drawn = layout.begin(describe_collapse(data))
    draw_legend(drawn, legend, layout.top - layout.legend)
    layout.stripes(drawn)
    layout.x_axis(drawn, scale, [(each, f"{each:,}") for each in powers_of_two(range(1, round(scale.high) + 1))], _AXIS)
    _draw_edge(drawn, layout, edge)
    for place, (server, cells) in enumerate(data.rows):
        layout.name(drawn, place, server, data.note.version(server))
        columns = [_Column(key, group, scale, edge, _result_gap(layout)) for key, group in _groups(cells).items()]
        for column in columns:
            nearest = min((each.x - column.x for each in columns if each.x > column.x), default=math.inf)
            _draw_group(drawn, layout.middle(place), column, styles, nearest)
    return drawn


def collapse_table(data: CollapseData) -> Table:
    """Return N* of each server for each kind."""
    rows = []
    for server, cells in data.rows:
        by_kind = {each.kind: each for each in cells}
        rows.append([
            server,
            *((_table_text(by_kind[each.id]) if each.id in by_kind else labels.MISSING) for each in data.kinds),
        ])  # fmt: skip
    return Table(["server", *(each.id for each in data.kinds)], rows)


def describe_collapse(data: CollapseData) -> str:
    """Return the chart in words, for screen readers."""
    parts = []
    for server, cells in data.rows:
        down = [each for each in cells if each.collapse is not None]
        least = min((each.collapse for each in down if each.collapse is not None), default=None)
        parts.append(
            f"{line(server, 60)}: {len(down)} of {labels.pluralize(len(cells), 'kind')}"
            + (f", from {labels.pluralize(least, 'slow client')}" if least is not None else "")
        )
    return f"{TITLE} Kinds that made it collapse: {'; '.join(parts)}"


def _table_text(cell: KindResult) -> str:
    return cell.text if cell.text != labels.MISSING else f"{labels.MISSING} ({cell.reason})"


@dataclass(frozen=True)
class _Column:
    """The cells of a row at one place: `key` is ("at", N*), ("more", 0) or ("none", 0)."""

    key: tuple[str, int]
    cells: Sequence[KindResult]
    scale: Scale
    edge: float
    result_gap: float

    @property
    def x(self) -> float:
        """The middle of the first column of marks."""
        what, number = self.key
        if what == "at":
            return self.scale(number)
        return self.edge if what == "more" else self.edge + self.result_gap


def _groups(cells: Sequence[KindResult]) -> dict[tuple[str, int], list[KindResult]]:
    """Return the cells by their place on the axis."""
    found: dict[tuple[str, int], list[KindResult]] = {}
    for each in cells:
        key = ("at", each.collapse) if each.collapse is not None else ("more" if each.tried is not None else "none", 0)
        found.setdefault(key, []).append(each)
    return found


def _draw_group(
    drawn: Drawing, middle: float, column: _Column, styles: dict[str, tuple[str, str]], nearest: float
) -> None:
    """Draw the marks of a column and its number, if the next column, `nearest` pixels away, leaves room for it."""
    what, number = column.key
    columns = math.ceil(len(column.cells) / STACK)
    tall = math.ceil(len(column.cells) / columns)
    for index, cell in enumerate(column.cells):
        across, down = divmod(index, tall)
        in_column = min(tall, len(column.cells) - across * tall)
        x = column.x + across * _PITCH
        y = middle + (down - (in_column - 1) / 2) * _PITCH
        shape, colour = styles[cell.kind]
        hint = f"{cell.server}, {cell.kind}: N* {cell.text}"
        if what == "none":
            drawn.box((x - 5, y - 4.5, x + 5, y + 4.5), "doubt", hollow=True, hint=f"{hint} ({cell.reason})")
            drawn.marks(shape, [(x, y)], "doubt", 5)
            continue
        if cell.collapse is not None and cell.above + 1 < cell.collapse:
            drawn.path([[(column.scale(cell.above + 1), y), (x, y)]], colour, width=1.2, dash=DOTTED)
        drawn.marks(shape, [(x, y)], colour, MARK, hollow=what == "more", hint=hint)
    after = column.x + (columns - 1) * _PITCH + MARK / 2 + 4
    if what == "more":
        tried = sorted({each.tried for each in column.cells if each.tried is not None})
        label = f">{tried[0]:,}" if len(tried) == 1 else f">{tried[0]:,}–{tried[-1]:,}"
        drawn.text((after, middle), label, "muted", size=10, room=column.result_gap - (after - column.x) - 8)
    elif what == "at":
        label = f"{number:,}" if any(each.above + 1 >= number for each in column.cells) else f"≤{number:,}"
        if after - column.x + text_width(label, 10, bold=True) + MARK / 2 <= nearest:
            drawn.text((after, middle), label, size=10, bold=True)


def _draw_edge(drawn: Drawing, layout: RowLayout, edge: float) -> None:
    """Draw the two columns right of the axis."""
    gap = _result_gap(layout)
    for x, label in ((edge - 12, "more" if layout.narrow else "more than tried"), (edge + gap - 12, "no result")):
        drawn.path([[(x, layout.top), (x, layout.bottom)]], "grid", width=0.8)
        drawn.text((x + 3, layout.bottom + 10), label, "muted", size=10, room=gap if x < edge else 56)


def _edge(layout: RowLayout) -> float:
    return layout.width - (112 if layout.narrow else 164)


def _result_gap(layout: RowLayout) -> float:
    """Return the distance of the column of cells without a result from the column of those without a collapse."""
    return 64 if layout.narrow else 92


def _height(groups: Sequence[Sequence[KindResult]], narrow: bool) -> float:
    tallest = max((math.ceil(len(each) / math.ceil(len(each) / STACK)) for each in groups), default=1)
    return max(_NARROW_ROW if narrow else _MIN_ROW, tallest * _PITCH + 8)


def _styles(kinds: Sequence[ScenarioInfo]) -> dict[str, tuple[str, str]]:
    """Return the shape and the colour of each kind: a colour for each family, a shape for each of its members."""
    families: dict[str, list[str]] = {}
    for each in kinds:
        families.setdefault(each.id.partition("/")[0], []).append(each.id)
    return {
        name: (_SHAPES[number % len(_SHAPES)], f"series-{place % SERIES_COUNT}")
        for place, names in enumerate(families.values())
        for number, name in enumerate(names)
    }


def _not_measured_marker(drawn: Drawing, x: float, y: float) -> None:
    drawn.box((x - 5, y - 4.5, x + 5, y + 4.5), "doubt", hollow=True)
    drawn.marks("o", [(x, y)], "doubt", 5)
