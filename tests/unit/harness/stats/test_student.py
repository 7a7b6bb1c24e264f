"""The t distribution against closed forms and published quantiles."""

from __future__ import annotations

import math

import pytest

from wsgi_gauntlet.harness.stats.student import LARGEST, normal_tail, upper_quantile, upper_tail


@pytest.mark.parametrize("t", [-3.0, -0.5, 0.0, 0.1, 1.0, 12.7, 1e4])
def test_one_and_two_degrees_of_freedom_have_closed_forms(t: float) -> None:
    assert upper_tail(t, 1) == pytest.approx(0.5 - math.atan(t) / math.pi)
    assert upper_tail(t, 2) == pytest.approx(0.5 - t / (2 * math.sqrt(2 + t * t)), abs=1e-12)


@pytest.mark.parametrize(
    ("tail", "freedom", "quantile"),
    [(0.025, 2, 4.3027), (0.025, 10, 2.2281), (0.005, 5, 4.0321), (0.05, 30, 1.6973), (0.1, 1, 3.0777)],
)
def test_quantiles_are_those_of_the_printed_tables(tail: float, freedom: int, quantile: float) -> None:
    assert upper_quantile(tail, freedom) == pytest.approx(quantile, abs=5e-5)
    assert upper_tail(quantile, freedom) == pytest.approx(tail, rel=1e-3)


def test_extreme_arguments_are_answered() -> None:
    assert upper_tail(math.inf, 3) == 0
    assert upper_tail(-math.inf, 3) == 1
    assert upper_quantile(0, 3) == math.inf
    assert upper_quantile(0.5, 3) == pytest.approx(0, abs=1e-9)
    assert upper_quantile(1e-300, 1) == pytest.approx(LARGEST, rel=1)
    assert 0 < upper_tail(1e6, 9) < 1e-40


def test_the_normal_tail_is_exact_far_out() -> None:
    assert normal_tail(1.959964) == pytest.approx(0.025, rel=1e-6)
    assert normal_tail(10) == pytest.approx(7.62e-24, rel=1e-3)
