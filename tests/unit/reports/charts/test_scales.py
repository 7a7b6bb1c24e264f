"""Where values stand, and what axes name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgi_gauntlet.reports.charts.scales import (
    Scale,
    decades,
    log_ticks,
    named_percentiles,
    nines,
    powers_of_two,
    steps,
)


def test_a_scale_maps_and_keeps_to_its_edges() -> None:
    level = Scale(0, 10, 1.0, 3.0)
    assert level(5) == 2.0
    assert (level(-1), level(99)) == (1.0, 3.0)
    upright = Scale(0.001, 10, 4.0, 0.0, log=True)
    assert upright(0.1) == pytest.approx(2.0)
    assert upright(0) == 4.0
    assert Scale(3, 3, 1.0, 2.0)(3) == 1.0


@settings(deadline=None, derandomize=True, database=None)
@given(st.floats(1e-6, 1e3), st.floats(1.0001, 1e6))
def test_log_ticks_are_on_the_axis(low: float, factor: float) -> None:
    ticks = log_ticks(low, low * factor)
    assert 1 <= len(ticks) <= 6
    assert all(low * 0.999 <= each <= low * factor * 1.001 for each in ticks)
    assert ticks == sorted(ticks)


@settings(deadline=None, derandomize=True, database=None)
@given(st.floats(1e-3, 1e9))
def test_steps_are_round_and_few(high: float) -> None:
    ticks = steps(high)
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= 6
    assert ticks[-1] <= high * 1.001


def test_a_narrow_axis_has_more_than_one_name() -> None:
    assert len(log_ticks(0.02, 0.09)) >= 3
    assert decades(0.005, 2) == pytest.approx([0.01, 0.1, 1])
    assert steps(0) == [0.0]


def test_percentiles_reach_the_fourth_nine() -> None:
    assert [nines(each) for each in (0, 90, 99, 99.99)] == pytest.approx([0, 1, 2, 4])
    assert named_percentiles(4) == [50, 90, 99, 99.9, 99.99]
    assert named_percentiles(2) == [0, 50, 90, 99]


def test_the_largest_number_of_clients_is_always_named() -> None:
    assert powers_of_two([1, 2, 3, 4, 8]) == [1, 2, 4, 8]
    assert powers_of_two([2**each for each in range(12)])[-1] == 2048
    assert len(powers_of_two([2**each for each in range(12)])) <= 10
    assert powers_of_two([3, 5]) == [3, 5]
    assert powers_of_two([]) == [1]
    assert powers_of_two([1, 2, 64, 128, 600]) == [1, 2, 64, 128, 600]
    assert powers_of_two([1, 2, 64, 128, 130]) == [1, 2, 64, 130]
