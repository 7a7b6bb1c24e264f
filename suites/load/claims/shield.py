"""Claim: nginx shields a server from slow clients. The same clients connect to the server alone, and to nginx."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from wsgi_gauntlet.harness.load.analysis.paired_comparison import alternating_orders, grade_claims
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import ClientMix, SlowHeaderBytes
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.clients.slow_body import SlowBody
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.before_after import BeforeAfter, BeforeAfterParameters, run_before_after
from wsgi_gauntlet.harness.load.experiments.comparison_plans import behind_front
from wsgi_gauntlet.harness.load.experiments.slow_clients import MAX_CONNECTIONS_PER_CLIENT
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, Phase, ScenarioResult
from wsgi_gauntlet.suites.load.claims import rules
from wsgi_gauntlet.suites.load.claims.applicability import reason_not_proxyable

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

FRONT = "nginx"

UPLOAD_BYTES = 4096
"""Bytes of the bodies that are sent slowly."""


@dataclass(frozen=True, kw_only=True)
class ShieldParameters(BeforeAfterParameters):
    """Parameters of the claim that nginx shields a server."""

    rounds: Annotated[int, Parameter("", "rounds alone and behind nginx")]


@scenario(
    "Claim: nginx shields a server from slow clients",
    smoke=ShieldParameters(clients=128, duration=1.0, rate=20, baseline=0.8, per_second=1000, interval=1, rounds=2),
    full=ShieldParameters(clients=400, duration=20, rate=20, baseline=10, per_second=100, interval=5, rounds=4),
    full_only=True,
    unsuitable_reason=reason_not_proxyable,
)
async def shield(ctx: ScenarioContext[ShieldParameters]) -> ScenarioResult:
    """Half of the slow clients never complete the head of their request, half never complete the body.

    The server alone must handle all of them. nginx reads a complete request before it forwards it. So the server behind
    it should see no slow client, and its users should notice nothing.
    """
    connection_budget = reserve_connections(ctx.parameters.clients, MAX_CONNECTIONS_PER_CLIENT)
    contexts = (ctx, ctx.comparison(behind_front(ctx.plan, FRONT)))
    found: tuple[list[BeforeAfter], list[BeforeAfter]] = ([], [])
    phases: list[Phase] = []
    healths: list[GeneratorHealth] = []

    def make_behaviour(running: ServerUnderTest) -> ClientMix:
        authority, interval = running.address.authority, ctx.parameters.interval
        return ClientMix(
            [
                SlowHeaderBytes(f"{running.reference_app_path}/page", authority, interval),
                SlowBody(f"{running.reference_app_path}/sink", authority, interval, UPLOAD_BYTES),
            ]
        )

    rounds = ctx.parameters.rounds
    for number, order in enumerate(alternating_orders(range(2), rounds)):
        for turn, place in enumerate(order):
            where = f"behind {FRONT}" if place else "alone"
            progress_range = ((number + turn / 2) / rounds, (number + (turn + 1) / 2) / rounds)
            before_after, health = await run_before_after(
                contexts[place],
                make_behaviour,
                connection_budget.clients,
                f"{where}, round {number + 1}",
                progress_range,
            )
            found[place].append(before_after)
            phases += [before_after.before, before_after.during]
            healths.append(health)
    alone, fronted = found
    claim = rules.shield(alone, fronted, connection_budget.clients, FRONT)
    worst_health = min(healths, key=lambda each: (each.valid, -each.lateness_p99))
    worst_phase = rules.worst(fronted)
    return ctx.result(
        grade_claims([claim]) if worst_health.valid else Grade.INVALID,
        claims=(claim,) if worst_health.valid else (),
        goodput=worst_phase.goodput,
        phase=worst_phase.name,
        generator=worst_health,
        phases=tuple(phases),
        metrics=(*_measures("alone", alone), *_measures(f"behind {FRONT}", fronted)),
        conditions=connection_budget.conditions,
        note=f"{claim.figures if worst_health.valid else worst_health.why} {connection_budget.note}".strip(),
    )


def _measures(where: str, rounds: list[BeforeAfter]) -> tuple[Metric, ...]:
    worst = rules.worst(rounds)
    return (
        Metric.labelled(f"goodput among slow clients, {where}", 100 * worst.goodput, "%"),
        Metric.labelled(f"p99 among slow clients, {where}", worst.p99, "s", censored=worst.censored),
    )
