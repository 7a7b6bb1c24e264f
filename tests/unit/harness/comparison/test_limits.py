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
    assert [limits.rounds_left(valid, 1e9, 10) for valid in (0, 1, 3, 4, 6)] == [4, 3, 1, 0, 0]


@pytest.mark.parametrize("round_seconds", [1.0, 7.0, 10.0, 26.0, 29.0, 40.0, 100.0, 149.0])
def test_the_number_of_blocks_is_the_one_whose_end_is_nearest_to_the_budget(round_seconds: float) -> None:
    limits = RoundLimits(budget=600)
    valid, elapsed = 0, 12.0
    while (left := limits.rounds_left(valid, elapsed, round_seconds)) > 0:
        assert (valid + left) % 2 == 0
        valid, elapsed = valid + 1, elapsed + round_seconds
    assert valid % 2 == 0
    block = 2 * round_seconds
    allowed = [12 + block * number for number in range(1000) if 12 + block * number <= 660]
    assert elapsed == min(allowed, key=lambda each: abs(each - 600))


def test_two_blocks_that_fill_the_budget_are_measured_even_if_they_end_a_little_late() -> None:
    assert RoundLimits(budget=100).rounds_left(2, 54, 27) == 2
    assert RoundLimits(budget=100).rounds_left(2, 56, 28) == 0, "112 s are more than a tenth too long"


def test_the_first_round_always_begins_and_there_is_a_last_one() -> None:
    assert RoundLimits(budget=1).rounds_left(0, 50, 0) == 1
    assert RoundLimits(budget=1e9).rounds_left(MAX_ROUNDS - 1, 0, 1) == 1
    assert RoundLimits(budget=1e9).rounds_left(MAX_ROUNDS, 0, 1) == 0
    assert RoundLimits(budget=1e9).rounds_left(10, 0, 1) == MAX_ROUNDS - 10


@pytest.mark.parametrize(
    ("valid", "elapsed", "left"),
    [(0, 0, 10), (1, 10, 9), (2, 20, 8), (2, 90, 2), (2, 91, 0), (3, 95, 1), (4, 95, 0), (3, 99, 1), (3, 101, 0)],
)
def test_the_rounds_that_are_left_end_a_block(valid: int, elapsed: float, left: int) -> None:
    assert RoundLimits(budget=100).rounds_left(valid, elapsed, 10) == left


def test_a_block_that_became_longer_ends_if_that_is_nearer_to_the_budget() -> None:
    assert RoundLimits(budget=100).rounds_left(1, 60, 60) == 1
    assert RoundLimits(budget=100).rounds_left(1, 70, 70) == 0


def test_invalid_rounds_are_bounded() -> None:
    assert not too_many_invalid([True, *[False] * (MAX_INVALID_IN_A_ROW - 1)], None)
    assert too_many_invalid([True, *[False] * MAX_INVALID_IN_A_ROW], None)
    assert too_many_invalid([False, True] * 3, 2)
    assert not too_many_invalid([False, True] * 3, 3)
    assert not too_many_invalid([], 2)


def test_the_expected_length_is_that_of_the_last_rounds() -> None:
    assert expected_round_seconds([]) == 0
    assert expected_round_seconds([100, 9, 10, 11, 10, 10]) == 10
