"""Read what the processes of a server use, compute the cost of slow clients, and count resource leaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import psutil
import trio

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.limits import EXHAUSTION_ERRNOS
from wsgi_gauntlet.harness.model import Cost

POLL_INTERVAL = 0.05
"""Seconds between two readings while the usage is not yet stable."""

STABLE_SECONDS = 0.4
"""Seconds without a change after which the usage is stable. Servers that poll their connections do so at least three
times per second."""


@dataclass(frozen=True)
class ResourceUsage:
    """Bytes of memory (shared pages count in each process), counts, and seconds of CPU time so far."""

    at: float
    rss: int = 0
    descriptors: int = 0
    threads: int = 0
    cpu: float = 0.0


async def usage(pids: Iterable[int]) -> ResourceUsage:
    """Return what the processes `pids` use. A process that has ended or is not readable uses nothing.

    A thread reads /proc, which takes milliseconds for a server with thousands of descriptors.
    """
    return await trio.to_thread.run_sync(_usage, tuple(pids), trio.current_time())


def cost(before: ResourceUsage, idle: ResourceUsage, during: ResourceUsage, clients: int) -> Cost:
    """Return the cost of `clients` slow clients. `idle` is the usage just before they connected.

    The CPU time of the healthy users, as between `before` and `idle`, is subtracted. Nothing is below 0.
    """
    elapsed = max(idle.at - before.at, 1e-9)
    healthy = (idle.cpu - before.cpu) / elapsed * (during.at - idle.at)
    return Cost(
        clients,
        rss=max(0, during.rss - idle.rss),
        descriptors=max(0, during.descriptors - idle.descriptors),
        threads=max(0, during.threads - idle.threads),
        cpu=max(0.0, during.cpu - idle.cpu - healthy),
    )


async def wait_until_stable(
    read_usage: Callable[[], Awaitable[ResourceUsage]], patience: float, base: ResourceUsage | None = None
) -> ResourceUsage:
    """Wait until the usage of a server is stable, at most `patience` seconds, and return it.

    With `base` it is stable as soon as it has no more descriptors and threads than `base`. A server with more gets all
    of `patience` to release them. Raises Unsupported if the processes of the server are not visible.
    """
    until = trio.current_time() + patience
    found = await read_usage()
    if not found.threads:
        raise Unsupported("the processes of the server are not visible to the harness")
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
    """Return how many more descriptors and threads there are `after` than `before`. Neither is below 0."""
    return max(0, after.descriptors - before.descriptors), max(0, after.threads - before.threads)


def _usage(pids: tuple[int, ...], at: float) -> ResourceUsage:
    found = [each for each in (_one(pid, at) for pid in pids) if each]
    return ResourceUsage(
        at,
        sum(each.rss for each in found),
        sum(each.descriptors for each in found),
        sum(each.threads for each in found),
        sum(each.cpu for each in found),
    )


def _one(pid: int, at: float) -> ResourceUsage | None:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return ResourceUsage(
                at,
                process.memory_info().rss,
                process.num_fds(),
                process.num_threads(),
                times.user + times.system,
            )
    except psutil.Error:
        return None
    except OSError as error:  # the kernel has more errors for a process that is just ending
        if error.errno in EXHAUSTION_ERRNOS:
            raise
        return None
