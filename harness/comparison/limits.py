"""How many rounds a comparison has: a number, or as many as fit into a time. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.stats.measurement_order import ROUNDS_PER_BLOCK

BUDGET_TOLERANCE = 0.1
"""The share of the budget by which the last rounds may exceed it."""

MAX_INVALID_IN_A_ROW = 4
"""Invalid rounds in a row after which the comparison ends: the machine does not become quiet."""

MAX_ROUNDS = 1000
"""The most rounds of a comparison."""

RECENT_ROUNDS = 5
"""Rounds whose lengths say how long the next round takes."""


@dataclass(frozen=True)
class RoundLimits:
    """The limits of a comparison: the number of `rounds`, or the `budget` in seconds."""

    rounds: int | None = None
    budget: float = 0.0

    def rounds_left(self, valid: int, elapsed: float, round_seconds: float) -> int:
        """Return how many rounds follow after `valid` rounds and `elapsed` seconds.

        `round_seconds` is the expected length of a round, 0 if it is unknown: then one follows. With a budget the
        rounds end a block, because a single round of a block does not count. Their end is as near to the budget as
        possible: before it, or at most a tenth after it. A block that has begun ends if that is nearer than its middle.
        """
        most = MAX_ROUNDS - valid
        if self.rounds is not None:
            return max(0, min(most, self.rounds - valid))
        if round_seconds <= 0:
            return min(1, most)
        missing = valid % ROUNDS_PER_BLOCK
        block_seconds = ROUNDS_PER_BLOCK * round_seconds
        left = self.budget - elapsed - missing * round_seconds
        excess = self.budget * BUDGET_TOLERANCE
        if -left > max(excess, self.budget - elapsed):
            return 0
        blocks = min(math.floor(left / block_seconds + 0.5), math.floor((left + excess) / block_seconds))
        return min(most, missing + ROUNDS_PER_BLOCK * max(0, blocks))


def too_many_invalid(validity: Sequence[bool], rounds: int | None) -> bool:
    """Say whether the comparison must end. `validity` says of each round so far whether it is valid.

    With a fixed number of `rounds` it also ends after more invalid ones than that, so that its time is bounded.
    """
    in_a_row = next((place for place, valid in enumerate(reversed(validity)) if valid), len(validity))
    return in_a_row >= MAX_INVALID_IN_A_ROW or (rounds is not None and validity.count(False) > rounds)


def expected_round_seconds(lengths: Sequence[float]) -> float:
    """Return the expected length of the next round: the median of the last rounds, 0 without any."""
    return statistics.median(lengths[-RECENT_ROUNDS:]) if lengths else 0.0
