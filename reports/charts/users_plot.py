"""The share of served users of each server, without and with slow clients: two marks in each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.reports.charts.drawing import Drawing
from wsgi_gauntlet.reports.charts.layout import (
    NARROW,
    WIDE,
    LegendItem,
    RowLayout,
    draw_legend,
    legend_height,
    mark,
    stroke,
)
from wsgi_gauntlet.reports.charts.scales import Scale
from wsgi_gauntlet.reports.charts.shapes import DOTTED
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.recommendation_text import NOT_MEASURED

_ROW, _NARROW_ROW = 36.0, 22.0

SERVED, COLLAPSED = 0.99, 0.5
"""Shares from which users count as served, and below which the server collapsed. The grades have the same limits."""


@dataclass(frozen=True)
class UsersRow:
    """One server: shares from 0 to 1. A share is None if it is not known; then `why_alone` or `why_among` says why.

    `place` is where the server ended in the race.
    """

    name: str
    alone: float | None
    among: float | None
    place: str = ""
    why_alone: str = ""
    why_among: str = ""
    strong: bool = False


def users_plot(
    rows: Sequence[UsersRow], title: str, subtitle: str, *, caption: str = "", narrow: bool = False
) -> Drawing:
    """Draw `rows` in their order. A row with an unknown share is grey and dotted, with the reason."""
    width = NARROW if narrow else WIDE
    legend = [
        LegendItem(mark("o", "series-0"), "without slow clients"),
        LegendItem(mark("D", "good"), "with slow clients: at least 99 %"),
        LegendItem(mark("D", "odd"), "less"),
        LegendItem(mark("D", "bad"), "less than half"),
        *([LegendItem(stroke("doubt", dash=DOTTED), "not known")] if any(_why(each) for each in rows) else []),
    ]
    layout = RowLayout(
        title, subtitle, [_NARROW_ROW if narrow else _ROW] * len(rows), narrow=narrow, names=230.0, values=176.0,
        legend=legend_height(legend, width), caption=caption, details=True,
    )  # fmt: skip
    drawn = layout.begin(f"{title}: {'; '.join(map(_describe, rows))}")
    draw_legend(drawn, legend, layout.top - layout.legend)
    layout.stripes(drawn)
    scale = Scale(0, 1, layout.left, layout.right)
    ticks = [(each / 100, f"{each} %") for each in (0, 25, 50, 75, 100)]
    layout.x_axis(drawn, scale, ticks, "requests of users with the correct answer in time")
    for place, row in enumerate(rows):
        layout.name(drawn, place, row.name, row.place)
        _draw_row(drawn, layout, place, row, scale)
    return drawn


def _draw_row(drawn: Drawing, layout: RowLayout, place: int, row: UsersRow, scale: Scale) -> None:
    y = layout.middle(place)
    why = _why(row)
    colour = _colour(row.among)
    if why:
        drawn.path([[(scale.start, y), (scale.end, y)]], "doubt", width=1, dash=DOTTED)
    elif row.alone is not None and row.among is not None:
        drawn.path([[(scale(row.alone), y), (scale(row.among), y)]], colour, width=2)
    if row.alone is not None:
        shade = "doubt" if why else "series-0"
        drawn.marks("o", [(scale(row.alone), y)], shade, 9, hint=f"{row.name}: {_alone(row)}")
    if row.among is not None:
        drawn.marks("D", [(scale(row.among), y)], colour, 9, hint=f"{row.name}: {_among(row)}")
    if row.alone is None and row.among is None:
        layout.reason(drawn, place, why)
        return
    layout.value(drawn, place, why if row.among is None else _among(row), colour, bold=row.strong)
    layout.detail(drawn, place, why if row.alone is None else _alone(row))


def _colour(share: float | None) -> str:
    if share is None:
        return "doubt"
    return "good" if share >= SERVED else "bad" if share < COLLAPSED else "odd"


def _alone(row: UsersRow) -> str:
    return f"{labels.percent(row.alone)} without"


def _among(row: UsersRow) -> str:
    return f"{labels.percent(row.among)} with slow clients"


def _why(row: UsersRow) -> str:
    """Return why a share of the row is not known, '' if both are. A reason says more than that nothing was measured."""
    unknown = [why for share, why in ((row.among, row.why_among), (row.alone, row.why_alone)) if share is None]
    found = [each for why in unknown if (each := line(why, 160)) and each != NOT_MEASURED]
    return found[0] if found else NOT_MEASURED if unknown else ""


def _describe(row: UsersRow) -> str:
    why = _why(row)
    return f"{line(row.name, 60)}: {_among(row)}, {_alone(row)}{f' ({why})' if why else ''}"
