"""The mean of the blocks of a comparison, and its standard error. Pure."""

from __future__ import annotations

import dataclasses
import functools
import math

from wsgi_gauntlet.harness.stats.paired_ratio import Ratio

FEWEST_BLOCKS = 2
"""One block has no standard error."""


@dataclasses.dataclass(frozen=True, slots=True)
class BlockMean:
    """The mean of the blocks, the standard deviation of one block, and the number of blocks."""

    mean: float
    deviation: float
    blocks: int

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return self.deviation / math.sqrt(self.blocks)

    @property
    def freedom(self) -> int:
        """The degrees of freedom of the standard error."""
        return self.blocks - 1


@functools.lru_cache(maxsize=256)
def block_mean(ratio: Ratio) -> BlockMean | None:
    """Return the mean of the blocks; None with fewer than two valid blocks.

    The deviation is at least that of rounding both values to the step of the metric: step / sqrt(12) for each value,
    times sqrt(2) for two values, divided by sqrt(2) for two rounds.
    """
    blocks = ratio.blocks
    if len(blocks) < FEWEST_BLOCKS:
        return None
    mean = math.fsum(blocks) / len(blocks)
    variance = math.fsum((each - mean) ** 2 for each in blocks) / (len(blocks) - 1)
    return BlockMean(mean, max(math.sqrt(variance), ratio.metric.step / math.sqrt(12)), len(blocks))
