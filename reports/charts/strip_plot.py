"""Response times of every server over the time of one scenario: a strip for each, below each other."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import ScenarioResult
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
    swatch,
)
from wsgi_gauntlet.reports.charts.reasons import why_not_judged
from wsgi_gauntlet.reports.charts.run_note import RunNote
from wsgi_gauntlet.reports.charts.samples import shared_axes
from wsgi_gauntlet.reports.charts.scales import Scale, steps
from wsgi_gauntlet.reports.charts.strip import describe, draw_strip
from wsgi_gauntlet.reports.text import labels

_ROW, _NARROW_ROW = 52.0, 44.0
_SAMPLES, _FEWER_SAMPLES, _MANY_ROWS = 220, 90, 16
"""Responses in a row, and in a row of a chart with many rows: a report has hundreds of these."""

_AXIS = "seconds; in each row the response time on a log scale"


def strip_plot(loads: Sequence[ScenarioResult], title: str, note: RunNote, *, narrow: bool = False) -> Drawing:
    """Draw a strip for each cell with samples, the highest goodput first. Cells that are not judged are grey."""
    shown = ordered(loads)
    width = NARROW if narrow else WIDE
    legend = [
        LegendItem(mark("o", "good", 5), "answered"),
        LegendItem(mark("x", "bad", 6), "no answer by then: it took at least that long"),
        LegendItem(mark("^", "odd", 7), "an error or a wrong answer"),
        LegendItem(swatch("band"), "slow clients are there"),
        LegendItem(stroke("slow", width=1), "1 s"),
    ]
    axes = shared_axes(shown)
    layout = RowLayout(
        title, "", [_NARROW_ROW if narrow else _ROW] * len(shown), narrow=narrow, values=160.0,
        legend=legend_height(legend, width), caption=note.caption, details=True,
    )  # fmt: skip
    drawn = layout.begin(f"{title}: {'; '.join(describe(each) for each in shown)}")
    draw_legend(drawn, legend, layout.top - layout.legend)
    layout.stripes(drawn)
    time = Scale(0, axes.last, layout.left + 4, layout.right - 4)
    layout.x_axis(drawn, time, [(each, f"{each:g}") for each in steps(axes.last)], _AXIS)
    samples = _SAMPLES if len(shown) <= _MANY_ROWS else _FEWER_SAMPLES
    for place, load in enumerate(shown):
        top, bottom = layout.band(place)
        layout.name(drawn, place, load.server, note.version(load.server))
        draw_strip(drawn, load, axes, (layout.left, top + 2, layout.right, bottom - 2), samples, 3.2)
        if not load.grade.is_judged:
            layout.reason(drawn, place, why_not_judged(load))
            continue
        goodput = load.goodput
        colour = "ink" if goodput is None else "good" if goodput >= 0.99 else "bad" if goodput < 0.5 else "odd"
        phase = labels.during(load)
        layout.value(drawn, place, f"{labels.percent(goodput)} answered in time", colour, bold=True)
        if phase is not None:
            p99 = labels.duration(phase.p99, at_least=phase.censored)
            layout.detail(drawn, place, f"p99 {p99} · n = {phase.scheduled:,}")
    return drawn


def ordered(loads: Sequence[ScenarioResult]) -> list[ScenarioResult]:
    """Return the cells with samples, the judged first, then by goodput and p99."""

    def key(load: ScenarioResult) -> tuple[bool, float, float]:
        phase = labels.during(load)
        return not load.grade.is_judged, -(load.goodput or 0), (phase.p99 if phase else None) or 0

    return sorted((each for each in loads if each.samples), key=key)
