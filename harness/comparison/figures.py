"""The figures of a slot, from the results of its scenarios. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from wsgi_gauntlet.harness.comparison import default_scenario
from wsgi_gauntlet.harness.model import Figure, Metric, ScenarioResult
from wsgi_gauntlet.harness.stats.headline_phase import best_rate, during

DIRECTION_BY_UNIT = {"requests/s": True, "/s": True, "bytes/s": True, "s": False, "bytes": False}
"""Whether more is better, for the metrics of scenarios. For other units nobody can say."""

SKIPPED_UNITS = frozenset({"yes/no"})
"""Units of metrics that have no ratio."""


def figures(cell: ScenarioResult, metrics: Collection[str] = ()) -> tuple[Figure, ...]:
    """Return the figures of `cell`. Of the default scenario only those whose ids are in `metrics`, all if it is empty.

    The ids of other scenarios' figures begin with the scenario's id: `slow-headers/byte:p99`.
    """
    if cell.scenario == default_scenario.SCENARIO.id:
        found = [_metric_figure(each, default_scenario.HIGHER_IS_BETTER.get(each.id, False)) for each in cell.metrics]
        return tuple(each for each in found if not metrics or each.id in metrics)
    return tuple(
        Figure(
            f"{cell.scenario}:{each.id}",
            f"{cell.scenario} {each.label}",
            each.value,
            each.unit,
            each.higher_is_better,
            each.bound,
            each.why,
        )
        for each in _scenario_figures(cell)
    )


def _scenario_figures(cell: ScenarioResult) -> Iterator[Figure]:
    if cell.goodput is not None:
        yield Figure("goodput", "goodput", cell.goodput, "share", higher_is_better=True)
    phase = during(cell)
    if phase is not None:
        yield Figure("p50", "p50", phase.p50, "s", higher_is_better=False)
        yield Figure("p99", "p99", phase.p99, "s", higher_is_better=False, bound=phase.censored)
    if (rate := best_rate(cell)) is not None:
        yield Figure("rate", "best rate", rate, "requests/s", higher_is_better=True)
    if cell.recovery:
        yield Figure("recovery", "recovery", cell.recovery, "s", higher_is_better=False)
    if cell.collapse is not None or (cell.steps and "probe" in cell.parameters):
        # Without a collapse N* is above the largest number of clients.
        most = max((each.clients for each in cell.steps), default=0)
        yield Figure(
            "collapse",
            "N*",
            float(cell.collapse or most),
            higher_is_better=True,
            bound=cell.collapse is None,
        )
    for each in cell.metrics:
        if each.value is not None and each.unit not in SKIPPED_UNITS:
            yield _metric_figure(each, DIRECTION_BY_UNIT.get(each.unit))


def _metric_figure(metric: Metric, higher_is_better: bool | None) -> Figure:
    return Figure(
        metric.id,
        metric.label,
        metric.value,
        metric.unit,
        higher_is_better,
        metric.censored,
        metric.note,
        metric.lateness,
    )
