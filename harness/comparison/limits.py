"""How many rounds a comparison has: a number, or as many as fit into a time. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

BUDGET_TOLERANCE = 0.05
"""The share of the budget by which the last round may exceed it. On average the rounds then fill the budget."""

MAX_INVALID_IN_A_ROW = 4
"""Invalid rounds in a row after which the comparison ends: the machine does not become quiet."""

MAX_ROUNDS = 10_000
"""The most rounds of a comparison."""


@dataclass(frozen=True)
class RoundLimits:
    """The limits of a comparison. `budget` is in seconds. One of the two is set."""

    rounds: int | None = None
    budget: float | None = None

    def allows_round(self, valid: int, elapsed: float, round_seconds: float) -> bool:
        """Say whether a further round may begin after `valid` rounds and `elapsed` seconds.

        `round_seconds` is the expected length of a round. The first round may always begin.
        """
        if self.rounds is not None:
            return valid < self.rounds
        assert self.budget is not None
        return valid == 0 or elapsed + round_seconds <= self.budget * (1 + BUDGET_TOLERANCE)

    def rounds_left(self, valid: int, elapsed: float, round_seconds: float) -> int:
        """Return how many rounds follow after `valid` rounds, if each takes `round_seconds`."""
        if self.rounds is not None:
            return max(0, self.rounds - valid)
        assert self.budget is not None
        time_left = self.budget * (1 + BUDGET_TOLERANCE) - elapsed
        return max(0, min(MAX_ROUNDS - valid, int(time_left / round_seconds))) if round_seconds > 0 else 0

    def planned(self, valid: int, elapsed: float, round_seconds: float) -> int:
        """Return the expected number of rounds in all."""
        return valid + self.rounds_left(valid, elapsed, round_seconds)


def too_many_invalid(validity: Sequence[bool], rounds: int | None) -> bool:
    """Say whether the comparison must end. `validity` says of each round so far whether it is valid.

    With a fixed number of `rounds` it also ends after as many invalid ones, so that the time is bounded.
    """
    in_a_row = next((place for place, valid in enumerate(reversed(validity)) if valid), len(validity))
    return in_a_row >= MAX_INVALID_IN_A_ROW or (rounds is not None and validity.count(False) > max(rounds, 1))


def expected_round_seconds(lengths: Sequence[float]) -> float:
    """Return the expected length of the next round: the median of the last rounds, 0 without any."""
    return statistics.median(lengths[-5:]) if lengths else 0.0
