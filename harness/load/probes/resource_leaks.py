"""What clients leave behind in a server once they have gone: descriptors and threads, after a moment to tidy up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage

POLL_INTERVAL = 0.05
"""Seconds between two looks at the server's processes."""

STABLE_SECONDS = 0.4
"""Seconds without any change that count as having come to rest: servers that look after their connections by polling
do so at least three times a second."""


async def wait_until_stable(
    read_usage: Callable[[], Awaitable[ResourceUsage]], patience: float, base: ResourceUsage | None = None
) -> ResourceUsage:
    """Return what the server uses once it has come to rest, or after `patience` seconds.

    With `base` it has come to rest as soon as it uses no more descriptors and threads than then; a server that uses
    more has all of `patience` to give it back, however still it is. Raises Unsupported where nothing can be seen of it.
    """
    until = trio.current_time() + patience
    found = await read_usage()
    if not found.threads:
        raise Unsupported("which processes are the server's cannot be seen from here")
    since = trio.current_time()
    while trio.current_time() < until:
        if base is not None and found.descriptors <= base.descriptors and found.threads <= base.threads:
            break
        if base is None and trio.current_time() - since >= STABLE_SECONDS:
            break
        await trio.sleep(POLL_INTERVAL)
        now = await read_usage()
        if (now.descriptors, now.threads) != (found.descriptors, found.threads):
            since = trio.current_time()
        found = now
    return found


def count_leaks(before: ResourceUsage, after: ResourceUsage) -> tuple[int, int]:
    """Return how many more descriptors and threads there are `after` than `before`; none is below 0."""
    return max(0, after.descriptors - before.descriptors), max(0, after.threads - before.threads)
