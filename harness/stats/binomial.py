"""The exact interval of a share: so many successes in so many trials. Pure.

Clopper and Pearson 1934, by way of the incomplete beta function and its continued fraction (DLMF 8.17.22).
"""

from __future__ import annotations

import math
from collections.abc import Callable

CONFIDENCE = 0.95

BISECTIONS = 80
"""Halvings of the interval from 0 to 1: far beyond the precision of a float."""

MAX_TERMS = 100_000
"""Terms of the continued fraction. It needs about the square root of the number of trials."""

SMALLEST = 1e-300
PRECISION = 1e-14


def exact_interval(count: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the bounds of the share of which `count` in `trials` is a sample, at `confidence` (0 to 1).

    Raises ValueError unless 0 <= count <= trials and trials > 0.
    """
    if not 0 <= count <= trials or not trials:
        raise ValueError(f"{count} of {trials} is no share")
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else _solve(lambda share: regularized_beta(count, trials - count + 1, share) < tail)
    high = (
        1.0 if count == trials else _solve(lambda share: regularized_beta(count + 1, trials - count, share) < 1 - tail)
    )
    return low, high


def _solve(is_below: Callable[[float], bool]) -> float:
    """Return the share at which `is_below` changes from true to false."""
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2


def regularized_beta(a: float, b: float, x: float) -> float:
    """Return the regularized incomplete beta function: the probability of `a` or more successes in a + b - 1 trials."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - regularized_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    return front * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction by Lentz's method."""
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > SMALLEST else SMALLEST
