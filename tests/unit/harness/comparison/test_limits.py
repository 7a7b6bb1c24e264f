"""How many rounds fit."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.comparison.limits import (
    MAX_INVALID_IN_A_ROW,
    MAX_ROUNDS,
    RoundLimits,
    expected_round_seconds,
    too_many_invalid,
)


def test_a_number_of_rounds() -> None:
    limits = RoundLimits(rounds=4)
    assert [limits.allows(valid, 1e9, 2, 10) for valid in (0, 3, 4)] == [True, True, False]
    assert limits.rounds_left(1, 0, 10) == 3


@pytest.mark.parametrize(("elapsed", "allowed"), [(0, True), (80, True), (85, True), (86, False), (100, False)])
def test_a_block_begins_only_if_it_ends_within_the_budget_and_its_tolerance(elapsed: float, allowed: bool) -> None:
    assert RoundLimits(budget=100).allows(2, elapsed, 2, 10) is allowed


@pytest.mark.parametrize("round_seconds", [1.0, 7.0, 10.0, 26.0])
def test_the_budget_is_kept_within_a_tenth_and_filled_with_whole_blocks(round_seconds: float) -> None:
    limits = RoundLimits(budget=600)
    valid, elapsed = 0, 12.0
    while limits.allows(valid, elapsed, 2 - valid % 2, round_seconds):
        valid, elapsed = valid + 1, elapsed + round_seconds
    assert valid % 2 == 0
    assert elapsed <= 660
    assert elapsed + 2 * round_seconds > 600


def test_the_first_round_always_begins_and_there_is_a_last_one() -> None:
    assert RoundLimits(budget=1).allows(0, 50, 2, 0)
    assert not RoundLimits(budget=1e9).allows(MAX_ROUNDS - 1, 0, 2, 1)
    assert RoundLimits(budget=1e9).rounds_left(10, 0, 1) == MAX_ROUNDS - 10


@pytest.mark.parametrize(("valid", "elapsed", "left"), [(0, 0, 10), (1, 10, 9), (2, 20, 8), (3, 95, 1), (4, 95, 0)])
def test_the_rounds_that_are_left_end_a_block(valid: int, elapsed: float, left: int) -> None:
    assert RoundLimits(budget=100).rounds_left(valid, elapsed, 10) == left


def test_invalid_rounds_are_bounded() -> None:
    assert not too_many_invalid([True, *[False] * (MAX_INVALID_IN_A_ROW - 1)], None)
    assert too_many_invalid([True, *[False] * MAX_INVALID_IN_A_ROW], None)
    assert too_many_invalid([False, True] * 3, 2)
    assert not too_many_invalid([False, True] * 3, 3)
    assert not too_many_invalid([], 2)


def test_the_expected_length_is_that_of_the_last_rounds() -> None:
    assert expected_round_seconds([]) == 0
    assert expected_round_seconds([100, 9, 10, 11, 10, 10]) == 10
