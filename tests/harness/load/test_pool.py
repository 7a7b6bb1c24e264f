"""Whether the generator's own connections were the limit: from counts, no clock."""

from __future__ import annotations

from typing import Any

import pytest

from wsgi_gauntlet.harness.histogram import Histogram
from wsgi_gauntlet.harness.load.lanes.lane_result import LaneResult
from wsgi_gauntlet.harness.load.rates.pool import (
    LEAST,
    LONGEST_WARM_UP,
    allowed,
    binds,
    first,
    more,
    needed,
    outrun,
    warm_up,
)


def result(connections: int, service: float, seconds: float = 1.0, *, waited: int = 0) -> LaneResult:
    """Return an open loop whose `connections` were all busy for `seconds`, with answers of `service` seconds each."""
    answers = int(connections * seconds / service)
    latency = Histogram()
    latency.record(int(service * 1e9), answers)
    more: dict[str, Any] = {"offered": answers / seconds, "achieved": answers / seconds}
    return LaneResult(
        connections=connections,
        seconds=seconds,
        cpu_seconds=0.1,
        latency=latency,
        service=latency,
        waiting=Histogram(),
        waited=waited,
        full_time=connections * seconds,
        full_answers=answers,
        **more,
    )


def test_what_is_allowed_is_what_nobody_notices_or_twice_what_a_page_takes() -> None:
    assert [allowed(alone) for alone in (0.001, 0.05, 0.06, 0.25)] == pytest.approx([0.1, 0.1, 0.12, 0.5])


def test_a_quick_server_of_64_connections_is_not_at_its_end() -> None:
    # 64 / 60 ms is 1,067 a second: the pool's figure and not the server's.
    assert binds(result(64, 0.06, waited=500), 0.06)
    assert binds(result(64, 0.25, waited=100), 0.25)
    assert binds(result(64, 0.001, waited=10_000), 0.001)


def test_a_server_that_takes_longer_than_is_allowed_is_at_its_end() -> None:
    assert not binds(result(64, 0.2, waited=300), 0.06)
    assert not binds(result(512, 0.15, waited=3000), 0.001)


def test_a_server_that_stops_answering_is_no_pool_s_fault() -> None:
    stopped = LaneResult(
        connections=64,
        seconds=2.0,
        cpu_seconds=0.1,
        latency=Histogram(),
        service=Histogram(),
        waiting=Histogram(),
        timeouts=500,
        waited=400,
        full_time=128.0,
    )
    assert not binds(stopped, 0.06)


def test_few_that_wait_change_no_p99() -> None:
    found = result(64, 0.06, waited=1)
    assert found.scheduled > 1000
    assert not binds(found, 0.06)


@pytest.mark.parametrize("alone", [0.001, 0.06, 0.25, 2.0])
@pytest.mark.parametrize("rate", [10, 1000, 20_000])
def test_a_pool_of_the_size_that_is_needed_never_binds(alone: float, rate: float) -> None:
    connections = needed(rate, alone)
    assert connections >= LEAST
    # All busy, and no more is answered than is offered: Little's law says how long each takes at least.
    assert not binds(result(connections, max(alone, connections / rate), waited=10_000), alone)


@pytest.mark.parametrize(
    ("most", "steps"),
    [
        (8, [8]),
        (12, [8, 12]),
        (36, [8, 36]),
        (64, [8, 32, 64]),
        (100, [8, 32, 100]),
        (4096, [8, 32, 128, 512, 2048, 4096]),
    ],
)
def test_the_steps_of_an_estimate_are_long_enough_to_show_a_difference(most: int, steps: list[int]) -> None:
    seen = [8]
    while seen[-1] < most:
        seen.append(more(seen[-1], most))
    assert seen == steps


def test_an_estimate_that_the_server_has_outrun() -> None:
    assert outrun(4000, 400)
    assert outrun(400, 4000)
    assert not outrun(4000, 3000)
    assert not outrun(4000, 5500)


@pytest.mark.parametrize(
    ("rate", "alone", "best", "expected"),
    [
        (10_000, 0.001, 8, LEAST),
        (10_000, 0.001, 128, 128),
        (5000, 0.06, 512, 600),
        (5000, 0.25, 512, 2500),
        (10, 0.001, 4096, LEAST),
    ],
)
def test_a_pool_begins_with_what_did_best_and_twice_littles_law(
    rate: float, alone: float, best: int, expected: int
) -> None:
    assert first(rate, alone, best) == expected
    assert first(rate, alone, best) <= needed(rate, alone)


def test_a_warm_up_is_as_long_as_its_connections_take() -> None:
    quick, slow = warm_up(10_000, 0.001), warm_up(5000, 0.06)
    assert quick < 0.3
    # 300 connections, and time for their pages.
    assert 0.5 < slow < 1
    assert warm_up(100, 60) == LONGEST_WARM_UP
