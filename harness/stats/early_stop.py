"""The rule of `--until-decided`: how small p must be at each look so that all looks together err with alpha. Pure.

The rule spends alpha over the looks (Lan and DeMets 1983) as O'Brien and Fleming do: almost nothing at the first looks,
almost everything at the last one. The bounds come from the exact distribution of a sum that is looked at several times
(Armitage, McPherson and Rowe 1969). They hold for a normal sum. Each bound is turned into a level of p, and the t test
of the blocks is compared with that level (Jennison and Turnbull, "Group Sequential Methods", 2000, chapter 11).
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import numpy.typing as npt

from wsgi_gauntlet.harness.stats import student
from wsgi_gauntlet.harness.stats.measurement_order import ROUNDS_PER_BLOCK

FEWEST_ROUNDS = 6
"""Three blocks. With two blocks, t must exceed 12.7."""

MOST_LOOKS = 10
"""More looks stop hardly earlier."""

NODES = 201
"""Points of Simpson's rule for the density of the sum. The bounds are right to four digits."""

FARTHEST = 8.0
"""Standard deviations at which a side without a bound ends."""

SPENT_BY_LOOKS = 0.85
"""The part of alpha that several looks together spend.

The bounds are those of a normal sum. A t test over few blocks that is looked at several times errs a little more often:
with all of alpha, 5.3 % of 5,000 comparisons in steady noise were false.
"""

LEAST_SPENT = 1e-12
"""A look that may spend less than this decides nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """The look number `index` (from 0) at a comparison that is looked at after each of `rounds` rounds.

    The last of `rounds` is the planned end. `Look.only(rounds)` is a comparison without early stop.
    """

    rounds: tuple[int, ...]
    index: int

    @classmethod
    def only(cls, rounds: int) -> Look:
        """Return the only look, at the end of a comparison that never stops early."""
        return cls((rounds,), 0)

    @property
    def is_last(self) -> bool:
        """Say whether no look follows."""
        return self.index == len(self.rounds) - 1

    def level(self, alpha: float) -> float:
        """Return the level of a one-sided p value at this look, so that all looks together err with `alpha`."""
        return levels(self.rounds, alpha * SPENT_BY_LOOKS if len(self.rounds) > 1 else alpha)[self.index]


def planned_looks(rounds: int) -> tuple[Look, ...]:
    """Return the looks of a comparison with at most `rounds` rounds: at most ten, even numbers of rounds from 6."""
    blocks = rounds // ROUNDS_PER_BLOCK
    fewest = min(FEWEST_ROUNDS // ROUNDS_PER_BLOCK, blocks)
    looks = min(MOST_LOOKS, blocks - fewest + 1)
    ends = np.unique(np.linspace(fewest, blocks, looks).round().astype(int)) if looks > 1 else [blocks]
    plan = tuple(int(each) * ROUNDS_PER_BLOCK for each in ends)
    return tuple(Look(plan, index) for index in range(len(plan)))


@functools.lru_cache(maxsize=1024)
def levels(rounds: tuple[int, ...], alpha: float) -> tuple[float, ...]:
    """Return the level of a one-sided p value at each look after `rounds` rounds; `alpha` is one-sided too."""
    limits = [_spent(alpha, each / rounds[-1]) for each in rounds]
    spent = 0.0
    density: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None
    found: list[float] = []
    for index, (end, allowed) in enumerate(zip(rounds, limits, strict=True)):
        step = math.sqrt(end - (rounds[index - 1] if index else 0))
        bound = _bound(density, step, allowed - spent) if allowed - spent > LEAST_SPENT else math.inf
        spent = allowed if math.isfinite(bound) else spent
        scale = math.sqrt(end)
        found.append(student.normal_tail(bound / scale) if math.isfinite(bound) else 0.0)
        density = _density(density, step, min(bound, FARTHEST * scale), -FARTHEST * scale)
    return tuple(found)


def _spent(alpha: float, share: float) -> float:
    """Return the part of `alpha` that may be spent when `share` of the planned rounds are done."""
    return 2 * student.normal_tail(student.NORMAL.inv_cdf(1 - alpha / 2) / math.sqrt(share))


Density = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""Sums at which the comparison goes on, and the probability of each."""


def _bound(density: Density | None, step: float, chance: float) -> float:
    """Return the sum that is exceeded with probability `chance` at this look, after going on at each look before."""
    sums, weights = density or (np.zeros(1), np.ones(1))
    low, high = -2 * FARTHEST * step, float(sums.max()) + 2 * FARTHEST * step
    for _ in range(60):
        middle = (low + high) / 2
        tails = np.array([student.normal_tail((middle - each) / step) for each in sums])
        low, high = (middle, high) if float(tails @ weights) > chance else (low, middle)
    return (low + high) / 2


def _density(density: Density | None, step: float, highest: float, lowest: float) -> Density:
    """Return the distribution of the sum between the bounds, as nodes and weights of Simpson's rule."""
    sums, weights = density or (np.zeros(1), np.ones(1))
    nodes = np.linspace(lowest, highest, NODES)
    simpson = np.where(np.arange(NODES) % 2, 4.0, 2.0)
    simpson[0] = simpson[-1] = 1.0
    simpson *= (highest - lowest) / (NODES - 1) / 3
    kernel = np.exp(-(((nodes[:, None] - sums[None, :]) / step) ** 2) / 2) / (step * math.sqrt(2 * math.pi))
    return nodes, simpson * (kernel @ weights)
