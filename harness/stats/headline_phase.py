"""Which of a cell's phases its figures are of."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Phase, ScenarioResult

ADVERSE_PHASE_NAMES = ("attack", "during", "load")
"""Names of the phase in which the adverse clients are there."""

OTHER_PHASE_NAMES = frozenset({"baseline", "before", "after", "recovery"})
"""Names of the phases before and after whatever a scenario does."""


def during(load: ScenarioResult) -> Phase | None:
    """Return the phase that a row's figures are of, None where no phase was measured.

    That is the one that the cell names; the one in which the adverse clients were there; of a closed loop, the one with
    the best rate; of a search, the one whose percentiles were kept; of several, the one that served worst.
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
    """Return the highest rate of a closed loop's steps."""
    return max((each.rate for each in load.steps if each.rate is not None), default=None)
