"""The figures of the rounds, and the blocks that they make."""

from __future__ import annotations

import dataclasses
import math

import pytest

from wsgi_gauntlet.harness.stats.block_mean import block_mean
from wsgi_gauntlet.harness.stats.paired_ratio import CAPACITY, P99, SERVED, Ratio


def test_a_ratio_is_the_logarithm_of_b_by_a() -> None:
    ratio = Ratio.of(P99, [0.1, 0.2], [0.2, 0.2])
    assert ratio.rounds == pytest.approx((math.log(2), 0))
    assert ratio.blocks == pytest.approx((math.log(2) / 2,))
    assert P99.shown(ratio.rounds[0] or 0) == pytest.approx(2)


def test_a_share_is_compared_by_its_difference() -> None:
    ratio = Ratio.of(SERVED, [0.9, 0.0], [0.8, 1.0])
    assert ratio.rounds == pytest.approx((-0.1, 1))
    assert SERVED.shown(-0.1) == -0.1
    assert (SERVED.margin(0.05), SERVED.unit) == (0.05, "points")
    assert P99.margin(0.05) == pytest.approx(math.log(1.05))
    # Half of the value is the generator's own, so 5 % of the server's half is 2.5 % of the whole.
    assert dataclasses.replace(P99, server_share=0.5).margin(0.05) == pytest.approx(math.log(1.025))
    assert P99.unit == "%"


@pytest.mark.parametrize("value", [None, 0.0, -1.0, math.nan, math.inf])
def test_a_value_without_a_ratio_leaves_its_block_out(value: float | None) -> None:
    ratio = Ratio.of(CAPACITY, [100, 100, 100, 100], [100, value, 200, 200])
    assert ratio.rounds[1] is None
    assert ratio.blocks == pytest.approx((math.log(2),))


def test_half_a_block_does_not_count() -> None:
    ratio = Ratio(P99, (0.0, 0.2, 0.1))
    assert ratio.blocks == pytest.approx((0.1,))
    assert ratio.first(1).blocks == ()
    assert Ratio(P99, (0.5, *ratio.rounds)).blocks == pytest.approx((0.25, 0.15))


def test_both_lists_of_values_have_the_same_length() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Ratio.of(P99, [1.0, 1.0], [1.0])


def test_the_mean_of_blocks_by_hand() -> None:
    found = block_mean(Ratio(P99, (0.0, 0.2, 0.2, 0.4, 0.4, 0.6)))
    assert found is not None
    assert (found.mean, found.deviation, found.blocks, found.freedom) == pytest.approx((0.3, 0.2, 3, 2))
    assert found.error == pytest.approx(0.2 / math.sqrt(3))
    assert block_mean(Ratio(P99, (0.0, 0.2, 0.2))) is None


def test_equal_blocks_are_no_more_precise_than_the_measurement() -> None:
    found = block_mean(Ratio(P99, (0.1,) * 6))
    assert found is not None
    assert found.deviation == pytest.approx(1 / 128 / math.sqrt(12))
