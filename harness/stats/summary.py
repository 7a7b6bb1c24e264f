"""The statistics of a run. Pure: values in, values out.

Three rules keep the figures honest:

- Every scheduled request stays in the denominator of goodput, however it ended.
- A request without a response has waited *at least* so long. Its latency is a lower bound (censored), and so is a
  quantile that depends on it. A report shows it as `>= 5 s`, never as 5 s.
- Quantiles are nearest-rank: an observed value, not one between two. Below 100 samples the p99 is the maximum.

Failed requests (an error, a wrong body) have no waiting time that a user would call a response. They count in goodput
and not in the quantiles, so that a server which rejects requests quickly does not look fast.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterable, Sequence

from wsgi_gauntlet.harness.model import Outcome, Phase, Sample

UNANSWERED_OUTCOMES = frozenset({Outcome.TIMEOUT, Outcome.UNFINISHED, Outcome.NEVER_SENT})
"""Outcomes whose latency is only a lower bound: the user still waited when the measurement ended."""

BOOTSTRAP_CONFIDENCE, BOOTSTRAP_RESAMPLES = 0.95, 2000

_RANK_TOLERANCE = 1e-9
"""0.07 * 100 is 7.000000000000001 in floating point. Without a tolerance a rank would be too high by one."""


def nearest_rank(count: int, q: float) -> int:
    """Return the nearest rank, counted from 1, of the quantile `q` (0 to 1) among `count` values.

    Raises ValueError for no values, or a `q` outside 0 to 1.
    """
    if count < 1:
        raise ValueError("a quantile needs at least one value")
    if not 0 <= q <= 1:
        raise ValueError(f"a quantile must be between 0 and 1, not {q}")
    return max(1, math.ceil(q * count - _RANK_TOLERANCE))


def quantile(values: Iterable[float], q: float) -> float:
    """Return the nearest-rank quantile `q` (0 to 1) of `values`, which need not be sorted.

    Raises ValueError for no values, or a `q` outside 0 to 1.
    """
    ordered = sorted(values)
    return ordered[nearest_rank(len(ordered), q) - 1]


def censored_quantile(values: Iterable[tuple[float, bool]], q: float) -> tuple[float, bool]:
    """Return the quantile `q` of (value, is only a lower bound) pairs, and whether it is only a lower bound itself.

    It is exact if every censored value is above it, because the true values are above it, too.
    Raises ValueError as `quantile` does.
    """
    # In a tie, exact values come before lower bounds, whose true values may be higher.
    ordered = sorted(values)
    lowest = ordered[: nearest_rank(len(ordered), q)]
    return lowest[-1][0], any(censored for _, censored in lowest)


def waiting_times(samples: Iterable[Sample]) -> list[tuple[float, bool]]:
    """Return the (latency in seconds, is only a lower bound) pairs of the samples that count in quantiles."""
    return [
        (each.latency, each.outcome in UNANSWERED_OUTCOMES)
        for each in samples
        if each.outcome is Outcome.OK or each.outcome in UNANSWERED_OUTCOMES
    ]


def goodput(samples: Iterable[Sample]) -> float:
    """Return correct responses / scheduled requests, 0 to 1.

    Without scheduled requests it is 1, because no request was lost. A caller that grades must check the number of
    requests first.
    """
    outcomes = [each.outcome for each in samples]
    return outcomes.count(Outcome.OK) / len(outcomes) if outcomes else 1.0


def summarize(samples: Iterable[Sample], name: str, started: float, ended: float) -> Phase:
    """Summarize the samples whose intended time is in [started, ended), in seconds since the start of the scenario.

    `p50` to `maximum` count from the intended send time, `service_p99` from the send itself. `censored` means that the
    p99 is only a lower bound. Without a response and a waiting request the quantiles are None.
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
    # A request that was never sent has no service time, not even a lower bound.
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
    """Return p99 during / p99 before, and whether this is only a lower bound.

    None if either phase has no p99, or if the p99 before is itself only a lower bound.
    """
    if not before.p99 or before.censored or during.p99 is None:
        return None, False
    return during.p99 / before.p99, during.censored


def littles_law(rate: float, mean_latency: float) -> float:
    """Return the mean number of requests in the system: arrivals per second x mean seconds in it (Little 1961)."""
    return rate * mean_latency


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % percentile-bootstrap interval of the median of `values` (Efron 1979), one value per round.

    The same values give the same interval. Fewer than five values give an interval that is too narrow. Raises
    ValueError for no values.
    """
    if not values:
        raise ValueError("an interval needs at least one value")
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(BOOTSTRAP_RESAMPLES))
    tail = (1 - BOOTSTRAP_CONFIDENCE) / 2
    return (
        medians[nearest_rank(BOOTSTRAP_RESAMPLES, tail) - 1],
        medians[nearest_rank(BOOTSTRAP_RESAMPLES, 1 - tail) - 1],
    )
