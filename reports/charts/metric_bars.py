"""Bars of a figure by server: goodput, a metric of a scenario, the cost of a slow client."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Metric, ScenarioResult
from wsgi_gauntlet.reports.charts.drawing import Drawing, Table
from wsgi_gauntlet.reports.charts.layout import RowLayout
from wsgi_gauntlet.reports.charts.reasons import why_not_judged
from wsgi_gauntlet.reports.charts.run_note import RunNote
from wsgi_gauntlet.reports.charts.scales import Scale, steps
from wsgi_gauntlet.reports.charts.shapes import DOTTED
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

_ROW, _NARROW_ROW = 30.0, 16.0
_HALF = 6.0
"""Half of the height of a bar, in pixels."""


@dataclass(frozen=True)
class Bar:
    """One figure. `value` is None without one, and `text` is then the reason. A lower bound ends in dots."""

    server: str
    value: float | None
    text: str
    colour: str = "series-0"
    judged: bool = True
    at_least: bool = False


def goodput_bars(loads: Sequence[ScenarioResult]) -> list[Bar]:
    """Return the goodput of each cell, the highest first."""
    ordered = sorted(loads, key=lambda each: (not each.grade.is_judged, each.goodput is None, -(each.goodput or 0)))
    return [_goodput_bar(each) for each in ordered]


def metric_bars(loads: Sequence[ScenarioResult], label: str) -> list[Bar]:
    """Return the metric with this label of each cell that has it, the largest first."""
    found = [(each, named_metric(each, label)) for each in loads]
    known = [(load, metric) for load, metric in found if metric is not None]
    known.sort(key=lambda each: (not each[0].grade.is_judged, each[1].value is None, -(each[1].value or 0)))
    return [
        Bar(load.server, metric.value, _with_state(load, labels.metric(metric), metric.note), "series-0",
            load.grade.is_judged, metric.censored)
        for load, metric in known
    ]  # fmt: skip


def cost_bars(loads: Sequence[ScenarioResult], what: str) -> list[Bar]:
    """Return `what` (rss, descriptors or threads) that one slow client costs each server, the smallest first."""
    found = []
    for load in loads:
        if load.cost and load.cost.clients:
            each = getattr(load.cost, what) / load.cost.clients
            text = labels.size(round(each)) if what == "rss" else labels.number(each)
            colour = "series-9" if what == "rss" else "series-0"
            found.append(Bar(load.server, each, _with_state(load, text), colour, load.grade.is_judged))
    return sorted(found, key=lambda bar: (not bar.judged, bar.value))


def size_ticks(most: float) -> list[tuple[float, str]]:
    """Return ticks of an axis of bytes up to `most`: multiples of a power of two."""
    step = 2.0 ** max(math.ceil(math.log2(max(most, 1) / 5)), 0)
    return [(step * number, labels.size(round(step * number))) for number in range(int(most / step) + 1)]


def named_metric(load: ScenarioResult, label: str) -> Metric | None:
    """Return the metric of `load` with this label."""
    return next((each for each in load.metrics if each.label == label), None)


def bar_plot(
    bars: Sequence[Bar], title: str, axis: str, note: RunNote, *, ticks: Sequence[tuple[float, str]] = (),
    narrow: bool = False,
) -> Drawing:  # fmt: skip
    """Draw a bar for each server. Bars that are not judged are dotted frames. `ticks` are those of the axis."""
    heights = [_NARROW_ROW if narrow else _ROW] * len(bars)
    layout = RowLayout(title, "", heights, narrow=narrow, caption=note.caption)
    most = max([*(abs(each.value or 0) for each in bars), *(value for value, _ in ticks), 1e-12])
    low = min([0.0, *(each.value or 0 for each in bars)])
    scale = Scale(low, most, layout.left, layout.right)
    drawn = layout.begin(f"{title}: {'; '.join(f'{line(each.server, 60)} {line(each.text, 60)}' for each in bars)}")
    layout.x_axis(drawn, scale, list(ticks) or [(each, labels.number(each)) for each in steps(most)], axis)
    for place, each in enumerate(bars):
        y = layout.middle(place)
        layout.name(drawn, place, each.server, note.version(each.server))
        if each.value is None:
            drawn.path([[(scale.start, y), (scale.end, y)]], "doubt", width=1, dash=DOTTED)
            layout.reason(drawn, place, each.text)
            continue
        ends = sorted((scale(0), scale(each.value)))
        box = (ends[0], y - _HALF, max(ends[1], ends[0] + 1), y + _HALF)
        drawn.box(box, each.colour if each.judged else "doubt", hollow=not each.judged)
        if each.at_least:
            drawn.path([[(box[2], y), (box[2] + 10, y)]], each.colour, width=2, dash=DOTTED)
        if each.judged:
            layout.value(drawn, place, each.text)
        else:
            layout.reason(drawn, place, each.text)
    return drawn


def bar_table(bars: Sequence[Bar], head: str) -> Table:
    """Return the figures of the bars."""
    return Table(["server", head], [[each.server, each.text] for each in bars])


def _goodput_bar(load: ScenarioResult) -> Bar:
    value = load.goodput
    colour = "good" if (value or 0) >= 0.99 else "bad" if (value or 0) < 0.5 else "odd"
    text = labels.percent(value) if value is not None else why_not_judged(load) or labels.MISSING
    return Bar(load.server, value, _with_state(load, text) if value is not None else text, colour, load.grade.is_judged)


def _with_state(load: ScenarioResult, text: str, note: str = "") -> str:
    if text == labels.MISSING and note:
        return f"{labels.MISSING} ({line(note, 120)})"
    return text if load.grade.is_judged else f"{text} · {why_not_judged(load)}"
