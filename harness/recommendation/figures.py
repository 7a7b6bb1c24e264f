"""The figures of a candidate, from its trials. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from wsgi_gauntlet.harness.model.comparison import Figure
from wsgi_gauntlet.harness.model.recommendation import (
    CandidateFigures,
    FigureId,
    MeasuredFigure,
    RatePoint,
    Stage,
    Trial,
)

LAST_STAGE_FIRST = (Stage.FINALS, Stage.SCREENING)
"""A figure is that of the last stage that measured it: its trials are longer."""

OF_CHECKS = (Stage.CORRECTNESS, Stage.SECURITY, Stage.RELOAD)
"""The stages without load, the one that asks most first."""

UNDER_LOAD = frozenset(FigureId) - {
    FigureId.MUST_BROKEN,
    FigureId.SECURITY_MUST_BROKEN,
    FigureId.RELOAD_LOSSES,
}
MEASURED_AT = {
    Stage.SCREENING: UNDER_LOAD,
    Stage.FINALS: UNDER_LOAD,
    Stage.CORRECTNESS: frozenset({FigureId.MUST_BROKEN, FigureId.SECURITY_MUST_BROKEN}),
    Stage.SECURITY: frozenset({FigureId.SECURITY_MUST_BROKEN}),
    Stage.RELOAD: frozenset({FigureId.RELOAD_LOSSES}),
}
"""The figures that the trials of a stage have. An invalid trial says nothing about the other figures."""

MAX_CURVE_POINTS = 12
"""Points of a curve that a chart shows."""

SAME_RATE = 1.25
"""The factor within which rates are one point: each round offers shares of its own capacity, which differs a little."""

COMPARED_IN_FINALS = (
    FigureId.CAPACITY.value,
    FigureId.P99_AT_PEAK.value,
    FigureId.GOODPUT_AMONG_SLOW.value,
    FigureId.MEMORY.value,
)
"""The ids of the figures that get a word in the finals."""


def candidate_figures(name: str, trials: Iterable[Trial]) -> CandidateFigures:
    """Return the figures of the candidate `name` over all of its trials."""
    own = [each for each in trials if each.candidate == name]
    by_stage: dict[Stage, list[Trial]] = {}
    for each in own:
        by_stage.setdefault(each.stage, []).append(each)
    measured = {which.value: _figure(which, by_stage) for which in FigureId}
    return CandidateFigures(name, **measured, curve=_curve(own))


def _figure(which: FigureId, trials: Mapping[Stage, Sequence[Trial]]) -> MeasuredFigure | None:
    incomplete: MeasuredFigure | None = None
    for stage in (*LAST_STAGE_FIRST, *OF_CHECKS):
        if stage not in trials or which not in MEASURED_AT.get(stage, ()):
            continue
        found = _of_stage(which, trials[stage])
        # A check that was cut off gives a lower bound; that of another stage may be complete.
        if found is not None and found.valid and not (found.bound and stage is Stage.CORRECTNESS):
            return found
        if found is not None and (incomplete is None or not incomplete.valid):
            incomplete = found
    return incomplete


def _of_stage(which: FigureId, trials: Sequence[Trial]) -> MeasuredFigure | None:
    found = [(trial, figure) for trial in trials for figure in trial.figures if figure.id == which]
    disturbed = [trial for trial in trials if not trial.valid]
    values = [(figure.value, figure) for trial, figure in found if trial.valid and figure.value is not None]
    if values:
        numbers = [value for value, _ in values]
        bounds = sum(figure.bound for _, figure in values)
        return MeasuredFigure(
            statistics.median(numbers),
            values[0][1].unit,
            len(numbers),
            min(numbers),
            max(numbers),
            bound=2 * bounds >= len(numbers),
            n_invalid=len(disturbed),
            why=next((figure.why for _, figure in values if figure.why), ""),
        )
    why = next((each.why for each in disturbed), next((figure.why for _, figure in found if figure.why), ""))
    return MeasuredFigure(None, n_invalid=len(disturbed), why=why) if found or (disturbed and why) else None


def _curve(trials: Sequence[Trial]) -> tuple[RatePoint, ...]:
    """Return one point for each offered rate: the median of the valid points, or an invalid one if there is none."""
    last = next((stage for stage in LAST_STAGE_FIRST if any(e.curve for e in trials if e.stage is stage)), None)
    points = (point for trial in trials if trial.stage is last for point in trial.curve)
    groups: list[list[RatePoint]] = []
    for point in sorted(points, key=lambda each: each.rate):
        if groups and point.rate <= SAME_RATE * groups[-1][0].rate:
            groups[-1].append(point)
        else:
            groups.append([point])
    return tuple(_median_point(each) for each in groups[-MAX_CURVE_POINTS:])


def _median_point(points: Sequence[RatePoint]) -> RatePoint:
    valid = [each for each in points if each.valid]
    if not valid:
        return points[0]
    known = sorted((each for each in valid if each.p99 is not None), key=lambda each: each.p99 or 0.0)
    middle = known[len(known) // 2] if known else valid[0]
    rate, wrong = (statistics.median(values) for values in ([e.rate for e in valid], [e.wrong for e in valid]))
    return RatePoint(rate, middle.p99, wrong, censored=middle.censored)


def figure(
    which: FigureId, value: float | None, *, bound: bool = False, why: str = "", lateness: float = 0.0
) -> Figure:
    """Return the figure `which` of a trial, with its label and unit. `lateness` is the generator's, in seconds."""
    label, unit, higher = MEANINGS[which]
    return Figure(which.value, label, value, unit, higher, bound, why, lateness)


MEANINGS = {
    FigureId.CAPACITY: ("capacity within the p99 limit", "requests/s", True),
    FigureId.P99_AT_PEAK: ("p99 at the peak", "s", False),
    FigureId.GOODPUT_ALONE: ("users served", "share", True),
    FigureId.GOODPUT_AMONG_SLOW: ("users served beside slow clients", "share", True),
    FigureId.MEMORY: ("memory", "bytes", False),
    FigureId.CPU: ("CPU per request", "s", False),
    FigureId.MEMORY_GROWTH: ("memory left behind by each request", "bytes", False),
    FigureId.SLOWEST_REQUEST: ("slowest request on the idle server", "s", False),
    FigureId.MUST_BROKEN: ("requirements broken", "", False),
    FigureId.SECURITY_MUST_BROKEN: ("requirements of security broken", "", False),
    FigureId.RELOAD_LOSSES: ("requests lost at reloads", "", False),
}
"""The label, the unit, and whether more is better."""
