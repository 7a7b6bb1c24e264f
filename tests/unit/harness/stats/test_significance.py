"""The tests of a comparison against calculations by hand."""

from __future__ import annotations

import math

import pytest

from wsgi_gauntlet.harness.stats.paired_ratio import P99, SERVED, Ratio
from wsgi_gauntlet.harness.stats.significance import equivalence, equivalence_p_value, holm, p_value


def of_blocks(*blocks: float) -> Ratio:
    """Return a ratio whose blocks are `blocks`."""
    return Ratio(P99, tuple(each for block in blocks for each in (block - 0.01, block + 0.01)))


def test_p_is_that_of_students_t_test_over_blocks() -> None:
    # Mean 0.2, deviation 0.1, three blocks: t = 2 sqrt(3), two degrees of freedom.
    t = 2 * math.sqrt(3)
    assert p_value(of_blocks(0.1, 0.2, 0.3)) == pytest.approx(1 - t / math.sqrt(2 + t * t))
    assert p_value(of_blocks(-0.1, -0.2, -0.3)) == pytest.approx(1 - t / math.sqrt(2 + t * t))
    assert p_value(of_blocks(-0.1, 0.1)) == pytest.approx(1)


def test_one_block_says_nothing() -> None:
    assert p_value(of_blocks(5.0)) == 1
    assert equivalence_p_value(of_blocks(0.0)) == 1
    assert not equivalence(of_blocks(0.0))


def test_equivalence_is_the_distance_to_the_margin() -> None:
    ratio = Ratio(SERVED, (0.01, 0.01, 0.03, 0.03))  # mean 0.02, deviation 0.0141, error 0.01
    t = (0.05 - 0.02) / 0.01
    assert equivalence_p_value(ratio, 0.05) == pytest.approx(0.5 - math.atan(t) / math.pi)
    assert equivalence_p_value(ratio, 0.02) == pytest.approx(0.5)
    assert equivalence_p_value(ratio, 0.01) > 0.5
    assert equivalence(of_blocks(0.001, -0.002, 0.003, 0.0))
    assert not equivalence(of_blocks(0.04, 0.05, 0.06, 0.05))
    assert not equivalence(of_blocks(0.3, -0.3, 0.3, -0.3))


def test_equivalence_has_half_the_level_in_each_test() -> None:
    ratio = Ratio(SERVED, (0.01, 0.01, 0.03, 0.03))
    p = equivalence_p_value(ratio, 0.2)
    assert equivalence(ratio, 0.2, alpha=2 * p + 1e-9)
    assert not equivalence(ratio, 0.2, alpha=2 * p - 1e-9)


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02}
    )
    assert holm({"a": 0.5, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert list(holm({"z": 0.9, "a": 0.1})) == ["z", "a"]
    assert holm(dict[str, float]()) == {}
