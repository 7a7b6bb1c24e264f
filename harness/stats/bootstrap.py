"""The interval of a ratio: a bootstrap over blocks of rounds with a correction for few blocks. Pure.

Blocks are drawn, never requests and never single rounds: the two rounds of a block have opposite orders, and only
their mean is free of drift.

The percentile bootstrap is too narrow for few blocks, for two reasons. It divides by n, but n - 1 is right. It uses the
normal distribution, but the t distribution is right. So each side is stretched by sqrt(n / (n - 1)) * t / z.
With three or four blocks the bootstrap has few different means, so no side is narrower than that of the t interval.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import numpy.typing as npt

from wsgi_gauntlet.harness.stats import student
from wsgi_gauntlet.harness.stats.block_mean import block_mean
from wsgi_gauntlet.harness.stats.paired_ratio import Ratio

CONFIDENCE = 0.95

RESAMPLES = 2000

SEED = 1
"""The interval of the same figures is always the same."""


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """A ratio B / A (1.1 is 10 % more) or a difference of shares (0.1 is 10 points more), with its bounds."""

    low: float
    estimate: float
    high: float


def estimate(
    ratio: Ratio, confidence: float = CONFIDENCE, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval | None:
    """Return the mean ratio or difference of the rounds with its interval; None with fewer than two valid blocks."""
    mean = block_mean(ratio)
    if mean is None:
        return None
    tail = (1 - confidence) / 2
    t = student.upper_quantile(tail, mean.freedom)
    stretch = math.sqrt(mean.blocks / mean.freedom) * t / student.NORMAL.inv_cdf(1 - tail)
    means = np.sort(_weights(mean.blocks, resamples, seed) @ (np.array(ratio.blocks) - mean.mean))
    outside = int(tail * resamples)
    down = max(-float(means[outside]) * stretch, t * mean.error)
    up = max(float(means[-1 - outside]) * stretch, t * mean.error)
    return Interval(*(ratio.metric.shown(each) for each in (mean.mean - down, mean.mean, mean.mean + up)))


@functools.lru_cache(maxsize=64)
def _weights(blocks: int, resamples: int, seed: int) -> npt.NDArray[np.float64]:
    """Return the share of each block (column) in each resample (row)."""
    counts = np.random.default_rng(seed).multinomial(blocks, [1 / blocks] * blocks, size=resamples)
    shares: npt.NDArray[np.float64] = counts / blocks
    shares.setflags(write=False)
    return shares
