"""Whether the generator's own connections were the limit: from counts, no clock."""

from __future__ import annotations

from typing import Any

import pytest

from wsgi_gauntlet.harness.load.analysis.pool_sizing import (
    MAX_WARM_UP,
    MIN_CONNECTIONS,
    connections_needed,
    estimate_outdated,
    initial_connections,
    next_connections,
    p99_limit,
    pool_is_limit,
    warm_up_seconds,
)
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.stats.histogram import Histogram


def result(connections: int, service: float, seconds: float = 1.0, *, queued_requests: int = 0) -> GeneratorResult:
    """Return an open loop whose `connections` were all busy for `seconds`, with answers of `service` seconds each."""
    answers = int(connections * seconds / service)
    latency = Histogram()
    latency.record(int(service * 1e9), answers)
    next_connections: dict[str, Any] = {"offered": answers / seconds, "achieved": answers / seconds}
    return GeneratorResult(
        connections=connections,
        seconds=seconds,
        cpu_seconds=0.1,
        latency=latency,
        service=latency,
        waiting=Histogram(),
        queued_requests=queued_requests,
        saturated_seconds=connections * seconds,
        saturated_responses=answers,
        **next_connections,
    )


def test_what_is_allowed_is_what_nobody_notices_or_twice_what_a_page_takes() -> None:
    assert [p99_limit(unloaded_latency) for unloaded_latency in (0.001, 0.05, 0.06, 0.25)] == pytest.approx(
        [0.1, 0.1, 0.12, 0.5]
    )


def test_a_quick_server_of_64_connections_is_not_at_its_end() -> None:
    # 64 / 60 ms is 1,067 a second: the pool's figure and not the server's.
    assert pool_is_limit(result(64, 0.06, queued_requests=500), 0.06)
    assert pool_is_limit(result(64, 0.25, queued_requests=100), 0.25)
    assert pool_is_limit(result(64, 0.001, queued_requests=10_000), 0.001)


def test_a_server_that_takes_longer_than_is_allowed_is_at_its_end() -> None:
    assert not pool_is_limit(result(64, 0.2, queued_requests=300), 0.06)
    assert not pool_is_limit(result(512, 0.15, queued_requests=3000), 0.001)


def test_a_server_that_stops_answering_is_no_pool_s_fault() -> None:
    stopped = GeneratorResult(
        connections=64,
        seconds=2.0,
        cpu_seconds=0.1,
        latency=Histogram(),
        service=Histogram(),
        waiting=Histogram(),
        timeouts=500,
        queued_requests=400,
        saturated_seconds=128.0,
    )
    assert not pool_is_limit(stopped, 0.06)


def test_few_that_wait_change_no_p99() -> None:
    found = result(64, 0.06, queued_requests=1)
    assert found.scheduled > 1000
    assert not pool_is_limit(found, 0.06)


@pytest.mark.parametrize("unloaded_latency", [0.001, 0.06, 0.25, 2.0])
@pytest.mark.parametrize("rate", [10, 1000, 20_000])
def test_a_pool_of_the_size_that_is_needed_never_binds(unloaded_latency: float, rate: float) -> None:
    connections = connections_needed(rate, unloaded_latency)
    assert connections >= MIN_CONNECTIONS
    # All busy, and no more is answered than is offered: Little's law says how long each takes at least.
    assert not pool_is_limit(
        result(connections, max(unloaded_latency, connections / rate), queued_requests=10_000), unloaded_latency
    )


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
        seen.append(next_connections(seen[-1], most))
    assert seen == steps


def test_an_estimate_that_the_server_has_outrun() -> None:
    assert estimate_outdated(4000, 400)
    assert estimate_outdated(400, 4000)
    assert not estimate_outdated(4000, 3000)
    assert not estimate_outdated(4000, 5500)


@pytest.mark.parametrize(
    ("rate", "unloaded_latency", "best", "expected"),
    [
        (10_000, 0.001, 8, MIN_CONNECTIONS),
        (10_000, 0.001, 128, 128),
        (5000, 0.06, 512, 600),
        (5000, 0.25, 512, 2500),
        (10, 0.001, 4096, MIN_CONNECTIONS),
    ],
)
def test_a_pool_begins_with_what_did_best_and_twice_littles_law(
    rate: float, unloaded_latency: float, best: int, expected: int
) -> None:
    assert initial_connections(rate, unloaded_latency, best) == expected
    assert initial_connections(rate, unloaded_latency, best) <= connections_needed(rate, unloaded_latency)


def test_a_warm_up_is_as_long_as_its_connections_take() -> None:
    quick, slow = warm_up_seconds(10_000, 0.001), warm_up_seconds(5000, 0.06)
    assert quick < 0.3
    # 300 connections, and time for their pages.
    assert 0.5 < slow < 1
    assert warm_up_seconds(100, 60) == MAX_WARM_UP
