"""What answers cost: the CPU time of a server's processes while a closed loop asks, that of a front beside it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from ...model import GeneratorHealth
from ..lanes.fastlane import closed_loop
from ..lanes.lane_result import LaneResult
from ..looking.sampler import usage
from ..question import Page

if TYPE_CHECKING:
    from ...launch import Running

TICK = 1.0 / os.sysconf("SC_CLK_TCK")
"""Seconds of the kernel's clock, in which /proc tells of CPU time: it is exact to the tick below."""

THOUSAND = 1000.0

DISTURBED = 0.1
"""The share of the machine that other programs may take at most where a rate depends on how many cores there are."""


@dataclass(frozen=True)
class Spent:
    """One closed loop: CPU seconds of the processes of the server that runs the app, and of the front before it.

    `others` is the share of the machine, 0 to 1, that other programs took meanwhile.
    """

    result: LaneResult
    server: float
    front: float
    others: float = 0.0

    @property
    def quiet(self) -> bool:
        """Say whether a rate that cores are needed for can be believed."""
        return self.others < DISTURBED

    @property
    def server_each(self) -> float:
        """CPU seconds of the server per 1,000 right answers; 0 where none was right."""
        return self._each(self.server)

    @property
    def front_each(self) -> float:
        """CPU seconds of the front per 1,000 right answers."""
        return self._each(self.front)

    @property
    def each(self) -> float:
        """CPU seconds of both per 1,000 right answers."""
        return self._each(self.server + self.front)

    @property
    def resolution(self) -> float:
        """What one tick is, in CPU seconds per 1,000 right answers."""
        return self._each(TICK)

    def _each(self, seconds: float) -> float:
        return THOUSAND * seconds / self.result.ok if self.result.ok else 0.0


async def spent(running: Running, page: Page, connections: int, seconds: float) -> Spent:
    """Ask `running` for `page` in a closed loop and return what that cost. Raises what `closed_loop` raises."""
    before, worked, own = await _cpu(running), _machine(), time.process_time()
    found = await closed_loop(
        running.address,
        page.request,
        body=page.body,
        status=page.status,
        connections=connections,
        seconds=seconds,
    )
    busy, idle = (now - then for now, then in zip(_machine(), worked, strict=True))
    own = time.process_time() - own
    server, front = (max(0.0, late - early) for late, early in zip(await _cpu(running), before, strict=True))
    others = max(0.0, busy - server - front - own) / max(busy + idle, TICK)
    return Spent(found, server, front, others)


async def _cpu(running: Running) -> tuple[float, float]:
    server, front = await usage(running.server_processes()), await usage(running.front_processes())
    return server.cpu, front.cpu


def _machine() -> tuple[float, float]:
    """Return the seconds that all cores together have been busy and idle."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # What guests take is in `user` already (proc_stat(5)).
    every = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return every - idle, idle


def fit(results: list[LaneResult]) -> tuple[GeneratorHealth, tuple[str, ...]]:
    """Return whether the loops are fit to tell what an answer costs, and what is to be said of their rates.

    A generator that is busy all the time makes rates lower bounds, and changes no cost; without ports it measured
    nothing.
    """
    worst = min((each.health() for each in results), key=lambda each: (each.valid, -each.cpu_share))
    if worst.valid or any(each.ports_out for each in results):
        return worst, ()
    kept = GeneratorHealth(
        valid=True, cpu_share=worst.cpu_share, lateness_p99=0.0, offered=worst.offered, achieved=worst.achieved
    )
    return kept, (f"rates are lower bounds, costs are not touched by that: {worst.why}",)
