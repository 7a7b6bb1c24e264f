"""Scales of charts and their ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MAX_NINES = 4.0
"""The end of the percentile axis: 99.99 %, the fourth nine."""

_NAMED = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99)


@dataclass(frozen=True)
class Scale:
    """Maps `low` to `high` onto `start` to `end` (inches). Values outside are at the edge."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the position of `value`."""
        if value <= self.low or self.high <= self.low:
            return self.start
        if value >= self.high:
            return self.end
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def decades(low: float, high: float) -> list[float]:
    """Return the powers of ten in [low, high]."""
    return [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]


def log_ticks(low: float, high: float, max_ticks: int = 6) -> list[float]:
    """Return the ticks of a logarithmic axis: at least two values if there are round ones."""
    powers = decades(low, high)
    if len(powers) >= 3:
        return powers[:: math.ceil(len(powers) / max_ticks)]
    first = 10.0 ** math.floor(math.log10(low))
    for factors in ((1, 3), (1, 2, 5), tuple(range(1, 10))):
        found = [first * 10**power * each for power in range(4) for each in factors]
        found = [each for each in found if low <= each <= high]
        if len(found) >= 3:
            return found[:max_ticks]
    return powers or [low, high]


def steps(high: float, max_ticks: int = 4) -> list[float]:
    """Return about `max_ticks` round numbers from 0 to `high`: multiples of 1, 2 or 5 times a power of ten."""
    if high <= 0:
        return [0.0]
    rough = high / max_ticks
    decade = 10.0 ** math.floor(math.log10(rough))
    step = next(decade * factor for factor in (1, 2, 5, 10) if decade * factor >= rough * 0.999)
    return [step * number for number in range(math.floor(high / step + 1e-9) + 1)]


def nines(percentile: float) -> float:
    """Return the number of nines of `percentile` (below 100): 90 % has one, 99.99 % has four, 0 % has none."""
    return -math.log10(1 - percentile / 100)


def named_percentiles(top: float) -> list[float]:
    """Return the labelled percentiles of an axis of `top` nines."""
    # On an axis of four nines the part from 0 % to 90 % is too narrow for three labels.
    return [value for value in _NAMED if nines(value) <= top + 0.01 and (value or top <= 3)]


def powers_of_two(numbers: Sequence[int], max_ticks: int = 10) -> list[int]:
    """Return the ticks of an axis of clients: about `max_ticks` powers of two, and the largest number."""
    found = sorted({each for each in numbers if each > 0 and each & (each - 1) == 0}) or sorted(set(numbers)) or [1]
    stride = math.ceil(len(found) / max_ticks)
    # The largest number always has a label. Labels that would touch it are left out.
    last = max(numbers, default=found[-1])
    return [*(each for each in sorted(found[::-1][::stride]) if each * 1.4 < last), last]
