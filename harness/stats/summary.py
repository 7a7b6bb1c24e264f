"""The statistics of a run, pure: values in, values out.

Three rules keep the figures honest:

- Every scheduled request stays in goodput's denominator, whatever became of it.
- A request that was never answered has waited *at least* so long: its latency is a lower bound (censored), and a
  quantile that rests on one is a lower bound too. It is printed as `>= 5 s`, never as 5 s.
- Quantiles are nearest-rank: a value that was seen, not one between two. Below 100 samples the p99 is the maximum.

Requests that failed (an error, a wrong body) have no waiting time that a user would call an answer: they count in
goodput and stay out of the quantiles, so that a server which refuses quickly does not look quick.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Iterable, Sequence

from wsgi_gauntlet.harness.model import Outcome, Phase, Sample

UNANSWERED_OUTCOMES = frozenset({Outcome.TIMEOUT, Outcome.UNFINISHED, Outcome.NEVER_SENT})
"""Outcomes whose latency is only a lower bound: the user was still waiting when we stopped looking."""

_RANK_TOLERANCE = 1e-9
"""0.07 * 100 is 7.000000000000001 in floating point; without this a rank would jump by one."""


def nearest_rank(count: int, q: float) -> int:
    """Return the nearest rank, counted from 1, of the quantile `q` (0 to 1) among `count` values.

    Raises ValueError for no values, or a `q` outside 0 to 1.
    """
    if count < 1:
        raise ValueError("a quantile of nothing: give at least one value")
    if not 0 <= q <= 1:
        raise ValueError(f"a quantile lies between 0 and 1, not at {q}")
    return max(1, math.ceil(q * count - _RANK_TOLERANCE))


def quantile(values: Iterable[float], q: float) -> float:
    """Return the nearest-rank quantile `q` (0 to 1) of `values`, which need not be sorted.

    Raises ValueError for no values, or a `q` outside 0 to 1.
    """
    ordered = sorted(values)
    return ordered[nearest_rank(len(ordered), q) - 1]


def censored_quantile(values: Iterable[tuple[float, bool]], q: float) -> tuple[float, bool]:
    """Return the quantile `q` of (value, is only a lower bound) pairs, and whether it is only a lower bound itself.

    It is exact as long as every censored value lies above it: wherever they truly are, they stay above.
    Raises ValueError as `quantile` does.
    """
    # On a tie what was seen stands before what was only bounded, which may well lie above.
    ordered = sorted(values)
    lowest = ordered[: nearest_rank(len(ordered), q)]
    return lowest[-1][0], any(censored for _, censored in lowest)


def waiting_times(samples: Iterable[Sample]) -> list[tuple[float, bool]]:
    """Return the (latency in seconds, is only a lower bound) pairs of the samples that quantiles rest on."""
    return [
        (each.latency, each.outcome in UNANSWERED_OUTCOMES)
        for each in samples
        if each.outcome is Outcome.OK or each.outcome in UNANSWERED_OUTCOMES
    ]


def goodput(samples: Iterable[Sample]) -> float:
    """Return correct answers / scheduled requests, 0 to 1.

    With nothing scheduled it is 1: nothing was asked, so nothing was lost, and no server is blamed for silence. Whoever
    grades looks at the number scheduled first.
    """
    outcomes = [each.outcome for each in samples]
    return outcomes.count(Outcome.OK) / len(outcomes) if outcomes else 1.0


def summarize(samples: Iterable[Sample], name: str, started: float, ended: float) -> Phase:
    """Sum up the samples whose intended time lies in [started, ended), in seconds from the scenario's start.

    `p50` to `maximum` count from the intended send time, `service_p99` from the send itself. `censored` says that
    the p99 is only a lower bound. With neither an answer nor a waiting request the quantiles are None.
    """
    inside = [each for each in samples if started <= each.intended < ended]
    outcomes = {outcome.value: 0 for outcome in Outcome}
    for each in inside:
        outcomes[each.outcome.value] += 1
    share = goodput(inside)
    times = waiting_times(inside)
    if not times:
        return Phase(name, started, ended, len(inside), outcomes, share)
    p99, censored = censored_quantile(times, 0.99)
    # What was never sent has no service time at all, not even a bounded one.
    served = [each.service for each in inside if each.outcome in (Outcome.OK, Outcome.TIMEOUT, Outcome.UNFINISHED)]
    return Phase(
        name,
        started,
        ended,
        len(inside),
        outcomes,
        share,
        p50=censored_quantile(times, 0.50)[0],
        p90=censored_quantile(times, 0.90)[0],
        p99=p99,
        maximum=max(latency for latency, _ in times),
        service_p99=quantile(served, 0.99) if served else None,
        censored=censored,
    )


def slowdown(before: Phase, during: Phase) -> tuple[float | None, bool]:
    """Return p99 during / p99 before, and whether that is only a lower bound.

    None where either phase has no p99, or the one before is itself only a lower bound: then nobody knows.
    """
    if not before.p99 or before.censored or during.p99 is None:
        return None, False
    return during.p99 / before.p99, during.censored


def littles_law(rate: float, mean_latency: float) -> float:
    """Return how many requests are in the system on average: arrivals per second x mean seconds in it (Little 1961)."""
    return rate * mean_latency


def bootstrap_interval(
    values: Sequence[float],
    statistic: Callable[[Sequence[float]], float] = statistics.median,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile-bootstrap interval of `statistic` over `values` (Efron 1979), one value a round.

    The same seed gives the same interval. Few rounds give an interval that is too narrow: with fewer than five the
    caller should call the result inconclusive. Raises ValueError for no values or a confidence outside 0 to 1.
    """
    if not values:
        raise ValueError("an interval of nothing: give at least one value")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence lies between 0 and 1, not at {confidence}")
    draw = random.Random(seed)
    found = sorted(statistic(draw.choices(values, k=len(values))) for _ in range(resamples))
    tail = (1 - confidence) / 2
    return found[nearest_rank(resamples, tail) - 1], found[nearest_rank(resamples, 1 - tail) - 1]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values (Holm 1979), in the given order: how surprising each is among so many."""
    adjusted = [0.0] * len(p_values)
    worst = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        worst = max(worst, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = worst
    return adjusted
