"""The knee of ramps whose knee is known: servers on paper, and rows of good and bad windows."""

from __future__ import annotations

import math

import pytest

from wsgi_gauntlet.suites.load.throughput.knee import knee, overloaded_windows

from .....helpers.queue_model import latencies, windows


def ramp(last: float, seconds: float) -> list[float]:
    """Return when requests are due whose rate goes from 0 to `last`: the n-th once the area below it is n."""
    return [math.sqrt(2 * n * seconds / last) for n in range(1, int(last * seconds / 2))]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("", None),
        ("....", None),
        ("....####", 4),
        ("####", 0),
        ("..#...##.####", 6),
        (".#..........", None),  # a hiccup
        ("....#.######", 6),  # what it held after the first bad one, it held
        ("..........#", 10),
    ],
)
def test_the_place_that_contradicts_the_fewest(row: str, expected: int | None) -> None:
    assert knee([each == "#" for each in row]) == expected


@pytest.mark.parametrize(("threads", "takes"), [(4, 0.02), (1, 0.005), (20, 0.05), (1, 0.0005), (100, 0.09), (8, 0.03)])
@pytest.mark.parametrize("seconds", [4.0, 30.0])
def test_the_knee_is_where_the_threads_are_all_busy(threads: int, takes: float, seconds: float) -> None:
    capacity = threads / takes
    made = windows(
        latencies(ramp(1.5 * capacity, seconds), threads=threads, takes=takes), seconds=seconds, width=seconds / 20
    )
    index = knee(overloaded_windows(made))
    assert index is not None
    # Windows are 7.5 % of capacity apart, and half a window more shows only in the next.
    assert 1.5 * capacity * index / 20 == pytest.approx(capacity, rel=0.12)


def test_a_ramp_that_ends_before_the_knee_has_none() -> None:
    made = windows(latencies(ramp(150, 4), threads=4, takes=0.02), seconds=4, width=0.2)
    assert knee(overloaded_windows(made)) is None


def test_a_server_too_slow_from_the_start_has_its_knee_at_nothing() -> None:
    made = windows(latencies(ramp(150, 4), threads=100, takes=0.2), seconds=4, width=0.2)
    assert all(overloaded_windows(made))
    assert knee(overloaded_windows(made)) == 0


def test_losses_are_past_the_knee() -> None:
    made = windows(latencies(ramp(150, 4), threads=10, takes=0.01), seconds=4, width=0.2, lost=10)
    index = knee(overloaded_windows(made))
    assert index is not None
    assert index <= 5  # where windows have ten requests
