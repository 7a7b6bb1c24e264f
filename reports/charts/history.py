"""The history of a server over its versions: broken requirements, and the changes of each version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.reports.charts.drawing import Drawing, Table
from wsgi_gauntlet.reports.charts.layout import NARROW, WIDE, LegendItem, RowLayout, draw_legend, legend_height, swatch
from wsgi_gauntlet.reports.charts.scales import Scale, steps
from wsgi_gauntlet.reports.text.escaping import line

_ROW, _NARROW_ROW = 30.0, 16.0
_HALF = 6.0


@dataclass(frozen=True)
class VersionPoint:
    """One version of a server.

    `fixed` and `broke` count the cases that changed against earlier versions. They are None at the first. Without a
    result `reason` says why.
    """

    label: str
    must: int = 0
    should: int = 0
    flaky: int = 0
    asked: int = 0
    fixed: int | None = None
    broke: int | None = None
    reason: str = ""

    @property
    def changes(self) -> str:
        """The changes, as `+3 −1`."""
        if self.fixed is None or self.broke is None:
            return ""
        return f"cases: {self.fixed} fixed, {self.broke} new" if self.fixed or self.broke else "no change"


def history_chart(points: Sequence[VersionPoint], title: str, *, caption: str = "", narrow: bool = False) -> Drawing:
    """Draw the broken requirements of each point, the oldest at the top, with its changes."""
    legend = [
        LegendItem(swatch("bad"), "broken, must"),
        LegendItem(swatch("warn"), "broken, should"),
        LegendItem(swatch("doubt"), "flaky"),
    ]
    layout = RowLayout(
        title, "The oldest is at the top. Requirements that were kept have no bar.",
        [_NARROW_ROW if narrow else _ROW] * len(points), narrow=narrow, values=190.0,
        legend=legend_height(legend, NARROW if narrow else WIDE), caption=caption, details=True,
    )  # fmt: skip
    most = max([1, *(each.must + each.should + each.flaky for each in points)])
    scale = Scale(0, most, layout.left, layout.right)
    drawn = layout.begin(f"{title}: {'; '.join(f'{line(each.label, 60)} {_describe(each)}' for each in points)}")
    draw_legend(drawn, legend, layout.top - layout.legend)
    ticks = [(each, f"{each:g}") for each in steps(most) if each == int(each)]
    layout.x_axis(drawn, scale, ticks, "broken requirements")
    for place, each in enumerate(points):
        y = layout.middle(place)
        layout.name(drawn, place, each.label)
        if each.reason:
            drawn.box((scale.start, y - _HALF, scale.end, y + _HALF), "doubt", hollow=True)
            layout.reason(drawn, place, each.reason)
            continue
        past = 0
        for colour, number in (("bad", each.must), ("warn", each.should), ("doubt", each.flaky)):
            if number:
                drawn.box((scale(past), y - _HALF, scale(past + number), y + _HALF), colour)
            past += number
        layout.value(drawn, place, f"{each.must} must · {each.should} should")
        layout.detail(drawn, place, each.changes)
    return drawn


def history_table(points: Sequence[VersionPoint]) -> Table:
    """Return the numbers of the chart."""
    return Table(
        ["version", "broken, must", "broken, should", "flaky", "asked", "cases fixed", "cases new", ""],
        [
            [each.label, "–", "–", "–", "–", "–", "–", each.reason]
            if each.reason
            else [each.label, str(each.must), str(each.should), str(each.flaky), str(each.asked),
                  _number(each.fixed), _number(each.broke), ""]
            for each in points
        ],
    )  # fmt: skip


def _number(value: int | None) -> str:
    return "–" if value is None else str(value)


def _describe(point: VersionPoint) -> str:
    return point.reason or f"{point.must} must, {point.should} should, {point.changes}".rstrip(", ")
