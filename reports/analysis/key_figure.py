"""The most important figure of a cell of load, for a table with a cell for each server and scenario."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.reports.text import labels

COLLAPSED_GRADES = frozenset({Grade.COLLAPSED, Grade.NOT_RECOVERED})
"""Grades of servers that did not serve healthy users well."""

COLLAPSE_GOODPUT = 0.5
"""The goodput below which a server has collapsed. The grade `collapsed` has the same limit."""


def key_figure(load: ScenarioResult) -> str:
    """Return the most important figure of a cell: N*, a rate or the slowdown, or ''."""
    if load.grade in labels.NOT_JUDGED_GRADES:
        return ""
    if load.collapse is not None:
        return f"N*{labels.NO_BREAK_SPACE}{load.collapse}"
    if load.claims:
        return labels.describe_claims(each.verdict for each in load.claims)
    if load.grade is Grade.MEASURED:
        return _measured_figure(load)
    phase = labels.during(load)
    if load.grade in COLLAPSED_GRADES and (load.goodput or 0.0) >= COLLAPSE_GOODPUT and phase is not None:
        # Most requests got a response, so the latency is the reason for the grade.
        return f"p99 {labels.duration(phase.p99, at_least=phase.censored)}"
    if load.goodput is not None and load.goodput < 0.99:
        return labels.percent(load.goodput)
    if load.slowdown is not None:
        return labels.ratio(load.slowdown, at_least=load.slowdown_censored)
    return "" if load.goodput is None else labels.percent(load.goodput)


def _measured_figure(load: ScenarioResult) -> str:
    rate = labels.best_rate(load)
    if rate is not None:
        return labels.rate(rate)
    known = next((each for each in load.metrics if each.value is not None), None)
    if known is not None:
        return labels.metric(known)
    phase = labels.during(load)
    if phase is not None and phase.p99 is not None:
        return labels.duration(phase.p99, at_least=phase.censored)
    return "" if load.goodput is None else labels.percent(load.goodput)
