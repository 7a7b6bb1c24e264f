"""What answers cost: the CPU time of a server's processes while a closed loop asks, that of a front beside it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.probes.resource_usage import usage
from wsgi_gauntlet.harness.load.workload import VerifiedRequest
from wsgi_gauntlet.harness.model import GeneratorHealth

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.instance import ServerInstance

CLOCK_TICK = 1.0 / os.sysconf("SC_CLK_TCK")
"""Seconds of the kernel's clock, in which /proc tells of CPU time: it is exact to the tick below."""

RESPONSES_PER_UNIT = 1000.0

MAX_OTHER_CPU_SHARE = 0.1
"""The share of our cores that other programs may take at most where a rate depends on how many of them there are."""

CPU_TIME_FIELDS = 8
"""The fields of a core's line in /proc/stat that add up to its time, from user to steal; what follows them, the time of
guests, is in `user` already (proc_stat(5))."""

IDLE_FIELDS = (3, 4)
"""Those of them that are no work: idle and iowait."""


@dataclass(frozen=True)
class CpuCost:
    """One closed loop: CPU seconds of the processes of the server that runs the app, and of the front before it.

    `others` is the share, 0 to 1, that other programs took meanwhile of the cores that we and the server may use.
    """

    result: GeneratorResult
    server: float
    front: float
    other_cpu_share: float = 0.0

    @property
    def undisturbed(self) -> bool:
        """Say whether a rate that cores are needed for can be believed."""
        return self.other_cpu_share < MAX_OTHER_CPU_SHARE

    @property
    def ok(self) -> int:
        """How many answers were right."""
        return self.result.ok

    @property
    def goodput(self) -> float:
        """Their share, 0 to 1, of what was asked."""
        return self.result.goodput

    @property
    def server_cpu_per_1000(self) -> float:
        """CPU seconds of the server per 1,000 right answers. Raises ZeroDivisionError, as all of these, without any."""
        return self._per_1000(self.server)

    @property
    def front_cpu_per_1000(self) -> float:
        """CPU seconds of the front per 1,000 right answers."""
        return self._per_1000(self.front)

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds of both per 1,000 right answers."""
        return self._per_1000(self.server + self.front)

    @property
    def resolution(self) -> float:
        """What one tick is, in CPU seconds per 1,000 right answers."""
        return self._per_1000(CLOCK_TICK)

    def _per_1000(self, seconds: float) -> float:
        return RESPONSES_PER_UNIT * seconds / self.ok


async def measure_cpu_cost(running: ServerInstance, page: VerifiedRequest, connections: int, seconds: float) -> CpuCost:
    """Ask `running` for `page` in a closed loop and return what that cost. Raises what `closed_loop` raises."""
    before, worked, own = await _cpu_seconds(running), core_times(), time.process_time()
    found = await closed_loop(running.address, page, LoopOptions(connections), seconds)
    busy, idle = (now - then for now, then in zip(core_times(), worked, strict=True))
    own = time.process_time() - own
    server, front = (max(0.0, late - early) for late, early in zip(await _cpu_seconds(running), before, strict=True))
    other_cpu_share = max(0.0, busy - server - front - own) / max(busy + idle, CLOCK_TICK)
    return CpuCost(found, server, front, other_cpu_share)


async def _cpu_seconds(running: ServerInstance) -> tuple[float, float]:
    server, front = await usage(running.server_processes()), await usage(running.front_processes())
    return server.cpu, front.cpu


def core_times(stat: str = "") -> tuple[float, float]:
    """Return the seconds that the cores that we may use have been busy and idle; `stat` is /proc/stat unless given.

    A server inherits these cores, so what happens on others takes nothing from it.
    """
    ours = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    busy = idle = 0
    for line in (stat or Path("/proc/stat").read_text("ascii")).splitlines():
        name, *ticks = line.split()
        if name in ours:
            times = [int(each) for each in ticks[:CPU_TIME_FIELDS]]
            rest = sum(times[place] for place in IDLE_FIELDS)
            busy, idle = busy + sum(times) - rest, idle + rest
    return busy * CLOCK_TICK, idle * CLOCK_TICK


def judge_generator(results: list[GeneratorResult]) -> tuple[GeneratorHealth, tuple[str, ...]]:
    """Return whether the loops are fit to tell what an answer costs, and what is to be said of their rates.

    A generator that is busy all the time makes rates lower bounds, and changes no cost; without ports it measured
    nothing.
    """
    worst = min((each.health() for each in results), key=lambda each: (each.valid, -each.cpu_share))
    if worst.valid or any(each.out_of_ports for each in results):
        return worst, ()
    kept = GeneratorHealth(
        valid=True, cpu_share=worst.cpu_share, lateness_p99=0.0, offered=worst.offered, achieved=worst.achieved
    )
    return kept, (f"rates are lower bounds, costs are not touched by that: {worst.why}",)
