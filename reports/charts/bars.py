"""Bar charts with a row for each server: goodput, goodput by slow clients, metrics, cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wsgi_gauntlet.harness.model import Metric, ScenarioResult
from wsgi_gauntlet.reports.charts.canvas import SMALL_TEXT_POINTS, TEXT_POINTS, Canvas, canvas
from wsgi_gauntlet.reports.charts.curves import clients_scale
from wsgi_gauntlet.reports.charts.scales import Scale, powers_of_two
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

WIDTH = 7.2
_NAMES, _LEFT, _RIGHT = 1.7, 1.8, 6.0
_ROW = 0.26


def goodput(loads: Sequence[ScenarioResult]) -> str:
    """Draw the goodput of each server. Bars of cells that are not judged are hollow."""
    ordered = sorted(loads, key=lambda each: (each.goodput is None, -(each.goodput or 0)))
    bottom = 0.05 + _ROW * len(ordered)
    with canvas(WIDTH, bottom + 0.3) as drawn:
        share = Scale(0, 1, _LEFT, _RIGHT)
        drawn.draw_x_axis(share, [(0, "0 %"), (0.5, "50 %"), (1, "100 %")], 0.02, bottom, rules=True)
        for row, each in enumerate(ordered):
            y = 0.05 + _ROW * (row + 0.5)
            not_judged = each.grade in labels.NOT_JUDGED_GRADES or each.goodput is None
            value = each.goodput or 0.0
            colour = "doubt" if not_judged else "good" if value >= 0.99 else "bad" if value < 0.5 else "odd"
            _draw_server_name(drawn, y, each)
            drawn.box(_LEFT, y - 0.08, share(value), y + 0.08, colour, hollow=not_judged)
            label = labels.percent(each.goodput)
            drawn.text(
                (share(value) + 0.06, y),
                f"{label}  {each.grade.label}" if not_judged else label,
                size=SMALL_TEXT_POINTS,
            )
    return drawn.svg


def metrics(loads: Sequence[ScenarioResult], name: str) -> str:
    """Draw the metric with this label for each server, the largest first. Cells that are not judged are hollow."""
    ordered = sorted(loads, key=lambda each: -_metric_value(each, name))
    bottom = 0.05 + _ROW * len(ordered)
    length = Scale(0, max([*(_metric_value(each, name) for each in ordered), 1e-9]), _LEFT, _RIGHT)
    with canvas(WIDTH, bottom + 0.05) as drawn:
        drawn.rules([((_LEFT, 0.02), (_LEFT, bottom))], "muted", width=0.8)
        for row, each in enumerate(ordered):
            y = 0.05 + _ROW * (row + 0.5)
            not_judged = each.grade in labels.NOT_JUDGED_GRADES
            end = length(_metric_value(each, name))
            _draw_server_name(drawn, y, each)
            drawn.box(_LEFT, y - 0.08, end, y + 0.08, "doubt" if not_judged else "series-0", hollow=not_judged)
            label = labels.metric(named(each, name))
            drawn.text((end + 0.06, y), f"{label}  {each.grade.label}" if not_judged else label, size=SMALL_TEXT_POINTS)
    return drawn.svg


def named(load: ScenarioResult, name: str) -> Metric | None:
    """Return the metric of `load` with this label."""
    return next((each for each in load.metrics if each.label == name), None)


def _metric_value(load: ScenarioResult, name: str) -> float:
    found = named(load, name)
    return found.value or 0.0 if found else 0.0


def against_clients(loads: Sequence[ScenarioResult]) -> str:
    """Draw the goodput of healthy users by number of slow clients, a strip for each server. Mark N*."""
    shown = [each for each in loads if each.steps]
    numbers = [each.clients for load in shown for each in load.steps] or [1]
    height = 0.42
    bottom = 0.08 + height * len(shown)
    with canvas(WIDTH, bottom + 0.45) as drawn:
        across = clients_scale(numbers, _LEFT, _RIGHT)
        for row, load in enumerate(shown):
            _draw_strip(drawn, load, across, 0.08 + height * row, 0.08 + height * (row + 1) - 0.1)
        drawn.draw_x_axis(across, [(each, f"{each:,}") for each in powers_of_two(numbers)], bottom, bottom)
        drawn.text(
            ((_LEFT + _RIGHT) / 2, bottom + 0.35), "slow clients", "muted", size=SMALL_TEXT_POINTS, align="center"
        )
    return drawn.svg


def _draw_strip(drawn: Canvas, load: ScenarioResult, across: Scale, top: float, bottom: float) -> None:
    share = Scale(0, 1, bottom, top)
    known = sorted((each for each in load.steps if each.goodput is not None), key=lambda each: each.clients)
    colour = "doubt" if load.grade in labels.NOT_JUDGED_GRADES else "good"
    points = [(across(each.clients), share(each.goodput or 0.0)) for each in known]
    drawn.rules([((_LEFT, bottom), (_RIGHT, bottom)), ((_LEFT, top), (_RIGHT, top))])
    if points:
        drawn.fill([(points[0][0], bottom), *points, (points[-1][0], bottom)], colour, alpha=0.22)
        drawn.line(points, colour)
    if load.collapse is not None:
        x = across(load.collapse)
        drawn.line([(x, top - 0.04), (x, bottom)], "bad", width=1.1, dash="2 1.5")
    for collapsed, shape, size, shade in ((False, "o", 3.4, colour), (True, "x", 5.0, "bad")):
        places = [at for each, at in zip(known, points, strict=True) if each.collapsed is collapsed]
        drawn.marks(shape, places, shade, size)
    y = (top + bottom) / 2
    _draw_server_name(drawn, y, load)
    if load.collapse is not None:
        drawn.text((_RIGHT + 0.12, y), f"N* = {load.collapse}", "bad", size=SMALL_TEXT_POINTS, bold=True)
    else:
        drawn.text((_RIGHT + 0.12, y), labels.grade(load), "muted", size=SMALL_TEXT_POINTS)


CostReader = Callable[[ScenarioResult], float | None]
"""Returns the cost of one slow client, or None if it was not measured."""


def _cost_per_client(load: ScenarioResult, what: str) -> float | None:
    return getattr(load.cost, what) / load.cost.clients if load.cost and load.cost.clients else None


_COLUMNS: tuple[tuple[str, str, CostReader, Callable[[float], str]], ...] = (
    ("memory", "series-9", lambda load: _cost_per_client(load, "rss"), lambda value: labels.size(round(value))),
    ("descriptors", "series-0", lambda load: _cost_per_client(load, "descriptors"), lambda value: labels.number(value)),
    ("threads", "series-1", lambda load: _cost_per_client(load, "threads"), lambda value: labels.number(value)),
)


def costs(loads: Sequence[ScenarioResult]) -> str:
    """Draw the cost of one slow client for each server: memory, descriptors and threads."""
    shown = [each for each in loads if each.cost and each.cost.clients]
    bottom = 0.3 + _ROW * len(shown)
    with canvas(WIDTH, bottom + 0.06) as drawn:
        for row, each in enumerate(shown):
            _draw_server_name(drawn, 0.3 + _ROW * (row + 0.5), each)
        for column, (name, colour, reading, format_value) in enumerate(_COLUMNS):
            left = _LEFT + 1.84 * column
            values = [reading(each) or 0.0 for each in shown]
            length = Scale(0, max([*values, 1e-9]), left, left + 1.05)
            drawn.text((left, 0.12), name, "muted", size=SMALL_TEXT_POINTS)
            drawn.rules([((left, 0.26), (left, bottom))], "muted", width=0.8)
            for row, value in enumerate(values):
                y = 0.3 + _ROW * (row + 0.5)
                drawn.box(left, y - 0.075, length(value), y + 0.075, colour)
                drawn.text((length(value) + 0.05, y), format_value(value), size=SMALL_TEXT_POINTS)
    return drawn.svg


def _draw_server_name(drawn: Canvas, y: float, load: ScenarioResult) -> None:
    """Write the name of the server. A long name is smaller."""
    label = line(load.server, 25)
    drawn.text((_NAMES, y), label, size=TEXT_POINTS if len(label) < 19 else 7.5, align="right")
