"""Clients that disconnect early: leaked resources add up until the server has no descriptors left.

"the server or gateway **must** call that method upon completion of the current request, whether the request was
completed normally, or terminated early due to an application error during iteration or an early disconnect of the
browser." (PEP 3333, about the close() of the returned iterable)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import trio

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.aborting_client import AbortingClient, AbortPoint
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.disturbance import DisturbanceParameters, Findings, run_disturbance
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage, count_leaks, wait_until_stable
from wsgi_gauntlet.harness.model import Metric, Phase, ScenarioResult
from wsgi_gauntlet.suites.load.operations.response_close_counts import ResponseCloseCounts, count_response_closes

ALONE_INTERVAL_SECONDS = 0.01
"""Seconds between two disconnects of one client after the users have left."""

ABORT_TIMEOUT_SECONDS = 10.0
"""Seconds in which all clients of one kind must disconnect. If not, the server keeps them waiting."""


@dataclass(frozen=True, kw_only=True)
class DisconnectParameters(DisturbanceParameters):
    """Parameters of `disconnect`."""

    clients: Annotated[int, Parameter("", "clients that disconnect, at the same time")]
    disconnects: Annotated[int, Parameter("", "disconnects at each point, after the users have left")]
    moment: Annotated[float, Parameter("s", "longest wait until the server has released its resources")]
    per_second: Annotated[float, Parameter("connections/s", "rate at which these clients connect")]
    interval: Annotated[float, Parameter("s", "time between two disconnects of one client, beside users")]
    size: Annotated[int, Parameter("bytes", "size of the response that clients leave")]


class AbortingClientRun:
    """Clients first disconnect at all points beside users, then alone at one point after another."""

    def __init__(self, parameters: DisconnectParameters) -> None:
        self._parameters = parameters
        self._connection_budget = reserve_connections(parameters.clients)
        self._clients = self._connection_budget.clients
        self._beside_users: AbortingClient | None = None
        self._aborted: dict[AbortPoint, int] = {}
        self._leaked: dict[AbortPoint, tuple[int, int]] = {}
        self._close_counts: ResponseCloseCounts | None = None
        self._responses_cut = 0
        self._aborted_beside_users = 0

    def make_behaviour(self, mount: str, authority: str) -> AbortingClient:
        """Return the behaviour of the clients beside users."""
        self._beside_users = AbortingClient(
            mount,
            authority,
            tuple(AbortPoint),
            interval=self._parameters.interval,
            size=self._parameters.size,
        )
        return self._beside_users

    async def run_beside_users(self, traffic: TrafficTimeline) -> Sequence[Phase]:
        """Run the clients beside the users."""
        await traffic.slow_clients.scale_to(self._clients)
        return [await traffic.phase("clients disconnect", self._parameters.duration)]

    async def inspect_leftovers(self, traffic: TrafficTimeline) -> None:
        """Let clients disconnect at each point, and count the leaked resources of each point."""
        assert self._beside_users is not None
        self._aborted_beside_users = self._beside_users.aborted.total()
        self._responses_cut = self._beside_users.body_started
        before, not_inspected = await self._settled_usage(traffic, None)
        async with trio.open_nursery() as nursery:
            for place in AbortPoint:
                await self._disconnect_at(place, traffic, nursery)
                if before is not None:
                    after, not_inspected = await self._settled_usage(traffic, before)
                    if after is not None:
                        self._leaked[place] = count_leaks(before, after)
                    before = after
            nursery.cancel_scope.cancel()
        self._close_counts = await count_response_closes(
            traffic.running.address, traffic.running.reference_app_path, self._responses_cut, self._parameters.moment
        )
        if not_inspected is not None:
            raise not_inspected

    async def _disconnect_at(self, place: AbortPoint, traffic: TrafficTimeline, nursery: trio.Nursery) -> None:
        wanted = self._parameters.disconnects
        alone = AbortingClient(
            traffic.running.reference_app_path,
            traffic.running.address.authority,
            (place,),
            interval=ALONE_INTERVAL_SECONDS,
            size=self._parameters.size,
            max_aborts=wanted,
        )
        pool = SlowClientPool(traffic.running.address, alone, nursery, per_second=self._parameters.per_second)
        await pool.scale_to(min(self._clients, wanted))
        with trio.move_on_after(ABORT_TIMEOUT_SECONDS):
            while alone.aborted[place] < wanted:  # noqa: ASYNC110 - the server decides
                await trio.sleep(0.02)
        pool.release()
        self._aborted[place] = alone.aborted[place]
        self._responses_cut += alone.body_started

    async def _settled_usage(
        self, traffic: TrafficTimeline, base: ResourceUsage | None
    ) -> tuple[ResourceUsage | None, Unsupported | None]:
        try:
            return await wait_until_stable(traffic.usage, self._parameters.moment, base), None
        except Unsupported as why:
            return None, why

    def findings(self) -> Findings:
        """Return the leaked resources and the responses without close()."""
        aborted = sum(self._aborted.values())
        measures = [
            Metric("disconnects_beside_users", "disconnects beside users", self._aborted_beside_users),
            Metric("disconnects_counted", "disconnects counted", aborted),
        ]
        flaws = []
        if len(self._leaked) == len(AbortPoint) and aborted:
            descriptors = sum(each for each, _ in self._leaked.values())
            threads = sum(each for _, each in self._leaked.values())
            by_place = ", ".join(
                f"{number} of {self._aborted[place]} in the {place}" for place, (number, _) in self._leaked.items()
            )
            measures += [
                Metric(
                    "descriptors_left_per_100_disconnects",
                    "descriptors left per 100 disconnects",
                    100 * descriptors / aborted,
                    note=by_place,
                ),
                Metric("threads_left", "threads left", threads),
            ]
            if descriptors or threads:
                flaws.append(
                    f"{descriptors} descriptors and {threads} threads were still in use {self._parameters.moment:g} s "
                    f"after the last of {aborted} clients had disconnected (descriptors: {by_place})."
                )
        if self._aborted and self._close_counts is None:
            why = "not all processes of the app responded"
            measures.append(Metric("responses_without_close", "responses without close()", None, note=why))
        elif self._close_counts is not None:
            unclosed = self._close_counts.unclosed
            note = f"of {self._close_counts.opened} responses, {self._responses_cut} of them cut short"
            measures.append(Metric("responses_without_close", "responses without close()", unclosed, note=note))
            if unclosed:
                flaws.append(
                    f"The server did not call close() for {unclosed} of {self._close_counts.opened} responses, "
                    f"{self._responses_cut} of them cut short. PEP 3333 requires it at the end of every request, also "
                    "after an early disconnect."
                )
        missing = [place for place, number in self._aborted.items() if number < self._parameters.disconnects]
        details = [self._connection_budget.note]
        if missing:
            details.append(
                f"Not all clients could disconnect in the {' and '.join(missing)}: the server kept them waiting."
            )
        return Findings(tuple(measures), tuple(flaws), details=" ".join(filter(None, details)))


@scenario(
    "Clients that disconnect: RST in the head, the body, the response",
    smoke=DisconnectParameters(
        clients=20,
        disconnects=100,
        duration=1.5,
        rate=20,
        baseline=1.2,
        recovery=3,
        moment=2,
        per_second=200,
        interval=0.3,
        size=2_000_000,
    ),
    full=DisconnectParameters(
        clients=100,
        disconnects=2000,
        duration=30,
        rate=20,
        baseline=10,
        recovery=60,
        moment=30,
        per_second=200,
        interval=1,
        size=2_000_000,
    ),
)
async def disconnect(ctx: ScenarioContext[DisconnectParameters]) -> ScenarioResult:
    """Clients disconnect by RST: within a head, within a body, or within the response that they read.

    The server must then release a descriptor, perhaps a thread, and call close() of the response. Without close() the
    app keeps its file or database connection. Resources that the server does not release now are lost for ever.
    """
    rounds: list[AbortingClientRun] = []

    def make_disturbance() -> AbortingClientRun:
        rounds.append(AbortingClientRun(ctx.parameters))
        return rounds[-1]

    return await run_disturbance(
        ctx,
        make_disturbance,
        make_behaviour=lambda running: rounds[-1].make_behaviour(running.reference_app_path, running.address.authority),
        per_second=ctx.parameters.per_second,
    )
