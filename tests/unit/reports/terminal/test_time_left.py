"""The estimate of the time left follows the last cells and says nothing too early."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.reports.terminal.time_left import (
    MIN_CELLS,
    MIN_SECONDS,
    MIN_WINDOW_CELLS,
    WINDOW_SECONDS,
    TimeLeft,
    describe_time_left,
)


def after(total: int, ends: list[float]) -> TimeLeft:
    found = TimeLeft(total, 0.0)
    for each in ends:
        found.finished(each)
    return found


def test_there_is_no_estimate_before_some_cells_and_some_seconds() -> None:
    assert after(100, [1, 2, 3]).estimate(MIN_SECONDS - 0.1) is None
    assert after(100, [20.0] * (MIN_CELLS - 1)).estimate(30) is None
    assert after(100, [4, 8, 12]).estimate(12) == pytest.approx(97 * 4)


def test_there_is_none_at_the_end() -> None:
    assert after(3, [4, 8, 12]).estimate(12) is None


def test_early_cells_are_forgotten() -> None:
    """A thousand cells in ten seconds, then one each second: the rest takes a second each."""
    fast = [number / 100 for number in range(1000)]
    slow = [10.0 + number for number in range(1, int(WINDOW_SECONDS) + 20)]
    assert after(2000, [*fast, *slow]).estimate(slow[-1]) == pytest.approx(2000 - len(fast) - len(slow), rel=0.02)


def test_slow_cells_are_kept_longer_than_the_window() -> None:
    ends = [WINDOW_SECONDS * number for number in range(1, 21)]
    found = after(30, ends)
    assert found.estimate(ends[-1]) == pytest.approx(10 * WINDOW_SECONDS)
    assert len(found._ends) == MIN_WINDOW_CELLS + 1


def test_a_stall_makes_it_longer() -> None:
    found = after(100, [float(number) for number in range(1, 21)])
    first, later = found.estimate(20), found.estimate(60)
    assert first is not None
    assert later is not None
    assert later > 2 * first


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0.2, "about 10 s left"),
        (34, "about 30 s left"),
        (54.9, "about 50 s left"),
        (55, "about 1 min left"),
        (89, "about 1 min left"),
        (3560, "about 59 min left"),
        (3600, "about 1 h left"),
        (4000, "about 1 h 10 min left"),
        (7190, "about 2 h left"),
        (8_186_400, "about 2,274 h left"),
    ],
)
def test_it_is_not_more_exact_than_it_is_known(seconds: float | None, text: str) -> None:
    assert describe_time_left(seconds) == text
