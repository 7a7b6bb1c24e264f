"""The curve of response times by percentile of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Outcome, Phase, ScenarioResult
from wsgi_gauntlet.harness.stats.summary import UNANSWERED_OUTCOMES, waiting_times
from wsgi_gauntlet.reports.charts.scales import MAX_NINES, nines
from wsgi_gauntlet.reports.text import labels

SERVICE_TIME_SUFFIX = "service time"
"""The end of the names of curves that count from the real send time instead of the intended one."""


@dataclass(frozen=True)
class LatencyCurve:
    """The curve of one phase: (percentile, seconds). Points above `exact` per cent are lower bounds."""

    load: ScenarioResult
    phase: str
    points: Sequence[tuple[float, float]]
    exact: float


def latency_curve(load: ScenarioResult) -> LatencyCurve:
    """Return the curve of one phase, up to 99.99 %: the phase that the figures of `load` describe."""
    phase = labels.during(load)
    known = curve_names(load)
    # A curve of several phases has its own name.
    own = phase is not None and phase.name in known
    name = phase.name if own and phase else known[0] if len(known) == 1 else ""
    curve = [
        (each.percentile, each.latency)
        for each in load.percentiles
        if each.phase == name and each.percentile < 100 and nines(each.percentile) <= MAX_NINES
    ]
    return LatencyCurve(load, name, curve, _exact_until(load, [phase] if own and phase else load.phases))


def curve_names(load: ScenarioResult) -> list[str]:
    """Return the names of the curves that count from the intended send time."""
    return list(dict.fromkeys(each.phase for each in load.percentiles if not each.phase.endswith(SERVICE_TIME_SUFFIX)))


def _exact_until(load: ScenarioResult, phases: Sequence[Phase]) -> float:
    """Return the percentile up to which the latencies of the curve are exact, not lower bounds."""
    inside = [each for each in load.samples if any(phase.started <= each.intended < phase.ended for phase in phases)]
    if inside:
        ordered = sorted(waiting_times(inside))
        first = next((place for place, (_, censored) in enumerate(ordered) if censored), len(ordered))
        return 100.0 * first / max(len(ordered), 1)
    waiting = sum(phase.outcomes.get(each, 0) for phase in phases for each in UNANSWERED_OUTCOMES)
    answered = sum(phase.outcomes.get(Outcome.OK, 0) for phase in phases)
    return 100.0 * (1 - waiting / max(waiting + answered, 1))
