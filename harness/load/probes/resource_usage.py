"""What a server's process tree uses, and what of that slow clients cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import psutil
import trio

from wsgi_gauntlet.harness.model import Cost


@dataclass(frozen=True)
class ResourceUsage:
    """Bytes of memory (pages shared by several processes count in each), counts, and seconds of CPU so far."""

    at: float
    rss: int = 0
    descriptors: int = 0
    threads: int = 0
    cpu: float = 0.0


async def usage(pids: Iterable[int]) -> ResourceUsage:
    """Return what the processes `pids` use now; one that has ended or may not be looked at counts nothing.

    Reading /proc of a server with thousands of descriptors takes milliseconds, so a thread does it.
    """
    return await trio.to_thread.run_sync(_usage, tuple(pids), trio.current_time())


def cost(before: ResourceUsage, idle: ResourceUsage, during: ResourceUsage, clients: int) -> Cost:
    """Return what `clients` slow clients cost, in all: `idle` was taken when they came, `during` with all of them.

    The healthy users' part of the CPU, as it was between `before` and `idle`, is taken off. Nothing is below 0.
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
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return None
