"""nginx holds ten thousand idle connections in little memory: what each of them adds there, and in the server alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import trio

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.analysis import claim_rules
from wsgi_gauntlet.harness.load.analysis.paired_comparison import grade_claims, median
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.clients.healthy_users import warm_up
from wsgi_gauntlet.harness.load.clients.idle_keep_alive import IdleKeepAliveClient
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.comparison_plans import behind_front
from wsgi_gauntlet.harness.load.experiments.slow_clients import MAX_CONNECTIONS_PER_CLIENT
from wsgi_gauntlet.harness.load.probes.memory import memory
from wsgi_gauntlet.harness.load.probes.new_connections import NewConnectionOutcome, new_connections
from wsgi_gauntlet.harness.model import Metric, ScenarioResult
from wsgi_gauntlet.suites.load.claims.applicability import reason_not_proxyable

FRONT = "nginx[many-connections]"

POLL_SECONDS = 0.1
"""Seconds between two looks at how many clients have their answer."""

MIN_HELD_SHARE = 0.5
"""The share of its clients that a server must hold for a figure of its own: fewer say more of its limit."""


@dataclass(frozen=True)
class IdleConnections:
    """What so many idle connections came to. Bytes of the processes in question, before and with them."""

    connections: int
    before: int
    after: int
    new_client_served: bool
    dropped: int

    @property
    def each(self) -> float:
        """Bytes for each of them."""
        return (self.after - self.before) / max(self.connections, 1)


@scenario(
    "Folklore: nginx holds ten thousand idle connections in little memory",
    smoke={"clients": 1000, "per_second": 1000, "patience": 5, "rounds": 1},
    full={"clients": 10_000, "per_second": 1000, "patience": 60, "rounds": 3},
    full_only=True,
    unsuitable_reason=reason_not_proxyable,
)
async def idle(ctx: ScenarioContext) -> ScenarioResult:
    """Clients ask for a page, take their answer, and keep the connection open without a word, as browsers do.

    First they do so to nginx before the server, with `worker_connections` raised from its default of 512, then to the
    server alone. Memory is the processes' own; what the kernel has for each connection is the same for all servers.
    """
    connection_budget = reserve_connections(
        ctx.count("clients"), MAX_CONNECTIONS_PER_CLIENT
    )  # nginx inherits the limit and has two for each
    fronted = ctx.comparison(behind_front(ctx.plan, FRONT))
    nginx: list[IdleConnections] = []
    alone: list[IdleConnections] = []
    rounds = ctx.count("rounds")
    for number in range(rounds):
        ctx.progress(number / rounds, f"round {number + 1} of {rounds}")
        nginx.append(await _measure_idle(fronted, connection_budget.clients, front=True))
        alone.append(await _measure_idle(ctx, connection_budget.clients, front=False))
    some = [each for each in nginx if each.connections]
    kept = [each for each in alone if each.connections >= MIN_HELD_SHARE * connection_budget.clients]
    worst = min(nginx, key=lambda each: each.connections)
    claim = claim_rules.idle(
        [each.each for each in some],
        worst.connections,
        connection_budget.clients,
        [each.each for each in kept],
        max(each.after for each in nginx),
        max(each.dropped for each in nginx),
    )
    return ctx.load(
        idle,
        grade_claims([claim]),
        claims=(claim,),
        metrics=(
            Metric(
                "memory_of_one_idle_connection_nginx",
                "memory of one idle connection, nginx",
                _median_bytes(some),
                "bytes",
            ),
            Metric(
                "memory_of_one_idle_connection_the_server_alone",
                "memory of one idle connection, the server alone",
                _median_bytes(kept),
                "bytes",
                note="" if kept else f"It held {alone[0].connections} of {connection_budget.clients}.",
            ),
            Metric(
                "memory_in_all_with_them_nginx",
                "memory in all with them, nginx",
                max(each.after for each in nginx),
                "bytes",
            ),
            Metric(
                "memory_in_all_with_them_the_server_alone",
                "memory in all with them, the server alone",
                max(each.after for each in alone),
                "bytes",
            ),
            Metric("idle_connections_held_nginx", "idle connections held, nginx", worst.connections),
            Metric(
                "idle_connections_held_the_server_alone",
                "idle connections held, the server alone",
                min(each.connections for each in alone),
            ),
            Metric(
                "new_client_served_nginx",
                "newcomer answered beside them, nginx",
                float(all(each.new_client_served for each in nginx)),
                "yes/no",
            ),
            Metric(
                "new_client_served_alone",
                "newcomer answered beside them, alone",
                float(all(each.new_client_served for each in alone)),
                "yes/no",
            ),
        ),
        conditions=connection_budget.conditions,
        note=f"{claim.figures} {connection_budget.note}".strip(),
    )


async def _measure_idle(ctx: ScenarioContext, clients: int, *, front: bool) -> IdleConnections:
    """Return what a fresh server is with so many idle clients, of a chain the front."""
    async with ctx.server() as running, trio.open_nursery() as nursery:
        workload = await ctx.workload(running)
        await warm_up(running.address, workload)
        idle_count = 0

        def count_idle(more: int) -> None:
            nonlocal idle_count
            idle_count += more

        processes = running.front_processes if front else running.server_processes
        before = await memory(processes())
        idle_client = IdleKeepAliveClient(
            f"{running.reference_app_path}/page?n=idle", running.address.authority, count_idle
        )
        crowd = SlowClientPool(running.address, idle_client, nursery, per_second=ctx.number("per_second"))
        await crowd.scale_to(clients)
        with trio.move_on_after(ctx.number("patience")):
            # A server that keeps no connection is not waited for.
            while idle_count < clients and crowd.first_disconnect().dropped < MIN_HELD_SHARE * clients:  # noqa: ASYNC110 - in another process
                await trio.sleep(POLL_SECONDS)
        after = await memory(processes())
        found = IdleConnections(
            idle_count, before, after, new_client_served=False, dropped=crowd.first_disconnect().dropped
        )
        outcomes = await new_connections(running.address, workload, 1)
        nursery.cancel_scope.cancel()
    return replace(found, new_client_served=bool(outcomes.get(NewConnectionOutcome.SERVED)))


def _median_bytes(found: Sequence[IdleConnections]) -> float | None:
    return median([max(0.0, each.each) for each in found])
