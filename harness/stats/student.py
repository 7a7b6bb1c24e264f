"""Student's t distribution and the normal distribution. Pure.

The tail of t is an incomplete beta function (DLMF 8.17; Abramowitz and Stegun 26.7.1).
"""

from __future__ import annotations

import functools
import math
import statistics

from wsgi_gauntlet.harness.stats.binomial import regularized_beta

NORMAL = statistics.NormalDist()

BISECTIONS = 53
"""Halvings of the interval that holds a quantile: the precision of a float."""

LARGEST = 1e12
"""A quantile above this is returned as this."""


def upper_tail(t: float, freedom: int) -> float:
    """Return the probability that a t variable with `freedom` degrees of freedom is above `t`."""
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    tail = regularized_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2
    return tail if t >= 0 else 1 - tail


@functools.lru_cache(maxsize=4096)
def upper_quantile(tail: float, freedom: int) -> float:
    """Return the t that is exceeded with probability `tail`, which is at most 0.5. A tail of 0 gives infinity."""
    if tail <= 0:
        return math.inf
    low, high = 0.0, 1.0
    while upper_tail(high, freedom) > tail and high < LARGEST:
        low, high = high, high * 2
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if upper_tail(middle, freedom) > tail else (low, middle)
    return (low + high) / 2


def normal_tail(z: float) -> float:
    """Return the probability that a standard normal variable is above `z`, also far out in the tail."""
    return math.erfc(z / math.sqrt(2)) / 2
