"""Clients that open a connection for every request and keep none: scripts, health checks, proxies without a pool."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from ...harness.catalog import scenario
from ...harness.load.arena import Arena
from ...harness.load.clients.churning import Churn, Churned, Farewell
from ...harness.load.clients.drive import Drive
from ...harness.load.course import Course
from ...harness.load.disturbance import Findings, disturb
from ...harness.load.judging.grading import GOOD, seconds
from ...harness.load.looking.aftermath import left, settled
from ...harness.load.pacing import Uniform
from ...harness.model import Load, Measure, Phase

ALONE = 0.5
"""The share of `duration` for which they come once more in each way, when there are no users."""


class Churning:
    """First they end their connections in good order, then by RST; then each once more, and what is left is counted."""

    def __init__(self, per_second: float, duration: float, patience: float) -> None:
        self._per_second, self._duration, self._patience = per_second, duration, patience
        self._beside: list[Churned] = []
        self._alone: list[Churned] = []
        self._left: list[tuple[int, int]] = []

    async def beside(self, c: Course) -> Sequence[Phase]:
        """Let them come beside the users."""
        phases: list[Phase] = []
        async with trio.open_nursery() as nursery:
            drive = Drive()
            nursery.start_soon(drive.run)
            churn = Churn(c.running.address, c.question, drive)
            for farewell in Farewell:
                async with trio.open_nursery() as both:
                    both.start_soon(self._come, churn, farewell, self._duration, self._beside)
                    phases.append(await c.phase(f"ended {farewell}", self._duration))
            nursery.cancel_scope.cancel()
        return phases

    async def afterwards(self, c: Course) -> None:
        """Let them come alone and count what they leave."""
        before = await settled(c.usage, self._patience)
        async with trio.open_nursery() as nursery:
            drive = Drive()
            nursery.start_soon(drive.run)
            churn = Churn(c.running.address, c.question, drive)
            for farewell in Farewell:
                await self._come(churn, farewell, self._duration * ALONE, self._alone)
                after = await settled(c.usage, self._patience, before)
                self._left.append(left(before, after))
                before = after
            nursery.cancel_scope.cancel()

    def findings(self) -> Findings:
        """Return connect times, what was refused, and what is left."""
        came = sum(each.started for each in self._beside)
        lost = sum(each.lost for each in self._beside)
        refused = sum(each.refused for each in self._beside)
        flaws = []
        if lost > (1 - GOOD) * came:
            first = next((f"; the first wrong answer: {each.trouble}" for each in self._beside if each.trouble), "")
            flaws.append(
                f"{lost} of {came} clients with a connection of their own got no right answer ({refused} were "
                f"refused{first})."
            )
        measures = [
            *(
                Measure(f"connect p99, ended {each.farewell}", each.connect.quantile(0.99), "s")
                for each in self._beside
                if len(each.connect)
            ),
            *(
                Measure(f"answer p99, ended {each.farewell}", each.answer.quantile(0.99), "s")
                for each in self._beside
                if len(each.answer)
            ),
            Measure("connections refused", refused),
            Measure("clients without a right answer", lost),
            Measure("new connections", _rate(self._beside), "connections/s"),
        ]
        if self._left:
            descriptors = sum(each for each, _ in self._left)
            threads = sum(each for _, each in self._left)
            by = ", ".join(
                f"{number} of {each.started} ended {each.farewell}"
                for each, (number, _) in zip(self._alone, self._left, strict=True)
            )
            measures += [Measure("descriptors left", descriptors, note=by), Measure("threads left", threads)]
            if descriptors or threads:
                flaws.append(
                    f"{descriptors} descriptors and {threads} threads were still held {self._patience:g} s after the "
                    f"last of {sum(each.started for each in self._alone)} connections had ended ({by})."
                )
        unfit = next((each.unfit for each in self._beside if each.unfit), "")
        slowest = max((each.connect.quantile(0.99) for each in self._beside if len(each.connect)), default=0.0)
        told = f"{_rate(self._beside):,.0f} new connections a second; 99 % were connected within {seconds(slowest)}."
        return Findings(tuple(measures), tuple(flaws), unfit, told)

    async def _come(self, churn: Churn, farewell: Farewell, duration: float, into: list[Churned]) -> None:
        into.append(await churn.go(Uniform(self._per_second), duration, farewell))


def _rate(churned: Sequence[Churned]) -> float:
    return sum(each.started for each in churned) / max(sum(each.seconds for each in churned), 1e-9)


@scenario(
    "A new connection for every request",
    smoke={"per_second": 200, "duration": 1.5, "rate": 20, "baseline": 1.2, "recovery": 3, "moment": 2},
    full={"per_second": 2000, "duration": 20, "rate": 20, "baseline": 10, "recovery": 60, "moment": 30},
)
async def churn(arena: Arena) -> Load:
    """Clients open a connection each, ask for one page and go: at first in good order, then by RST.

    Accepting a connection costs a server more than answering on one that is there, and each must be given back: what
    it holds after the last client has gone it holds for ever.
    """
    return await disturb(
        arena,
        churn,
        lambda: Churning(arena.number("per_second"), arena.number("duration"), arena.number("moment")),
    )
