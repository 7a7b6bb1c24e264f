"""Claim: uwsgi_pass is cheaper than HTTP to uWSGI. The cost of a request is measured for three transports."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

from wsgi_gauntlet.harness.load.analysis.paired_comparison import (
    alternating_orders,
    grade_claims,
    keep_served_rounds,
    median,
    with_notes,
)
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.comparison_plans import behind_front
from wsgi_gauntlet.harness.load.experiments.cpu_cost import CpuCost, judge_generator, measure_cpu_cost
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.workload import verify_request
from wsgi_gauntlet.harness.model import Grade, Metric, ScenarioResult
from wsgi_gauntlet.suites.load.claims import rules
from wsgi_gauntlet.suites.load.claims.applicability import reason_not_uwsgi

FRONT_PROTOCOLS = {
    "nginx:uwsgi_pass": "uwsgi_pass",
    "nginx:unix": "HTTP over a Unix socket",
    "nginx:tcp": "HTTP over TCP",
}


@dataclass(frozen=True, kw_only=True)
class UwsgiPassParameters(Parameters):
    """Parameters of the claim about uwsgi_pass."""

    clients: Annotated[int, Parameter("", "connections of each closed loop")]
    duration: Annotated[float, Parameter("s", "length of each closed loop")]
    rounds: Annotated[int, Parameter("", "closed loops for each transport")]
    size: Annotated[int, Parameter("bytes", "size of the page")]


@scenario(
    "Claim: uwsgi_pass is cheaper than HTTP to uWSGI",
    smoke=UwsgiPassParameters(clients=8, duration=0.6, rounds=5, size=2000),
    full=UwsgiPassParameters(clients=16, duration=5, rounds=12, size=2000),
    full_only=True,
    unsuitable_reason=reason_not_uwsgi,
)
async def uwsgi_pass(ctx: ScenarioContext[UwsgiPassParameters]) -> ScenarioResult:
    """nginx forwards the same requests by the uwsgi protocol over a Unix socket, by HTTP over one, and by HTTP on TCP.

    The three run at the same time and take turns. The first two differ only in the protocol. The third is the most
    common configuration. All of them open a connection to uWSGI for each request.
    """
    size, rounds = ctx.parameters.size, ctx.parameters.rounds
    found: dict[str, list[CpuCost]] = {front: [] for front in FRONT_PROTOCOLS}
    async with AsyncExitStack() as stack:
        arms = []
        for number, front in enumerate(FRONT_PROTOCOLS):
            ctx.progress(0.1 * number / len(FRONT_PROTOCOLS), f"starting {front}")
            comparison = ctx.comparison(behind_front(ctx.plan, front))
            running = await stack.enter_async_context(comparison.server())
            workload = await comparison.workload(running)
            arms.append((running, await verify_request(running.address, workload, secrets.token_hex(8), size)))
        for number, order in enumerate(alternating_orders(range(len(FRONT_PROTOCOLS)), rounds)):
            for place in order:
                ctx.progress(0.1 + 0.9 * number / rounds, f"round {number + 1} of {rounds}")
                running, page = arms[place]
                front = list(FRONT_PROTOCOLS)[place]
                found[front].append(
                    await measure_cpu_cost(running, page, ctx.parameters.clients, ctx.parameters.duration)
                )
    every = [each.result for costs in found.values() for each in costs]
    health, caveats = judge_generator(every)
    found, left_out = keep_served_rounds(found)
    costs = {front: [each.cpu_per_1000 for each in rounds_of] for front, rounds_of in found.items()}
    claims = tuple(
        with_notes(rules.cheaper(costs["nginx:uwsgi_pass"], costs[front], way), left_out)
        for front, way in (("nginx:unix", "a Unix socket"), ("nginx:tcp", "TCP"))
    )
    return ctx.result(
        grade_claims(claims) if health.valid else Grade.INVALID,
        claims=claims if health.valid else (),
        goodput=min(each.goodput for each in every),
        generator=health,
        metrics=tuple(each for front, way in FRONT_PROTOCOLS.items() for each in _measures(way, found[front])),
        caveats=caveats,
        note=" ".join(each.figures for each in claims),
    )


def _measures(way: str, found: list[CpuCost]) -> tuple[Metric, ...]:
    return (
        Metric.labelled(
            f"CPU time of nginx per 1,000 requests, {way}", median([s.front_cpu_per_1000 for s in found]), "s"
        ),
        Metric.labelled(
            f"CPU time of uWSGI per 1,000 requests, {way}", median([s.server_cpu_per_1000 for s in found]), "s"
        ),
        Metric.labelled(f"responses per second, {way}", median([s.result.rate for s in found]), "requests/s"),
    )
