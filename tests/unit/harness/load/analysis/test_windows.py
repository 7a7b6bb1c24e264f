"""Phases, queues and recovery, computed from the windows of a simulated server."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.load.analysis.windows import (
    count_timely,
    ended_per_window,
    phase_from_windows,
    queue_lengths,
    recovery_time,
)
from wsgi_gauntlet.harness.model import Outcome

from .....helpers.queue_model import latencies, uniform, windows


def surge(rate: float, factor: float, length: float, after: float) -> list[float]:
    return [
        *uniform(rate, 1),
        *uniform(factor * rate, length, 1),
        *uniform(rate, after, 1 + length),
    ]


def test_all_that_came_has_left_in_the_end() -> None:
    made = windows(latencies(uniform(200, 2), threads=4, takes=0.03), seconds=3.5, width=0.1)
    assert sum(ended_per_window(made)) == pytest.approx(sum(each.scheduled for each in made))
    assert queue_lengths(made)[-1] == pytest.approx(0, abs=1e-6)
    # 133 a second are answered.
    assert sum(ended_per_window(made)[3:18]) == pytest.approx(200, rel=0.05)


def test_the_longest_queue_of_a_surge() -> None:
    # 100 a second can be answered, 300 come for a second: 200 are left waiting.
    made = windows(latencies(surge(100, 3, 1, 4), threads=2, takes=0.02), seconds=6, width=0.1)
    assert max(queue_lengths(made)) == pytest.approx(200, rel=0.03)
    # At 100 a second they never go.
    assert queue_lengths(made)[50] == pytest.approx(200, rel=0.03)


def test_what_is_given_up_leaves_the_queue_when_it_is() -> None:
    made = windows(latencies(uniform(100, 2), threads=1, takes=50), seconds=3, width=0.1, timeout=0.5)
    # The first is never answered either: it takes 50 s.
    assert max(queue_lengths(made)) == pytest.approx(50, rel=0.05)
    assert sum(ended_per_window(made, responses_only=True)) == 0


def test_what_fails_at_once_does_not_queue() -> None:
    made = windows(latencies(uniform(100, 1), threads=4, takes=0.01), seconds=1, width=0.1, lost=2)
    assert max(queue_lengths(made)) < 3
    assert sum(count_timely(each) for each in made) == 50


@pytest.mark.parametrize(("low", "expected"), [(20, 2.5), (50, 4.0)])
def test_recovery_is_when_the_queue_has_gone(low: float, expected: float) -> None:
    # 100 a second can be answered. A second at 300 leaves 200, which go at 100 - `low` a second.
    due = [*uniform(low, 1), *uniform(300, 1, 1), *uniform(low, 8, 2)]
    made = windows(latencies(due, threads=1, takes=0.01), seconds=10, width=0.1)
    # The last 100 ms of it nobody notices: that many fewer are to go.
    seen = recovery_time(made, 2.0, 0.01)
    assert seen == pytest.approx(expected - 0.1 * 100 / (100 - low), abs=0.11)


def test_recovery_takes_three_seconds_to_show() -> None:
    made = windows(latencies(uniform(50, 5), threads=1, takes=0.01), seconds=5, width=0.1)
    assert recovery_time(made, 1.0, 0.01) == 0.0
    assert recovery_time(made, 2.0, 0.01) == 0.0
    assert recovery_time(made, 2.1, 0.01) is None
    assert recovery_time((), 0.0, None) is None


def test_no_recovery_without_requests_or_answers() -> None:
    assert recovery_time(windows([], seconds=5, width=0.1), 0.0, 0.01) is None
    lost = windows(latencies(uniform(50, 5), threads=1, takes=0.01), seconds=5, width=0.1, lost=10)
    assert recovery_time(lost, 0.0, 0.01) is None


def test_a_slow_server_is_held_to_its_own_baseline() -> None:
    made = windows(latencies(uniform(50, 5), threads=100, takes=0.3), seconds=5, width=0.1)
    assert recovery_time(made, 0.0, 0.3) == 0.0
    assert recovery_time(made, 0.0, 0.1) is None


def test_a_phase_has_what_its_windows_have() -> None:
    # 50 a second can be answered and 100 come: the n-th waits n times 10 ms, and those above half a second leave.
    made = windows(latencies(uniform(100, 1), threads=1, takes=0.02), seconds=1, width=0.1, timeout=0.5, lost=10)
    found = phase_from_windows(made[2:9], "middle", 3.0)
    assert found.name == "middle"
    assert found.started == pytest.approx(3.2)
    assert found.ended == pytest.approx(3.9)
    assert found.scheduled == 70
    assert sum(found.outcomes.values()) == 70
    assert found.outcomes[Outcome.ERROR] == 7
    assert found.outcomes[Outcome.OK] == round(found.goodput * 70)
    assert found.p50 == pytest.approx(0.5, rel=0.1)
    assert found.maximum == pytest.approx(0.5, rel=0.01)
    assert found.censored
    assert [count_timely(each) for each in made[:2]] == [9, 0]  # one of the ten was lost


def test_a_phase_in_which_nothing_was_due() -> None:
    found = phase_from_windows(windows([], seconds=1, width=0.5), "nothing", 0.0)
    assert (found.scheduled, found.goodput, found.p50, found.p99, found.censored) == (0, 1.0, None, None, False)
