"""Drifts that are there, and those that only look like it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.suites.load.operations.drift import Drift, drift_measure, find_drift, theil_sen_slope

AT = [30.0 * index for index in range(60)]


def noise(seed: int, spread: float) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(0, spread) for _ in AT]


@pytest.mark.parametrize("seed", range(20))
def test_a_leak_stands_out_of_the_noise(seed: int) -> None:
    leaking = [100 + at / 30 + each for at, each in zip(AT, noise(seed, 3), strict=True)]  # one a stretch
    found = find_drift(AT, leaking, 2)
    assert found is not None
    assert found.significant
    assert found.change == pytest.approx(59, rel=0.2)
    assert found.low < found.change < found.high


def test_noise_alone_seldom_is_a_drift() -> None:
    significant = [
        found.significant
        for seed in range(100)
        if (found := find_drift(AT, [100 + each for each in noise(seed, 20)], 0))
    ]
    assert len(significant) == 100
    assert sum(significant) <= 10


def test_wild_points_move_no_slope() -> None:
    values = [100.0 + index % 2 for index in range(60)]
    values[50:55] = [5000.0] * 5
    found = find_drift(AT, values, 2)
    assert found is not None
    assert not found.significant


def test_what_fills_at_first_and_stays_is_no_leak() -> None:
    values = [100 + min(index, 20) * 10.0 + index * 0.01 for index in range(60)]
    found = find_drift(AT, values, 2)
    assert found is not None
    assert (found.significant, found.why) == (False, "it changed only in the first half")


def test_a_sure_drift_of_next_to_nothing_is_none() -> None:
    found = find_drift(AT, [1e6 + index for index in range(60)], 2)
    assert found is not None
    assert found.low > 0
    assert (found.significant, found.why) == (False, "the change is small")


def test_what_never_moves_does_not_drift() -> None:
    assert find_drift(AT, [7.0] * 60, 0) == Drift(0.0, 0.0, 0.0, significant=False)


def test_a_few_points_tell_nothing() -> None:
    assert find_drift(AT[:7], [1.0] * 7, 0) is None
    with pytest.raises(ValueError, match="different times"):
        find_drift([1.0] * 8, [1.0] * 8, 0)
    with pytest.raises(ValueError, match="different times"):
        theil_sen_slope([(1.0, 1.0), (1.0, 2.0)])
    with pytest.raises(ValueError, match="shorter"):
        find_drift(AT, [1.0], 0)


def test_a_slope_that_can_be_found_by_hand() -> None:
    # Between adjacent points they are 1, 1 and 9, over two of them 1 and 5, over all 11/3.
    slope, low, high = theil_sen_slope([(0, 0.0), (1, 1.0), (2, 2.0), (3, 11.0)])
    assert slope == pytest.approx((1 + 11 / 3) / 2)
    assert (low, high) == (1.0, 9.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=40), st.integers(0, 1000))
def test_the_interval_holds_the_slope_and_order_does_not_matter(values: list[float], seed: int) -> None:
    at = [float(index) for index in range(len(values))]
    slope, low, high = theil_sen_slope(list(zip(at, values, strict=True)))
    assert low <= slope <= high
    assert theil_sen_slope([(time, -value) for time, value in zip(at, values, strict=True)]) == (-slope, -high, -low)
    mixed = list(zip(at, values, strict=True))
    random.Random(seed).shuffle(mixed)
    assert find_drift([each for each, _ in mixed], [each for _, each in mixed], 0) == find_drift(at, values, 0)
    assert min(values) - max(values) <= slope <= max(values) - min(values)


def test_the_rows_are_the_same_for_every_server() -> None:
    assert drift_measure("memory", "bytes", None).note == "too few windows"
    still = drift_measure("memory", "bytes", Drift(1.0, -2.0, 3.0, significant=False))
    assert (still.label, still.value, still.unit) == ("memory, drift over the run", 1.0, "bytes")
    assert still.note == "no significant change; 95 % interval: -2 bytes to 3 bytes"
    drifting = drift_measure("memory", "bytes", Drift(5.0, 4.0, 6.0, significant=True))
    assert drifting.note == "it drifts; 95 % interval: 4 bytes to 6 bytes"
