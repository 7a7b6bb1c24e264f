"""The offset of a clock from round trips, and which clocks are good enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.cluster.clock import (
    MAX_SKEW_NS,
    ROUND_TRIPS,
    SAMPLING_SECONDS,
    ClockOffset,
    clock_offset,
    needs_more,
)

MS = 1_000_000


def test_the_round_trip_with_the_least_delay_counts() -> None:
    # The slow ones waited on one way only, which would be an offset of 20 ms.
    samples = [(0, 45 * MS, 50 * MS), (100 * MS, 106 * MS, 102 * MS), (200 * MS, 201 * MS, 240 * MS)]
    assert clock_offset(samples, 7) == ClockOffset(5 * MS, MS, 7)


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**8), st.integers(0, 10**8)), min_size=1),
)
def test_the_offset_is_wrong_by_at_most_its_error(true_offset: int, trips: list[tuple[int, int, int]]) -> None:
    samples = [(sent, sent + there + true_offset, sent + there + back) for sent, there, back in trips]
    found = clock_offset(samples, 0)
    assert abs(found.offset_ns - true_offset) <= found.error_ns + 1


def test_more_round_trips_are_made_while_none_was_short_enough() -> None:
    long = [(0, 5, 2 * MAX_SKEW_NS + 2)] * ROUND_TRIPS
    assert needs_more(long[1:], 2 * SAMPLING_SECONDS)
    assert needs_more(long, 0.0)
    assert not needs_more(long, SAMPLING_SECONDS)
    assert not needs_more([*long, (0, 5, 2 * MAX_SKEW_NS)], 0.0)


def test_without_a_round_trip_there_is_no_offset() -> None:
    with pytest.raises(ValueError, match="at least one round trip"):
        clock_offset([], 0)


@pytest.mark.parametrize(
    ("offset", "error", "words"),
    [
        (MAX_SKEW_NS, MS, ""),
        (-MAX_SKEW_NS, MAX_SKEW_NS, ""),
        (MAX_SKEW_NS + 1, MS, "10 ms behind that of the scheduler"),
        (-50 * MS, MS, "50 ms ahead of that of the scheduler"),
        (0, 20 * MS, "known only to 20 ms"),
        (15 * MS, 20 * MS, "known only to 20 ms"),
        (50 * MS, 20 * MS, "50 ms behind"),
    ],
)
def test_a_clock_is_refused_with_the_reason(offset: int, error: int, words: str) -> None:
    reason = ClockOffset(offset, error, 0).skew_reason
    assert words in reason
    assert bool(reason) == bool(words)


def test_a_time_of_the_scheduler_becomes_one_of_the_machine_and_back() -> None:
    clock = ClockOffset(offset_ns=3, error_ns=0, wall_ahead_ns=1000)
    # At the scheduler's 5003 the clock of the machine says 5000, and its perf_counter 4000.
    assert clock.perf_counter_at(5003) == 4000
    assert clock.scheduler_time_at(4000) == 5003
