"""Claim: Werkzeug's server is only for development. It is compared with two production servers and the same app."""

from __future__ import annotations

import secrets
import statistics
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec

from wsgi_gauntlet.harness.errors import Unsupported
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
from wsgi_gauntlet.harness.load.analysis.units import format_rate
from wsgi_gauntlet.harness.load.arrivals import FixedCountArrivals
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.aborting_client import AbortingClient, AbortPoint
from wsgi_gauntlet.harness.load.clients.behaviours import ClientMix, SlowHeaderBytes
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.before_after import BeforeAfter, BeforeAfterParameters, run_before_after
from wsgi_gauntlet.harness.load.experiments.comparison_plans import other_server
from wsgi_gauntlet.harness.load.experiments.cpu_cost import CpuCost, judge_generator, measure_cpu_cost
from wsgi_gauntlet.harness.load.experiments.slow_clients import MAX_CONNECTIONS_PER_CLIENT
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_open_loop
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.load.workload import VerifiedPage, verify_request
from wsgi_gauntlet.harness.model import Claim, ClaimVerdict, Grade, Metric, ScenarioResult
from wsgi_gauntlet.suites.load.claims import rules
from wsgi_gauntlet.suites.load.claims.applicability import reason_not_development_server

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

PRODUCTION_SERVERS = ("gunicorn:gthread", "waitress")
"""Production servers that run everywhere and need no compiler, each with its defaults."""

CLOSED_LOOP_CONNECTIONS = 8
"""Connections of the closed loops."""

OPEN_LOOP_RATE_SHARE = 0.3
"""The share of the rate of the slowest server at which latencies are compared: no server is at its limit."""

MIN_OPEN_LOOP_REQUESTS = 20
"""The fewest requests of an open loop."""

ABORT_INTERVAL_SECONDS = 0.2
"""Seconds between two disconnects of one client that disconnects."""

SLOW_CLIENTS_PROGRESS = 0.4
"""The fraction of the progress bar at which the loops end and the slow clients begin."""


@dataclass(frozen=True, kw_only=True)
class DevelopmentParameters(BeforeAfterParameters):
    """Parameters of the claim about Werkzeug's server."""

    loop: Annotated[float, Parameter("s", "length of each closed and open loop")]
    rounds: Annotated[int, Parameter("", "rounds of closed and open loops")]
    size: Annotated[int, Parameter("bytes", "size of the page")]


@scenario(
    "Claim: Werkzeug's server is for development",
    smoke=DevelopmentParameters(
        clients=64,
        duration=1.0,
        rate=20,
        baseline=0.8,
        per_second=1000,
        interval=1,
        loop=0.4,
        rounds=3,
        size=2000,
    ),
    full=DevelopmentParameters(
        clients=400,
        duration=20,
        rate=20,
        baseline=10,
        per_second=100,
        interval=5,
        loop=5,
        rounds=6,
        size=2000,
    ),
    full_only=True,
    unsuitable_reason=reason_not_development_server,
)
async def development(ctx: ScenarioContext[DevelopmentParameters]) -> ScenarioResult:
    """This server, the threads of gunicorn, and waitress run the same app; rates, latencies and service are compared.

    First a closed loop requests pages from each in turn as fast as it responds. Then all get the same rate, well below
    every limit. Last come bad clients: half of them never complete the head of their request, and the others disconnect
    by RST within a head or a body.
    """
    parameters = ctx.parameters
    contexts = {ctx.plan.name: ctx, **_production_servers(ctx)}
    names = list(contexts)
    connection_budget = reserve_connections(parameters.clients, MAX_CONNECTIONS_PER_CLIENT)
    closed_loop_costs, open_loop_results, rate = await _measure_rates(ctx, contexts)
    before_after: dict[str, BeforeAfter] = {}
    late = ""
    for place, name in enumerate(names):
        before_after[name], health = await run_before_after(
            contexts[name],
            partial(_adverse_clients, seconds=parameters.interval),
            connection_budget.clients,
            name,
            (
                SLOW_CLIENTS_PROGRESS + (1 - SLOW_CLIENTS_PROGRESS) * place / len(names),
                SLOW_CLIENTS_PROGRESS + (1 - SLOW_CLIENTS_PROGRESS) * (place + 1) / len(names),
            ),
        )
        late = late or health.why
    health, caveats = judge_generator([each.result for costs in closed_loop_costs.values() for each in costs])
    # A round with errors, or with a late generator, says nothing about any server.
    closed_loop_costs, unserved_rounds_note = keep_served_rounds(closed_loop_costs)
    open_loop_results, late_rounds_note = keep_valid_rounds(
        open_loop_results, lambda each: each.health(NOTICEABLE_SECONDS).valid, "the generator was late"
    )
    open_loop_results, wrong_rounds_note = keep_served_rounds(open_loop_results)
    fewer, later, unusable = _claims(
        names, closed_loop_costs, open_loop_results, rate, before_after, connection_budget.clients
    )
    if late:
        unusable = msgspec.structs.replace(
            unusable, verdict=ClaimVerdict.INCONCLUSIVE, figures=f"{late[:1].upper()}{late[1:]}."
        )
    claims = (
        undecided_if_lower_bounds(with_notes(fewer, unserved_rounds_note), caveats),
        with_notes(later, late_rounds_note, wrong_rounds_note),
        unusable,
    )
    during = before_after[names[0]].during
    # The same name on every server, so that a report shows them in one row.
    report_names = {name: "this server" if name == names[0] else name for name in names}
    return ctx.result(
        grade_claims(claims) if health.valid else Grade.INVALID,
        claims=claims if health.valid else (),
        goodput=during.goodput,
        phase=during.name,
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


def _production_servers(
    ctx: ScenarioContext[DevelopmentParameters],
) -> dict[str, ScenarioContext[DevelopmentParameters]]:
    """Return the installed PRODUCTION_SERVERS. Raises Unsupported, with the command that installs one, without any."""
    found, missing_messages = {}, []
    for name in PRODUCTION_SERVERS:
        try:
            found[name] = ctx.comparison(other_server(ctx.plan, name))
        except Unsupported as missing:
            missing_messages.append(str(missing))
    if not found:
        raise Unsupported("; ".join(missing_messages))
    return found


async def _measure_rates(
    ctx: ScenarioContext[DevelopmentParameters], contexts: Mapping[str, ScenarioContext[DevelopmentParameters]]
) -> tuple[dict[str, list[CpuCost]], dict[str, list[GeneratorResult]], float]:
    """Return the closed loops, the open loops, and the rate of the open loops in requests per second."""
    names, seconds, rounds = list(contexts), ctx.parameters.loop, ctx.parameters.rounds
    closed_loop_costs: dict[str, list[CpuCost]] = {name: [] for name in names}
    open_loop_results: dict[str, list[GeneratorResult]] = {name: [] for name in names}
    async with AsyncExitStack() as stack:
        arms: list[tuple[ServerUnderTest, VerifiedPage]] = []
        for name in names:
            ctx.progress(0.0, f"starting {name}")
            running = await stack.enter_async_context(contexts[name].server())
            workload = await contexts[name].workload(running)
            arms.append(
                (running, await verify_request(running.address, workload, secrets.token_hex(8), ctx.parameters.size))
            )
        for number, order in enumerate(alternating_orders(range(len(names)), rounds)):
            ctx.progress(SLOW_CLIENTS_PROGRESS / 2 * number / rounds, f"closed loops, round {number + 1} of {rounds}")
            for place in order:
                closed_loop_costs[names[place]].append(
                    await measure_cpu_cost(*arms[place], CLOSED_LOOP_CONNECTIONS, seconds)
                )
        slowest = min(statistics.median(each.result.rate for each in costs) for costs in closed_loop_costs.values())
        rate = max(OPEN_LOOP_RATE_SHARE * slowest, MIN_OPEN_LOOP_REQUESTS / seconds)
        for number, order in enumerate(alternating_orders(range(len(names)), rounds)):
            done = SLOW_CLIENTS_PROGRESS / 2 * (1 + number / rounds)
            ctx.progress(done, f"at {format_rate(rate)}, round {number + 1} of {rounds}")
            arrivals = FixedCountArrivals(round(rate * seconds), seconds, seed=number)
            for place in order:
                running, page = arms[place]
                open_loop_results[names[place]].append(
                    await parallel_open_loop(
                        running.address,
                        page,
                        LoopOptions(CLOSED_LOOP_CONNECTIONS * CLOSED_LOOP_CONNECTIONS),
                        arrivals,
                        seconds,
                        processes=1,
                    )
                )
    return closed_loop_costs, open_loop_results, rate


def _adverse_clients(running: ServerUnderTest, seconds: float) -> ClientMix:
    authority = running.address.authority
    return ClientMix(
        [
            SlowHeaderBytes(f"{running.reference_app_path}/page", authority, seconds),
            AbortingClient(
                running.reference_app_path,
                running.address,
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
    before_after: Mapping[str, BeforeAfter],
    clients: int,
) -> tuple[Claim, Claim, Claim]:
    rates = {name: [each.result.rate for each in closed_loop_costs[name]] for name in names}
    latencies = {name: [_p99(each)[0] for each in open_loop_results[name]] for name in names}
    this, *others = names
    return (
        rules.fewer(rates[this], {name: rates[name] for name in others}),
        rules.later(latencies[this], {name: latencies[name] for name in others}, rate),
        rules.falls(before_after[this], {name: before_after[name] for name in others}, clients),
    )


def _p99(found: GeneratorResult) -> tuple[float, bool]:
    mark = found.quantile(0.99)
    assert mark  # only rounds with correct responses are kept
    return mark


def _measures(
    name: str, closed_loop_costs: list[CpuCost], open_loop_results: list[GeneratorResult], before_after: BeforeAfter
) -> tuple[Metric, ...]:
    marks = [_p99(each) for each in open_loop_results]
    during = before_after.during
    return (
        Metric.labelled(
            f"responses per second, {name}", median([each.result.rate for each in closed_loop_costs]), "requests/s"
        ),
        Metric.labelled(
            f"p99 at the same rate, {name}",
            median([value for value, _ in marks]),
            "s",
            censored=any(bound for _, bound in marks),
        ),
        Metric.labelled(f"goodput among slow and disconnecting clients, {name}", 100 * during.goodput, "%"),
        Metric.labelled(f"p99 among slow and disconnecting clients, {name}", during.p99, "s", censored=during.censored),
    )
