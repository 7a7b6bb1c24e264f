"""Claim: nginx holds ten thousand idle connections in little memory. The memory of each connection is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import trio

from wsgi_gauntlet.harness.load.analysis.paired_comparison import grade_claims, median
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import IdleKeepAliveClient
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.clients.healthy_users import warm_up
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.comparison_plans import behind_front
from wsgi_gauntlet.harness.load.experiments.slow_clients import MAX_CONNECTIONS_PER_CLIENT
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.probes.memory import memory
from wsgi_gauntlet.harness.load.probes.new_connections import NewConnectionOutcome, new_connections
from wsgi_gauntlet.harness.model import Metric, ScenarioResult
from wsgi_gauntlet.suites.load.claims import rules
from wsgi_gauntlet.suites.load.claims.applicability import reason_not_proxyable

FRONT = "nginx[many-connections]"

POLL_SECONDS = 0.1
"""Seconds between two checks of how many clients have their response."""

MIN_HELD_SHARE = 0.5
"""The share of its clients that a server must hold for a valid figure: fewer connections only show its limit."""


@dataclass(frozen=True, kw_only=True)
class IdleParameters(Parameters):
    """Parameters of the claim about idle connections."""

    clients: Annotated[int, Parameter("", "idle connections")]
    per_second: Annotated[float, Parameter("connections/s", "rate at which clients connect")]
    patience: Annotated[float, Parameter("s", "longest wait until all clients have their response")]
    rounds: Annotated[int, Parameter("", "rounds with nginx and with the server alone")]


@dataclass(frozen=True)
class IdleConnections:
    """The memory of the measured processes in bytes, before and with so many idle connections."""

    connections: int
    before: int
    after: int
    new_client_served: bool
    dropped: int

    @property
    def each(self) -> float:
        """Bytes per connection."""
        return (self.after - self.before) / max(self.connections, 1)


@scenario(
    "Claim: nginx holds ten thousand idle connections in little memory",
    smoke=IdleParameters(clients=1000, per_second=1000, patience=5, rounds=1),
    full=IdleParameters(clients=10_000, per_second=1000, patience=60, rounds=3),
    full_only=True,
    unsuitable_reason=reason_not_proxyable,
)
async def idle(ctx: ScenarioContext[IdleParameters]) -> ScenarioResult:
    """Clients request a page, read it, and keep the connection open without sending more, as browsers do.

    First they connect to nginx in front of the server, with `worker_connections` above its default of 512, then to the
    server alone. Only the memory of the processes counts: that of the kernel is the same for all servers.
    """
    # nginx inherits the limit and has two connections for each client.
    connection_budget = reserve_connections(ctx.parameters.clients, MAX_CONNECTIONS_PER_CLIENT)
    fronted = ctx.comparison(behind_front(ctx.plan, FRONT))
    nginx: list[IdleConnections] = []
    alone: list[IdleConnections] = []
    rounds = ctx.parameters.rounds
    for number in range(rounds):
        ctx.progress(number / rounds, f"round {number + 1} of {rounds}")
        nginx.append(await _measure_idle(fronted, connection_budget.clients, front=True))
        alone.append(await _measure_idle(ctx, connection_budget.clients, front=False))
    some = [each for each in nginx if each.connections]
    kept = [each for each in alone if each.connections >= MIN_HELD_SHARE * connection_budget.clients]
    worst = min(nginx, key=lambda each: each.connections)
    claim = rules.idle(
        [each.each for each in some],
        worst.connections,
        connection_budget.clients,
        [each.each for each in kept],
        max(each.after for each in nginx),
        max(each.dropped for each in nginx),
    )
    return ctx.result(
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
            Metric.labelled("memory in all with them, nginx", max(each.after for each in nginx), "bytes"),
            Metric.labelled("memory in all with them, the server alone", max(each.after for each in alone), "bytes"),
            Metric.labelled("idle connections held, nginx", worst.connections),
            Metric.labelled("idle connections held, the server alone", min(each.connections for each in alone)),
            Metric(
                "new_connection_served_beside_them_nginx",
                "new connection served beside them, nginx",
                float(all(each.new_client_served for each in nginx)),
                "yes/no",
            ),
            Metric(
                "new_connection_served_beside_them_alone",
                "new connection served beside them, alone",
                float(all(each.new_client_served for each in alone)),
                "yes/no",
            ),
        ),
        conditions=connection_budget.conditions,
        note=f"{claim.figures} {connection_budget.note}".strip(),
    )


async def _measure_idle(ctx: ScenarioContext[IdleParameters], clients: int, *, front: bool) -> IdleConnections:
    """Connect idle clients to a fresh server. With `front` the memory is that of the front of a chain."""
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
        pool = SlowClientPool(running.address, idle_client, nursery, per_second=ctx.parameters.per_second)
        await pool.scale_to(clients)
        with trio.move_on_after(ctx.parameters.patience):
            # Do not wait for a server that keeps no connection.
            while idle_count < clients and pool.first_disconnect().dropped < MIN_HELD_SHARE * clients:  # noqa: ASYNC110 - another process
                await trio.sleep(POLL_SECONDS)
        after = await memory(processes())
        found = IdleConnections(
            idle_count, before, after, new_client_served=False, dropped=pool.first_disconnect().dropped
        )
        outcomes = await new_connections(running.address, workload, 1)
        nursery.cancel_scope.cancel()
    return replace(found, new_client_served=bool(outcomes.get(NewConnectionOutcome.SERVED)))


def _median_bytes(found: Sequence[IdleConnections]) -> float | None:
    return median([max(0.0, each.each) for each in found])
