"""The chart of a comparison: the ratio of each metric (or the difference of shares) and the noise floor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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
from wsgi_gauntlet.reports.charts.scales import Scale, steps
from wsgi_gauntlet.reports.charts.shapes import DOTTED
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

NOISE_FLOOR_LABEL = "A against A (noise floor)"

NO_DIFFERENCE = 0.05
"""A smaller difference does not matter: 5 %, or 5 points of a share."""

_ROW, _NARROW_ROW = 36.0, 20.0
_MIN_REACH = 1.12
"""The smallest end of the axis. Without it, noise would look like an effect."""

_MAX_REACH = 64.0
_PERCENT_TICKS = (1.02, 1.05, 1.1, 1.2, 1.5)
_TIMES_TICKS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
_PERCENT_REACH, _TICK_ROOM = 2.0, 40.0


@dataclass(frozen=True)
class IntervalRow:
    """One ratio, or a difference of shares, with its interval, and the conclusion in a word.

    Without figures `word` is the reason. `noise` marks a comparison of a server with itself. `colour` is a name of
    palette.py.
    """

    label: str
    low: float | None
    estimate: float | None
    high: float | None
    word: str
    noise: bool = False
    colour: str = "series-0"


class Measure(Protocol):
    """How two values are compared, and how the result is drawn. `name` is what a row shows, `unit` that of a margin."""

    name: str
    unit: str
    neutral: float
    """The value if nothing differs."""

    def is_drawable(self, value: float) -> bool:
        """Say whether the axis can show `value`."""

    def scale(self, ends: Sequence[float], band: float, span: tuple[float, float]) -> Scale:
        """Return the axis over `span` that shows `ends` and the `band`; the neutral value is in its middle."""

    def band(self, band: float) -> tuple[float, float]:
        """Return the ends of the values that count as no difference."""

    def ticks(self, scale: Scale) -> list[tuple[float, str]]:
        """Return values of the axis with their labels."""

    def figure(self, value: float) -> str:
        """Return a value as text."""


class _Ratios:
    """B / A on a logarithmic axis: a ratio and its inverse are equally far from 1."""

    name, unit, neutral = "ratio", "%", 1.0

    def is_drawable(self, value: float) -> bool:
        return math.isfinite(value) and value > 0

    def scale(self, ends: Sequence[float], band: float, span: tuple[float, float]) -> Scale:
        reach = min(max([_MIN_REACH, 1 + band, *(max(each, 1 / each) * 1.03 for each in ends)]), _MAX_REACH)
        return Scale(1 / reach, reach, *span, log=True)

    def band(self, band: float) -> tuple[float, float]:
        return 1 / (1 + band), 1 + band

    def ticks(self, scale: Scale) -> list[tuple[float, str]]:
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

    def figure(self, value: float) -> str:
        return f"{value:,.0f}" if value >= 100 else f"{value:.3f}" if 0.9 < value < 1.1 else f"{value:.3g}"


class _Points:
    """B - A of shares from 0 to 1, on a linear axis of points."""

    name, unit, neutral = "difference", "points", 0.0

    def is_drawable(self, value: float) -> bool:
        return math.isfinite(value)

    def scale(self, ends: Sequence[float], band: float, span: tuple[float, float]) -> Scale:
        reach = min(max([_MIN_REACH - 1, band, *(abs(each) * 1.03 for each in ends)]), 1.0)
        return Scale(-reach, reach, *span)

    def band(self, band: float) -> tuple[float, float]:
        return -band, band

    def ticks(self, scale: Scale) -> list[tuple[float, str]]:
        above = steps(100 * scale.high, 3)[1:]
        return [
            *((-each / 100, f"−{each:g}") for each in reversed(above)),
            (0.0, "0"),
            *((each / 100, f"+{each:g}") for each in above),
        ]

    def figure(self, value: float) -> str:
        return labels.points(value)


RATIOS: Measure = _Ratios()
POINTS: Measure = _Points()


def interval_plot(
    rows: Sequence[IntervalRow],
    *,
    measure: Measure = RATIOS,
    title: str = "Ratio with its 95 % interval",
    axis: str = "ratio B / A (log scale)",
    band: float = NO_DIFFERENCE,
    caption: str = "",
    narrow: bool = False,
) -> Drawing:
    """Draw a row for each ratio, the noise floor last. The noise floor has a row even if it was not measured.

    A difference below `band` does not matter: 0.05 is 5 %, or 5 points of a share.
    """
    shown = _with_noise_floor(rows)
    width = NARROW if narrow else WIDE
    legend = [
        LegendItem(mark("o", "series-0"), f"{measure.name} and interval"),
        LegendItem(swatch("band"), f"no difference above {100 * band:g} {measure.unit}"),
        LegendItem(mark("o", "doubt"), "the same server twice"),
        *(
            [LegendItem(stroke("doubt", dash=DOTTED), "no figure")]
            if any(not _is_known(each, measure) for each in shown)
            else []
        ),
    ]
    layout = RowLayout(
        title, "", [_NARROW_ROW if narrow else _ROW] * len(shown), narrow=narrow, values=230.0,
        legend=legend_height(legend, width), caption=caption, details=True,
    )  # fmt: skip
    ends = [end for each in shown if _is_known(each, measure) for end in (each.low, each.high) if end is not None]
    scale = measure.scale(ends, band, (layout.left, layout.right))
    drawn = layout.begin(f"{title}: {'; '.join(_describe(each, measure) for each in shown)}")
    draw_legend(drawn, legend, layout.top - layout.legend)
    low, high = measure.band(band)
    drawn.box((scale(low), layout.top, scale(high), layout.bottom), "band")
    layout.stripes(drawn)
    layout.x_axis(drawn, scale, measure.ticks(scale), axis)
    drawn.path([[(scale(measure.neutral), layout.top), (scale(measure.neutral), layout.bottom)]], "muted", width=1)
    for place, row in enumerate(shown):
        layout.name(drawn, place, row.label, colour="muted" if row.noise else "ink")
        _draw_row(drawn, layout, place, row, scale, measure)
    return drawn


def interval_table(rows: Sequence[IntervalRow], measure: Measure = RATIOS) -> Table:
    """Return the figures of the chart."""
    return Table(
        ["figure", measure.name, "from", "to", "conclusion"],
        [[each.label, *(_figure(value, measure) for value in (each.estimate, each.low, each.high)), each.word]
         for each in _with_noise_floor(rows)],
    )  # fmt: skip


def _draw_row(drawn: Drawing, layout: RowLayout, place: int, row: IntervalRow, scale: Scale, measure: Measure) -> None:
    y = layout.middle(place)
    if not _is_known(row, measure) or row.low is None or row.estimate is None or row.high is None:
        drawn.path([[(scale.start, y), (scale.end, y)]], "doubt", width=1, dash=DOTTED)
        layout.reason(drawn, place, row.word or "not measured")
        return
    colour = "doubt" if row.noise else row.colour
    drawn.path([[(scale(row.low), y), (scale(row.high), y)]], colour, width=3)
    for value, side in ((row.low, -1), (row.high, 1)):
        # An arrow at an end beyond the axis.
        outside = value < scale.low or value > scale.high
        x = scale(value)
        tip = [(x - 4 * side, y - 4), (x, y), (x - 4 * side, y + 4)] if outside else [(x, y - 4), (x, y + 4)]
        drawn.path([tip], colour, width=1.5)
    hint = f"{row.label}: {_describe_figures(row, measure)}"
    drawn.marks("o", [(scale(row.estimate), y)], colour, 9, hint=hint)
    layout.value(drawn, place, row.word or ("noise floor" if row.noise else measure.name), colour, bold=not row.noise)
    layout.detail(drawn, place, _describe_interval(row, measure))


def _with_noise_floor(rows: Sequence[IntervalRow]) -> list[IntervalRow]:
    floors = [each for each in rows if each.noise] or [
        IntervalRow(NOISE_FLOOR_LABEL, None, None, None, "not measured", noise=True)
    ]
    return [*(each for each in rows if not each.noise), *floors]


def _is_known(row: IntervalRow, measure: Measure) -> bool:
    """Say whether the row has figures that can be drawn."""
    return all(each is not None and measure.is_drawable(each) for each in (row.low, row.estimate, row.high))


def _figure(value: float | None, measure: Measure) -> str:
    return labels.MISSING if value is None or not math.isfinite(value) else measure.figure(value)


def _describe_interval(row: IntervalRow, measure: Measure) -> str:
    return f"{_figure(row.estimate, measure)} ({_figure(row.low, measure)} to {_figure(row.high, measure)})"


def _describe_figures(row: IntervalRow, measure: Measure) -> str:
    return f"{row.word}, {_describe_interval(row, measure)}" if _is_known(row, measure) else row.word


def _describe(row: IntervalRow, measure: Measure) -> str:
    return f"{line(row.label, 60)}: {line(_describe_figures(row, measure), 100)}"
