"""The charts of a recommendation: capacity against memory, p99 against the rate, and the users among slow clients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.model.recommendation import FigureId, RatePoint, Recommendation, Stage
from wsgi_gauntlet.reports.charts.chart import Chart
from wsgi_gauntlet.reports.charts.drawing import Drawing, Table
from wsgi_gauntlet.reports.charts.frontier_plot import FrontierPoint, frontier, frontier_plot
from wsgi_gauntlet.reports.charts.layout import LegendItem, mark
from wsgi_gauntlet.reports.charts.line_plot import Axes, Limit, Line, line_plot
from wsgi_gauntlet.reports.charts.run_note import run_note
from wsgi_gauntlet.reports.charts.scales import log_ticks, steps
from wsgi_gauntlet.reports.charts.users_plot import UsersRow, users_plot
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text import recommendation_text as words
from wsgi_gauntlet.reports.text.escaping import line

CAPACITY_AND_MEMORY, P99_BY_RATE, USERS = "recommendation/memory", "recommendation/p99", "recommendation/users"
"""Names of the charts."""

MAX_ROWS = 24
"""Servers in the chart of the users. The table has all."""

_SHARES = (FigureId.GOODPUT_ALONE, FigureId.GOODPUT_AMONG_SLOW)

LOG_FACTOR = 25.0
"""An axis is logarithmic if its largest value is so many times the smallest one."""


def recommendation_charts(results: Results) -> list[Chart]:
    """Return the charts of the recommendation that have data, none without one."""
    found = results.recommendation
    if found is None:
        return []
    caption = run_note(results).caption
    charts = (_memory_chart(found, caption), _p99_chart(found, caption), _users_chart(found, caption))
    return [each for each in charts if each is not None]


def frontier_points(found: Recommendation) -> list[FrontierPoint]:
    """Return a point for each candidate whose capacity or memory was measured, in the order of the answer."""
    points = []
    for name in words.ordered_names(found):
        figures = found.figures_of(name)
        capacity, memory = figures.capacity, figures.memory
        if capacity is None and memory is None:
            continue
        texts = [
            f"{words.FIGURES[which].label} {words.describe_figure(which, figure)}"
            for which, figure in ((FigureId.CAPACITY, capacity), (FigureId.MEMORY, memory))
        ]
        reasons = {
            f"{words.FIGURES[which].label} {why}"
            for which, figure in ((FigureId.CAPACITY, capacity), (FigureId.MEMORY, memory))
            if (why := words.why_no_value(figure))
        }
        first, second, left = name == found.winner, name == found.runner_up, found.elimination(name)
        points.append(
            FrontierPoint(
                words.name(name),
                None if memory is None else memory.value,
                None if capacity is None else capacity.value,
                words=", ".join(texts),
                why=", ".join(sorted(reasons)),
                bound=capacity is not None and capacity.bound,
                shape="D" if first else "s" if second else "o",
                colour="good" if first else "series-0",
                strong=first or second,
                # A runner-up may be one that others beat before the finals.
                solid=first or second or left is None,
                # The capacity of a short trial is not checked with open loops: it is no rival of one of the finals.
                on_frontier=(left is None or left.stage not in (Stage.START, Stage.CORRECTNESS))
                and (not found.rounds or name in found.finalists),
            )
        )
    return points


def _memory_chart(found: Recommendation, caption: str) -> Chart | None:
    points = frontier_points(found)
    if not any(each.cost is not None or each.gain is not None for each in points):
        return None
    asked = found.conditions
    title = "Capacity and memory"
    limits = [
        *([Limit(asked.peak, f"your peak {labels.rate(asked.peak)}")] if asked.peak > 0 else []),
        *([Limit(asked.memory_limit, "your memory limit", vertical=True)] if asked.memory_limit > 0 else []),
    ]
    x_ends, x_ticks, log_x = _axis([each.cost for each in points], [asked.memory_limit], _size)
    y_ends, y_ticks, log_y = _axis([each.gain for each in points], [asked.peak], _rate)
    axes = Axes(
        x_ends, y_ends, x_ticks, y_ticks, f"peak memory{' (log scale)' if log_x else ''}",
        f"requests/s at p99 ≤ {labels.duration(asked.p99_limit)}{' (log)' if log_y else ''}", log_x, log_y, limits,
    )  # fmt: skip
    legend = [
        *([LegendItem(mark("D", "good"), "recommended")] if found.winner else []),
        *([LegendItem(mark("s", "series-0"), "runner-up")] if found.runner_up else []),
    ]

    def draw(narrow: bool) -> Drawing:
        subtitle = "Higher is more capacity; further left is less memory."
        return frontier_plot(points, axes, title, subtitle, legend=legend, caption=caption, narrow=narrow)

    return Chart(CAPACITY_AND_MEMORY, title, draw, lambda: _memory_table(found, points))


def _memory_table(found: Recommendation, points: Sequence[FrontierPoint]) -> Table:
    best = {each.name for each in frontier(points)}
    rows = []
    for name in words.ordered_names(found):
        figures = found.figures_of(name)
        if figures.capacity is None and figures.memory is None:
            continue
        rows.append([
            words.name(name), words.describe_place(found, name),
            words.describe_figure(FigureId.CAPACITY, figures.capacity),
            words.describe_spread(FigureId.CAPACITY, figures.capacity),
            words.describe_figure(FigureId.MEMORY, figures.memory),
            words.describe_spread(FigureId.MEMORY, figures.memory),
            "yes" if words.name(name) in best else "",
        ])  # fmt: skip
    heads = [
        "candidate",
        "place",
        "capacity",
        "measurements",
        "peak memory",
        "measurements of memory",
        "on the frontier",
    ]
    return Table(heads, rows)


def _p99_chart(found: Recommendation, caption: str) -> Chart | None:
    lines = [each for name in _finalists(found) if (each := _rate_line(found, name)) is not None]
    if not lines:
        return None
    asked = found.conditions
    points = [at for each in lines for at in (*each.points, *(at for at, _ in each.invalid))]
    limits = [
        *([Limit(asked.p99_limit, f"your limit {labels.duration(asked.p99_limit)}")] if asked.p99_limit > 0 else []),
        *([Limit(asked.peak, f"your peak {labels.rate(asked.peak)}", vertical=True)] if asked.peak > 0 else []),
    ]
    x_ends, x_ticks, log_x = _axis([x for x, _ in points], [asked.peak], _rate)
    times = [y for _, y in points] + ([asked.p99_limit] if asked.p99_limit > 0 else [])
    low, high = min(times) / 1.3, max(times) * 1.5
    axes = Axes(
        x_ends, (low, high), x_ticks, [(each, labels.duration(each)) for each in log_ticks(low, high)],
        f"offered requests/s{' (log scale)' if log_x else ''}", "p99 (log scale)", log_x, True, limits,
    )  # fmt: skip
    title = "p99 by the rate of requests"
    subtitle = "Each line goes up where the server gets too slow. The number at a name is its capacity."
    if reasons := list(dict.fromkeys(reason for each in lines for _, reason in each.invalid)):
        subtitle += f" Grey rings do not count: {line(reasons[0], 120).rstrip('.')}."

    def draw(narrow: bool) -> Drawing:
        return line_plot(lines, axes, title, subtitle, caption=caption, narrow=narrow)

    return Chart(P99_BY_RATE, title, draw, lambda: _p99_table(found))


def _rate_line(found: Recommendation, name: str) -> Line | None:
    """Return the line of a finalist, None if no rate has a p99. Without a valid measurement it is not judged."""
    curve = _curve(found, name)
    valid = [each for each in curve if each.valid]
    points = [(each.rate, _seconds(each.p99)) for each in valid if each.p99 is not None]
    measured = [each for each in valid if each.p99 is not None]
    bounds = next((place for place, each in enumerate(measured) if each.censored), None)
    invalid = [
        ((each.rate, _seconds(each.p99)), line(each.why, 160) or "invalid")
        for each in curve
        if not each.valid and each.p99 is not None
    ]
    if points:
        capacity = found.figures_of(name).capacity
        if capacity is not None and not capacity.valid:
            why = words.why_no_value(capacity)
            return Line(words.name(name), points, judged=False, reason=why, marked=points, invalid=invalid)
        end = words.describe_figure(FigureId.CAPACITY, capacity) if capacity is not None else ""
        return Line(words.name(name), points, end, bounds, points[:bounds], invalid=invalid)
    if invalid:
        return Line(
            words.name(name),
            [at for at, _ in invalid],
            judged=False,
            reason=f"invalid: {invalid[0][1]}",
            invalid=invalid,
        )
    return None


def _p99_table(found: Recommendation) -> Table:
    return Table(
        ["candidate", "rate", "p99", "without a correct answer in time", "validity"],
        [
            [
                words.name(name), labels.rate(each.rate), labels.duration(each.p99, at_least=each.censored),
                labels.percent(each.wrong), "valid" if each.valid else f"invalid: {line(each.why, 200)}".rstrip(": "),
            ]
            for name in _finalists(found)
            for each in _curve(found, name)
        ],
    )  # fmt: skip


def _finalists(found: Recommendation) -> list[str]:
    """Return the finalists, or all that are still in the race if there were no finals."""
    known = [each for each in words.ordered_names(found) if found.elimination(each) is None]
    return list(found.finalists) or known


def _curve(found: Recommendation, name: str) -> list[RatePoint]:
    return sorted(found.figures_of(name).curve, key=lambda each: each.rate)


def users_rows(found: Recommendation) -> list[UsersRow]:
    """Return a row for each candidate whose users were counted, in the order of the answer."""
    rows = []
    for name in _counted(found):
        figures = found.figures_of(name)
        alone, among = figures.goodput_alone, figures.goodput_among_slow
        rows.append(
            UsersRow(
                words.name(name),
                None if alone is None else alone.value,
                None if among is None else among.value,
                words.describe_place(found, name),
                words.why_no_value(alone),
                words.why_no_value(among),
                name == found.winner,
            )
        )
    return rows


def _counted(found: Recommendation) -> list[str]:
    """Return the names of the candidates whose users were counted."""
    return [
        name
        for name in words.ordered_names(found)
        if any(found.figures_of(name).figure(which) is not None for which in _SHARES)
    ]


def _users_chart(found: Recommendation, caption: str) -> Chart | None:
    rows = users_rows(found)
    if not rows:
        return None
    slow = found.conditions.slow_clients
    title = "Users served without and with slow clients"
    subtitle = f"The same users alone, and beside {labels.pluralize(slow, 'slow client')}."
    if len(rows) > MAX_ROWS:
        subtitle += f" The table has {len(rows) - MAX_ROWS} more servers."

    def draw(narrow: bool) -> Drawing:
        return users_plot(rows[:MAX_ROWS], title, subtitle, caption=caption, narrow=narrow)

    return Chart(USERS, title, draw, lambda: _users_table(found))


def _users_table(found: Recommendation) -> Table:
    rows = []
    for name in _counted(found):
        shares = [(which, found.figures_of(name).figure(which)) for which in _SHARES]
        rows.append([
            words.name(name), words.describe_place(found, name), *(words.describe_figure(*each) for each in shares),
            "; ".join(words.describe_spread(*each) for each in shares),
        ])  # fmt: skip
    return Table(["candidate", "place", "without slow clients", "with slow clients", "measurements"], rows)


def _seconds(p99: float | None) -> float:
    return max(p99 or 0.0, 1e-5)


def _rate(value: float) -> str:
    return labels.rate(value) if value else "0"


def _size(value: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if value >= size:
            return f"{value / size:.4g}{labels.NO_BREAK_SPACE}{unit}"
    return f"{value:.4g}{labels.NO_BREAK_SPACE}bytes" if value else "0"


def _axis(
    values: Sequence[float | None], marked: Sequence[float], text: Callable[[float], str]
) -> tuple[tuple[float, float], list[tuple[float, str]], bool]:
    """Return the ends of an axis, its ticks, and whether it is logarithmic. It shows `values`, and `marked` if near.

    A limit far beyond all values is left out: the axis would show nothing else.
    """
    known = [each for each in values if each is not None and math.isfinite(each)] or [1.0]
    best = max(known)
    shown = [*known, *(each for each in marked if 0 < each <= 2 * best)]
    high = max(shown) * 1.1 or 1.0
    positive = [each for each in shown if each > 0]
    if positive and len(positive) == len(shown) and max(positive) / min(positive) >= LOG_FACTOR:
        low = min(positive) / 1.3
        return (low, high), [(each, text(each)) for each in log_ticks(low, high)], True
    return (0.0, high), [(each, text(each)) for each in steps(high)], False
