"""Watch the processor time of a server that has no clients any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from wsgi_gauntlet.harness.load.analysis.leftovers import INTERVAL_SECONDS, MIN_INTERVALS, IdleProcessor
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage


async def idle_processor(
    read_usage: Callable[[], Awaitable[ResourceUsage]], patience: float, baseline: float
) -> IdleProcessor:
    """Return the processor time of a server after its clients have gone. `baseline` is in cores.

    The watch ends with the first quiet interval, else after `patience` seconds and at least MIN_INTERVALS intervals:
    a server may have work to finish.
    """
    intervals: list[float] = []
    before = await read_usage()
    until = trio.current_time() + patience
    while True:
        await trio.sleep(INTERVAL_SECONDS)
        after = await read_usage()
        intervals.append(cores(before, after))
        found = IdleProcessor(tuple(intervals), baseline)
        if found.quiet or (trio.current_time() >= until and len(intervals) >= MIN_INTERVALS):
            return found
        before = after


def cores(before: ResourceUsage, after: ResourceUsage) -> float:
    """Return the cores that a server used between two readings. A process that ended takes its time with it."""
    return max(0.0, after.cpu - before.cpu) / max(after.at - before.at, 1e-9)
