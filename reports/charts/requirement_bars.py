"""The requirements of every server: kept, broken (should), broken (must), of how many that could be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.reports.charts.drawing import Drawing, Table
from wsgi_gauntlet.reports.charts.layout import NARROW, WIDE, LegendItem, RowLayout, draw_legend, legend_height, swatch
from wsgi_gauntlet.reports.charts.run_note import RunNote
from wsgi_gauntlet.reports.charts.scales import Scale, steps
from wsgi_gauntlet.reports.text.escaping import line

TITLE = "Requirements of PEP 3333 and HTTP/1.1"
BAR_WIDTH, BAR_HEIGHT = 204.0, 10.0
"""Pixels of the bar in the scoreboard."""

_ROW, _NARROW_ROW = 30.0, 18.0
_COLOURS = ("pass", "warn", "bad")


@dataclass(frozen=True)
class RequirementRow:
    """The requirements of one server, each counted once: `passed`, broken as `should` and as `must`.

    `security` counts the broken `must` with that tag.
    """

    server: str
    passed: int
    should: int
    must: int
    security: int = 0

    @property
    def asked(self) -> int:
        """The number of requirements with a verdict."""
        return self.passed + self.should + self.must

    @property
    def text(self) -> str:
        """The numbers in words, as `11 must · 11 should · of 309`."""
        return f"{self.must} must · {self.should} should · of {self.asked}"


def requirement_bar(row: RequirementRow, *, width: float = BAR_WIDTH, height: float = BAR_HEIGHT) -> Drawing:
    """Draw the bar of one server alone, for a cell of a table."""
    drawn = Drawing(width, height, f"{line(row.server, 60)}: {row.text}")
    _draw_bar(drawn, row, Scale(0, max(row.asked, 1), 0, width), (0, height))
    return drawn


def requirement_plot(rows: Sequence[RequirementRow], note: RunNote, *, narrow: bool = False) -> Drawing:
    """Draw a bar for each server in the order of `rows`. All bars have the same scale."""
    legend = [
        LegendItem(swatch("pass"), "kept"),
        LegendItem(swatch("warn"), "broken, should"),
        LegendItem(swatch("bad"), "broken, must"),
    ]
    layout = RowLayout(
        TITLE, "A requirement counts once, however many of its variants fail. The end of a bar is the number asked.",
        [_NARROW_ROW if narrow else _ROW] * len(rows), narrow=narrow, values=190.0,
        legend=legend_height(legend, NARROW if narrow else WIDE), caption=note.caption,
    )  # fmt: skip
    most = max((row.asked for row in rows), default=1) or 1
    scale = Scale(0, most, layout.left, layout.right)
    drawn = layout.begin(f"{TITLE}: {'; '.join(f'{line(row.server, 60)} {row.text}' for row in rows)}")
    draw_legend(drawn, legend, layout.top - layout.legend)
    ticks = [(each, f"{each:g}") for each in steps(most) if each == int(each)]
    layout.x_axis(drawn, scale, ticks, "requirements that could be asked")
    for place, row in enumerate(rows):
        middle = layout.middle(place)
        layout.name(drawn, place, row.server, note.version(row.server))
        if row.asked:
            _draw_bar(drawn, row, scale, (middle - 6, middle + 6))
            layout.value(drawn, place, row.text)
        else:
            drawn.box((scale.start, middle - 6, scale.end, middle + 6), "doubt", hollow=True)
            layout.reason(drawn, place, "no requirement was judged")
    return drawn


def requirement_table(rows: Sequence[RequirementRow]) -> Table:
    """Return the numbers of the chart."""
    heads = ["server", "kept", "broken, should", "broken, must", "of these security", "asked"]
    numbers = [(row.passed, row.should, row.must, row.security, row.asked) for row in rows]
    return Table(heads, [[row.server, *map(str, each)] for row, each in zip(rows, numbers, strict=True)])


def _draw_bar(drawn: Drawing, row: RequirementRow, scale: Scale, span: tuple[float, float]) -> None:
    past = 0
    for colour, number in zip(_COLOURS, (row.passed, row.should, row.must), strict=True):
        if number:
            drawn.box((scale(past), span[0], scale(past + number), span[1]), colour)
        past += number
