"""What a good server is: first the requirements that must hold, then the order of those that hold them. Pure.

    must hold     correct answers; capacity >= peak; p99 at the peak within its limit; memory within its limit;
                  users served beside slow clients
    then          a server for production, by its own documentation; room for twice the peak, fewer broken requirements
                  of security, not many more broken requirements of all kinds, less memory, a lower p99, fewer broken
                  requirements, fewer parts

Without a peak the highest capacity comes first. A figure within a band of the best one counts as equal to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.units import format_bytes, format_rate, format_seconds, format_share
from wsgi_gauntlet.harness.model.recommendation import (
    CandidateFigures,
    FigureId,
    MeasuredFigure,
    RecommendationCandidate,
)

MIN_GOODPUT = 0.95
"""The share of the users' requests that must be answered correctly and in time, with and without slow clients."""

CAPACITY_BAND, MEMORY_BAND, P99_BAND, REQUIREMENTS_BAND = 1.15, 1.15, 1.5, 1.15
"""Factors within which two figures count as equal: rounds of a search are short, and requirements differ in weight."""

MANY_REQUIREMENTS = 14
"""Broken requirements more than the best one has, above which no memory that is saved makes up for them: a twentieth of
the 280 that most servers are judged by."""

HEADROOM = 2.0
"""Room above the peak that a good choice has. More room than that is no reason to take more memory."""

SHORTEST_P99 = 0.01
"""Seconds of a p99 that no user notices: below this, p99 is no reason."""


@dataclass(frozen=True)
class Requirements:
    """What must hold. `peak` is requests/s (0: none), `p99_limit` seconds, `memory_limit` bytes (0: none).

    Without `slow_clients`, nobody needs to be served beside them. `margin` is a share by which a figure may miss its
    limit: in screening, a figure that misses it by less than that may be within it. Only two finalists
    are checked for all requirements, so `compare_checks` is false where others take part; `compare_security` is the
    same for those of security. `at_the_peak` is false if p99 was measured at another peak than `peak`.
    """

    peak: float = 0.0
    p99_limit: float = 0.3
    memory_limit: int = 0
    slow_clients: bool = True
    margin: float = 0.0
    compare_checks: bool = True
    compare_security: bool = True
    at_the_peak: bool = True


@dataclass(frozen=True)
class BrokenRequirement:
    """A requirement that a candidate breaks: its figure, and a clause that says how."""

    figure: FigureId
    text: str


def broken_requirements(figures: CandidateFigures, wanted: Requirements) -> tuple[BrokenRequirement, ...]:
    """Return the requirements that the measured figures break. A figure that was not measured breaks none."""
    found: list[BrokenRequirement] = []

    def check(which: FigureId, breaks: Callable[[float], bool], text: Callable[[MeasuredFigure, float], str]) -> None:
        figure = figures.figure(which)
        if figure is not None and figure.value is not None and breaks(figure.value):
            found.append(BrokenRequirement(which, text(figure, figure.value)))

    slack = 1 + wanted.margin
    limit = format_seconds(wanted.p99_limit)
    check(
        FigureId.CAPACITY,
        lambda value: value <= 0 or value * slack < wanted.peak,
        lambda figure, value: (
            f"it serves {'at least ' if figure.bound else ''}{format_rate(value)} with p99 within {limit}"
            f"{_because(figure)}, and the peak is {format_rate(wanted.peak)}"
            if value > 0
            else f"it has no rate at which p99 is within {limit} and 99 % of the answers are correct{_because(figure)}"
        ),
    )
    check(
        FigureId.P99_AT_PEAK,
        lambda value: wanted.at_the_peak and wanted.peak > 0 and value > wanted.p99_limit * slack,
        lambda figure, value: f"p99 at the peak is {format_seconds(value)}{_because(figure)}, and the limit is {limit}",
    )
    check(
        FigureId.GOODPUT_ALONE,
        lambda value: value < MIN_GOODPUT - wanted.margin / 2,
        lambda _, value: f"only {format_share(value)} of the users' requests are answered in time",
    )
    check(
        FigureId.GOODPUT_AMONG_SLOW,
        lambda value: wanted.slow_clients and value < MIN_GOODPUT - wanted.margin / 2,
        lambda _, value: f"beside slow clients only {format_share(value)} of the users' requests are answered in time",
    )
    check(
        FigureId.MEMORY,
        lambda value: 0 < wanted.memory_limit * slack < value,
        lambda _, value: (
            f"it needs {format_bytes(value)} of memory, and the limit is {format_bytes(wanted.memory_limit)}"
        ),
    )
    return tuple(found)


def _because(figure: MeasuredFigure) -> str:
    return f" ({figure.why})" if figure.why else ""


@dataclass(frozen=True)
class _Criterion:
    """One figure of all candidates, less is better.

    Values up to the best one times `band`, and up to the best one plus `slack`, count as equal to it.
    """

    values: Mapping[str, float]
    band: float = 1.0
    slack: float = 0.0


def ranked(
    candidates: Iterable[RecommendationCandidate],
    figures: Callable[[str], CandidateFigures],
    wanted: Requirements,
) -> list[RecommendationCandidate]:
    """Return the candidates, the best one first. Equal ones keep their order.

    The best one is found by one criterion after another: each leaves those that are as good as the best of the rest.
    So two candidates with nearly the same figure are never apart because the edge of a band lies between them.
    """
    left = list(candidates)
    criteria = _criteria(left, figures, wanted)
    order: list[RecommendationCandidate] = []
    while left:
        best = _best(left, criteria)
        order.append(best)
        left.remove(best)
    return order


def _best(candidates: Sequence[RecommendationCandidate], criteria: Sequence[_Criterion]) -> RecommendationCandidate:
    for each in criteria:
        best = min(each.values[one.name] for one in candidates)
        limit = max(each.band * best, best + each.slack)
        candidates = [one for one in candidates if each.values[one.name] <= limit]
    return candidates[0]


def _criteria(
    candidates: Sequence[RecommendationCandidate],
    figures: Callable[[str], CandidateFigures],
    wanted: Requirements,
) -> tuple[_Criterion, ...]:
    found = {each.name: figures(each.name) for each in candidates}

    def values(of: Callable[[CandidateFigures], float]) -> dict[str, float]:
        return {name: of(each) for name, each in found.items()}

    def broken(which: FigureId, *, compared: bool) -> dict[str, float]:
        figures_of = {name: each.figure(which) for name, each in found.items()}
        known = {name: count for name, each in figures_of.items() if (count := _complete(each)) is not None}
        # A candidate that was not checked counts as the worst one: it must not win because nobody looked. One whose
        # check was cut off breaks at least what was found until then.
        worst = max(known.values(), default=0.0)
        return {
            name: known.get(name, max(worst, _value(each, 0.0))) if compared else 0.0
            for name, each in figures_of.items()
        }

    musts = broken(FigureId.MUST_BROKEN, compared=wanted.compare_checks)
    return (
        _Criterion(values(lambda each: float(len(broken_requirements(each, wanted))))),
        _Criterion({each.name: float(bool(each.for_development)) for each in candidates}),
        _Criterion(values(lambda each: float(each.capacity is None or each.capacity.value is None))),
        _Criterion(values(lambda each: _lack_of_room(each, wanted)), CAPACITY_BAND),
        _Criterion(broken(FigureId.SECURITY_MUST_BROKEN, compared=wanted.compare_security)),
        _Criterion(musts, slack=MANY_REQUIREMENTS),
        _Criterion(values(lambda each: _value(each.memory, math.inf)), MEMORY_BAND),
        _Criterion(values(lambda each: max(_value(each.p99_at_peak, math.inf), SHORTEST_P99)), P99_BAND),
        _Criterion(musts, REQUIREMENTS_BAND),
        _Criterion({each.name: float(bool(each.front)) for each in candidates}),
        _Criterion({each.name: float(each.workers or 1) for each in candidates}),
        _Criterion({each.name: float(each.threads or 1) for each in candidates}),
    )


def _lack_of_room(figures: CandidateFigures, wanted: Requirements) -> float:
    """Return the inverse of the capacity: in peaks up to HEADROOM, or in requests/s without a peak."""
    capacity = _value(figures.capacity, 0.0)
    room = min(capacity / wanted.peak, HEADROOM) if wanted.peak > 0 else capacity
    return 1 / room if room > 0 else math.inf


def _complete(figure: MeasuredFigure | None) -> float | None:
    """Return the number of broken requirements, None if they were not all checked."""
    return None if figure is None or figure.bound else figure.value


def best_that_holds(
    candidates: Sequence[RecommendationCandidate],
    figures: Callable[[str], CandidateFigures],
    wanted: Requirements,
    *,
    order_by: Callable[[str], CandidateFigures] | None = None,
) -> RecommendationCandidate | None:
    """Return the best measured candidate that breaks no requirement, None if all do.

    `order_by` gives the figures that put them into order, if those of `figures` come from different kinds of trials.
    """
    fit = [
        each
        for each in candidates
        if figures(each.name).is_measured and not broken_requirements(figures(each.name), wanted)
    ]
    return next(iter(ranked(fit, order_by or figures, wanted)), None)


def _value(figure: MeasuredFigure | None, otherwise: float) -> float:
    return otherwise if figure is None or figure.value is None else figure.value
