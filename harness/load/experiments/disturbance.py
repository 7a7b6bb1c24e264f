"""Run the experiment of scenarios whose disturbance is more than a number of slow clients.

    baseline -> run_beside_users: one or more phases -> recovery, if users were harmed -> inspect_leftovers: no users
             -> the server without any clients: does it use the processor, how much memory has it?

The grade is that of the worst phase. It is `degraded` at best if the disturbance found a flaw.
"""

from __future__ import annotations

import math
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Protocol

import msgspec

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.analysis.grading import collapsed, grade
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour, SilentConnection
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import ScenarioContext, retry_if_generator_late
from wsgi_gauntlet.harness.load.experiments.leftovers import Leftovers, inspect_idle_server, leftovers_baseline
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficParameters, TrafficTimeline, run_traffic
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, Phase, ScenarioResult
from wsgi_gauntlet.harness.stats.summary import slowdown

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

GRADES_BEST_TO_WORST = (Grade.UNAFFECTED, Grade.DEGRADED, Grade.COLLAPSED, Grade.NOT_RECOVERED)


@dataclass(frozen=True, kw_only=True)
class DisturbanceParameters(TrafficParameters):
    """Parameters of all scenarios with a disturbance."""

    duration: Annotated[float, Parameter("s", "length of each phase of the disturbance")]
    recovery: Annotated[float, Parameter("s", "longest time to recover after the disturbance")]


@dataclass(frozen=True)
class Findings:
    """The findings of a disturbance, without those of the healthy users.

    `flaws` are sentences about the server, each with its figures. `generator_problem` says why the disturbance itself
    is not valid, '' if it is. `details` are further sentences for the reader.
    """

    measures: tuple[Metric, ...] = ()
    flaws: tuple[str, ...] = ()
    generator_problem: str = ""
    details: str = ""


class Disturbance(Protocol):
    """A disturbance of the server beside the users. Each round gets a new one."""

    async def run_beside_users(self, traffic: TrafficTimeline) -> Sequence[Phase]:
        """Disturb the server, and return the phases of the users in this time, at least one."""

    async def inspect_leftovers(self, traffic: TrafficTimeline) -> None:
        """Inspect the server after the users have left. Raises Unsupported if the harness cannot do so."""

    def findings(self) -> Findings:
        """Return the findings."""


def _silent_behaviour(_running: ServerUnderTest) -> ClientBehaviour:
    return SilentConnection()


async def run_disturbance(
    ctx: ScenarioContext[DisturbanceParameters],
    make_disturbance: Callable[[], Disturbance],
    *,
    make_behaviour: Callable[[ServerUnderTest], ClientBehaviour] = _silent_behaviour,
    per_second: float = 1.0,
) -> ScenarioResult:
    """Run the experiment on a fresh server and return the result.

    `make_behaviour` and `per_second` are for disturbances with slow clients: their behaviour, and how many connect per
    second. There is a second round if the generator was late. Raises the errors of a server start.
    """
    return await retry_if_generator_late(ctx, lambda: _round(ctx, make_disturbance(), make_behaviour, per_second))


async def _round(
    ctx: ScenarioContext[DisturbanceParameters],
    disturbance: Disturbance,
    make_behaviour: Callable[[ServerUnderTest], ClientBehaviour],
    per_second: float,
) -> ScenarioResult:
    parameters = ctx.parameters
    async with run_traffic(
        ctx, make_behaviour, page_view=PageView(), rate=parameters.rate, per_second=per_second
    ) as traffic:
        async with leftovers_baseline(ctx, traffic) as baseline:
            before = await traffic.phase("baseline", parameters.baseline, until_answered=True)
        phases = await disturbance.run_beside_users(traffic)
        health = traffic.healthy_users.health(before, *phases)
        harmed = any(collapsed(each) for each in phases)
        recovered = await traffic.wait_for_recovery(before.p99, parameters.recovery) if harmed else None
        # Only the disturbance may have connections when its leftovers are counted.
        traffic.healthy_users.stop()
        traffic.healthy_users.cancel_in_flight()
        traffic.slow_clients.release()
        not_inspected = ""
        try:
            await disturbance.inspect_leftovers(traffic)
        except Unsupported as why:
            not_inspected = f"The harness could not inspect the processes of the server: {why}."
        found = with_leftovers(
            disturbance.findings(), await inspect_idle_server(traffic, baseline, parameters.recovery)
        )
        health = invalidate_health(health, found.generator_problem)
        graded = [
            (*grade(before, each, health, recovered=recovered, waited=parameters.recovery), each) for each in phases
        ]
        mark, reason, worst = max(graded, key=lambda each: severity(each[0], each[2]))
        mark = lower_grade_for_flaws(mark, found.flaws)
        ratio, bound = slowdown(before, worst)
        return ctx.result(
            mark,
            goodput=worst.goodput,
            phase=worst.name,
            slowdown=ratio,
            slowdown_censored=bound,
            recovery=recovered,
            generator=health,
            phases=tuple(traffic.phases),
            samples=tuple(sorted(traffic.healthy_users.samples, key=lambda each: each.intended)),
            slow_clients=traffic.slow_client_counts(),
            percentiles=traffic.percentiles(),
            metrics=found.measures,
            conditions={
                "healthy requests/s": round(traffic.rate, 1),
                "open files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
                **traffic.workload.conditions,
            },
            note=" ".join(filter(None, note(mark, reason, worst, len(phases), found, not_inspected))),
        )


def with_leftovers(found: Findings, leftovers: Leftovers | None) -> Findings:
    """Return the findings with those about the server without clients."""
    if leftovers is None:
        return found
    flaws = (*found.flaws, *filter(None, [leftovers.processor.flaw]))
    return replace(found, measures=(*found.measures, *leftovers.metrics), flaws=flaws)


def severity(mark: Grade, phase: Phase) -> tuple[int, float, float]:
    """Return the sort key of phases from good to bad: grade, then p99 (worst if unknown), then goodput."""
    worse = GRADES_BEST_TO_WORST.index(mark) if mark in GRADES_BEST_TO_WORST else len(GRADES_BEST_TO_WORST)
    return worse, math.inf if phase.p99 is None else phase.p99, -phase.goodput


def invalidate_health(health: GeneratorHealth, why: str) -> GeneratorHealth:
    """Return `health`, made invalid if `why` has a reason and it was valid."""
    return msgspec.structs.replace(health, valid=False, why=why) if why and health.valid else health


def lower_grade_for_flaws(mark: Grade, flaws: Sequence[str]) -> Grade:
    """Return the grade of a server with `flaws`."""
    return Grade.DEGRADED if flaws and mark is Grade.UNAFFECTED else mark


def note(mark: Grade, reason: str, worst: Phase, phases: int, found: Findings, not_inspected: str) -> tuple[str, ...]:
    """Return the sentences of the result: flaws, then the service of the users, then details."""
    if mark in (Grade.INVALID, Grade.INCONCLUSIVE):
        return (reason,)
    users = f"Service of the other users{f' in the worst phase ({worst.name})' if phases > 1 else ''}: {reason}"
    return (*found.flaws, users, found.details, not_inspected)
