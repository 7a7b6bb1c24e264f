"""What a good server is: first the requirements that must hold, then the order of those that hold them. Pure.

    must hold     correct answers; capacity >= peak; p99 at the peak within its limit; memory within its limit;
                  users served beside slow clients
    then          room for twice the peak, fewer broken requirements of security, less memory, a lower p99, fewer parts

Without a peak the highest capacity comes first. Figures that differ by less than a band count as equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
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

CAPACITY_BAND, MEMORY_BAND, P99_BAND = 1.15, 1.15, 1.5
"""Factors within which two figures count as equal: rounds of a search are short."""

HEADROOM = 2.0
"""Room above the peak that a good choice has. More room than that is no reason to take more memory."""

SHORTEST_P99 = 0.01
"""Seconds of a p99 that no user notices: below this, p99 is no reason."""

Key = tuple[float, ...]


@dataclass(frozen=True)
class Requirements:
    """What must hold. `peak` is requests/s (0: none), `p99_limit` seconds, `memory_limit` bytes (0: none).

    Without `slow_clients`, nobody needs to be served beside them. `margin` is a share by which a figure may miss its
    limit: in screening, a figure that misses it by less than that may be within it. Only finalists are checked for
    security, so `compare_security` is false where others take part.
    """

    peak: float = 0.0
    p99_limit: float = 0.3
    memory_limit: int = 0
    slow_clients: bool = True
    margin: float = 0.0
    compare_security: bool = True


@dataclass(frozen=True)
class BrokenRequirement:
    """A requirement that a candidate breaks: its figure, and a clause that says how."""

    figure: FigureId
    text: str


def broken_requirements(figures: CandidateFigures, wanted: Requirements) -> tuple[BrokenRequirement, ...]:
    """Return the requirements that the measured figures break. A figure that was not measured breaks none."""
    found: list[BrokenRequirement] = []

    def check(which: FigureId, breaks: Callable[[float], bool], text: Callable[[float], str]) -> None:
        figure = figures.figure(which)
        if figure is not None and figure.value is not None and breaks(figure.value):
            found.append(BrokenRequirement(which, text(figure.value)))

    slack = 1 + wanted.margin
    limit = format_seconds(wanted.p99_limit)
    check(
        FigureId.CAPACITY,
        lambda value: value <= 0 or value * slack < wanted.peak,
        lambda value: (
            f"it serves {format_rate(value)} with p99 within {limit}, and the peak is {format_rate(wanted.peak)}"
            if value > 0
            else f"p99 is over {limit} even with one request at a time"
        ),
    )
    check(
        FigureId.P99_AT_PEAK,
        lambda value: wanted.peak > 0 and value > wanted.p99_limit * slack,
        lambda value: f"p99 at the peak is {format_seconds(value)}, and the limit is {limit}",
    )
    check(
        FigureId.GOODPUT_ALONE,
        lambda value: value < MIN_GOODPUT - wanted.margin / 2,
        lambda value: f"only {format_share(value)} of the users' requests are answered in time",
    )
    check(
        FigureId.GOODPUT_AMONG_SLOW,
        lambda value: wanted.slow_clients and value < MIN_GOODPUT - wanted.margin / 2,
        lambda value: f"beside slow clients only {format_share(value)} of the users' requests are answered in time",
    )
    check(
        FigureId.MEMORY,
        lambda value: 0 < wanted.memory_limit * slack < value,
        lambda value: f"it needs {format_bytes(value)} of memory, and the limit is {format_bytes(wanted.memory_limit)}",
    )
    return tuple(found)


def order_key(candidate: RecommendationCandidate, figures: CandidateFigures, wanted: Requirements) -> Key:
    """Return the place of a candidate among others: less is better. Ties are left to the order of the candidates."""
    capacity = _value(figures.capacity, 0.0)
    broken = broken_requirements(figures, wanted)
    if wanted.peak > 0:
        room = min(capacity / wanted.peak, HEADROOM) if capacity < HEADROOM * wanted.peak / CAPACITY_BAND else HEADROOM
    else:
        room = capacity
    p99 = max(_value(figures.p99_at_peak, math.inf), SHORTEST_P99)
    return (
        float(len(broken)),
        float(figures.capacity is None or figures.capacity.value is None),
        -_band(room, CAPACITY_BAND),
        _value(figures.security_must_broken, 0.0) if wanted.compare_security else 0.0,
        _band(_value(figures.memory, math.inf), MEMORY_BAND),
        _band(p99, P99_BAND),
        float(bool(candidate.front)),
        float(candidate.workers or 1),
        float(candidate.threads or 1),
    )


def ranked(
    candidates: Iterable[RecommendationCandidate],
    figures: Callable[[str], CandidateFigures],
    wanted: Requirements,
) -> list[RecommendationCandidate]:
    """Return the candidates, the best one first. Equal ones keep their order."""
    return sorted(candidates, key=lambda each: order_key(each, figures(each.name), wanted))


def best_that_holds(
    candidates: Sequence[RecommendationCandidate],
    figures: Callable[[str], CandidateFigures],
    wanted: Requirements,
) -> RecommendationCandidate | None:
    """Return the best measured candidate that breaks no requirement, None if all do."""
    fit = [
        each
        for each in candidates
        if figures(each.name).capacity is not None and not broken_requirements(figures(each.name), wanted)
    ]
    return next(iter(ranked(fit, figures, wanted)), None)


def _value(figure: MeasuredFigure | None, otherwise: float) -> float:
    return otherwise if figure is None or figure.value is None else figure.value


def _band(value: float, factor: float) -> float:
    """Return the number of the band that `value` is in. The next band is higher by `factor`."""
    if value <= 0:
        return -math.inf
    return value if math.isinf(value) else float(round(math.log(value) / math.log(factor)))
