"""nginx shields a server from slow clients: the same crowd against the server alone, and with nginx before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.analysis import claim_rules
from wsgi_gauntlet.harness.load.analysis.paired_comparison import alternating_orders, grade_claims
from wsgi_gauntlet.harness.load.clients.behaviours import SlowHeaderBytes
from wsgi_gauntlet.harness.load.clients.client_mix import ClientMix
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.clients.slow_body import SlowBody
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.before_after import FULL, SMOKE, run_before_after
from wsgi_gauntlet.harness.load.experiments.comparison_plans import behind_front
from wsgi_gauntlet.harness.load.experiments.slow_clients import MAX_CONNECTIONS_PER_CLIENT
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, Phase, ScenarioResult
from wsgi_gauntlet.suites.load.claims.applicability import reason_not_proxyable

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.instance import ServerInstance

FRONT = "nginx"

UPLOAD_BYTES = 4096
"""Bytes of the bodies that are sent slowly."""


@scenario(
    "Folklore: nginx shields a server from slow clients",
    smoke={**SMOKE, "clients": 128, "rounds": 2},
    full={**FULL, "rounds": 4},
    full_only=True,
    unsuitable_reason=reason_not_proxyable,
)
async def shield(ctx: ScenarioContext) -> ScenarioResult:
    """Half of the slow clients never come to the end of their request's head, half never to the end of its body.

    Alone the server has all of them on its hands. nginx reads a request to its end before it hands it on, so behind it
    the server is to see no slow client at all, and its users are to notice nothing.
    """
    connection_budget = reserve_connections(ctx.count("clients"), MAX_CONNECTIONS_PER_CLIENT)
    contexts = (ctx, ctx.comparison(behind_front(ctx.plan, FRONT)))
    found: tuple[list[claim_rules.BeforeAfter], list[claim_rules.BeforeAfter]] = ([], [])
    phases: list[Phase] = []
    healths: list[GeneratorHealth] = []

    def make_behaviour(running: ServerInstance) -> ClientMix:
        authority, interval = running.address.authority, ctx.number("interval")
        return ClientMix(
            [
                SlowHeaderBytes(f"{running.reference_app_path}/page", authority, interval),
                SlowBody(f"{running.reference_app_path}/sink", authority, interval, UPLOAD_BYTES),
            ]
        )

    rounds = ctx.count("rounds")
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
    claim = claim_rules.shield(alone, fronted, connection_budget.clients, FRONT)
    worst = min(healths, key=lambda each: (each.valid, -each.lateness_p99))
    return ctx.load(
        shield,
        grade_claims([claim]) if worst.valid else Grade.INVALID,
        claims=(claim,) if worst.valid else (),
        goodput=claim_rules.worst(fronted).goodput,
        phase=claim_rules.worst(fronted).name,
        generator=worst,
        phases=tuple(phases),
        metrics=(*_measures("alone", alone), *_measures(f"behind {FRONT}", fronted)),
        conditions=connection_budget.conditions,
        note=f"{claim.figures if worst.valid else worst.why} {connection_budget.note}".strip(),
    )


def _measures(where: str, rounds: list[claim_rules.BeforeAfter]) -> tuple[Metric, ...]:
    worst = claim_rules.worst(rounds)
    return (
        Metric.labelled(f"goodput among slow clients, {where}", 100 * worst.goodput, "%"),
        Metric.labelled(f"p99 among slow clients, {where}", worst.p99, "s", censored=worst.censored),
    )
