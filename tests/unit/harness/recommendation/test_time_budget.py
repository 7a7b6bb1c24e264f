"""How a search divides its time."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.recommendation.time_budget import (
    MAX_CANDIDATES,
    MAX_SCALE,
    MIN_CANDIDATES,
    MIN_SCALE,
    SERVERS_SHARE,
    TimeBudget,
)


def test_the_default_budget_has_room_for_a_dozen_candidates_and_more() -> None:
    assert TimeBudget(600).candidates(3) >= 24
    assert TimeBudget(20).candidates(3) == MIN_CANDIDATES
    assert TimeBudget(86_400).candidates(3) == MAX_CANDIDATES


def test_many_servers_leave_time_for_the_settings_of_the_best() -> None:
    budget = TimeBudget(600)
    assert budget.servers(20) == 20
    assert budget.candidates(20) - 20 >= 14
    assert budget.servers(30) == 22
    for seconds in (60, 120, 600, 3600):
        for servers in (1, 3, 10, 20, 50, 200):
            places, first = TimeBudget(seconds).candidates(servers), TimeBudget(seconds).servers(servers)
            assert first <= max(MIN_CANDIDATES, SERVERS_SHARE * places)
            assert places <= MAX_CANDIDATES


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_the_rounds_of_the_screening_end_one_after_another_at_its_end(rounds: int) -> None:
    budget = TimeBudget(600)
    for candidates in (1, 23, 34, 60):
        ends = [budget.round_end(number, rounds, candidates) for number in range(1, rounds + 1)]
        assert ends == sorted(set(ends))
        assert ends[-1] == pytest.approx(budget.screening_end)


def test_measurements_grow_with_the_time_within_limits() -> None:
    budget = TimeBudget(600)
    assert budget.scale(0, 0) == MIN_SCALE
    assert budget.scale(1e6, 1) == MAX_SCALE
    assert budget.scale(195, 20) == pytest.approx(1.0)


def test_the_finals_have_as_many_candidates_as_six_rounds_have_time_for() -> None:
    budget = TimeBudget(600)
    assert budget.finalists(270, 8.0) == 4
    assert budget.finalists(270, 12.0) == 2
    assert budget.finalists(9_999, 12.0) == 2


def test_everything_ends_within_a_tenth_of_the_budget() -> None:
    budget = TimeBudget(600)
    assert budget.screening_end < budget.finals_end < budget.finals_deadline < budget.seconds
    assert budget.latest_end < 1.1 * budget.seconds


def test_rounds_become_shorter_until_six_fit() -> None:
    budget = TimeBudget(600)
    assert budget.finals_scale(270, 4) < budget.scale((budget.finals_end - 270) / 6, 4)
    # One round of 4 trials took 48 s, and five more have 178 s.
    assert budget.shorter_scale(1.0, 350, 4, 1, 12.0) == pytest.approx(178 / 5 / 4 / 12)
    assert budget.shorter_scale(1.0, 350, 4, 6, 20.0) == 1.0, "six rounds are done"
    assert budget.shorter_scale(1.0, 300, 4, 1, 5.0) == 1.0, "there is time enough"
    assert budget.shorter_scale(1.0, 527, 4, 1, 20.0) == MIN_SCALE
    assert budget.shorter_scale(1.0, 600, 4, 0, 0.0) == 1.0, "nothing is known before the first trial"
