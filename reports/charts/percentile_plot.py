"""Response times by percentile. Each nine has the same width, as on the axis of HdrHistogram: 1 / (1 - q), log."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import ScenarioResult
from wsgi_gauntlet.reports.charts.drawing import Drawing, Table
from wsgi_gauntlet.reports.charts.latency_curve import LatencyCurve, latency_curve
from wsgi_gauntlet.reports.charts.line_plot import Axes, Line, line_plot
from wsgi_gauntlet.reports.charts.reasons import why_not_judged
from wsgi_gauntlet.reports.charts.run_note import RunNote
from wsgi_gauntlet.reports.charts.scales import MAX_NINES, log_ticks, named_percentiles, nines
from wsgi_gauntlet.reports.text import labels

TABLE_PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
_NEAR = 0.08
"""The largest distance, in nines, of a point that counts as one at a named percentile."""


def percentile_plot(loads: Sequence[ScenarioResult], title: str, note: RunNote, *, narrow: bool = False) -> Drawing:
    """Draw a line for each cell with percentiles. Lower bounds are dotted and end in an arrow."""
    return draw_curves([*map(latency_curve, loads)], title, note, narrow=narrow)


def draw_curves(found: Sequence[LatencyCurve], title: str, note: RunNote, *, narrow: bool = False) -> Drawing:
    """Draw curves as percentile_plot does."""
    curves = sorted((each for each in found if each.points), key=lambda each: each.points[-1][1])
    top = min(max((nines(percentile) for each in curves for percentile, _ in each.points), default=2.0), MAX_NINES)
    top = max(top, 2.0)
    times = [max(seconds, 1e-5) for each in curves for _, seconds in each.points] or [0.001, 1.0]
    low, high = min(times) / 1.3, max(times) * 1.5
    named = named_percentiles(top)
    axes = Axes(
        (0.0, top), (low, high),
        [(nines(each), f"{each:g}{labels.NO_BREAK_SPACE}%") for each in named],
        [(each, labels.duration(each)) for each in log_ticks(low, high)],
        "percentile, as 1 / (1 − q) on a log scale", "response time (log scale)", log_y=True,
    )  # fmt: skip
    subtitle = "Dotted with an arrow: lower bounds, because requests got no answer."
    bounded = any(percentile > each.exact for each in curves for percentile, _ in each.points)
    lines = [_line(each, named) for each in curves]
    caption = note.with_versions([each.load.server for each in curves])
    return line_plot(lines, axes, title, subtitle if bounded else "", caption=caption, narrow=narrow)


def percentile_table(loads: Sequence[ScenarioResult]) -> Table:
    """Return the response times at the usual percentiles."""
    return curve_table([*map(latency_curve, loads)])


def curve_table(found: Sequence[LatencyCurve]) -> Table:
    """Return the table of curves as percentile_table does."""
    rows = []
    for curve in (each for each in found if each.points):
        known = dict(curve.points)
        rows.append([
            curve.load.server, curve.phase,
            *(labels.duration(_at(known, each), at_least=each > curve.exact) for each in TABLE_PERCENTILES),
        ])  # fmt: skip
    return Table(["server", "phase", *(f"{each:g} %" for each in TABLE_PERCENTILES)], rows)


def _line(curve: LatencyCurve, named: Sequence[float]) -> Line:
    points = [(nines(percentile), max(seconds, 1e-5)) for percentile, seconds in curve.points]
    exact = sum(percentile <= curve.exact for percentile, _ in curve.points)
    marked = []
    for wanted in named:
        near = min(points[:exact], key=lambda each: abs(each[0] - nines(wanted)), default=None)
        if near and abs(near[0] - nines(wanted)) < _NEAR:
            marked.append(near)
    last, seconds = curve.points[-1]
    return Line(
        curve.load.server, points, labels.duration(seconds, at_least=last > curve.exact),
        exact if exact < len(points) else None, marked, curve.load.grade.is_judged, why_not_judged(curve.load),
    )  # fmt: skip


def _at(known: dict[float, float], percentile: float) -> float | None:
    """Return the time at the percentile of `known` that is nearest, None if none is near."""
    near = min(known, key=lambda each: abs(nines(each) - nines(percentile)))
    return known[near] if abs(nines(near) - nines(percentile)) < _NEAR else None
