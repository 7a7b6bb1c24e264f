"""Measure the CPU time of responses: that of the server and that of a front, during a closed loop."""

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
from wsgi_gauntlet.harness.load.workload import VerifiedPage
from wsgi_gauntlet.harness.model import GeneratorHealth

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

CLOCK_TICK = 1.0 / os.sysconf("SC_CLK_TCK")
"""Seconds of one tick of the kernel's clock, the unit of CPU time in /proc, which is rounded down."""

RESPONSES_PER_UNIT = 1000.0

MAX_OTHER_CPU_SHARE = 0.1
"""The share of the cores that other programs may take if a rate depends on the number of cores."""

CPU_TIME_FIELDS = 8
"""The number of fields in /proc/stat that add up to the time of a core, from user to steal. The time of guests, which
follows, is already part of `user` (proc_stat(5))."""

IDLE_FIELDS = (3, 4)
"""The indices of the fields without work: idle and iowait."""


@dataclass(frozen=True)
class CpuCost:
    """One closed loop, with the CPU seconds of the server that runs the app and of the front before it.

    `other_cpu_share` is the share, 0 to 1, of the available cores that other programs took in the same time.
    """

    result: GeneratorResult
    server: float
    front: float
    other_cpu_share: float = 0.0

    @property
    def undisturbed(self) -> bool:
        """Whether other programs left enough cores for a valid rate."""
        return self.other_cpu_share < MAX_OTHER_CPU_SHARE

    @property
    def ok(self) -> int:
        """The number of correct responses."""
        return self.result.ok

    @property
    def goodput(self) -> float:
        """Their share of all requests, 0 to 1."""
        return self.result.goodput

    @property
    def server_cpu_per_1000(self) -> float:
        """CPU seconds of the server per 1,000 correct responses. Without any, all of these raise ZeroDivisionError."""
        return self._per_1000(self.server)

    @property
    def front_cpu_per_1000(self) -> float:
        """CPU seconds of the front per 1,000 correct responses."""
        return self._per_1000(self.front)

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds of both per 1,000 correct responses."""
        return self._per_1000(self.server + self.front)

    @property
    def resolution(self) -> float:
        """One tick of the clock in CPU seconds per 1,000 correct responses."""
        return self._per_1000(CLOCK_TICK)

    def _per_1000(self, seconds: float) -> float:
        return RESPONSES_PER_UNIT * seconds / self.ok


async def measure_cpu_cost(running: ServerUnderTest, page: VerifiedPage, connections: int, seconds: float) -> CpuCost:
    """Request `page` in a closed loop and return its cost. Raises the errors of `closed_loop`."""
    before, worked, own = (0.0, 0.0), (0.0, 0.0), 0.0

    async def start() -> int:
        nonlocal before, worked, own
        before, worked, own = await _cpu_seconds(running), core_times(), time.process_time()
        return time.perf_counter_ns()

    found = await closed_loop(running.address, page, LoopOptions(connections), seconds, start=start)
    busy, idle = (now - then for now, then in zip(core_times(), worked, strict=True))
    own = time.process_time() - own
    server, front = (max(0.0, late - early) for late, early in zip(await _cpu_seconds(running), before, strict=True))
    other_cpu_share = max(0.0, busy - server - front - own) / max(busy + idle, CLOCK_TICK)
    return CpuCost(found, server, front, other_cpu_share)


async def _cpu_seconds(running: ServerUnderTest) -> tuple[float, float]:
    server, front = await usage(running.server_processes()), await usage(running.front_processes())
    return server.cpu, front.cpu


def core_times(stat: str = "") -> tuple[float, float]:
    """Return the busy and idle seconds of the cores that this process may use. `stat` replaces the text of /proc/stat.

    A server inherits these cores, so work on other cores takes nothing from it.
    """
    own_cores = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    busy = idle = 0
    for line in (stat or Path("/proc/stat").read_text("ascii")).splitlines():
        name, *ticks = line.split()
        if name in own_cores:
            times = [int(each) for each in ticks[:CPU_TIME_FIELDS]]
            rest = sum(times[place] for place in IDLE_FIELDS)
            busy, idle = busy + sum(times) - rest, idle + rest
    return busy * CLOCK_TICK, idle * CLOCK_TICK


def judge_generator(results: list[GeneratorResult]) -> tuple[GeneratorHealth, tuple[str, ...]]:
    """Return the health of the generator for measurements of cost, and the caveats of the rates.

    With a generator that is always busy, rates are lower bounds and costs stay valid. Without local ports nothing is
    valid.
    """
    worst = min((each.health() for each in results), key=lambda each: (each.valid, -each.cpu_share))
    if worst.valid or any(each.out_of_ports for each in results):
        return worst, ()
    kept = GeneratorHealth(
        valid=True, cpu_share=worst.cpu_share, lateness_p99=0.0, offered=worst.offered, achieved=worst.achieved
    )
    return kept, (f"the rates are lower bounds and the costs are valid: {worst.why}",)
