"""The chart of a comparison: the ratio of each metric with its interval, and the noise floor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.reports.charts.drawing import Drawing, Table
from wsgi_gauntlet.reports.charts.layout import (
    NARROW,
    WIDE,
    LegendItem,
    RowLayout,
    draw_legend,
    legend_height,
    mark,
    stroke,
    swatch,
)
from wsgi_gauntlet.reports.charts.scales import Scale
from wsgi_gauntlet.reports.charts.shapes import DOTTED
from wsgi_gauntlet.reports.text.escaping import line

NOISE_FLOOR_LABEL = "A against A (noise floor)"

NO_DIFFERENCE = 0.05
"""The half width of the band around 1 in which a difference does not matter."""

_ROW, _NARROW_ROW = 36.0, 20.0
_MIN_REACH = 1.12
"""The smallest end of the axis. Without it, noise would look like an effect."""

_MAX_REACH = 64.0
_PERCENT_TICKS = (1.02, 1.05, 1.1, 1.2, 1.5)
_TIMES_TICKS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
_PERCENT_REACH, _TICK_ROOM = 2.0, 40.0
_COLOURS = {"faster": "good", "better": "good", "slower": "bad", "worse": "bad"}


@dataclass(frozen=True)
class IntervalRow:
    """One ratio with its interval, and the conclusion in a word. Without figures `word` is the reason.

    `noise` marks a comparison of a server with itself.
    """

    label: str
    low: float | None
    estimate: float | None
    high: float | None
    word: str
    noise: bool = False

    @property
    def known(self) -> bool:
        """Whether the row has figures that can be drawn."""
        return all(
            each is not None and math.isfinite(each) and each > 0 for each in (self.low, self.estimate, self.high)
        )


def interval_plot(
    rows: Sequence[IntervalRow],
    *,
    title: str = "Ratio with its 95 % interval",
    axis: str = "ratio B / A (log scale)",
    band: float = NO_DIFFERENCE,
    caption: str = "",
    narrow: bool = False,
) -> Drawing:
    """Draw a row for each ratio, the noise floor last. The noise floor has a row even if it was not measured.

    `band` is the half width of the band of ratios that count as no difference.
    """
    shown = _with_noise_floor(rows)
    width = NARROW if narrow else WIDE
    legend = [
        LegendItem(mark("o", "series-0"), "ratio and interval"),
        LegendItem(swatch("band"), f"no difference above {band:.0%}".replace("%", " %")),
        LegendItem(mark("o", "doubt"), "the same server twice"),
        *([LegendItem(stroke("doubt", dash=DOTTED), "no figure")] if any(not each.known for each in shown) else []),
    ]
    layout = RowLayout(
        title, "", [_NARROW_ROW if narrow else _ROW] * len(shown), narrow=narrow, values=230.0,
        legend=legend_height(legend, width), caption=caption, details=True,
    )  # fmt: skip
    reach = _reach(shown)
    scale = Scale(1 / reach, reach, layout.left, layout.right, log=True)
    drawn = layout.begin(f"{title}: {'; '.join(_describe(each) for each in shown)}")
    draw_legend(drawn, legend, layout.top - layout.legend)
    drawn.box((scale(1 - band), layout.top, scale(1 + band), layout.bottom), "band")
    layout.stripes(drawn)
    layout.x_axis(drawn, scale, _ticks(scale), axis)
    drawn.path([[(scale(1), layout.top), (scale(1), layout.bottom)]], "muted", width=1)
    for place, row in enumerate(shown):
        layout.name(drawn, place, row.label, colour="muted" if row.noise else "ink")
        _draw_row(drawn, layout, place, row, scale)
    return drawn


def interval_table(rows: Sequence[IntervalRow]) -> Table:
    """Return the figures of the chart."""
    return Table(
        ["", "ratio", "from", "to", "conclusion"],
        [[each.label, _figure(each.estimate), _figure(each.low), _figure(each.high), each.word]
         for each in _with_noise_floor(rows)],
    )  # fmt: skip


def _draw_row(drawn: Drawing, layout: RowLayout, place: int, row: IntervalRow, scale: Scale) -> None:
    y = layout.middle(place)
    if not row.known or row.low is None or row.estimate is None or row.high is None:
        drawn.path([[(scale.start, y), (scale.end, y)]], "doubt", width=1, dash=DOTTED)
        layout.reason(drawn, place, row.word or "not measured")
        return
    colour = "doubt" if row.noise else _COLOURS.get(row.word.split(" ")[0], "series-0")
    drawn.path([[(scale(row.low), y), (scale(row.high), y)]], colour, width=3)
    for value, side in ((row.low, -1), (row.high, 1)):
        # An arrow at an end beyond the axis.
        outside = value < scale.low or value > scale.high
        x = scale(value)
        tip = [(x - 4 * side, y - 4), (x, y), (x - 4 * side, y + 4)] if outside else [(x, y - 4), (x, y + 4)]
        drawn.path([tip], colour, width=1.5)
    hint = f"{row.label}: {_describe_figures(row)}"
    drawn.marks("o", [(scale(row.estimate), y)], colour, 9, hint=hint)
    layout.value(drawn, place, row.word or ("noise floor" if row.noise else "ratio"), colour, bold=not row.noise)
    layout.detail(drawn, place, f"{_figure(row.estimate)} ({_figure(row.low)} to {_figure(row.high)})")


def _with_noise_floor(rows: Sequence[IntervalRow]) -> list[IntervalRow]:
    floors = [each for each in rows if each.noise] or [
        IntervalRow(NOISE_FLOOR_LABEL, None, None, None, "not measured", noise=True)
    ]
    return [*(each for each in rows if not each.noise), *floors]


def _reach(rows: Sequence[IntervalRow]) -> float:
    """Return the end of the axis, as far above 1 as its start is below."""
    ends = [value for each in rows if each.known for value in (each.low, each.high) if value]
    return min(max([_MIN_REACH, *(max(value, 1 / value) * 1.03 for value in ends)]), _MAX_REACH)


def _ticks(scale: Scale) -> list[tuple[float, str]]:
    """Return 1 and ratios on both sides of it, so far apart that their labels do not touch."""
    shown: list[float] = []
    for each in _PERCENT_TICKS if scale.high <= _PERCENT_REACH else _TIMES_TICKS:
        if each <= scale.high and scale(each) - scale(shown[-1] if shown else 1.0) >= _TICK_ROOM:
            shown.append(each)
    return [
        *((1 / each, f"÷ {each:g}") for each in reversed(shown)),
        (1.0, "1"),
        *((each, f"× {each:g}") for each in shown),
    ]


def _figure(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3f}" if 0.9 < value < 1.1 else f"{value:.3g}"


def _describe_figures(row: IntervalRow) -> str:
    return f"{row.word}, {_figure(row.estimate)} ({_figure(row.low)} to {_figure(row.high)})" if row.known else row.word


def _describe(row: IntervalRow) -> str:
    return f"{line(row.label, 60)}: {line(_describe_figures(row), 100)}"
