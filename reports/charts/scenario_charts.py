"""The charts of a scenario: those for which its cells have data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from wsgi_gauntlet.harness.model import Grade, ScenarioInfo, ScenarioResult
from wsgi_gauntlet.reports.charts.chart import Chart
from wsgi_gauntlet.reports.charts.collapse_plot import searches_collapse
from wsgi_gauntlet.reports.charts.drawing import Table
from wsgi_gauntlet.reports.charts.latency_curve import LatencyCurve, curve_names, latency_curve
from wsgi_gauntlet.reports.charts.latency_rows import latency_plot, latency_rows, latency_table
from wsgi_gauntlet.reports.charts.metric_bars import (
    Bar,
    bar_plot,
    bar_table,
    cost_bars,
    goodput_bars,
    metric_bars,
    size_ticks,
)
from wsgi_gauntlet.reports.charts.percentile_plot import curve_table, draw_curves
from wsgi_gauntlet.reports.charts.run_note import RunNote
from wsgi_gauntlet.reports.charts.step_curves import goodput_plot, p99_plot, rate_plot, step_table
from wsgi_gauntlet.reports.charts.strip import strip_table
from wsgi_gauntlet.reports.charts.strip_plot import strip_plot
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

COSTS = (
    ("memory", "rss", "Memory of the server for one slow client", "bytes"),
    ("descriptors", "descriptors", "Descriptors of the server for one slow client", "descriptors"),
    ("threads", "threads", "Threads of the server for one slow client", "threads"),
)
_PERCENT_TICKS = ((0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %"))


def scenario_charts(info: ScenarioInfo, cells: Sequence[ScenarioResult], note: RunNote) -> list[Chart]:
    """Return the charts of a scenario, the most important first."""
    title = line(info.title, 120)
    return [
        *_over_time(info.id, title, cells, note),
        *_by_clients(info.id, title, cells, note),
        *_latencies(info.id, title, cells, note),
        *_metrics(info.id, title, cells, note),
        *_costs(info.id, cells, note),
    ]


def _over_time(name: str, title: str, cells: Sequence[ScenarioResult], note: RunNote) -> list[Chart]:
    sampled = [each for each in cells if each.samples]
    if not sampled:
        return []
    heading = f"{title}: response times"
    return [
        Chart(
            f"{name}/strips", heading, lambda narrow: strip_plot(sampled, heading, note, narrow=narrow),
            partial(strip_table, sampled),
        )
    ]  # fmt: skip


def _by_clients(name: str, title: str, cells: Sequence[ScenarioResult], note: RunNote) -> list[Chart]:
    stepped = [each for each in cells if each.steps]
    table = partial(step_table, stepped)
    if any(step.rate is not None for each in stepped for step in each.steps):
        rate, p99 = "Requests per second by number of connections", "p99 by number of connections"
        return [
            Chart(f"{name}/rate", rate, lambda narrow: rate_plot(stepped, rate, note, narrow=narrow), table),
            Chart(f"{name}/p99", p99, lambda narrow: p99_plot(stepped, p99, note, narrow=narrow), table),
        ]
    if searches_collapse(cells) and any(step.goodput is not None for each in stepped for step in each.steps):
        goodput = "Goodput of healthy users by number of slow clients"
        draw = partial(goodput_plot, stepped, goodput, note)
        return [Chart(f"{name}/goodput", goodput, lambda narrow: draw(narrow=narrow), table)]
    known = [each for each in cells if each.goodput is not None]
    judged = [each for each in known if each.grade.is_judged and each.grade is not Grade.MEASURED]
    if not judged or any(each.samples for each in cells):
        return []
    goodput = f"{title}: goodput, the share of requests with a correct response in time"
    return [_bars(f"{name}/goodput", goodput, ("goodput", "goodput"), goodput_bars(known), note, _PERCENT_TICKS)]


def _latencies(name: str, title: str, cells: Sequence[ScenarioResult], note: RunNote) -> list[Chart]:
    charts = []
    rows = latency_rows([each for each in cells if any(phase.p99 is not None for phase in each.phases)])
    # The steps of a closed loop are no phases of one load.
    if rows and not any(step.rate is not None for each in cells for step in each.steps):
        heading = f"{title}: p50, p99 and the longest response time"
        charts.append(
            Chart(
                f"{name}/latency", heading, lambda narrow: latency_plot(rows, heading, note, narrow=narrow),
                partial(latency_table, rows),
            )
        )  # fmt: skip
    curves = [each for each in map(latency_curve, cells) if each.points]
    if curves:
        tail_title = f"Response times by percentile{_phase_suffix(curves)}"
        charts.append(
            Chart(
                f"{name}/percentiles", tail_title,
                lambda narrow: draw_curves(curves, tail_title, note, narrow=narrow),
                partial(curve_table, curves),
            )
        )  # fmt: skip
    return charts


def _metrics(name: str, title: str, cells: Sequence[ScenarioResult], note: RunNote) -> list[Chart]:
    """Return the chart of the first metric, if it is what the scenario measures."""
    headed = next((each.label for load in cells for each in load.metrics), "")
    known = [load for load in cells if any(each.label == headed and each.value is not None for each in load.metrics)]
    if len(known) < 2 or any(each.grade.is_judged and each.grade is not Grade.MEASURED for each in cells):
        return []
    unit = next(each.unit for each in known[0].metrics if each.label == headed)
    heading = f"{title}: {line(headed, 80)}"
    return [_bars(f"{name}/metric", heading, (unit or "count", headed), metric_bars(known, headed), note)]


def _costs(name: str, cells: Sequence[ScenarioResult], note: RunNote) -> list[Chart]:
    charts = []
    for short, what, heading, unit in COSTS:
        bars = cost_bars(cells, what)
        most = max((abs(each.value or 0) for each in bars), default=0)
        if most:
            ticks = size_ticks(most) if what == "rss" else ()
            charts.append(_bars(f"{name}/{short}", heading, (unit, unit), bars, note, ticks))
    return charts


def _bars(
    name: str, title: str, words: tuple[str, str], bars: Sequence[Bar], note: RunNote,
    ticks: Sequence[tuple[float, str]] = (),
) -> Chart:  # fmt: skip
    """Return a chart of bars. `words` are the title of the axis and the head of the column."""
    axis, head = words
    small = axis in (unit for _, _, _, unit in COSTS)

    def table() -> Table:
        return bar_table(bars, head)

    draw = partial(bar_plot, bars, title, axis, note, ticks=ticks)
    return Chart(name, title, lambda narrow: draw(narrow=narrow), table, small)


def _phase_suffix(curves: Sequence[LatencyCurve]) -> str:
    """Return the end of a title that names the phase of the curves."""
    cells = [each.load for each in curves]
    if any(step.rate for each in cells for step in each.steps):
        return ", at the best rate"
    named = {each.phase for each in curves}
    if named <= set(labels.ADVERSE_PHASE_NAMES):
        return ", with slow clients" if any(each.slow_clients for each in cells) else ""
    if len(named) == 1:
        return f": {line(named.pop(), 60)}"
    searched = all(len(curve_names(each)) == 1 for each in cells)
    return "" if searched else ", in the worst phase of each server"
