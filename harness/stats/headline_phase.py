"""The phase of a cell whose figures a report shows."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Phase, ScenarioResult

ADVERSE_PHASE_NAMES = ("attack", "during", "load")
"""Names of the phase in which the adverse clients are there."""

OTHER_PHASE_NAMES = frozenset({"baseline", "before", "after", "recovery"})
"""Names of the phases before and after the action of a scenario."""


def during(load: ScenarioResult) -> Phase | None:
    """Return the phase whose figures a report shows, None if no phase was measured.

    The first that exists of: the phase that the cell names; the phase with the adverse clients; the phase of a closed
    loop with the highest rate; the only phase with percentiles; the phase with the highest p99.
    """
    for each in load.phases:
        if load.phase and each.name == load.phase:
            return each
    for name in ADVERSE_PHASE_NAMES:
        for each in load.phases:
            if each.name == name:
                return each
    rates = [each.rate for each in load.steps]
    if any(rates) and len(rates) == len(load.phases):
        return load.phases[max(range(len(rates)), key=lambda place: rates[place] or 0.0)]
    with_percentiles = {each.phase for each in load.percentiles}
    named = [each for each in load.phases if each.name in with_percentiles]
    if len(named) == 1:
        return named[0]
    between = [each for each in load.phases if each.name not in OTHER_PHASE_NAMES] or load.phases
    return max(between, key=lambda each: -1.0 if each.p99 is None else each.p99, default=None)


def best_rate(load: ScenarioResult) -> float | None:
    """Return the highest rate of the steps of a closed loop."""
    return max((each.rate for each in load.steps if each.rate is not None), default=None)
