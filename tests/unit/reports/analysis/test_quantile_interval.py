"""The interval of a quantile covers the true value as often as it says."""

from __future__ import annotations

import random

import pytest

from wsgi_gauntlet.reports.analysis.quantile_interval import quantile_interval


def exact(values: list[float]) -> list[tuple[float, bool]]:
    return [(each, False) for each in values]


def test_no_values_no_interval() -> None:
    assert quantile_interval([], 0.99) is None


def test_few_values_have_no_upper_end() -> None:
    """Of 100 values, the p99 may well be above the largest: 0.99 to the power of 100 is 37 %."""
    found = quantile_interval(exact([float(each) for each in range(1, 101)]), 0.99)
    assert found is not None
    assert found.open_end
    assert found.high == 100
    # At most 96 of 100 values are below the p99 with a probability of 1.8 %, at most 97 with one of 7.9 %.
    assert found.low == 97


def test_the_ranks_are_those_of_the_binomial_distribution() -> None:
    """For the median of 100 values these are the well-known 40th and 61st value."""
    found = quantile_interval(exact([float(each) for each in range(1, 101)]), 0.5)
    assert found is not None
    assert (found.low, found.high, found.open_end) == (40, 61, False)


@pytest.mark.parametrize(("q", "count"), [(0.5, 40), (0.9, 100), (0.99, 1000)])
def test_the_interval_covers_the_quantile_of_95_percent_of_samples(q: float, count: int) -> None:
    """Of uniform values the quantile q is q itself."""
    draw = random.Random(4711)
    covered = 0
    for _ in range(400):
        found = quantile_interval(exact([draw.random() for _ in range(count)]), q)
        assert found is not None
        covered += found.low <= q and (found.open_end or q <= found.high)
    assert covered >= 0.93 * 400


def test_an_end_that_depends_on_a_lower_bound_is_one() -> None:
    values = exact([float(each) for each in range(1, 91)]) + [(91.0, True)] * 10
    median = quantile_interval(values, 0.5)
    tail = quantile_interval(values, 0.9)
    assert median is not None
    assert tail is not None
    assert (median.low_censored, median.high_censored) == (False, False)
    assert (tail.low_censored, tail.high_censored) == (False, True)
