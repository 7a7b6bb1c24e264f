"""One server over the time of a scenario: response times, rates, resources and slow clients.

All panels of a scenario have the same axes, so that they can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import Outcome, ScenarioResult, Window
from wsgi_gauntlet.reports.charts.drawing import Drawing, Table
from wsgi_gauntlet.reports.charts.layout import MARGIN, NARROW, caption_height, draw_caption, draw_x_axis, draw_y_axis
from wsgi_gauntlet.reports.charts.reasons import why_not_judged
from wsgi_gauntlet.reports.charts.run_note import RunNote
from wsgi_gauntlet.reports.charts.samples import SharedAxes, downsample, judged_samples, start_time
from wsgi_gauntlet.reports.charts.scales import Scale, log_ticks, steps
from wsgi_gauntlet.reports.charts.shapes import DOTTED, SMALL, Point
from wsgi_gauntlet.reports.charts.strip import LATE_OUTCOMES, describe, slow_client_times
from wsgi_gauntlet.reports.text import labels

MAX_SAMPLES = 240
"""Responses drawn in a panel: a page has hundreds of panels."""

_LEFT, _RIGHT, _HEAD, _AXIS = 66.0, 336.0, 36.0, 36.0
_LATENCY, _RATE, _MEMORY, _CLIENTS, _GAP = 120.0, 46.0, 36.0, 20.0, 12.0


def time_panel(load: ScenarioResult, axes: SharedAxes, note: RunNote, *, max_samples: int = MAX_SAMPLES) -> Drawing:
    """Draw `load` over time: about `max_samples` requests, or windows if there are no samples.

    A cell that is not judged is grey, with its reason.
    """
    parts = [(_LATENCY, True), (_RATE, axes.rate > 0), (_MEMORY, axes.rss > 0), (_CLIENTS, axes.slow_clients > 0)]
    body = sum(height + _GAP for height, there in parts if there) - _GAP
    caption = " · ".join(filter(None, [note.version(load.server), note.short]))
    drawn = Drawing(NARROW, _HEAD + body + _AXIS + caption_height(caption, NARROW), describe(load))
    _draw_head(drawn, load)
    draw_caption(drawn, caption)
    start = start_time(load)
    time = Scale(start, start + axes.last, _LEFT, _RIGHT)
    top = _HEAD
    for begin, end in slow_client_times(load):
        drawn.box((time(begin), top, time(end), top + _LATENCY), "band")
    shown_time = Scale(0, axes.last, _LEFT, _RIGHT)
    ticks = [(each, f"{each:g}") for each in steps(axes.last)]
    draw_x_axis(drawn, shown_time, ticks, (top, top + body), "seconds")
    _draw_latency(drawn, load, axes, (time, top, top + _LATENCY), max_samples)
    top += _LATENCY + _GAP
    if axes.rate:
        _draw_rates(drawn, load.windows, time, (top, top + _RATE), axes.rate)
        top += _RATE + _GAP
    if axes.rss:
        _draw_resources(drawn, load.windows, time, (top, top + _MEMORY), axes)
        top += _MEMORY + _GAP
    if axes.slow_clients:
        _draw_slow_clients(drawn, load, time, (top, top + _CLIENTS), axes)
    return drawn


def window_table(loads: Sequence[ScenarioResult]) -> Table:
    """Return the windows of `loads`, without empty columns."""
    rows = [
        [
            load.server, f"{each.at - start_time(load):.1f}", f"{each.offered:,.0f}/s", labels.percent(each.goodput),
            labels.duration(each.p50), labels.duration(each.p99),
            labels.size(each.rss) if each.rss else labels.MISSING,
            f"{each.descriptors:,}" if each.descriptors else labels.MISSING,
        ]
        for load in loads for each in load.windows
    ]  # fmt: skip
    heads = ["server", "second", "offered", "goodput", "p50", "p99", "memory", "descriptors"]
    shown = [place for place in range(len(heads)) if any(row[place] != labels.MISSING for row in rows)]
    return Table([heads[place] for place in shown], [[row[place] for place in shown] for row in rows])


def _draw_head(drawn: Drawing, load: ScenarioResult) -> None:
    judged = load.grade.is_judged
    drawn.text((MARGIN, 10), load.server, bold=True, room=NARROW - 2 * MARGIN)
    words = ", ".join(filter(None, [labels.describe_service(load), why_not_judged(load) or labels.grade(load)]))
    drawn.text((MARGIN, 25), words, "muted" if judged else "doubt", size=SMALL, room=NARROW - 2 * MARGIN)


def _draw_latency(
    drawn: Drawing, load: ScenarioResult, axes: SharedAxes, place: tuple[Scale, float, float], max_samples: int
) -> None:
    time, top, bottom = place
    up = Scale(axes.lowest, axes.highest, bottom, top, log=True)
    ticks = [(each, labels.duration(each)) for each in log_ticks(axes.lowest, axes.highest, 5)]
    draw_y_axis(drawn, up, ticks, (_LEFT, _RIGHT), "response time")
    judged = load.grade.is_judged
    if not judged:
        drawn.box((_LEFT, top, _RIGHT, bottom), "doubt", hollow=True)
    shown = downsample(judged_samples(load), max_samples)
    if not shown:
        for name, width, colour in (("p50", 1.0, "muted"), ("p99", 1.8, "good")):
            segments = [[(time(at), up(value)) for at, value in each] for each in line_segments(load.windows, name)]
            drawn.path(segments, colour if judged else "doubt", width=width, dash="" if judged else DOTTED)
        _draw_window_names(drawn, load.windows, time, up)
        return
    for shape, colour, size, outcomes in (
        ("o", "good", 3.0, {Outcome.OK}),
        ("^", "odd", 5.5, {Outcome.ERROR, Outcome.WRONG}),
        ("x", "bad", 4.5, LATE_OUTCOMES),
    ):
        places = [(time(each.intended), up(each.latency)) for each in shown if each.outcome in outcomes]
        drawn.marks(shape, places, colour if judged else "doubt", size, opacity=0.8 if shape == "o" else 1.0)


def _draw_window_names(drawn: Drawing, windows: Sequence[Window], time: Scale, up: Scale) -> None:
    """Write p50 and p99 at the last window that has both."""
    last = next((each for each in reversed(windows) if each.p50 is not None and each.p99 is not None), None)
    if last is not None and last.p50 is not None and last.p99 is not None:
        x = min(time(last.at), time.end - 4)
        drawn.text((x, up(last.p99) - 7), "p99", "muted", size=9.5, anchor="end")
        drawn.text((x, up(last.p50) + 8), "p50", "muted", size=9.5, anchor="end")


def _draw_rates(drawn: Drawing, windows: Sequence[Window], time: Scale, span: tuple[float, float], most: float) -> None:
    """Draw the scheduled rate as a line and the rate of correct responses as an area. The gap is the lost requests."""
    top, bottom = span
    up = Scale(0, most, bottom, top)
    drawn.path([[(_LEFT, bottom), (_RIGHT, bottom)], [(_LEFT, top), (_RIGHT, top)]], "grid", width=0.8)
    drawn.text((_LEFT - 6, top + 6), f"{most:,.0f}/s", "muted", size=10, anchor="end")
    drawn.text((_LEFT - 6, bottom - 6), "rate", "muted", size=10, anchor="end")
    edges = [(each, at) for each in windows for at in (each.at, each.at + each.seconds)]
    offered = [(time(at), up(each.offered)) for each, at in edges]
    answered = [(time(at), up(each.offered * each.goodput)) for each, at in edges]
    if offered:
        drawn.area([*offered, *answered[::-1]], "bad", opacity=0.55)
        drawn.area([(answered[0][0], bottom), *answered, (answered[-1][0], bottom)], "good", opacity=0.3)
        drawn.path([offered], "ink", width=1)


def _draw_resources(
    drawn: Drawing, windows: Sequence[Window], time: Scale, span: tuple[float, float], axes: SharedAxes
) -> None:
    """Draw the memory of the server, and its descriptors dashed, from 0 to the maximum of all servers."""
    top, bottom = span
    drawn.path([[(_LEFT, bottom), (_RIGHT, bottom)], [(_LEFT, top), (_RIGHT, top)]], "grid", width=0.8)
    drawn.text((_LEFT - 6, top + 6), labels.size(axes.rss), "muted", size=10, anchor="end")
    drawn.text((_LEFT - 6, bottom - 6), "memory", "muted", size=10, anchor="end")
    for name, most, colour, dash in (
        ("rss", axes.rss, "series-9", ""),
        ("descriptors", axes.descriptors, "series-1", "2 2"),
    ):
        if most:
            up = Scale(0, most, bottom, top)
            known = [(each, getattr(each, name)) for each in windows if getattr(each, name)]
            drawn.path([[(time(each.at + each.seconds / 2), up(value)) for each, value in known]], colour, dash=dash)
    if axes.descriptors:
        drawn.text((_RIGHT - 2, bottom - 7), f"dashed: descriptors, up to {axes.descriptors:,}", "muted", size=9.5,
                   anchor="end")  # fmt: skip


def _draw_slow_clients(
    drawn: Drawing, load: ScenarioResult, time: Scale, span: tuple[float, float], axes: SharedAxes
) -> None:
    """Draw the number of slow clients, with its maximum."""
    top, bottom = span
    up = Scale(0, max(axes.slow_clients, 1), bottom, top)
    drawn.text((_LEFT - 6, (top + bottom) / 2), "slow clients", "muted", size=10, anchor="end", room=_LEFT - 8)
    ends = [at for at, _ in (*load.slow_clients[1:], (start_time(load) + axes.last, 0))]
    spans = [(at, end, clients) for (at, clients), end in zip(load.slow_clients, ends, strict=False) if end > at]
    outline: list[Point] = [(time(at), up(clients)) for begin, end, clients in spans for at in (begin, end)]
    if outline:
        drawn.area([(outline[0][0], bottom), *outline, (outline[-1][0], bottom)], "slow", opacity=0.6)
    most = max((clients for _, _, clients in spans), default=0)
    if most:
        begin, end, _ = max((each for each in spans if each[2] == most), key=lambda each: each[1] - each[0])
        middle = min(max((time(begin) + time(end)) / 2, _LEFT + 14), _RIGHT - 14)
        drawn.text((middle, (top + bottom) / 2), f"{most:,}", size=10, anchor="middle")


def line_segments(windows: Sequence[Window], name: str) -> list[list[Point]]:
    """Return a figure of `windows` as lines, interrupted at missing values."""
    lines: list[list[Point]] = [[]]
    for each in windows:
        value = getattr(each, name)
        if value is None:
            lines.append([])
        else:
            lines[-1].append((each.at + each.seconds / 2, value))
    return [each for each in lines if each]
