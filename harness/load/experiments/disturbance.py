"""The course of scenarios whose disturbance is no crowd that is held: users alone, users beside it, what it leaves.

    baseline -> beside(course): one or more phases -> recovery, where users were harmed -> afterwards(course): no users

Parameters, by name: `rate` healthy requests per second; `baseline` seconds before; `recovery` seconds of patience
after. The others are the disturbance's own. The grade is that of the worst phase, and no better than `degrades` where
the disturbance found a flaw.
"""

from __future__ import annotations

import math
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.analysis.grading import collapsed, grade
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour, SilentConnection
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.retry import retry_if_generator_late
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline, run_traffic
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, Phase, ScenarioResult
from wsgi_gauntlet.harness.stats.summary import slowdown

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.conformance.catalog import Scenario
    from wsgi_gauntlet.harness.server.instance import ServerInstance

GRADES_BEST_TO_WORST = (Grade.UNAFFECTED, Grade.DEGRADED, Grade.COLLAPSED, Grade.NOT_RECOVERED)
"""From good to bad."""


@dataclass(frozen=True)
class Findings:
    """What a disturbance saw by itself.

    `flaws` are sentences about the server, each with its figures; `unfit` is why the generator's own part was not fit
    to see anything, '' where it was; `told` says what else a reader should know.
    """

    measures: tuple[Metric, ...] = ()
    flaws: tuple[str, ...] = ()
    generator_problem: str = ""
    remarks: str = ""


class Disturbance(Protocol):
    """What goes on beside the users. A fresh one is made for each round."""

    async def run_beside_users(self, traffic: TrafficTimeline) -> Sequence[Phase]:
        """Disturb the server and return the phases of its users under it, at least one."""

    async def inspect_leftovers(self, traffic: TrafficTimeline) -> None:
        """Look at what is left once the users have gone, too. Raises Unsupported for what cannot be looked at."""

    def findings(self) -> Findings:
        """Return what came of it."""


def _silent_behaviour(_running: ServerInstance) -> ClientBehaviour:
    return SilentConnection()


async def run_disturbance(
    ctx: ScenarioContext,
    scenario: Scenario,
    make_disturbance: Callable[[], Disturbance],
    *,
    page_view: PageView = PageView(),  # noqa: B008 - frozen
    make_behaviour: Callable[[ServerInstance], ClientBehaviour] = _silent_behaviour,
) -> ScenarioResult:
    """Take a fresh server and its users through the course and return the cell.

    `persona` is for disturbances that let a crowd come, `per_second` of them. A round in which the generator was late
    is thrown away, and there is one more. Raises what launching raises.
    """
    return await retry_if_generator_late(
        ctx, lambda: _round(ctx, scenario, make_disturbance(), page_view, make_behaviour)
    )


async def _round(
    ctx: ScenarioContext,
    scenario: Scenario,
    disturbance: Disturbance,
    page_view: PageView,
    make_behaviour: Callable[[ServerInstance], ClientBehaviour],
) -> ScenarioResult:
    patience = ctx.number("recovery")
    per_second = ctx.number("per_second") if "per_second" in ctx.parameters else 1.0
    async with run_traffic(
        ctx, make_behaviour, page_view=page_view, rate=ctx.number("rate"), per_second=per_second
    ) as traffic:
        before = await traffic.phase("baseline", ctx.number("baseline"))
        phases = await disturbance.run_beside_users(traffic)
        health = traffic.healthy_users.health(before, *phases)
        harmed = any(collapsed(each) for each in phases)
        recovered = await traffic.wait_for_recovery(before.p99, patience) if harmed else None
        # Nobody but the disturbance is to have a connection when what it leaves is counted.
        traffic.healthy_users.stop()
        traffic.healthy_users.cancel_in_flight()
        traffic.crowd.release()
        not_inspected = ""
        try:
            await disturbance.inspect_leftovers(traffic)
        except Unsupported as why:
            not_inspected = f"What it takes and leaves was not looked at: {why}."
        found = disturbance.findings()
        health = invalidate_health(health, found.generator_problem)
        graded = [(*grade(before, each, health, recovered=recovered, waited=patience), each) for each in phases]
        mark, reason, worst = max(graded, key=lambda each: severity(each[0], each[2]))
        mark = lower_grade_for_flaws(mark, found.flaws)
        ratio, bound = slowdown(before, worst)
        return ctx.load(
            scenario,
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


def severity(mark: Grade, phase: Phase) -> tuple[int, float, float]:
    """Return what sorts phases from good to bad: by grade, then by p99, which is worst where there is none."""
    worse = GRADES_BEST_TO_WORST.index(mark) if mark in GRADES_BEST_TO_WORST else len(GRADES_BEST_TO_WORST)
    return worse, math.inf if phase.p99 is None else phase.p99, -phase.goodput


def invalidate_health(health: GeneratorHealth, why: str) -> GeneratorHealth:
    """Return `health`, made invalid where it was valid and `why` says what else was not fit."""
    return msgspec.structs.replace(health, valid=False, why=why) if why and health.valid else health


def lower_grade_for_flaws(mark: Grade, flaws: Sequence[str]) -> Grade:
    """Return what is left of `mark` for a server with `flaws`."""
    return Grade.DEGRADED if flaws and mark is Grade.UNAFFECTED else mark


def note(mark: Grade, reason: str, worst: Phase, phases: int, found: Findings, not_inspected: str) -> tuple[str, ...]:
    """Return the sentences of the cell: its flaws first, then what the users got, then the rest."""
    if mark in (Grade.INVALID, Grade.INCONCLUSIVE):
        return (reason,)
    users = f"The users got this meanwhile{f', at worst ({worst.name})' if phases > 1 else ''}: {reason}"
    return (*found.flaws, users, found.remarks, not_inspected)
