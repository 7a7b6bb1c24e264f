"""The metrics of a comparison, and the ratio of two candidates in each round. Pure.

The unit of all statistics is the block of two rounds (`measurement_order`). Requests are no unit: the thousands of
requests of one round share one server process and one state of the machine, so they say little about the next round.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import math
from collections.abc import Sequence
from typing import Self

from wsgi_gauntlet.harness.stats.measurement_order import ROUNDS_PER_BLOCK

HISTOGRAM_STEP = 1 / 128
"""The width of a bucket of `histogram`, relative to its values."""


class Scale(enum.StrEnum):
    """How two values of a metric are compared."""

    RATIO = "ratio"
    """The logarithm of B / A: for rates, times, costs and sizes."""

    DIFFERENCE = "difference"
    """B - A: for shares from 0 to 1, for example users served."""


@dataclasses.dataclass(frozen=True, slots=True)
class Metric:
    """A figure that is measured once for each candidate and round.

    `better` and `worse` are the words for candidate B if its figure is better or worse than that of A.
    `step` is the smallest difference that the measurement can show: relative to the value for a ratio, absolute for a
    share. Rounds that agree by accident then claim no impossible precision. `server_share` is the part of the value
    that the server has caused for sure. The rest, for example a late send, is the same for both candidates and makes
    their difference look smaller than it is.
    """

    name: str
    higher_is_better: bool
    scale: Scale = Scale.RATIO
    better: str = "faster"
    worse: str = "slower"
    step: float = HISTOGRAM_STEP
    server_share: float = 1.0

    def inside(self, shown: float) -> float:
        """Return the figure of the statistics for a ratio or difference as shown to people."""
        return math.log(shown) if self.scale is Scale.RATIO else shown

    def shown(self, inside: float) -> float:
        """Return the ratio or difference as shown to people: 1.1 is 10 % more; 0.1 of a share is 10 points more."""
        if self.scale is Scale.DIFFERENCE:
            return inside
        return math.exp(min(inside, MOST))

    @property
    def unit(self) -> str:
        """The unit of a margin: percent of a ratio, percentage points of a share."""
        return "%" if self.scale is Scale.RATIO else "points"

    def margin(self, margin: float) -> float:
        """Return the margin of no relevant difference, on the scale of the statistics. 0.05 is 5 % or 5 points.

        A difference of 5 % of the server's share is a smaller one of the whole value, so the margin is smaller too.
        """
        return math.log1p(margin * self.server_share) if self.scale is Scale.RATIO else margin


MOST = 700.0
"""The exponential of a larger number is no float."""

CAPACITY = Metric("capacity", higher_is_better=True)
P50 = Metric("p50", higher_is_better=False)
P99 = Metric("p99", higher_is_better=False)
SERVED = Metric("served", higher_is_better=True, scale=Scale.DIFFERENCE, better="more users", worse="fewer users")
CPU = Metric("cpu", higher_is_better=False, better="less CPU", worse="more CPU")
MEMORY = Metric("memory", higher_is_better=False, better="less memory", worse="more memory")

METRICS = (CAPACITY, P50, P99, SERVED, CPU, MEMORY)


@dataclasses.dataclass(frozen=True)
class Ratio:
    """One metric of candidate B against candidate A, a figure for each round; None if the round is not valid.

    The figure is the logarithm of B / A, or B - A for a share. Rounds 0 and 1 are the first block.
    """

    metric: Metric
    rounds: tuple[float | None, ...]

    @classmethod
    def of(cls, metric: Metric, base: Sequence[float | None], other: Sequence[float | None]) -> Self:
        """Compare the values of `other` (B) with those of `base` (A), round by round. None is no valid value.

        A value of 0 or less has no ratio, so it is not valid either. Pass a lower bound (a timeout) as its bound.
        """
        return cls(metric, tuple(_compared(metric.scale, *each) for each in zip(base, other, strict=True)))

    @functools.cached_property
    def blocks(self) -> tuple[float, ...]:
        """The mean figure of each block. A block with a round that is not valid or not measured is left out."""
        found = []
        for first in range(0, len(self.rounds), ROUNDS_PER_BLOCK):
            block = [each for each in self.rounds[first : first + ROUNDS_PER_BLOCK] if each is not None]
            if len(block) == ROUNDS_PER_BLOCK:
                found.append(math.fsum(block) / ROUNDS_PER_BLOCK)
        return tuple(found)

    def first(self, rounds: int) -> Self:
        """Return the ratio as it was after `rounds` rounds."""
        return dataclasses.replace(self, rounds=self.rounds[:rounds])


def _compared(scale: Scale, base: float | None, other: float | None) -> float | None:
    if base is None or other is None or not math.isfinite(base) or not math.isfinite(other):
        return None
    if scale is Scale.DIFFERENCE:
        return other - base
    return math.log(other / base) if base > 0 and other > 0 else None
