"""How many rounds a comparison has: a number, or as many as fit into a time. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.stats.measurement_order import ROUNDS_PER_BLOCK

BUDGET_TOLERANCE = 0.05
"""The share of the budget by which the last rounds may exceed it. On average the rounds then fill the budget."""

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

    def allows(self, valid: int, elapsed: float, wanted: int, round_seconds: float) -> bool:
        """Say whether `wanted` further rounds may begin after `valid` rounds and `elapsed` seconds.

        `round_seconds` is the expected length of a round, 0 if it is unknown: then they may.
        """
        if valid + wanted > MAX_ROUNDS:
            return False
        if self.rounds is not None:
            return valid < self.rounds
        return not round_seconds or elapsed + wanted * round_seconds <= self.budget * (1 + BUDGET_TOLERANCE)

    def rounds_left(self, valid: int, elapsed: float, round_seconds: float) -> int:
        """Return how many rounds follow after `valid` rounds, if each takes `round_seconds`. They end a block."""
        if self.rounds is not None:
            return max(0, self.rounds - valid)
        left = self.budget * (1 + BUDGET_TOLERANCE) - elapsed
        in_all = min(MAX_ROUNDS, valid + max(0, int(left / round_seconds))) if round_seconds > 0 else valid
        missing = valid % ROUNDS_PER_BLOCK
        return max(missing, in_all - in_all % ROUNDS_PER_BLOCK - valid)


def too_many_invalid(validity: Sequence[bool], rounds: int | None) -> bool:
    """Say whether the comparison must end. `validity` says of each round so far whether it is valid.

    With a fixed number of `rounds` it also ends after more invalid ones than that, so that its time is bounded.
    """
    in_a_row = next((place for place, valid in enumerate(reversed(validity)) if valid), len(validity))
    return in_a_row >= MAX_INVALID_IN_A_ROW or (rounds is not None and validity.count(False) > rounds)


def expected_round_seconds(lengths: Sequence[float]) -> float:
    """Return the expected length of the next round: the median of the last rounds, 0 without any."""
    return statistics.median(lengths[-RECENT_ROUNDS:]) if lengths else 0.0
