"""Clients that vanish in the middle: what they leave behind adds up, until the server has no descriptor left.

"the server or gateway **must** call that method upon completion of the current request, whether the request was
completed normally, or terminated early due to an application error during iteration or an early disconnect of the
browser." (PEP 3333, of the close() of what the application returned)
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.clients.aborting_client import AbortingClient, AbortPoint
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.disturbance import Findings, run_disturbance
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.probes.resource_leaks import count_leaks, wait_until_stable
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage
from wsgi_gauntlet.harness.load.probes.response_close_counts import ResponseCloseCounts, count_response_closes
from wsgi_gauntlet.harness.model import Metric, Phase, ScenarioResult

ALONE_INTERVAL_SECONDS = 0.01
"""Seconds between two disconnects of one client once the users have gone."""

ABORT_TIMEOUT_SECONDS = 10.0
"""Seconds in which all clients of one kind have vanished, or the server keeps them waiting."""


class AbortingClientRun:
    """First clients vanish everywhere beside users; then `each` of them at one place after the other, and alone."""

    def __init__(self, ctx: ScenarioContext) -> None:
        self._connection_budget = reserve_connections(ctx.count("clients"))
        self._clients, self._aborts_per_place = self._connection_budget.clients, ctx.count("disconnects")
        self._duration, self._patience = ctx.number("duration"), ctx.number("moment")
        self._interval, self._size = ctx.number("interval"), ctx.count("size")
        self._per_second = ctx.number("per_second")
        self._beside_users: AbortingClient | None = None
        self._aborted: dict[AbortPoint, int] = {}
        self._leaked: dict[AbortPoint, tuple[int, int]] = {}
        self._answers: ResponseCloseCounts | None = None
        self._responses_cut = 0
        self._aborted_beside_users = 0

    def make_behaviour(self, mount: str, authority: str) -> AbortingClient:
        """Return the clients that vanish beside users."""
        self._beside_users = AbortingClient(
            mount, authority, tuple(AbortPoint), interval=self._interval, size=self._size
        )
        return self._beside_users

    async def run_beside_users(self, traffic: TrafficTimeline) -> Sequence[Phase]:
        """Let clients vanish beside the users."""
        await traffic.crowd.scale_to(self._clients)
        return [await traffic.phase("clients vanish", self._duration)]

    async def inspect_leftovers(self, traffic: TrafficTimeline) -> None:
        """Let clients vanish at each place, and count what each leaves."""
        assert self._beside_users is not None
        self._aborted_beside_users = self._beside_users.aborted.total()
        self._responses_cut = self._beside_users.body_started
        before, not_inspected = await self._settled_usage(traffic, None)
        async with trio.open_nursery() as nursery:
            for place in AbortPoint:
                alone = AbortingClient(
                    traffic.running.reference_app_path,
                    traffic.running.address.authority,
                    (place,),
                    interval=ALONE_INTERVAL_SECONDS,
                    size=self._size,
                    max_aborts=self._aborts_per_place,
                )
                crowd = SlowClientPool(traffic.running.address, alone, nursery, per_second=self._per_second)
                await crowd.scale_to(min(self._clients, self._aborts_per_place))
                with trio.move_on_after(ABORT_TIMEOUT_SECONDS):
                    while alone.aborted[place] < self._aborts_per_place:  # noqa: ASYNC110 - what is waited for is the server
                        await trio.sleep(0.02)
                crowd.release()
                self._aborted[place] = alone.aborted[place]
                self._responses_cut += alone.body_started
                if before is not None:
                    after, not_inspected = await self._settled_usage(traffic, before)
                    if after is not None:
                        self._leaked[place] = count_leaks(before, after)
                    before = after
            nursery.cancel_scope.cancel()
        self._answers = await count_response_closes(
            traffic.running.address, traffic.running.reference_app_path, self._responses_cut, self._patience
        )
        if not_inspected is not None:
            raise not_inspected

    async def _settled_usage(
        self, traffic: TrafficTimeline, base: ResourceUsage | None
    ) -> tuple[ResourceUsage | None, Unsupported | None]:
        try:
            return await wait_until_stable(traffic.usage, self._patience, base), None
        except Unsupported as why:
            return None, why

    def findings(self) -> Findings:
        """Return what is left of how many."""
        aborted = sum(self._aborted.values())
        measures = [
            Metric("disconnects_beside_users", "disconnects beside users", self._aborted_beside_users),
            Metric("disconnects_counted", "disconnects counted", aborted),
        ]
        flaws = []
        if len(self._leaked) == len(AbortPoint) and aborted:
            descriptors = sum(each for each, _ in self._leaked.values())
            threads = sum(each for _, each in self._leaked.values())
            by = ", ".join(
                f"{number} of {self._aborted[place]} in the {place}" for place, (number, _) in self._leaked.items()
            )
            measures += [
                Metric(
                    "descriptors_left_per_100_disconnects",
                    "descriptors left per 100 disconnects",
                    100 * descriptors / aborted,
                    note=by,
                ),
                Metric("threads_left", "threads left", threads),
            ]
            if descriptors or threads:
                flaws.append(
                    f"{descriptors} descriptors and {threads} threads were still held {self._patience:g} s after the "
                    f"last of {aborted} clients had vanished (descriptors: {by})."
                )
        if self._aborted and self._answers is None:
            why = "not all of the app's processes could be asked"
            measures.append(
                Metric("answers_whose_close_was_not_called", "answers whose close() was not called", None, note=why)
            )
        elif self._answers is not None:
            unclosed = self._answers.unclosed
            note = f"of {self._answers.opened} answers, {self._responses_cut} of them cut short"
            measures.append(
                Metric(
                    "answers_whose_close_was_not_called", "answers whose close() was not called", unclosed, note=note
                )
            )
            if unclosed:
                flaws.append(
                    f"close() was not called for {unclosed} of {self._answers.opened} answers, {self._responses_cut} "
                    f"of them cut "
                    "short: PEP 3333 wants it called whenever a request ends, also early."
                )
        missing = [place for place, number in self._aborted.items() if number < self._aborts_per_place]
        remarks = [self._connection_budget.note]
        if missing:
            remarks.append(
                f"Not all clients came to vanish in the {' and '.join(missing)}: the server kept them waiting."
            )
        return Findings(tuple(measures), tuple(flaws), remarks=" ".join(filter(None, remarks)))


@scenario(
    "Clients that vanish: RST in the head, the body, the answer",
    smoke={
        "clients": 20,
        "disconnects": 100,
        "duration": 1.5,
        "rate": 20,
        "baseline": 1.2,
        "recovery": 3,
        "moment": 2,
        "per_second": 200,
        "interval": 0.3,
        "size": 2_000_000,
    },
    full={
        "clients": 100,
        "disconnects": 2000,
        "duration": 30,
        "rate": 20,
        "baseline": 10,
        "recovery": 60,
        "moment": 30,
        "per_second": 200,
        "interval": 1,
        "size": 2_000_000,
    },
)
async def disconnect(ctx: ScenarioContext) -> ScenarioResult:
    """Clients vanish by RST: in the middle of a head, of a body, or of the answer that they read.

    What a server does not give back then, a descriptor, a thread, an answer that is never closed and so holds the
    app's file or database connection, it gives back never.
    """
    rounds: list[AbortingClientRun] = []

    def make_disturbance() -> AbortingClientRun:
        rounds.append(AbortingClientRun(ctx))
        return rounds[-1]

    return await run_disturbance(
        ctx,
        disconnect,
        make_disturbance,
        make_behaviour=lambda running: rounds[-1].make_behaviour(running.reference_app_path, running.address.authority),
    )
