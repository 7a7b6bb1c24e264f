"""Clients that open a connection for every request and keep none: scripts, health checks, proxies without a pool."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.analysis.grading import GOOD_GOODPUT, format_seconds
from wsgi_gauntlet.harness.load.arrivals import Uniform
from wsgi_gauntlet.harness.load.clients.connection_churn import ChurnResult, CloseMode, ConnectionChurn
from wsgi_gauntlet.harness.load.clients.scheduler import Scheduler
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.disturbance import Findings, run_disturbance
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.probes.resource_leaks import count_leaks, wait_until_stable
from wsgi_gauntlet.harness.model import Metric, Phase, ScenarioResult

SECOND_PASS_SHARE = 0.5
"""The share of `duration` for which they come once more in each way, when there are no users."""


class ConnectionChurnRun:
    """First they end their connections in good order, then by RST; then each once more, and what is left is counted."""

    def __init__(self, per_second: float, duration: float, patience: float) -> None:
        self._per_second, self._duration, self._patience = per_second, duration, patience
        self._beside_users: list[ChurnResult] = []
        self._alone: list[ChurnResult] = []
        self._leaked: list[tuple[int, int]] = []

    async def run_beside_users(self, traffic: TrafficTimeline) -> Sequence[Phase]:
        """Let them come beside the users."""
        phases: list[Phase] = []
        async with trio.open_nursery() as nursery:
            scheduler = Scheduler()
            nursery.start_soon(scheduler.run)
            churn = ConnectionChurn(traffic.running.address, traffic.workload, scheduler)
            for close_mode in CloseMode:
                async with trio.open_nursery() as both:
                    both.start_soon(self._run_churn, churn, close_mode, self._duration, self._beside_users)
                    phases.append(await traffic.phase(f"ended {close_mode}", self._duration))
            nursery.cancel_scope.cancel()
        return phases

    async def inspect_leftovers(self, traffic: TrafficTimeline) -> None:
        """Let them come alone and count what they leave."""
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
        """Return connect times, what was refused, and what is left."""
        came = sum(each.started for each in self._beside_users)
        lost = sum(each.lost for each in self._beside_users)
        refused = sum(each.refused for each in self._beside_users)
        flaws = []
        if lost > (1 - GOOD_GOODPUT) * came:
            first = next(
                (f"; the first wrong answer: {each.first_error}" for each in self._beside_users if each.first_error), ""
            )
            flaws.append(
                f"{lost} of {came} clients with a connection of their own got no right answer ({refused} were "
                f"refused{first})."
            )
        measures = [
            *(
                Metric.labelled(f"connect p99, ended {each.close_mode}", each.connect.quantile(0.99), "s")
                for each in self._beside_users
                if len(each.connect)
            ),
            *(
                Metric.labelled(f"answer p99, ended {each.close_mode}", each.response.quantile(0.99), "s")
                for each in self._beside_users
                if len(each.response)
            ),
            Metric("connections_refused", "connections refused", refused),
            Metric("clients_without_a_right_answer", "clients without a right answer", lost),
            Metric("new_connections", "new connections", _rate(self._beside_users), "connections/s"),
        ]
        if self._leaked:
            descriptors = sum(each for each, _ in self._leaked)
            threads = sum(each for _, each in self._leaked)
            by = ", ".join(
                f"{number} of {each.started} ended {each.close_mode}"
                for each, (number, _) in zip(self._alone, self._leaked, strict=True)
            )
            measures += [
                Metric("descriptors_left", "descriptors left", descriptors, note=by),
                Metric("threads_left", "threads left", threads),
            ]
            if descriptors or threads:
                flaws.append(
                    f"{descriptors} descriptors and {threads} threads were still held {self._patience:g} s after the "
                    f"last of {sum(each.started for each in self._alone)} connections had ended ({by})."
                )
        unfit = next((each.generator_problem for each in self._beside_users if each.generator_problem), "")
        slowest = max((each.connect.quantile(0.99) for each in self._beside_users if len(each.connect)), default=0.0)
        remarks = (
            f"{_rate(self._beside_users):,.0f} new connections a second; 99 % were connected within "
            f"{format_seconds(slowest)}."
        )
        return Findings(tuple(measures), tuple(flaws), unfit, remarks)

    async def _run_churn(
        self, churn: ConnectionChurn, close_mode: CloseMode, duration: float, into: list[ChurnResult]
    ) -> None:
        into.append(await churn.run(Uniform(self._per_second), duration, close_mode))


def _rate(churned: Sequence[ChurnResult]) -> float:
    return sum(each.started for each in churned) / max(sum(each.seconds for each in churned), 1e-9)


@scenario(
    "A new connection for every request",
    smoke={"per_second": 200, "duration": 1.5, "rate": 20, "baseline": 1.2, "recovery": 3, "moment": 2},
    full={"per_second": 2000, "duration": 20, "rate": 20, "baseline": 10, "recovery": 60, "moment": 30},
)
async def churn(ctx: ScenarioContext) -> ScenarioResult:
    """Clients open a connection each, ask for one page and go: at first in good order, then by RST.

    Accepting a connection costs a server more than answering on one that is there, and each must be given back: what
    it holds after the last client has gone it holds for ever.
    """
    return await run_disturbance(
        ctx,
        churn,
        lambda: ConnectionChurnRun(ctx.number("per_second"), ctx.number("duration"), ctx.number("moment")),
    )
