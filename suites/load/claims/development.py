"""Werkzeug's server is for development: what it gives under load, beside two that are not, with the same app."""

from __future__ import annotations

import secrets
import statistics
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.analysis import claim_rules
from wsgi_gauntlet.harness.load.analysis.grading import NOTICEABLE_SECONDS
from wsgi_gauntlet.harness.load.analysis.paired_comparison import (
    alternating_orders,
    grade_claims,
    keep_served_rounds,
    keep_valid_rounds,
    median,
    undecided_if_lower_bounds,
    with_notes,
)
from wsgi_gauntlet.harness.load.arrivals import FixedCountArrivals
from wsgi_gauntlet.harness.load.clients.aborting_client import AbortingClient, AbortPoint
from wsgi_gauntlet.harness.load.clients.behaviours import SlowHeaderBytes
from wsgi_gauntlet.harness.load.clients.client_mix import ClientMix
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.before_after import FULL, SMOKE, run_before_after
from wsgi_gauntlet.harness.load.experiments.comparison_plans import other_server
from wsgi_gauntlet.harness.load.experiments.cpu_cost import CpuCost, judge_generator, measure_cpu_cost
from wsgi_gauntlet.harness.load.experiments.slow_clients import MAX_CONNECTIONS_PER_CLIENT
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_open_loop
from wsgi_gauntlet.harness.load.workload import VerifiedRequest, verify_request
from wsgi_gauntlet.harness.model import Claim, ClaimVerdict, Grade, Metric, ScenarioResult
from wsgi_gauntlet.suites.load.claims.applicability import reason_not_development_server

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.instance import ServerInstance

PRODUCTION_SERVERS = ("gunicorn:gthread", "waitress")
"""Servers for production that run anywhere and need nothing compiled, each with its defaults."""

CLOSED_LOOP_CONNECTIONS = 8
"""Connections of the closed loops."""

OPEN_LOOP_RATE_SHARE = 0.3
"""The part of the slowest one's rate that all are asked for when their latencies are compared: nobody is at a limit."""

MIN_OPEN_LOOP_REQUESTS = 20
"""Requests of an open loop at least."""

ABORT_INTERVAL_SECONDS = 0.2
"""Seconds between two disconnects of one client that vanishes."""

SLOW_CLIENTS_PROGRESS = 0.4
"""Where on a bar the loops are over and the bad clients come."""


@scenario(
    "Folklore: Werkzeug's server is for development",
    smoke={**SMOKE, "clients": 64, "loop": 0.4, "rounds": 3, "size": 2000},
    full={**FULL, "loop": 5, "rounds": 6, "size": 2000},
    full_only=True,
    unsuitable_reason=reason_not_development_server,
)
async def development(ctx: ScenarioContext) -> ScenarioResult:
    """The same app on this server, on gunicorn's threads and on waitress: rates, latencies, users among bad clients.

    First a closed loop asks each in turn as fast as it answers; then all get the same rate, well below anybody's limit.
    At last half of the clients never come to the end of their request's head, and the others vanish by RST in the
    middle of a head or a body.
    """
    contexts = {ctx.plan.name: ctx, **_production_servers(ctx)}
    names = list(contexts)
    connection_budget = reserve_connections(ctx.count("clients"), MAX_CONNECTIONS_PER_CLIENT)
    closed_loop_costs, open_loop_results, rate = await _measure_rates(ctx, contexts)
    before_after: dict[str, claim_rules.BeforeAfter] = {}
    late = ""
    for place, name in enumerate(names):
        before_after[name], health = await run_before_after(
            contexts[name],
            partial(_adverse_clients, seconds=ctx.number("interval")),
            connection_budget.clients,
            name,
            (
                SLOW_CLIENTS_PROGRESS + (1 - SLOW_CLIENTS_PROGRESS) * place / len(names),
                SLOW_CLIENTS_PROGRESS + (1 - SLOW_CLIENTS_PROGRESS) * (place + 1) / len(names),
            ),
        )
        late = late or health.why
    health, caveats = judge_generator([each.result for spents in closed_loop_costs.values() for each in spents])
    # A round in which the generator was late for one of them, or one gave errors, says nothing of any.
    closed_loop_costs, unserved_rounds_note = keep_served_rounds(closed_loop_costs)
    open_loop_results, late_rounds_note = keep_valid_rounds(
        open_loop_results, lambda each: each.health(NOTICEABLE_SECONDS).valid, "the generator was late"
    )
    open_loop_results, wrong = keep_served_rounds(open_loop_results)
    fewer, later, taken = _claims(
        names, closed_loop_costs, open_loop_results, rate, before_after, connection_budget.clients
    )
    if late:
        taken = msgspec.structs.replace(
            taken, verdict=ClaimVerdict.INCONCLUSIVE, figures=f"{late[:1].upper()}{late[1:]}."
        )
    claims = (
        undecided_if_lower_bounds(with_notes(fewer, unserved_rounds_note), caveats),
        with_notes(later, late_rounds_note, wrong),
        taken,
    )
    mine = before_after[names[0]].during
    # By one name on every server, so that reports have them in one row.
    report_names = {name: "this server" if name == names[0] else name for name in names}
    return ctx.load(
        development,
        grade_claims(claims) if health.valid else Grade.INVALID,
        claims=claims if health.valid else (),
        goodput=mine.goodput,
        phase=mine.name,
        generator=health,
        phases=tuple(phase for each in before_after.values() for phase in (each.before, each.during)),
        metrics=tuple(
            each
            for name in names
            for each in _measures(
                report_names[name], closed_loop_costs[name], open_loop_results[name], before_after[name]
            )
        ),
        conditions=connection_budget.conditions,
        caveats=caveats,
        note=" ".join(
            [*(each.figures for each in claims), connection_budget.note] if health.valid else [health.why]
        ).strip(),
    )


def _production_servers(ctx: ScenarioContext) -> dict[str, ScenarioContext]:
    """Return those of PRODUCTION_SERVERS that are here. Raises Unsupported, with how to get one, where none is."""
    found, missing_messages = {}, []
    for name in PRODUCTION_SERVERS:
        try:
            found[name] = ctx.comparison(other_server(ctx.plan, name))
        except Unsupported as lack:
            missing_messages.append(str(lack))
    if not found:
        raise Unsupported("; ".join(missing_messages))
    return found


async def _measure_rates(
    ctx: ScenarioContext, contexts: Mapping[str, ScenarioContext]
) -> tuple[dict[str, list[CpuCost]], dict[str, list[GeneratorResult]], float]:
    """Return closed loops, open loops, and the rate of these, in requests a second."""
    names, seconds, rounds = list(contexts), ctx.number("loop"), ctx.count("rounds")
    closed_loop_costs: dict[str, list[CpuCost]] = {name: [] for name in names}
    open_loop_results: dict[str, list[GeneratorResult]] = {name: [] for name in names}
    async with AsyncExitStack() as stack:
        arms: list[tuple[ServerInstance, VerifiedRequest]] = []
        for name in names:
            ctx.progress(0.0, f"starting {name}")
            running = await stack.enter_async_context(contexts[name].server())
            workload = await contexts[name].workload(running)
            arms.append(
                (running, await verify_request(running.address, workload, secrets.token_hex(8), ctx.count("size")))
            )
        for number, order in enumerate(alternating_orders(range(len(names)), rounds)):
            ctx.progress(
                SLOW_CLIENTS_PROGRESS / 2 * number / rounds, f"as fast as they answer, round {number + 1} of {rounds}"
            )
            for place in order:
                closed_loop_costs[names[place]].append(
                    await measure_cpu_cost(*arms[place], CLOSED_LOOP_CONNECTIONS, seconds)
                )
        slowest = min(statistics.median(each.result.rate for each in spents) for spents in closed_loop_costs.values())
        rate = max(OPEN_LOOP_RATE_SHARE * slowest, MIN_OPEN_LOOP_REQUESTS / seconds)
        for number, order in enumerate(alternating_orders(range(len(names)), rounds)):
            done = SLOW_CLIENTS_PROGRESS / 2 * (1 + number / rounds)
            ctx.progress(done, f"at {rate:,.0f} requests/s, round {number + 1} of {rounds}")
            arrivals = FixedCountArrivals(round(rate * seconds), seconds, seed=number)
            for place in order:
                running, page = arms[place]
                open_loop_results[names[place]].append(
                    await parallel_open_loop(
                        running.address,
                        page.request,
                        body=page.body,
                        status=page.status,
                        mark=page.mark,
                        pacer=arrivals,
                        seconds=seconds,
                        connections=CLOSED_LOOP_CONNECTIONS * CLOSED_LOOP_CONNECTIONS,
                        processes=1,
                    )
                )
    return closed_loop_costs, open_loop_results, rate


def _adverse_clients(running: ServerInstance, seconds: float) -> ClientMix:
    authority = running.address.authority
    return ClientMix(
        [
            SlowHeaderBytes(f"{running.reference_app_path}/page", authority, seconds),
            AbortingClient(
                running.reference_app_path,
                authority,
                (AbortPoint.HEAD, AbortPoint.BODY),
                interval=ABORT_INTERVAL_SECONDS,
                size=1,
            ),
        ]
    )


def _claims(
    names: list[str],
    closed_loop_costs: Mapping[str, list[CpuCost]],
    open_loop_results: Mapping[str, list[GeneratorResult]],
    rate: float,
    before_after: Mapping[str, claim_rules.BeforeAfter],
    clients: int,
) -> tuple[Claim, Claim, Claim]:
    rates = {name: [each.result.rate for each in closed_loop_costs[name]] for name in names}
    late = {name: [_p99(each)[0] for each in open_loop_results[name]] for name in names}
    mine, *others = names
    return (
        claim_rules.fewer(rates[mine], {name: rates[name] for name in others}),
        claim_rules.later(late[mine], {name: late[name] for name in others}, rate),
        claim_rules.falls(before_after[mine], {name: before_after[name] for name in others}, clients),
    )


def _p99(found: GeneratorResult) -> tuple[float, bool]:
    mark = found.quantile(0.99)
    assert mark  # it was well served
    return mark


def _measures(
    name: str,
    closed_loop_costs: list[CpuCost],
    open_loop_results: list[GeneratorResult],
    before_after: claim_rules.BeforeAfter,
) -> tuple[Metric, ...]:
    marks = [_p99(each) for each in open_loop_results]
    return (
        Metric.labelled(
            f"answers a second, {name}", median([each.result.rate for each in closed_loop_costs]), "requests/s"
        ),
        Metric.labelled(
            f"p99 at the same rate, {name}",
            median([value for value, _ in marks]),
            "s",
            censored=any(bound for _, bound in marks),
        ),
        Metric.labelled(f"goodput among slow and vanishing clients, {name}", 100 * before_after.during.goodput, "%"),
        Metric.labelled(
            f"p99 among slow and vanishing clients, {name}",
            before_after.during.p99,
            "s",
            censored=before_after.during.censored,
        ),
    )
