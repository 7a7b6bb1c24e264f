"""When a server has come to rest, and what is left then."""

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.probes.resource_leaks import STABLE_SECONDS, count_leaks, wait_until_stable
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage


def server(*descriptors: int) -> Callable[[], Awaitable[ResourceUsage]]:
    """A server that holds so many at one look after the other; the last number stays."""
    looks = iter(descriptors)
    held = 0

    async def look() -> ResourceUsage:
        nonlocal held
        held = next(looks, held)
        return ResourceUsage(trio.current_time(), descriptors=held, threads=2)

    return look


async def test_rest_is_some_time_without_change(autojump_clock: MockClock) -> None:
    assert (await wait_until_stable(server(9, 8, 7, 5), 10)).descriptors == 5
    assert autojump_clock.current_time() >= STABLE_SECONDS


async def test_what_goes_on_changing_is_looked_at_once_more_at_the_end(autojump_clock: MockClock) -> None:
    began = autojump_clock.current_time()
    await wait_until_stable(server(*range(1000)), 3)
    assert 3 <= autojump_clock.current_time() - began < 3.2


async def test_what_was_given_back_is_not_waited_for(autojump_clock: MockClock) -> None:
    began = autojump_clock.current_time()
    found = await wait_until_stable(server(9, 6, 5), 10, ResourceUsage(0, descriptors=5, threads=2))
    assert found.descriptors == 5
    assert autojump_clock.current_time() - began < STABLE_SECONDS


async def test_what_is_kept_has_all_the_time_there_is(autojump_clock: MockClock) -> None:
    began = autojump_clock.current_time()
    found = await wait_until_stable(server(9), 5, ResourceUsage(0, descriptors=5, threads=2))
    assert autojump_clock.current_time() - began >= 5
    assert count_leaks(ResourceUsage(0, descriptors=5, threads=2), found) == (4, 0)


def test_less_than_before_is_nothing_left() -> None:
    assert count_leaks(ResourceUsage(0, descriptors=5, threads=4), ResourceUsage(1, descriptors=4, threads=6)) == (0, 2)


async def test_what_cannot_be_seen_is_no_rest() -> None:
    async def nothing() -> ResourceUsage:
        return ResourceUsage(0.0)

    with pytest.raises(Unsupported, match="cannot be seen"):
        await wait_until_stable(nothing, 1)
