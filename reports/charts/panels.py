"""One server over the time of a scenario: latency, rates, resources and slow clients.

All panels of a scenario have the same axes, so that they can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Outcome, ScenarioResult, Window
from wsgi_gauntlet.reports.charts.canvas import SMALL_TEXT_POINTS, Canvas, Point, canvas
from wsgi_gauntlet.reports.charts.samples import MAX_SAMPLES_DRAWN, SharedAxes, downsample, judged_samples, start_time
from wsgi_gauntlet.reports.charts.scales import Scale, log_ticks, steps
from wsgi_gauntlet.reports.text import labels

LATE_OUTCOMES = frozenset({Outcome.TIMEOUT, Outcome.UNFINISHED, Outcome.NEVER_SENT})
"""Outcomes without a response in time. They are crosses at the waiting time."""

WIDTH = 3.3
_MIN_BAND_INCHES = 0.03
"""The smallest width of a shaded band. A narrower one would look like a line of the grid."""

_LEFT, _RIGHT = 0.58, 3.24


@dataclass(frozen=True)
class Panel:
    """The canvas, the cell, the common axes and the time scale of one panel."""

    drawn: Canvas
    load: ScenarioResult
    shared: SharedAxes
    time: Scale


def over_time(load: ScenarioResult, shared: SharedAxes, max_samples: int = MAX_SAMPLES_DRAWN) -> str:
    """Draw `load` over time: about `max_samples` requests, or windows if there are no samples."""
    heights = _heights(shared)
    with canvas(WIDTH, sum(heights) + 0.27) as drawn:
        panel = Panel(drawn, load, shared, time_scale(load, shared, _LEFT, _RIGHT))
        top = 0.06
        shade_slow_clients(panel, top, top + heights[0] - 0.1)
        latency(panel, top, top + heights[0] - 0.1, max_samples)
        top += heights[0]
        if shared.rate:
            _draw_rates(panel, top, top + heights[1] - 0.1)
            top += heights[1]
        if shared.rss:
            _draw_resources(panel, top, top + heights[2] - 0.1)
            top += heights[2]
        if shared.slow_clients:
            draw_slow_clients(panel, top, top + heights[3])
            top += heights[3]
        drawn.draw_x_axis(
            Scale(0, shared.last, _LEFT, _RIGHT), [(each, f"{each:g} s") for each in steps(shared.last)], top, top
        )
    return drawn.svg


def time_scale(load: ScenarioResult, shared: SharedAxes, start: float, end: float) -> Scale:
    """Return the time scale of `load`. All panels begin at the left."""
    return Scale(start_time(load), start_time(load) + shared.last, start, end)


def latency(
    panel: Panel, top: float, bottom: float, max_samples: int = MAX_SAMPLES_DRAWN, *, size: float = 2.4
) -> None:
    """Draw requests as marks of `size` points, or the p50 and p99 of windows as lines, between `top` and `bottom`."""
    drawn, time, shared = panel.drawn, panel.time, panel.shared
    height = Scale(shared.lowest, shared.highest, bottom, top, log=True)
    ticks = [(each, labels.duration(each)) for each in log_ticks(shared.lowest, shared.highest, 5)]
    drawn.draw_y_axis(height, ticks, time.start, time.end)
    samples = downsample(judged_samples(panel.load), max_samples)
    if not samples:
        for name, width, colour in (("p50", 1.0, "muted"), ("p99", 1.5, "good")):
            for line in _line_segments(panel.load.windows, name):
                drawn.line([(time(at), height(value)) for at, value in line], colour, width=width)
        return
    for shape, across, colour, outcomes in (
        ("o", size, "good", {Outcome.OK}),
        ("^", size + 1.8, "odd", {Outcome.ERROR, Outcome.WRONG}),
        ("x", size + 1.8, "bad", LATE_OUTCOMES),
    ):
        places = [(time(each.intended), height(each.latency)) for each in samples if each.outcome in outcomes]
        drawn.marks(shape, places, colour, across, alpha=0.75 if shape == "o" else 1.0)


def shade_slow_clients(panel: Panel, top: float, bottom: float) -> None:
    """Shade the time with the largest number of slow clients."""
    spans = slow_client_intervals(panel.load, panel.shared)
    most = max((clients for _, _, clients in spans), default=0)
    for begin, end, clients in spans:
        if clients and clients == most and panel.time(end) - panel.time(begin) > _MIN_BAND_INCHES:
            panel.drawn.box(panel.time(begin), top, panel.time(end), bottom, "band")


def draw_slow_clients(panel: Panel, top: float, bottom: float) -> None:
    """Draw the number of slow clients on the common scale, with a label at the maximum."""
    drawn, time = panel.drawn, panel.time
    height = Scale(0, max(panel.shared.slow_clients, 1), bottom, top + 0.03)
    spans = slow_client_intervals(panel.load, panel.shared)
    outline: list[Point] = []
    for begin, end, clients in spans:
        outline += [(time(begin), height(clients)), (time(end), height(clients))]
    if outline:
        drawn.fill([(outline[0][0], bottom), *outline, (outline[-1][0], bottom)], "slow", alpha=0.8)
    widest = max((each for each in spans if each[2]), key=lambda each: (each[2], each[1] - each[0]), default=None)
    if widest:
        begin, end, clients = widest
        label = f"{clients:,} slow"
        middle = min(max((time(begin) + time(end)) / 2, time.start + 0.035 * len(label)), time.end - 0.035 * len(label))
        drawn.text((middle, (top + bottom) / 2 + 0.015), label, size=SMALL_TEXT_POINTS, align="center")


def slow_client_intervals(load: ScenarioResult, shared: SharedAxes) -> list[tuple[float, float, int]]:
    """Return the intervals with a constant number of slow clients: (begin, end, clients), in seconds."""
    ends = [at for at, _ in (*load.slow_clients[1:], (start_time(load) + shared.last, 0))]
    return [(at, end, clients) for (at, clients), end in zip(load.slow_clients, ends, strict=False) if end > at]


def _heights(shared: SharedAxes) -> tuple[float, float, float, float]:
    return 1.5, 0.62 if shared.rate else 0.0, 0.4 if shared.rss else 0.0, 0.26 if shared.slow_clients else 0.0


def _draw_rates(panel: Panel, top: float, bottom: float) -> None:
    """Draw the scheduled rate as a line and the rate of correct responses as an area. The gap is the lost requests."""
    drawn, time, shared, windows = panel.drawn, panel.time, panel.shared, panel.load.windows
    height = Scale(0, shared.rate, bottom, top)
    drawn.draw_y_axis(height, [(each, f"{each:,.0f}/s") for each in steps(shared.rate, 2)[1:]], time.start, time.end)
    offered = [(time(at), height(each.offered)) for each in windows for at in (each.at, each.at + each.seconds)]
    answered = [
        (time(at), height(each.offered * each.goodput)) for each in windows for at in (each.at, each.at + each.seconds)
    ]
    if offered:
        drawn.fill([*offered, *answered[::-1]], "bad", alpha=0.55)
        drawn.fill([(answered[0][0], bottom), *answered, (answered[-1][0], bottom)], "good", alpha=0.3)
        drawn.line(offered, "ink", width=1.0)


def _draw_resources(panel: Panel, top: float, bottom: float) -> None:
    """Draw the memory of the server, and its descriptors dashed, from 0 to the maximum of all servers."""
    drawn, time, shared, windows = panel.drawn, panel.time, panel.shared, panel.load.windows
    drawn.text((time.start - 0.06, top + 0.04), labels.size(shared.rss), "muted", size=SMALL_TEXT_POINTS, align="right")
    drawn.rules([((time.start, bottom), (time.end, bottom)), ((time.start, top), (time.end, top))])
    memory = Scale(0, shared.rss, bottom, top)
    drawn.line([(time(each.at + each.seconds / 2), memory(each.rss)) for each in windows if each.rss], "series-9")
    if shared.descriptors:
        files = Scale(0, shared.descriptors, bottom, top)
        points = [(time(each.at + each.seconds / 2), files(each.descriptors)) for each in windows if each.descriptors]
        drawn.line(points, "series-1", width=1.1, dash="2 1.2")


def _line_segments(windows: Sequence[Window], name: str) -> list[list[Point]]:
    """Return a figure of `windows` as lines, interrupted at missing values."""
    lines: list[list[Point]] = [[]]
    for each in windows:
        value = getattr(each, name)
        if value is None:
            lines.append([])
        else:
            lines[-1].append((each.at + each.seconds / 2, value))
    return [each for each in lines if each]
