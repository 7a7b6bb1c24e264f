"""Clients that open a new connection for every request: scripts, health checks, proxies without a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import trio

from wsgi_gauntlet.harness.load.analysis.grading import GOOD_GOODPUT
from wsgi_gauntlet.harness.load.analysis.losses import Losses, timeouts_are_losses
from wsgi_gauntlet.harness.load.analysis.units import format_rate, format_seconds
from wsgi_gauntlet.harness.load.arrivals import Uniform
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.connection_churn import ChurnResult, CloseMode, ConnectionChurn
from wsgi_gauntlet.harness.load.clients.scheduler import Scheduler
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.disturbance import DisturbanceParameters, Findings, run_disturbance
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.load.probes.resource_usage import count_leaks, wait_until_stable
from wsgi_gauntlet.harness.model import Metric, Phase, ScenarioResult

SECOND_PASS_SHARE = 0.5
"""The length of each phase without users, as a share of `duration`."""


@dataclass(frozen=True, kw_only=True)
class ChurnParameters(DisturbanceParameters):
    """Parameters of `churn`."""

    per_second: Annotated[float, Parameter("connections/s", "rate of the new connections")]
    moment: Annotated[float, Parameter("s", "longest wait until the server has released its resources")]


class ConnectionChurnRun:
    """Clients close their connections normally, then by RST, beside users. Then both again alone, to count leaks."""

    def __init__(self, parameters: ChurnParameters) -> None:
        self._per_second, self._duration, self._patience = (
            parameters.per_second,
            parameters.duration,
            parameters.moment,
        )
        self._beside_users: list[ChurnResult] = []
        self._alone: list[ChurnResult] = []
        self._leaked: list[tuple[int, int]] = []

    async def run_beside_users(self, traffic: TrafficTimeline) -> Sequence[Phase]:
        """Run the clients beside the users."""
        phases: list[Phase] = []
        async with trio.open_nursery() as nursery:
            scheduler = Scheduler()
            nursery.start_soon(scheduler.run)
            churn = ConnectionChurn(traffic.running.address, traffic.workload, scheduler)
            for close_mode in CloseMode:
                async with trio.open_nursery() as both:
                    both.start_soon(self._run_churn, churn, close_mode, self._duration, self._beside_users)
                    phases.append(await traffic.phase(f"closed {close_mode}", self._duration))
            nursery.cancel_scope.cancel()
        return phases

    async def inspect_leftovers(self, traffic: TrafficTimeline) -> None:
        """Run the clients alone and count the leaked resources."""
        before = await wait_until_stable(traffic.usage, self._patience)
        async with trio.open_nursery() as nursery:
            scheduler = Scheduler()
            nursery.start_soon(scheduler.run)
            churn = ConnectionChurn(traffic.running.address, traffic.workload, scheduler)
            for close_mode in CloseMode:
                await self._run_churn(churn, close_mode, self._duration * SECOND_PASS_SHARE, self._alone)
                after = await wait_until_stable(traffic.usage, self._patience, before)
                self._leaked.append(count_leaks(before, after))
                before = after
            nursery.cancel_scope.cancel()

    def findings(self) -> Findings:
        """Return connect times, refused connections and leaked resources."""
        came = sum(each.started for each in self._beside_users)
        lost = sum(each.lost for each in self._beside_users)
        refused = sum(each.refused for each in self._beside_users)
        flaws = []
        losses = _losses(self._beside_users)
        if losses.is_finding or lost > (1 - GOOD_GOODPUT) * came:
            first = next(
                (f"; the first wrong response: {each.first_error}" for each in self._beside_users if each.first_error),
                "",
            )
            flaws.append(
                f"{lost} of {came} clients with a new connection got no correct response ({refused} were "
                f"refused{first}): {losses.interval}."
            )
        measures = [
            *(
                Metric.labelled(f"connect p99, closed {each.close_mode}", each.connect.quantile(0.99), "s")
                for each in self._beside_users
                if len(each.connect)
            ),
            *(
                Metric.labelled(f"response p99, closed {each.close_mode}", each.response.quantile(0.99), "s")
                for each in self._beside_users
                if len(each.response)
            ),
            Metric("connections_refused", "connections refused", refused),
            Metric("clients_without_a_correct_response", "clients without a correct response", lost),
            Metric("new_connections", "new connections", _rate(self._beside_users), "connections/s"),
        ]
        if self._leaked:
            descriptors = sum(each for each, _ in self._leaked)
            threads = sum(each for _, each in self._leaked)
            by = ", ".join(
                f"{number} of {each.started} closed {each.close_mode}"
                for each, (number, _) in zip(self._alone, self._leaked, strict=True)
            )
            measures += [
                Metric("descriptors_left", "descriptors left", descriptors, note=by),
                Metric("threads_left", "threads left", threads),
            ]
            if descriptors or threads:
                flaws.append(
                    f"{descriptors} descriptors and {threads} threads were still in use {self._patience:g} s after the "
                    f"last of {sum(each.started for each in self._alone)} connections was closed ({by})."
                )
        problem = next((each.generator_problem for each in self._beside_users if each.generator_problem), "")
        slowest = max((each.connect.quantile(0.99) for each in self._beside_users if len(each.connect)), default=0.0)
        details = (
            f"New connections came at {format_rate(_rate(self._beside_users))}; 99 % were connected within "
            f"{format_seconds(slowest)}."
        )
        return Findings(tuple(measures), tuple(flaws), problem, details)

    async def _run_churn(
        self, churn: ConnectionChurn, close_mode: CloseMode, duration: float, into: list[ChurnResult]
    ) -> None:
        into.append(await churn.run(Uniform(self._per_second), duration, close_mode))


def _losses(churned: Sequence[ChurnResult]) -> Losses:
    """Return the losses of these clients: nobody is slow, so the rule of healthy users holds for them."""
    quick = all(len(each.response) and timeouts_are_losses(each.response.quantile(0.5)) for each in churned)
    return Losses(
        sum(each.started for each in churned),
        sum(each.failed + each.refused for each in churned),
        timed_out=sum(each.timed_out for each in churned) if quick else 0,
    )


def _rate(churned: Sequence[ChurnResult]) -> float:
    return sum(each.started for each in churned) / max(sum(each.seconds for each in churned), 1e-9)


@scenario(
    "A new connection for every request",
    smoke=ChurnParameters(per_second=200, duration=1.5, rate=20, baseline=1.2, recovery=3, moment=2),
    full=ChurnParameters(per_second=2000, duration=20, rate=20, baseline=10, recovery=60, moment=30),
)
async def churn(ctx: ScenarioContext[ChurnParameters]) -> ScenarioResult:
    """Each client opens a connection, requests one page and closes the connection: at first normally, then by RST.

    To accept a connection costs a server more than to respond over an open one. The server must also release each
    connection. Resources that it still keeps after the last client has left are lost for ever.
    """
    return await run_disturbance(ctx, lambda: ConnectionChurnRun(ctx.parameters))
