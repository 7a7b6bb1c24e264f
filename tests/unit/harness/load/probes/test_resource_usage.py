"""What processes use, the cost of slow clients, and leaks."""

import os
import sys
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.probes.resource_usage import (
    STABLE_SECONDS,
    ResourceUsage,
    cost,
    count_leaks,
    usage,
    wait_until_stable,
)
from wsgi_gauntlet.harness.model import Cost


async def test_usage_of_this_process() -> None:
    found = await usage([os.getpid()])
    assert found.rss > 1_000_000
    assert found.descriptors > 2
    assert found.threads >= 1
    assert found.cpu > 0


async def test_a_process_that_has_ended_counts_nothing() -> None:
    ended = await trio.run_process([sys.executable, "-c", "import os; print(os.getpid())"], capture_stdout=True)
    found = await usage([int(ended.stdout)])
    assert (found.rss, found.descriptors, found.threads, found.cpu) == (0, 0, 0, 0.0)


def test_the_healthy_users_part_is_taken_off() -> None:
    before = ResourceUsage(0.0, 100, 10, 1, 1.0)
    idle = ResourceUsage(2.0, 120, 12, 1, 1.2)  # 0.1 of a core for the healthy users
    during = ResourceUsage(7.0, 620, 22, 5, 3.7)
    assert cost(before, idle, during, 8) == Cost(8, 500, 10, 4, 2.0)


def test_a_server_that_got_smaller_cost_nothing() -> None:
    assert cost(ResourceUsage(0), ResourceUsage(1, 100, 10, 5, 9.0), ResourceUsage(2), 8) == Cost(8)


def server(*descriptors: int) -> Callable[[], Awaitable[ResourceUsage]]:
    """Return readings with these numbers of descriptors. The last number stays."""
    readings = iter(descriptors)
    count = 0

    async def read() -> ResourceUsage:
        nonlocal count
        count = next(readings, count)
        return ResourceUsage(trio.current_time(), descriptors=count, threads=2)

    return read


async def test_usage_is_stable_after_some_time_without_change(autojump_clock: MockClock) -> None:
    assert (await wait_until_stable(server(9, 8, 7, 5), 10)).descriptors == 5
    assert autojump_clock.current_time() >= STABLE_SECONDS


async def test_a_usage_that_keeps_changing_is_read_until_the_end(autojump_clock: MockClock) -> None:
    began = autojump_clock.current_time()
    await wait_until_stable(server(*range(1000)), 3)
    assert 3 <= autojump_clock.current_time() - began < 3.2


async def test_released_resources_end_the_wait(autojump_clock: MockClock) -> None:
    began = autojump_clock.current_time()
    found = await wait_until_stable(server(9, 6, 5), 10, ResourceUsage(0, descriptors=5, threads=2))
    assert found.descriptors == 5
    assert autojump_clock.current_time() - began < STABLE_SECONDS


async def test_kept_resources_get_all_of_the_time(autojump_clock: MockClock) -> None:
    began = autojump_clock.current_time()
    found = await wait_until_stable(server(9), 5, ResourceUsage(0, descriptors=5, threads=2))
    assert autojump_clock.current_time() - began >= 5
    assert count_leaks(ResourceUsage(0, descriptors=5, threads=2), found) == (4, 0)


def test_less_than_before_is_no_leak() -> None:
    assert count_leaks(ResourceUsage(0, descriptors=5, threads=4), ResourceUsage(1, descriptors=4, threads=6)) == (0, 2)


async def test_invisible_processes_are_unsupported() -> None:
    async def nothing() -> ResourceUsage:
        return ResourceUsage(0.0)

    with pytest.raises(Unsupported, match="not visible"):
        await wait_until_stable(nothing, 1)
