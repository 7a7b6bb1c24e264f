"""A worker is blocked in the app, spins in it, or is killed: how are users served, and is the worker replaced?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.analysis.grading import describe_phase, grade
from wsgi_gauntlet.harness.load.analysis.units import format_seconds
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import SilentConnection
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import ScenarioContext, retry_if_generator_late
from wsgi_gauntlet.harness.load.experiments.disturbance import GRADES_BEST_TO_WORST
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficParameters, TrafficTimeline, run_traffic
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.model import Grade, Metric, ScenarioResult
from wsgi_gauntlet.harness.stats.summary import slowdown
from wsgi_gauntlet.suites.load.operations.worker_failures import (
    WorkerFailure,
    block_workers,
    kill_worker,
    probing_workers,
    with_worker_timeout,
)

LAST_REQUESTS_SECONDS = 1.1
"""Seconds after a phase for its last requests. The worker stays blocked until then."""


@dataclass(frozen=True, kw_only=True)
class WorkerLossParameters(TrafficParameters):
    """Parameters of `worker-loss`."""

    clients: Annotated[int, Parameter("", "requests that each block a worker")]
    duration: Annotated[float, Parameter("s", "time for which workers are blocked")]
    killed: Annotated[float, Parameter("s", "time after a worker was killed")]
    timeout: Annotated[int, Parameter("s", "worker timeout to configure, if the server has the setting")]


@scenario(
    "A worker that is blocked, spinning, or killed",
    smoke=WorkerLossParameters(clients=1, duration=2.5, rate=40, baseline=1, killed=1.2, timeout=1),
    full=WorkerLossParameters(clients=1, duration=45, rate=40, baseline=10, killed=20, timeout=30),
)
async def worker_loss(ctx: ScenarioContext[WorkerLossParameters]) -> ScenarioResult:
    """Users continue while a request sleeps in the app, then while one spins in it, and then after a worker was killed.

    The killed worker is a process of the server that responds; it gets SIGKILL. Servers with a worker timeout start
    with a short one, unless the user has set it. Probes show how soon another process responds.
    """
    if not ctx.started_here:
        raise Unsupported("somebody else started this server, so the harness may not kill one of its processes")
    ctx.plan = with_worker_timeout(ctx.plan, ctx.parameters.timeout)
    return await retry_if_generator_late(ctx, lambda: _round(ctx))


async def _round(ctx: ScenarioContext[WorkerLossParameters]) -> ScenarioResult:
    rate = ctx.parameters.rate
    async with run_traffic(
        ctx, lambda _running: SilentConnection(), page_view=PageView(), rate=rate, per_second=1
    ) as traffic:
        before = await traffic.phase("baseline", ctx.parameters.baseline, until_answered=True)
        failures = await _run_failures(ctx, traffic)
        health = traffic.healthy_users.health(before, *(each.phase for each in failures.values()))
        graded = {
            name: grade(before, each.phase, health, recovered=None, waited=0.0) for name, each in failures.items()
        }
        worst = max(graded, key=lambda name: _severity(graded[name][0], failures[name]))
        mark, reason = graded[worst]
        kill_result = failures["killed"]
        flaws = (
            []
            if kill_result.server_ended
            or kill_result.nothing_killed
            or kill_result.has_new_process
            or kill_result.replaced_after is not None
            else [_not_replaced(ctx)]
        )
        if flaws and mark is Grade.UNAFFECTED:
            mark = Grade.DEGRADED
        ratio, bound = slowdown(before, failures[worst].phase)
        return ctx.result(
            mark,
            goodput=failures[worst].phase.goodput,
            phase=failures[worst].phase.name,
            slowdown=ratio,
            slowdown_censored=bound,
            generator=health,
            phases=tuple(traffic.phases),
            samples=tuple(sorted(traffic.healthy_users.samples, key=lambda each: each.intended)),
            percentiles=traffic.percentiles(),
            metrics=tuple(measure for name, each in failures.items() for measure in _measures(name, each)),
            conditions={"healthy requests/s": round(traffic.rate, 1), **traffic.workload.conditions},
            note=reason
            if mark not in GRADES_BEST_TO_WORST
            else " ".join([*flaws, *_describe_failures(failures, worst)]),
        )


async def _run_failures(
    ctx: ScenarioContext[WorkerLossParameters], traffic: TrafficTimeline
) -> dict[str, WorkerFailure]:
    """Return the result of each failure by its name. Each begins when the server responds again."""
    duration, clients = ctx.parameters.duration, ctx.parameters.clients
    busy = round((duration + LAST_REQUESTS_SECONDS) * 1000)
    failures: dict[str, WorkerFailure] = {}
    async with probing_workers(traffic) as worker_probe:
        for name, query in (("blocked", f"wait={busy}"), ("spinning", f"work={busy}")):
            failures[name] = await block_workers(traffic, worker_probe, name, query, clients, duration)
            await traffic.restore_service()
        failures["killed"] = await kill_worker(traffic, worker_probe, "killed", ctx.parameters.killed)
    return failures


def _severity(mark: Grade, failure: WorkerFailure) -> tuple[int, float, float]:
    return (
        GRADES_BEST_TO_WORST.index(mark) if mark in GRADES_BEST_TO_WORST else len(GRADES_BEST_TO_WORST),
        -failure.phase.goodput,
        failure.phase.p99 or 0.0,
    )


def _not_replaced(ctx: ScenarioContext[WorkerLossParameters]) -> str:
    return f"The killed process was not replaced within {ctx.parameters.killed:g} s."


def _describe_failures(failures: Mapping[str, WorkerFailure], worst: str) -> list[str]:
    names = sorted(failures, key=lambda name: name != worst)
    return [
        f"{name.capitalize()}: {describe_phase(failures[name].phase)}; {_describe_replacement(name, failures[name])}."
        for name in names
    ]


def _describe_replacement(name: str, failure: WorkerFailure) -> str:
    if failure.nothing_killed:
        return "no process was found to kill"
    if failure.server_ended:
        return "the server had ended, because no process was left to start another one"
    if failure.replaced_after is not None:
        return f"another process responded {format_seconds(failure.replaced_after)} later"
    if failure.has_new_process:
        return "another process was started, and the others responded"
    return "no process replaced it" if name == "killed" else "no process replaced it in this time"


def _measures(name: str, failure: WorkerFailure) -> tuple[Metric, ...]:
    return (
        Metric.labelled(f"goodput, {name}", failure.phase.goodput * 100, "%"),
        Metric.labelled(f"requests lost, {name}", failure.lost_requests, note=f"of {failure.phase.scheduled}"),
        Metric.labelled(
            f"replaced after, {name}",
            failure.replaced_after,
            "s",
            note="" if failure.replaced_after is not None else _describe_replacement(name, failure),
        ),
    )
