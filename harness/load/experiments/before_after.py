"""Run the short experiment of scenarios that compare servers: users alone, then among slow clients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec

from wsgi_gauntlet.harness.load.analysis.grading import GOOD_GOODPUT, collapsed, unharmed
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import MAX_ROUNDS, ProgressCallback, ScenarioContext, scaled_progress
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficParameters, run_traffic
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.model import GeneratorHealth, Phase

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

BEFORE_PROGRESS, DURING_PROGRESS = (0.1, 0.5), (0.5, 1.0)
"""The parts of the experiment on a progress bar, after the start of the server."""


@dataclass(frozen=True, kw_only=True)
class BeforeAfterParameters(TrafficParameters):
    """Parameters of scenarios that run this experiment on several servers."""

    clients: Annotated[int, Parameter("", "slow clients")]
    duration: Annotated[float, Parameter("s", "time among the slow clients")]
    per_second: Annotated[float, Parameter("connections/s", "rate at which slow clients connect")]
    interval: Annotated[float, Parameter("s", "time between two pieces of a slow request")]


@dataclass(frozen=True)
class BeforeAfter:
    """The phase before slow clients came, and the phase among them."""

    before: Phase
    during: Phase

    @property
    def served_before(self) -> bool:
        """Whether users were served well before, so that the slow clients cause any harm."""
        return self.before.goodput >= GOOD_GOODPUT and not collapsed(self.before)

    @property
    def unharmed(self) -> bool:
        """Whether a person would notice no difference."""
        return unharmed(self.before, self.during)


async def run_before_after(
    ctx: ScenarioContext[BeforeAfterParameters],
    make_behaviour: Callable[[ServerUnderTest], ClientBehaviour],
    clients: int,
    name: str,
    progress_range: tuple[float, float] = (0.0, 1.0),
) -> tuple[BeforeAfter, GeneratorHealth]:
    """Measure users on a fresh server before and among slow clients. The names of the phases begin with `name`.

    The experiment fills `progress_range` of the progress bar. It runs a second time if the generator was late. Raises
    the errors of run_traffic.
    """
    progress = scaled_progress(ctx.progress, *progress_range)
    for _ in range(MAX_ROUNDS - 1):
        found, health = await _run_once(ctx, make_behaviour, clients, name, progress)
        if health.valid:
            return found, health
        progress(None, f"{name}: the generator was late; running it again")
    return await _run_once(ctx, make_behaviour, clients, name, progress)


async def _run_once(
    ctx: ScenarioContext[BeforeAfterParameters],
    make_behaviour: Callable[[ServerUnderTest], ClientBehaviour],
    clients: int,
    name: str,
    progress: ProgressCallback,
) -> tuple[BeforeAfter, GeneratorHealth]:
    parameters = ctx.parameters
    async with run_traffic(
        ctx,
        make_behaviour,
        page_view=PageView(),
        rate=parameters.rate,
        per_second=parameters.per_second,
        progress=progress,
    ) as traffic:
        before = await traffic.phase(f"{name}: before", parameters.baseline, progress_share=BEFORE_PROGRESS)
        await traffic.slow_clients.scale_to(clients)
        during = await traffic.phase(
            f"{name}: slow clients", parameters.duration, stop_on_collapse=True, progress_share=DURING_PROGRESS
        )
        health = traffic.healthy_users.health(before, during)
        began = ctx.elapsed - traffic.healthy_users.now
    return BeforeAfter(_shifted(before, began), _shifted(during, began)), health


def _shifted(phase: Phase, seconds: float) -> Phase:
    return msgspec.structs.replace(phase, started=phase.started + seconds, ended=phase.ended + seconds)
