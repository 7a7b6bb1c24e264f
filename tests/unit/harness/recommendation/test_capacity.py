"""The capacity within a p99 limit."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.model.recommendation import RatePoint
from wsgi_gauntlet.harness.recommendation.capacity import (
    MAX_LOOPS,
    ClosedLoop,
    checked_capacity,
    closed_loop_capacity,
    most_connections,
    next_connections,
)


def measured(at_once: int, seconds: float, limit: float = 0.3, most: int = 256) -> list[ClosedLoop]:
    """Run loops against a server with `at_once` threads and requests of `seconds`: Little's law."""
    loops: list[ClosedLoop] = []
    while (connections := next_connections(loops, limit, most)) is not None:
        busy = min(connections, at_once)
        loops.append(ClosedLoop(connections, busy / seconds, max(1.0, connections / at_once) * seconds))
    return loops


@pytest.mark.parametrize("at_once", [1, 2, 4, 8, 16, 32, 64, 128])
def test_the_capacity_is_that_of_littles_law(at_once: int) -> None:
    loops = measured(at_once, 0.05)
    assert closed_loop_capacity(loops, 0.3) == pytest.approx(at_once / 0.05, rel=0.15)
    assert len(loops) <= MAX_LOOPS


def test_a_request_that_takes_longer_than_the_limit_has_no_capacity() -> None:
    assert closed_loop_capacity(measured(4, 0.5), 0.3) == 0


def test_a_server_without_responses_has_no_capacity() -> None:
    loops: list[ClosedLoop] = []
    while (connections := next_connections(loops, 0.3, 64)) is not None:
        loops.append(ClosedLoop(connections, 0.0, None))
    assert closed_loop_capacity(loops, 0.3) == 0
    assert len(loops) <= MAX_LOOPS


def test_no_loop_has_more_connections_than_users() -> None:
    assert [each.connections for each in measured(64, 0.05, most=3)] == [3]


def points(*pairs: tuple[float, float | None], wrong: float = 0.0) -> list[RatePoint]:
    return [RatePoint(rate, p99, wrong) for rate, p99 in pairs]


def test_good_open_loops_leave_the_capacity() -> None:
    assert checked_capacity(100, points((25, 0.1), (50, 0.1), (80, 0.3)), 0.3) == 100
    assert checked_capacity(100, [], 0.3) == 100


def test_a_slow_open_loop_lowers_it_between_the_last_good_rate_and_the_bad_one() -> None:
    found = checked_capacity(100, points((50, 0.1), (80, 0.9)), 0.3)
    assert found == pytest.approx(65)  # 0.3 is halfway from 0.1 to 0.9 in logarithms


def test_wrong_answers_and_missing_ones_are_bad() -> None:
    assert checked_capacity(100, [*points((50, 0.1)), RatePoint(80, 0.1, 0.5)], 0.3) == 50
    assert checked_capacity(100, [*points((50, 0.1)), RatePoint(80, None)], 0.3) == 50
    assert checked_capacity(100, points((25, 0.4)), 0.3) == 0


def test_an_invalid_point_says_nothing() -> None:
    assert checked_capacity(100, [RatePoint(50, 9.0, valid=False)], 0.3) == 100


def test_a_rate_above_the_capacity_does_not_count() -> None:
    assert checked_capacity(100, points((50, 0.1), (200, 9.0)), 0.3) == 100


def test_errors_are_no_capacity_and_fewer_connections_are_tried() -> None:
    """sqlite answers "the database is locked" if many write at once: each error comes quickly."""
    loops: list[ClosedLoop] = []
    while (connections := next_connections(loops, 0.3, 64)) is not None:
        loops.append(ClosedLoop(connections, 100.0 * connections, 0.01, failed=0.2 if connections > 2 else 0.0))
    assert closed_loop_capacity(loops, 0.3) == 200.0
    assert len(loops) <= MAX_LOOPS


@pytest.mark.parametrize(
    ("users", "peak", "connections"),
    [(1, 0, 64), (40, 60, 64), (64, 0, 64), (65, 0, 128), (200, 0, 200), (40, 1000, 300), (40, 1e5, 512)],
)
def test_the_loops_have_connections_for_all_users_and_for_the_peak(users: int, peak: float, connections: int) -> None:
    assert most_connections(users, peak, 0.3) == connections
