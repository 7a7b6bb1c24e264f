"""Inspect a server whose clients have all gone: an idle server must be idle.

async with leftovers_baseline(ctx, traffic) as baseline:      users alone
    await traffic.phase("baseline", 2)
...                                                           clients come and go
found = await inspect_idle_server(traffic, baseline, 3)       nobody is left
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.leftovers import IdleProcessor, memory_metric
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.load.probes.idle_processor import cores, idle_processor
from wsgi_gauntlet.harness.model import Metric


@dataclass
class LeftoversBaseline:
    """The cores and bytes of memory of a server with users alone. Known at the end of the block."""

    cores: float = 0.0
    memory: int = 0


@dataclass(frozen=True)
class Leftovers:
    """What a server uses without clients."""

    processor: IdleProcessor
    memory: Metric

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The figures for the report."""
        return self.processor.metric, self.memory


@asynccontextmanager
async def leftovers_baseline(
    ctx: ScenarioContext[Parameters], traffic: TrafficTimeline
) -> AsyncIterator[LeftoversBaseline | None]:
    """Measure the baseline during the block. None for a server whose processes the harness cannot see."""
    if not ctx.started_here:
        yield None
        return
    baseline, before = LeftoversBaseline(), await traffic.usage()
    yield baseline
    baseline.cores = cores(before, await traffic.usage())
    baseline.memory = await traffic.memory()


async def inspect_idle_server(
    traffic: TrafficTimeline, baseline: LeftoversBaseline | None, patience: float
) -> Leftovers | None:
    """Disconnect all clients, and return what the server uses without them; None without a baseline.

    A server that is still busy gets `patience` seconds to finish.
    """
    if baseline is None:
        return None
    traffic.healthy_users.stop()
    traffic.healthy_users.cancel_in_flight()
    traffic.slow_clients.release()
    processor = await idle_processor(traffic.usage, patience, baseline.cores)
    return Leftovers(processor, memory_metric(baseline.memory, await traffic.memory()))
