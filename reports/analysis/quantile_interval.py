"""The interval of a quantile, from the ranks of the values: it assumes nothing about their distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

CONFIDENCE = 0.95

_FAR = 12
"""Standard deviations beyond which a tail of the binomial distribution is negligible."""


@dataclass(frozen=True)
class QuantileInterval:
    """The ends of an interval. `low_censored` and `high_censored` say that an end is only a lower bound.

    `high` is the largest value with `open_end` if there are too few values for an upper end.
    """

    low: float
    high: float
    low_censored: bool = False
    high_censored: bool = False
    open_end: bool = False


def quantile_interval(
    values: Sequence[tuple[float, bool]], q: float, confidence: float = CONFIDENCE
) -> QuantileInterval | None:
    """Return the interval of the quantile `q` of (value, is only a lower bound) pairs, None for no values.

    The number of values below the true quantile is binomial. Its tails give the ranks of both ends (Conover 1999, 3.2).
    """
    if not values:
        return None
    ordered = sorted(values)
    low, high = _ranks(len(ordered), q, (1 - confidence) / 2)
    return QuantileInterval(
        low=ordered[low][0],
        high=ordered[min(high, len(ordered) - 1)][0],
        low_censored=any(censored for _, censored in ordered[: low + 1]),
        high_censored=any(censored for _, censored in ordered[: high + 1]),
        open_end=high >= len(ordered),
    )


@lru_cache(maxsize=4096)
def _ranks(count: int, q: float, tail: float) -> tuple[int, int]:
    """Return the ranks of both ends, from 0. The upper one is `count` if no value is large enough."""
    below = 0.0
    low, high = 0, count
    # Below this number the probability is far less than a float can add to a tail.
    first = max(0, math.floor(count * q - _FAR * math.sqrt(count * q * (1 - q)) - _FAR))
    for number in range(first, count + 1):
        below += _probability(number, count, q)
        if below <= tail:
            low = number
        if below >= 1 - tail:
            high = min(number, count)
            break
    return min(low, count - 1), high


def _probability(number: int, count: int, q: float) -> float:
    """Return the probability of `number` successes in `count` trials."""
    logarithm = (
        math.lgamma(count + 1) - math.lgamma(number + 1) - math.lgamma(count - number + 1)
        + number * math.log(q) + (count - number) * math.log1p(-q)
    )  # fmt: skip
    return math.exp(logarithm)
