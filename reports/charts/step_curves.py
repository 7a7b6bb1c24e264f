"""Figures by number of clients: the rate and the p99 of a closed loop, the goodput of users among slow clients."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import ScenarioResult, Step
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
)
from wsgi_gauntlet.reports.charts.line_plot import Axes, Line, line_plot
from wsgi_gauntlet.reports.charts.reasons import why_not_judged
from wsgi_gauntlet.reports.charts.run_note import RunNote
from wsgi_gauntlet.reports.charts.scales import Scale, log_ticks, powers_of_two, steps
from wsgi_gauntlet.reports.charts.shapes import DASHED
from wsgi_gauntlet.reports.text import labels

_ROW, _NARROW_ROW = 44.0, 34.0


def rate_plot(loads: Sequence[ScenarioResult], title: str, note: RunNote, *, narrow: bool = False) -> Drawing:
    """Draw requests per second by connections of a closed loop."""
    shown = sorted((each for each in loads if _points(each, "rate")), key=lambda each: -_points(each, "rate")[-1][1])
    best = max((rate for each in shown for _, rate in _points(each, "rate")), default=1.0)
    axes = _axes(shown, (0, best * 1.06), [(each, f"{each:,.0f}/s") for each in steps(best)], "requests per second")
    lines = [
        Line(each.server, points, labels.rate(points[-1][1]), None, points, each.grade.is_judged, why_not_judged(each))
        for each in shown if (points := _points(each, "rate"))
    ]  # fmt: skip
    subtitle = "A closed loop: each connection sends its next request after the answer to the last one."
    caption = note.with_versions([each.server for each in shown])
    return line_plot(lines, axes, title, subtitle, caption=caption, narrow=narrow)


def p99_plot(loads: Sequence[ScenarioResult], title: str, note: RunNote, *, narrow: bool = False) -> Drawing:
    """Draw p99 by number of clients. A point with a lower bound ends its line in an arrow."""
    shown = sorted((each for each in loads if _points(each, "p99")), key=lambda each: _points(each, "p99")[-1][1])
    times = [value for each in shown for _, value in _points(each, "p99")] or [0.001, 1.0]
    low, high = min(times) / 1.3, max(times) * 1.5
    ticks = [(each, labels.duration(each)) for each in log_ticks(low, high)]
    axes = _axes(shown, (low, high), ticks, "p99 (log scale)", log_y=True)
    lines = []
    for each in shown:
        points = _points(each, "p99")
        by_clients = {step.clients: step for step in each.steps}
        bounds = next((place for place, (x, _) in enumerate(points) if by_clients[round(x)].censored), None)
        end = labels.duration(points[-1][1], at_least=bounds is not None)
        lines.append(
            Line(each.server, points, end, bounds, points[:bounds], each.grade.is_judged, why_not_judged(each))
        )
    caption = note.with_versions([each.server for each in shown])
    return line_plot(lines, axes, title, "", caption=caption, narrow=narrow)


def goodput_plot(loads: Sequence[ScenarioResult], title: str, note: RunNote, *, narrow: bool = False) -> Drawing:
    """Draw the goodput of healthy users by number of slow clients, a row for each server. A line marks N*."""
    shown = [each for each in loads if any(step.goodput is not None for step in each.steps)]
    legend = [
        LegendItem(mark("o", "good", 7), "goodput of the other users"),
        LegendItem(mark("x", "bad", 7), "collapsed"),
        LegendItem(stroke("bad", dash=DASHED, width=1.3), "N*"),
        *([LegendItem(mark("o", "doubt", 7), "not judged")] if any(not each.grade.is_judged for each in shown) else []),
    ]
    layout = RowLayout(
        title, "", [_NARROW_ROW if narrow else _ROW] * len(shown), narrow=narrow,
        legend=legend_height(legend, NARROW if narrow else WIDE), caption=note.caption,
    )  # fmt: skip
    numbers = [step.clients for each in shown for step in each.steps] or [1]
    across = _clients_scale(numbers, layout.left, layout.right)
    drawn = layout.begin(f"{title}: {'; '.join(f'{each.server} {labels.grade(each)}' for each in shown)}")
    draw_legend(drawn, legend, layout.top - layout.legend)
    ticks = [(each, f"{each:,}") for each in powers_of_two(numbers)]
    layout.x_axis(drawn, across, ticks, "slow clients (log scale); each row is from 0 to 100 % goodput")
    for place, load in enumerate(shown):
        layout.name(drawn, place, load.server, note.version(load.server))
        top, bottom = layout.band(place)
        _draw_goodput(drawn, load, across, Scale(0, 1, bottom - 5, top + 5))
        if load.collapse is not None:
            layout.value(drawn, place, f"N* = {load.collapse:,}", "bad", bold=True)
        elif load.grade.is_judged:
            layout.value(drawn, place, labels.grade(load), "muted")
        else:
            layout.reason(drawn, place, why_not_judged(load))
    return drawn


def step_table(loads: Sequence[ScenarioResult]) -> Table:
    """Return the figures of all steps, without empty columns."""
    rows = [
        [
            load.server, f"{step.clients:,}", labels.percent(step.goodput),
            labels.duration(step.p50, at_least=step.censored and (step.goodput or 0) < 0.5),
            labels.duration(step.p99, at_least=step.censored), labels.rate(step.rate),
            "collapsed" if step.collapsed else "",
        ]
        for load in loads for step in sorted(load.steps, key=lambda each: each.clients)
    ]  # fmt: skip
    heads = ["server", "clients", "goodput", "p50", "p99", "rate", "state"]
    shown = [place for place in range(len(heads)) if any(row[place] not in (labels.MISSING, "") for row in rows)]
    return Table([heads[place] for place in shown], [[row[place] for place in shown] for row in rows])


def _draw_goodput(drawn: Drawing, load: ScenarioResult, across: Scale, up: Scale) -> None:
    known = [(each, each.goodput) for each in _sorted_steps(load) if each.goodput is not None]
    colour = "good" if load.grade.is_judged else "doubt"
    points = [(across(step.clients), up(goodput)) for step, goodput in known]
    drawn.path([[(across.start, up(end)), (across.end, up(end))] for end in (0, 1)], "grid", width=0.8)
    if len(points) > 1:
        drawn.area([(points[0][0], up(0)), *points, (points[-1][0], up(0))], colour, opacity=0.2)
        drawn.path([points], colour)
    if load.collapse is not None:
        x = across(load.collapse)
        drawn.path([[(x, up.end - 3), (x, up.start)]], "bad", width=1.3, dash=DASHED)
    down = [step.collapsed for step, _ in known]
    drawn.marks("o", [at for at, collapsed in zip(points, down, strict=True) if not collapsed], colour, 6)
    bad = "bad" if load.grade.is_judged else "doubt"
    drawn.marks("x", [at for at, collapsed in zip(points, down, strict=True) if collapsed], bad, 7)


def _axes(
    loads: Sequence[ScenarioResult], ends: tuple[float, float], ticks: Sequence[tuple[float, str]], title: str, *,
    log_y: bool = False,
) -> Axes:  # fmt: skip
    numbers = [step.clients for each in loads for step in each.steps] or [1]
    scale = _clients_scale(numbers, 0, 1)
    x_ticks = [(each, f"{each:,}") for each in powers_of_two(numbers)]
    return Axes((scale.low, scale.high), ends, x_ticks, ticks, "connections (log scale)", title, True, log_y)


def _clients_scale(numbers: Sequence[int], start: float, end: float) -> Scale:
    low = max(min(numbers, default=1), 1)
    return Scale(low * 0.9, max(*numbers, low * 2) * 1.1, start, end, log=True)


def _points(load: ScenarioResult, name: str) -> list[tuple[float, float]]:
    values = [(float(each.clients), getattr(each, name)) for each in _sorted_steps(load)]
    return [(clients, value) for clients, value in values if value is not None]


def _sorted_steps(load: ScenarioResult) -> list[Step]:
    return sorted(load.steps, key=lambda each: each.clients)
