"""The interval of a ratio: what it is by hand, and how often it holds the truth."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from tests.helpers.synthetic_comparisons import QUIET, TYPICAL, comparison
from wsgi_gauntlet.harness.stats.block_mean import block_mean
from wsgi_gauntlet.harness.stats.bootstrap import estimate
from wsgi_gauntlet.harness.stats.paired_ratio import P99, SERVED, Ratio
from wsgi_gauntlet.harness.stats.student import upper_quantile


def test_no_side_is_narrower_than_that_of_the_t_interval() -> None:
    rng = np.random.default_rng(1)
    for rounds in (6, 8, 20):
        ratio = Ratio(P99, tuple(map(float, rng.standard_normal(rounds) * 0.05)))
        found, mean = estimate(ratio), block_mean(ratio)
        assert found is not None
        assert mean is not None
        half = upper_quantile(0.025, mean.freedom) * mean.error
        assert found.low <= math.exp(mean.mean - half) * (1 + 1e-12)
        assert found.high >= math.exp(mean.mean + half) * (1 - 1e-12)
        assert found.estimate == pytest.approx(math.exp(mean.mean))


def test_rare_slow_rounds_widen_the_side_that_they_are_on() -> None:
    blocks = [0.0] * 12 + [0.4, 0.5]
    found = estimate(Ratio(P99, tuple(each for each in blocks for _ in range(2))))
    assert found is not None
    middle = statistics.fmean(blocks)
    assert math.log(found.high) - middle > 1.1 * (middle - math.log(found.low))


def test_the_same_figures_always_have_the_same_interval() -> None:
    rounds = tuple(0.01 * (each * 7 % 5) for each in range(12))
    assert estimate(Ratio(P99, rounds)) == estimate(Ratio(P99, rounds))
    assert estimate(Ratio(P99, rounds), seed=1) != estimate(Ratio(P99, rounds), seed=2)


def test_more_confidence_is_a_wider_interval() -> None:
    ratio = Ratio(SERVED, (0.0, 0.1, 0.05, 0.02, 0.08, 0.01, 0.0, 0.03))
    narrow, wide = estimate(ratio, 0.8), estimate(ratio, 0.99)
    assert narrow is not None
    assert wide is not None
    assert wide.low < narrow.low < narrow.estimate == wide.estimate < narrow.high < wide.high


def test_one_block_has_no_interval() -> None:
    assert estimate(Ratio(P99, (0.1, 0.2, 0.3))) is None


def test_all_equal_figures_have_the_interval_of_their_rounding() -> None:
    found = estimate(Ratio(P99, (0.0,) * 8))
    assert found is not None
    assert found.low < 1 < found.high
    assert found.high < 1.01


def test_a_huge_difference_overflows_nothing() -> None:
    found = estimate(Ratio(P99, (0.0, 600.0, -300.0, 700.0)))
    assert found is not None
    assert math.isfinite(found.high)


@pytest.mark.parametrize("rounds", [6, 10, 16, 30])
def test_the_interval_holds_the_truth(rounds: int) -> None:
    rng = np.random.default_rng(rounds)
    runs = 500
    for machine in (TYPICAL, QUIET):
        for metric, effect, truth in ((P99, 1.1, 1.1), (SERVED, 0.1, 0.1)):
            drawn = (
                comparison(rng, rounds, metrics=[metric], effect=[effect], machine=machine)[metric.name]
                for _ in range(runs)
            )
            found = [estimate(each) for each in drawn]
            held = sum(each is not None and each.low <= truth <= each.high for each in found)
            # 95 % minus three standard deviations of 500 trials, which are 2.9 %.
            assert held / runs >= 0.95 - 0.029
