"""Lines of several servers on one chart: latency by percentile, rate by connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Outcome, Phase, ScenarioResult
from wsgi_gauntlet.harness.stats.summary import UNANSWERED_OUTCOMES, waiting_times
from wsgi_gauntlet.reports.charts.canvas import SMALL_TEXT_POINTS, Canvas, Point, canvas, series_style
from wsgi_gauntlet.reports.charts.scales import (
    MAX_NINES,
    Scale,
    log_ticks,
    named_percentiles,
    nines,
    powers_of_two,
    steps,
)
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

WIDTH, HEIGHT = 7.2, 3.5
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.65, 5.05, 0.1, 3.05
_LEGEND = 5.25


SERVICE_TIME_SUFFIX = "service time"
"""The end of the names of curves that count from the real send time instead of the intended one."""


@dataclass(frozen=True)
class LatencyCurve:
    """The curve of one phase: (percentile, seconds). Points above `exact` per cent are lower bounds."""

    load: ScenarioResult
    phase: str
    points: Sequence[Point]
    exact: float


def latency_curve(load: ScenarioResult) -> LatencyCurve:
    """Return the curve of one phase, up to 99.99 %: the phase that the figures of `load` describe."""
    phase = labels.during(load)
    known = names(load)
    # A curve of several phases has its own name.
    own = phase is not None and phase.name in known
    name = phase.name if own and phase else known[0] if len(known) == 1 else ""
    curve = [
        (each.percentile, each.latency)
        for each in load.percentiles
        if each.phase == name and each.percentile < 100 and nines(each.percentile) <= MAX_NINES
    ]
    return LatencyCurve(load, name, curve, _exact_until(load, [phase] if own and phase else load.phases))


def names(load: ScenarioResult) -> list[str]:
    """Return the names of the curves that count from the intended send time."""
    return list(dict.fromkeys(each.phase for each in load.percentiles if not each.phase.endswith(SERVICE_TIME_SUFFIX)))


def percentiles(loads: Sequence[ScenarioResult]) -> str:
    """Draw latency by percentile. Each nine has the same width. Lower bounds are dotted."""
    tails = [each for each in map(latency_curve, loads) if each.points]
    top = max((nines(percentile) for each in tails for percentile, _ in each.points), default=2.0)
    top = min(max(top, 2.0), MAX_NINES)
    times = [max(seconds, 1e-5) for each in tails for _, seconds in each.points] or [0.001, 1.0]
    with canvas(WIDTH, HEIGHT) as drawn:
        across = Scale(0, top, _LEFT, _RIGHT)
        up = Scale(min(times) / 1.3, max(times) * 1.5, _BOTTOM, _TOP, log=True)
        ticks = log_ticks(up.low, up.high)
        drawn.draw_y_axis(up, [(each, labels.duration(each)) for each in ticks], _LEFT, _RIGHT)
        named = named_percentiles(top)
        drawn.draw_x_axis(across, [(nines(each), f"{each:g} %") for each in named], _TOP, _BOTTOM, rules=True)
        for place, each in enumerate(tails):
            colour, shape, dash = series_style(place)
            points = [(p, (across(nines(p)), up(seconds))) for p, seconds in each.points]
            sure = [at for p, at in points if p <= each.exact]
            bounds = [*sure[-1:], *(at for p, at in points if p > each.exact)]
            drawn.line(sure, colour, dash=dash)
            drawn.line(bounds, colour, width=1.1, dash="1 2")
            drawn.marks(shape, _points_at(points, named, each.exact), colour, 4.4)
            # An arrow at the last bound: the real value is higher and unknown.
            if len(bounds) > len(sure[-1:]):
                x, y = bounds[-1]
                drawn.rules([((x, y), (x, y - 0.14)), ((x, y - 0.14), (x - 0.035, y - 0.09)),
                             ((x, y - 0.14), (x + 0.035, y - 0.09))], colour, width=1.2)  # fmt: skip
        ends = [(each.load, each.points[-1][1]) for each in tails]
        _legend(drawn, ends)
        if any(p > each.exact for each in tails for p, _ in each.points):
            drawn.text((_LEGEND, _BOTTOM + 0.35), "dotted ↑: lower bound", "muted", size=SMALL_TEXT_POINTS)
    return drawn.svg


def throughput(loads: Sequence[ScenarioResult]) -> str:
    """Draw requests per second by connections of a closed loop."""
    numbers = [each.clients for load in loads for each in load.steps] or [1]
    best = max((each.rate or 0.0 for load in loads for each in load.steps), default=0.0) or 1.0
    with canvas(WIDTH, HEIGHT) as drawn:
        across = clients_scale(numbers, _LEFT, _RIGHT)
        up = Scale(0, best * 1.04, _BOTTOM, _TOP)
        drawn.draw_y_axis(up, [(each, f"{each:,.0f}/s") for each in steps(best)], _LEFT, _RIGHT)
        drawn.draw_x_axis(across, [(each, f"{each:,}") for each in powers_of_two(numbers)], _TOP, _BOTTOM)
        drawn.text(
            ((_LEFT + _RIGHT) / 2, _BOTTOM + 0.35), "connections", "muted", size=SMALL_TEXT_POINTS, align="center"
        )
        ends: list[tuple[ScenarioResult, float]] = []
        for load in loads:
            found = sorted((each.clients, each.rate) for each in load.steps if each.rate is not None)
            if not found:
                continue
            colour, shape, dash = series_style(len(ends))
            points = [(across(clients), up(rate)) for clients, rate in found]
            drawn.line(points, colour, dash=dash)
            drawn.marks(shape, points, colour, 5)
            ends.append((load, found[-1][1]))
        _legend(drawn, ends)
    return drawn.svg


def clients_scale(numbers: Sequence[int], start: float, end: float) -> Scale:
    """Return the logarithmic scale of clients or connections."""
    low = max(min(numbers, default=1), 1)
    return Scale(low * 0.9, max(*numbers, low * 2) * 1.1, start, end, log=True)


def _exact_until(load: ScenarioResult, phases: Sequence[Phase]) -> float:
    """Return the percentile up to which the latencies of the curve are exact, not lower bounds."""
    inside = [each for each in load.samples if any(phase.started <= each.intended < phase.ended for phase in phases)]
    if inside:
        ordered = sorted(waiting_times(inside))
        first = next((place for place, (_, censored) in enumerate(ordered) if censored), len(ordered))
        return 100.0 * first / max(len(ordered), 1)
    waiting = sum(phase.outcomes.get(each, 0) for phase in phases for each in UNANSWERED_OUTCOMES)
    answered = sum(phase.outcomes.get(Outcome.OK, 0) for phase in phases)
    return 100.0 * (1 - waiting / max(waiting + answered, 1))


def _points_at(points: Sequence[tuple[float, Point]], named: Sequence[float], exact: float) -> list[Point]:
    """Return the exact points of the curve at the named percentiles."""
    found = []
    for wanted in named:
        near = min(points, key=lambda each: abs(nines(each[0]) - nines(wanted)))
        if abs(nines(near[0]) - nines(wanted)) < 0.08 and near[0] <= exact:
            found.append(near[1])
    return found


def _legend(drawn: Canvas, ends: Sequence[tuple[ScenarioResult, float]]) -> None:
    """Write the names of the lines in the order of their ends, the highest first."""
    step = min(0.24, 2.9 / max(len(ends), 1))
    order = sorted(range(len(ends)), key=lambda place: -ends[place][1])
    for row, place in enumerate(order):
        colour, shape, dash = series_style(place)
        y = (_TOP + _BOTTOM) / 2 + (row - (len(order) - 1) / 2) * step
        drawn.line([(_LEGEND, y), (_LEGEND + 0.36, y)], colour, dash=dash)
        drawn.marks(shape, [(_LEGEND + 0.18, y)], colour, 5)
        drawn.text((_LEGEND + 0.46, y), line(ends[place][0].server, 24), size=SMALL_TEXT_POINTS)
