"""The short course of scenarios that compare servers: users alone, then among slow clients, on a fresh server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from wsgi_gauntlet.harness.load.analysis.claim_rules import BeforeAfter
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import ProgressCallback, ScenarioContext, scaled_progress
from wsgi_gauntlet.harness.load.experiments.retry import MAX_ATTEMPTS
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import run_traffic
from wsgi_gauntlet.harness.model import GeneratorHealth, Phase

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest


SMOKE: Mapping[str, float] = {"duration": 1.0, "rate": 20, "baseline": 0.8, "per_second": 1000, "interval": 1}
"""What such scenarios have in common in smoke runs; each adds its own."""

FULL: Mapping[str, float] = {
    "clients": 400,
    "duration": 20,
    "rate": 20,
    "baseline": 10,
    "per_second": 100,
    "interval": 5,
}
"""The same for full runs."""


BEFORE_PROGRESS, DURING_PROGRESS = (0.1, 0.5), (0.5, 1.0)
"""The parts of it on a bar; what comes first is a server's start."""


async def run_before_after(
    ctx: ScenarioContext,
    make_behaviour: Callable[[ServerUnderTest], ClientBehaviour],
    clients: int,
    name: str,
    progress_range: tuple[float, float] = (0.0, 1.0),
) -> tuple[BeforeAfter, GeneratorHealth]:
    """Return what users got before so many slow clients came and among them; its phases are called after `name`.

    It is the `part` of a scenario, from where to where on a bar.

    The parameters `baseline` and `duration` are the seconds of both, `rate` and `per_second` those of all courses.
    Where the generator was late, it is done once more. Raises what `course` does.
    """
    progress = scaled_progress(ctx.progress, *progress_range)
    for _ in range(MAX_ATTEMPTS - 1):
        found, health = await _run_once(ctx, make_behaviour, clients, name, progress)
        if health.valid:
            return found, health
        progress(None, f"{name}: the generator was late; once more")
    return await _run_once(ctx, make_behaviour, clients, name, progress)


async def _run_once(
    ctx: ScenarioContext,
    make_behaviour: Callable[[ServerUnderTest], ClientBehaviour],
    clients: int,
    name: str,
    progress: ProgressCallback,
) -> tuple[BeforeAfter, GeneratorHealth]:
    async with run_traffic(
        ctx,
        make_behaviour,
        page_view=PageView(),
        rate=ctx.number("rate"),
        per_second=ctx.number("per_second"),
        progress=progress,
    ) as traffic:
        before = await traffic.phase(f"{name}: before", ctx.number("baseline"), progress_share=BEFORE_PROGRESS)
        await traffic.crowd.scale_to(clients)
        during = await traffic.phase(
            f"{name}: slow clients", ctx.number("duration"), stop_on_collapse=True, progress_share=DURING_PROGRESS
        )
        health = traffic.healthy_users.health(before, during)
        began = ctx.elapsed - traffic.healthy_users.now
    return BeforeAfter(_shifted(before, began), _shifted(during, began)), health


def _shifted(phase: Phase, seconds: float) -> Phase:
    return msgspec.structs.replace(phase, started=phase.started + seconds, ended=phase.ended + seconds)
