"""The exact interval of a share, against published values and the binomial distribution itself."""

from __future__ import annotations

import math

import pytest

from wsgi_gauntlet.harness.stats.binomial import exact_interval


def at_least(count: int, trials: int, share: float) -> float:
    """Return the probability of `count` or more successes."""
    return math.fsum(
        math.comb(trials, each) * share**each * (1 - share) ** (trials - each) for each in range(count, trials + 1)
    )


@pytest.mark.parametrize(("count", "trials"), [(1, 8), (3, 24), (5, 1000), (1, 1000), (20, 24), (500, 1000)])
def test_each_bound_leaves_a_tail_of_2_5_percent(count: int, trials: int) -> None:
    low, high = exact_interval(count, trials)
    assert low < count / trials < high
    assert at_least(count, trials, low) == pytest.approx(0.025, rel=1e-6)
    assert 1 - at_least(count + 1, trials, high) == pytest.approx(0.025, rel=1e-6)


def test_none_and_all_have_a_bound_by_hand() -> None:
    assert exact_interval(0, 10) == pytest.approx((0.0, 1 - 0.025**0.1))
    assert exact_interval(10, 10) == pytest.approx((0.025**0.1, 1.0))


def test_millions_of_trials_are_no_problem() -> None:
    low, high = exact_interval(5_000, 5_000_000)
    assert low == pytest.approx(0.001 - 1.96 * math.sqrt(0.001 / 5e6), rel=1e-3)
    assert high == pytest.approx(0.001 + 1.96 * math.sqrt(0.001 / 5e6), rel=1e-3)


@pytest.mark.parametrize(("count", "trials"), [(0, 0), (-1, 5), (6, 5)])
def test_no_share(count: int, trials: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        exact_interval(count, trials)
