"""What answers cost: the CPU time of a server's processes while a closed loop asks, that of a front beside it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
"""The share of our cores that other programs may take at most where a rate depends on how many of them there are."""

COUNTED = 8
"""The fields of a core's line in /proc/stat that add up to its time, from user to steal; what follows them, the time of
guests, is in `user` already (proc_stat(5))."""

IDLE = (3, 4)
"""Those of them that are no work: idle and iowait."""


@dataclass(frozen=True)
class Spent:
    """One closed loop: CPU seconds of the processes of the server that runs the app, and of the front before it.

    `others` is the share, 0 to 1, that other programs took meanwhile of the cores that we and the server may use.
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
    def ok(self) -> int:
        """How many answers were right."""
        return self.result.ok

    @property
    def goodput(self) -> float:
        """Their share, 0 to 1, of what was asked."""
        return self.result.goodput

    @property
    def server_each(self) -> float:
        """CPU seconds of the server per 1,000 right answers. Raises ZeroDivisionError, as all of these, without any."""
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
        return THOUSAND * seconds / self.ok


async def spent(running: Running, page: Page, connections: int, seconds: float) -> Spent:
    """Ask `running` for `page` in a closed loop and return what that cost. Raises what `closed_loop` raises."""
    before, worked, own = await _cpu(running), cores(), time.process_time()
    found = await closed_loop(
        running.address,
        page.request,
        body=page.body,
        status=page.status,
        mark=page.mark,
        connections=connections,
        seconds=seconds,
    )
    busy, idle = (now - then for now, then in zip(cores(), worked, strict=True))
    own = time.process_time() - own
    server, front = (max(0.0, late - early) for late, early in zip(await _cpu(running), before, strict=True))
    others = max(0.0, busy - server - front - own) / max(busy + idle, TICK)
    return Spent(found, server, front, others)


async def _cpu(running: Running) -> tuple[float, float]:
    server, front = await usage(running.server_processes()), await usage(running.front_processes())
    return server.cpu, front.cpu


def cores(stat: str = "") -> tuple[float, float]:
    """Return the seconds that the cores that we may use have been busy and idle; `stat` is /proc/stat unless given.

    A server inherits these cores, so what happens on others takes nothing from it.
    """
    ours = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    busy = idle = 0
    for line in (stat or Path("/proc/stat").read_text("ascii")).splitlines():
        name, *ticks = line.split()
        if name in ours:
            times = [int(each) for each in ticks[:COUNTED]]
            rest = sum(times[place] for place in IDLE)
            busy, idle = busy + sum(times) - rest, idle + rest
    return busy * TICK, idle * TICK


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
