"""Clients that disconnect early: leaked resources add up until the server has no descriptors left.

A server must bear that a client is gone at any point: in the handshake of TLS, after it, in the head, in the body,
after a whole request, in the response that it reads, and even before the server has accepted its connection.

"the server or gateway **must** call that method upon completion of the current request, whether the request was
completed normally, or terminated early due to an application error during iteration or an early disconnect of the
browser." (PEP 3333, about the close() of the returned iterable)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import trio

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.analysis.leftovers import MIN_BATCHES, keeps_memory, kept_bytes
from wsgi_gauntlet.harness.load.analysis.units import format_bytes
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.aborting_client import AbortingClient, AbortPoint, abort_points
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.clients.healthy_users import REQUEST_TIMEOUT_SECONDS
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.disturbance import DisturbanceParameters, Findings, run_disturbance
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.load.probes.new_connections import (
    NEW_CONNECTIONS,
    NewConnectionOutcome,
    new_connections,
)
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage, count_leaks, wait_until_stable
from wsgi_gauntlet.harness.model import Metric, Phase, ScenarioResult
from wsgi_gauntlet.suites.load.operations.queued_disconnects import disconnect_in_queue
from wsgi_gauntlet.suites.load.operations.response_close_counts import (
    ResponseCloseCounts,
    collect_garbage,
    count_response_closes,
)

ALONE_INTERVAL_SECONDS = 0.01
"""Seconds between two disconnects of one client after the users have left."""

ABORT_TIMEOUT_SECONDS = 10.0
"""Seconds in which all clients of one kind must disconnect. If not, the server keeps them waiting."""

BATCH_SETTLE_SECONDS = 0.3
"""Longest wait after a batch of clients before the memory of the server is read, if it kept more after the last one."""

MetricsAndFlaws = tuple[list[Metric], list[str]]

MemoryReadings = tuple[list[int], int]
"""The bytes of memory after each batch of clients, and the number of clients of a batch."""


@dataclass(frozen=True, kw_only=True)
class DisconnectParameters(DisturbanceParameters):
    """Parameters of `disconnect`."""

    clients: Annotated[int, Parameter("", "clients that disconnect, at the same time")]
    disconnects: Annotated[int, Parameter("", "disconnects at each point, after the users have left")]
    queued: Annotated[int, Parameter("", "clients that disconnect before the server accepts them")]
    moment: Annotated[float, Parameter("s", "longest wait until the server has released its resources")]
    memory_wait: Annotated[float, Parameter("s", "time for which memory must grow with each client, to be lost")]
    per_second: Annotated[float, Parameter("connections/s", "rate at which these clients connect")]
    interval: Annotated[float, Parameter("s", "time between two disconnects of one client, beside users")]
    size: Annotated[int, Parameter("bytes", "size of the response that clients leave")]


class AbortingClientRun:
    """Clients first disconnect at all points beside users, then alone at one point after another, then in the queue."""

    def __init__(self, parameters: DisconnectParameters) -> None:
        self._parameters = parameters
        self._connection_budget = reserve_connections(parameters.clients)
        self._clients = self._connection_budget.clients
        self._points: tuple[AbortPoint, ...] = ()
        self._beside_users: AbortingClient | None = None
        self._aborted: dict[AbortPoint, int] = {}
        self._leaked: dict[str, tuple[int, int]] = {}
        self._memory: dict[AbortPoint, MemoryReadings] = {}
        self._memory_wait = parameters.memory_wait
        self._settles = True
        self._queued: int | None = None
        self._close_counts: ResponseCloseCounts | None = None
        self._new_connections: Mapping[NewConnectionOutcome, int] = {}
        self._accepts = True
        self._responses_cut = 0
        self._aborted_beside_users = 0

    def make_behaviour(self, mount: str, address: Address) -> AbortingClient:
        """Return the behaviour of the clients beside users."""
        self._points = abort_points(address)
        self._beside_users = AbortingClient(
            mount, address, self._points, interval=self._parameters.interval, size=self._parameters.size
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
            for place in self._points:
                await self._disconnect_at(place, traffic, nursery, before)
                before = await self._count_leaks(traffic, place.where, before)
            nursery.cancel_scope.cancel()
        if before is not None:
            self._queued = await disconnect_in_queue(traffic.running, self._parameters.queued)
            await self._count_leaks(traffic, "in the queue", before)
        self._close_counts = await count_response_closes(
            traffic.running.address, traffic.running.reference_app_path, self._responses_cut, self._parameters.moment
        )
        self._new_connections = await self._served_again(traffic)
        if not_inspected is not None:
            raise not_inspected

    async def _disconnect_at(
        self, place: AbortPoint, traffic: TrafficTimeline, nursery: trio.Nursery, before: ResourceUsage | None
    ) -> None:
        """Let clients disconnect at `place`, in batches. The memory of the server is read after each batch."""
        wanted = self._parameters.disconnects
        batch = max(1, wanted // MIN_BATCHES)
        alone = AbortingClient(
            traffic.running.reference_app_path,
            traffic.running.address,
            (place,),
            interval=ALONE_INTERVAL_SECONDS,
            size=self._parameters.size,
            max_aborts=max(1, wanted - (MIN_BATCHES - 1) * batch),
        )
        readings: list[int] = []
        doubted_at: float | None = None
        pool = SlowClientPool(traffic.running.address, alone, nursery, per_second=self._parameters.per_second)
        await pool.scale_to(min(self._clients, wanted))
        with trio.move_on_after(ABORT_TIMEOUT_SECONDS) as limit:
            while True:
                while alone.aborted[place] < (alone.max_aborts or 0):  # noqa: ASYNC110 - the server decides
                    await trio.sleep(0.02)
                if before is not None:
                    readings.append(await self._settled_memory(traffic, before, collect=doubted_at is not None))
                if doubted_at is None and keeps_memory(readings, batch):
                    # More clients, to be sure that this is not memory that is kept for some time.
                    doubted_at, readings = trio.current_time(), []
                    limit.deadline = doubted_at + self._memory_wait + ABORT_TIMEOUT_SECONDS
                elif alone.aborted[place] >= wanted and (
                    doubted_at is None
                    or kept_bytes(readings, batch) == 0
                    or (len(readings) >= MIN_BATCHES and trio.current_time() > doubted_at + self._memory_wait)
                ):
                    break
                alone.max_aborts = alone.aborted[place] + batch
        pool.release()
        self._aborted[place] = alone.aborted[place]
        self._responses_cut += alone.body_started
        if before is not None:
            self._memory[place] = readings, batch
        if keeps_memory(readings, batch):
            # One place is enough to wait for.
            self._memory_wait = 0.0

    async def _settled_memory(self, traffic: TrafficTimeline, before: ResourceUsage, *, collect: bool) -> int:
        # A busy machine needs more than a moment to notice that clients have gone. Memory that is read too early looks
        # as if it grew unevenly, as no leak does.
        moment = self._parameters.moment
        patience = moment if self._settles else min(BATCH_SETTLE_SECONDS, moment)
        after = await wait_until_stable(traffic.usage, patience, before)
        self._settles = after.descriptors <= before.descriptors and after.threads <= before.threads
        if collect:
            await collect_garbage(traffic.running.address, traffic.running.reference_app_path)
        return await traffic.memory()

    async def _count_leaks(
        self, traffic: TrafficTimeline, where: str, before: ResourceUsage | None
    ) -> ResourceUsage | None:
        """Count what clients that disconnected `where` left, and return the usage of the server now."""
        if before is None:
            return None
        await self._wait_until_accepted(traffic)
        after, _ = await self._settled_usage(traffic, before)
        if after is not None:
            self._leaked[where] = count_leaks(before, after)
        return after

    async def _wait_until_accepted(self, traffic: TrafficTimeline) -> None:
        """Wait until new connections are served: the server has then accepted all earlier ones.

        A connection that is still in the queue uses nothing yet, as if the server had released everything. Some servers
        have a queue for each process, so there are several connections: one after the other, because more at the same
        time can start more threads. A server that has kept one waiting is not asked again.
        """
        for _ in range(NEW_CONNECTIONS):
            if self._accepts:
                outcomes = await new_connections(
                    traffic.running.address, traffic.workload, count=1, seconds=REQUEST_TIMEOUT_SECONDS
                )
                self._accepts = NewConnectionOutcome.WAITING not in outcomes

    async def _settled_usage(
        self, traffic: TrafficTimeline, base: ResourceUsage | None
    ) -> tuple[ResourceUsage | None, Unsupported | None]:
        try:
            return await wait_until_stable(traffic.usage, self._parameters.moment, base), None
        except Unsupported as why:
            return None, why

    async def _served_again(self, traffic: TrafficTimeline) -> Mapping[NewConnectionOutcome, int]:
        """Return the outcomes of new connections, as soon as all are served, at the latest after `moment` seconds."""
        until = trio.current_time() + self._parameters.moment
        while True:
            outcomes = await new_connections(traffic.running.address, traffic.workload, seconds=REQUEST_TIMEOUT_SECONDS)
            if set(outcomes) == {NewConnectionOutcome.SERVED} or trio.current_time() >= until:
                return outcomes

    def findings(self) -> Findings:
        """Return the leaked resources, the memory that was kept, and the responses without close()."""
        measures = [
            Metric("disconnects_beside_users", "disconnects beside users", self._aborted_beside_users),
            Metric("disconnects_counted", "disconnects counted", sum(self._counts().values())),
        ]
        flaws: list[str] = []
        for more_measures, more_flaws in (
            self._leak_findings(),
            memory_findings(self._memory),
            self._close_findings(),
            service_findings(self._new_connections),
        ):
            measures += more_measures
            flaws += more_flaws
        missing = [place.where for place, number in self._aborted.items() if number < self._parameters.disconnects]
        details = [self._connection_budget.note]
        if missing:
            details.append(f"Not all clients could disconnect {' and '.join(missing)}: the server kept them waiting.")
        return Findings(tuple(measures), tuple(flaws), details=" ".join(filter(None, details)))

    def _counts(self) -> dict[str, int]:
        """Return the number of clients that disconnected alone, by their place."""
        queued = {} if self._queued is None else {"in the queue": self._queued}
        return {**{place.where: number for place, number in self._aborted.items()}, **queued}

    def _leak_findings(self) -> MetricsAndFlaws:
        counts = self._counts()
        aborted = sum(counts.values())
        if len(self._leaked) != len(counts) or not aborted:
            return [], []
        descriptors = sum(each for each, _ in self._leaked.values())
        threads = sum(each for _, each in self._leaked.values())
        by_place = ", ".join(f"{number} of {counts[where]} {where}" for where, (number, _) in self._leaked.items())
        measures = [
            Metric(
                "descriptors_left_per_100_disconnects",
                "descriptors left per 100 disconnects",
                100 * descriptors / aborted,
                note=by_place,
            ),
            Metric("threads_left", "threads left", threads),
        ]
        if not descriptors and not threads:
            return measures, []
        flaw = (
            f"{descriptors} descriptors and {threads} threads were still in use {self._parameters.moment:g} s "
            f"after the last of {aborted} clients had disconnected (descriptors: {by_place})."
        )
        return measures, [flaw]

    def _close_findings(self) -> MetricsAndFlaws:
        name, label = "responses_without_close", "responses without close()"
        if self._close_counts is None:
            why = "not all processes of the app responded"
            return ([Metric(name, label, None, note=why)] if self._aborted else []), []
        unclosed = self._close_counts.unclosed
        note = f"of {self._close_counts.opened} responses, {self._responses_cut} of them cut short"
        measures = [Metric(name, label, unclosed, note=note)]
        if not unclosed:
            return measures, []
        flaw = (
            f"The server did not call close() for {unclosed} of {self._close_counts.opened} responses, "
            f"{self._responses_cut} of them cut short. PEP 3333 requires it at the end of every request, also "
            "after an early disconnect."
        )
        return measures, [flaw]


def memory_findings(memory: Mapping[AbortPoint, MemoryReadings]) -> MetricsAndFlaws:
    """Return the memory that a server keeps of each client, and a flaw for each place where it is a finding."""
    kept = {place: kept_bytes(*each) for place, each in memory.items()}
    known = {place: value for place, value in kept.items() if value is not None}
    if not known:
        return [], []
    note = ", ".join(f"{format_bytes(value)} {place.where}" for place, value in known.items())
    measures = [
        Metric("memory_kept_per_disconnect", "memory kept per disconnect", max(known.values()), "bytes", note=note)
    ]
    lost = ", ".join(
        f"{format_bytes(value)} {place.where}" for place, value in known.items() if keeps_memory(*memory[place])
    )
    if not lost:
        return measures, []
    return measures, [f"The server kept memory of each client that disconnected, and its memory kept growing: {lost}."]


def service_findings(outcomes: Mapping[NewConnectionOutcome, int]) -> MetricsAndFlaws:
    """Return the outcomes of new connections after all clients had gone, and a flaw if not all were served."""
    total, served = sum(outcomes.values()), outcomes.get(NewConnectionOutcome.SERVED, 0)
    if not total:
        return [], []
    measures = [Metric("served_afterwards", "new connections served afterwards", 100 * served / total, "%")]
    if served == total:
        return measures, []
    flaw = (
        f"After the last client had gone, the server served {served} of {total} new connections within "
        f"{REQUEST_TIMEOUT_SECONDS:g} s."
    )
    return measures, [flaw]


@scenario(
    "Clients that disconnect by RST, at each point of a request",
    smoke=DisconnectParameters(
        clients=20,
        disconnects=100,
        queued=3,
        duration=1.5,
        rate=20,
        baseline=1.2,
        recovery=3,
        moment=2,
        memory_wait=45,
        per_second=200,
        interval=0.3,
        size=2_000_000,
    ),
    full=DisconnectParameters(
        clients=100,
        disconnects=2000,
        queued=20,
        duration=30,
        rate=20,
        baseline=10,
        recovery=60,
        moment=30,
        memory_wait=120,
        per_second=200,
        interval=1,
        size=2_000_000,
    ),
)
async def disconnect(ctx: ScenarioContext[DisconnectParameters]) -> ScenarioResult:
    """Clients disconnect by RST: in the TLS handshake, before, in and after a request, and in the response.

    The server must then release a descriptor, perhaps a thread, and call close() of the response. Without close() the
    app keeps its file or database connection. A server must not spin, keep memory, or stop serving. Some clients are
    gone before the server accepts them: the harness stops it for a moment. Resources that the server does not release
    now are lost for ever.
    """
    rounds: list[AbortingClientRun] = []

    def make_disturbance() -> AbortingClientRun:
        rounds.append(AbortingClientRun(ctx.parameters))
        return rounds[-1]

    return await run_disturbance(
        ctx,
        make_disturbance,
        make_behaviour=lambda running: rounds[-1].make_behaviour(running.reference_app_path, running.address),
        per_second=ctx.parameters.per_second,
    )
