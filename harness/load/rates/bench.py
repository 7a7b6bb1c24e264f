"""One fresh server to which loads are offered one after another, each in lanes, each beginning when it is idle.

    async with bench(arena) as b:
        capacity = await b.estimate()
        found = await b.offer("steady", Poisson(0.5 * capacity.rate), 10)

Every answer is compared with one that was checked first. The figures are the lanes'; what a reader must know of all of
them together is `b.health` and `b.artefacts`.
"""

from __future__ import annotations

import math
import os
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from ...errors import Unsupported
from ...model import GeneratorHealth, Percentile, Phase
from ..arena import Arena
from ..lanes.lane_artefacts import lane_artefacts
from ..lanes.lane_result import LaneResult
from ..lanes.shards import closed_loops, open_loops
from ..pacing import Pacer
from ..question import NotChecked, Page, Question, checked_page

if TYPE_CHECKING:
    from ...launch import Running

TIMEOUT = 5.0
"""Seconds that a user waits, as in the healthy cohort."""

FEWEST_CONNECTIONS = 8
"""Connections of the first closed loop of an estimate: enough to keep a few workers busy, and no crowd."""

MORE_CONNECTIONS = 4
"""The factor from one closed loop of an estimate to the next."""

WORTH = 1.2
"""How much more must be answered at more connections for yet more to be tried."""

ENOUGH = 100
"""Answers below which a closed loop says little of a rate, since its ends fall between answers: it is then made three
times as long."""

WARM_UP = 0.1
"""Seconds of a closed loop that do not count."""

ONE_PROCESS = 1500.0
"""Requests a second up to which this process alone offers them: another one takes a third of a second to start."""

IN_ONE_PROCESS = 512
"""Connections up to which it has descriptors for them, whatever the usual limit of 1024 is also needed for."""

SETTLED_WITHIN = 5.0
"""Seconds that a server is given to get through what the last load left it, before it is started again."""

UNHURRIED = 3.0
"""A server is idle again once it answers within so many times what it took when it was fresh, or so."""

SETTLED = 0.02
"""Seconds within which an answer always counts as an idle server's."""


@dataclass(frozen=True)
class Estimate:
    """A capacity in requests per second, and in words how it was had."""

    rate: float
    words: str


class Bench:
    """A server, and what was measured of it so far. Made by `bench`."""

    def __init__(self, arena: Arena, running: Running, question: Question, size: int, connections: int) -> None:
        self.arena = arena
        self.running = running
        self.connections = connections
        self.results: list[LaneResult] = []
        self.phases: list[Phase] = []
        self.restarts = 0
        self._question = question
        self._size = size
        self._alone: float | None = None
        self._unchecked: Mapping[str, object] = {}

    async def offer(
        self, name: str, pacer: Pacer, seconds: float, *, timeout: float = TIMEOUT, window: float = 0.0
    ) -> LaneResult:
        """Offer what `pacer` means for `seconds` once the server is idle, and keep it as the phase `name`.

        Raises NotChecked where the server does not answer rightly even now, and what `open_loops` raises.
        """
        page = await self._ready()
        most = max(pacer.rate(seconds * part / 20) for part in range(21))
        found = await open_loops(
            self.running.address,
            page.request,
            body=page.body,
            status=page.status,
            mark=page.mark,
            pacer=pacer,
            seconds=seconds,
            connections=self.connections,
            timeout=timeout,
            processes=1 if most <= ONE_PROCESS and self.connections <= IN_ONE_PROCESS else None,
            window=window,
        )
        self.results.append(found)
        self.phases.append(found.phase(name, self.started(found)))
        self.arena.kept.append(self.phases[-1])
        return found

    def forget(self) -> None:
        """Throw away the last load's figures: it says nothing of the server."""
        del self.results[-1], self.phases[-1], self.arena.kept[-1]

    async def estimate(self, seconds: float) -> Estimate:
        """Return what the server can answer, from closed loops of `seconds` at few connections and then at more.

        More are tried as long as that gets more answered, and half of them do not wait already. Raises as `offer` does.
        """
        best: LaneResult | None = None
        connections = min(FEWEST_CONNECTIONS, self.connections)
        while True:
            found = await self._closed(connections, seconds)
            if found.ok < ENOUGH and best is None:
                seconds *= 3
                found = await self._closed(connections, seconds)
            if best is not None and found.rate < WORTH * best.rate:
                best = max(best, found, key=lambda each: each.rate)
                break
            best = found
            if connections >= self.connections or not found.ok or self._crowded(found):
                break
            connections = min(connections * MORE_CONNECTIONS, self.connections)
        if not best.ok:
            troubles = "; ".join(best.troubles or ()) or "no answer came in time"
            raise NotChecked(f"Asked over {best.connections} connections at once the server gave nothing: {troubles}.")
        return Estimate(
            best.rate,
            f"{best.rate:,.0f} answers a second in a closed loop over {best.connections} connections, of "
            f"{best.seconds:.1f} s",
        )

    async def assume(self, told: list[str]) -> float:
        """Return a capacity in requests per second to work with, and add to `told` how it was had.

        The parameter `estimate` is the seconds of its closed loops. Raises as `offer` does.
        """
        self.arena.progress(0.0, "estimating capacity")
        found = await self.estimate(self.arena.number("estimate"))
        told.append(f"Capacity was taken to be {found.words}.")
        return found.rate

    def started(self, found: LaneResult) -> float:
        """Return the seconds into the scenario at which the lane began."""
        return self.arena.elapsed - (time.monotonic() - found.began)

    def percentiles(self) -> tuple[Percentile, ...]:
        """Return the latency curve of each phase, and beside it that of its service times."""
        return tuple(
            point
            for found, phase in zip(self.results, self.phases, strict=True)
            for histogram, name in ((found.latency, phase.name), (found.service, f"{phase.name}, service time"))
            for point in histogram.percentiles(name)
        )

    def health(self, judged: float = 0.0) -> GeneratorHealth:
        """Return the health of the load in which the generator was worst off; `judged` as in LaneResult."""
        every = [each.health(judged) for each in self.results]
        return min(every, key=lambda each: (each.valid, -each.cpu_share), default=GeneratorHealth(valid=True))

    def artefacts(self) -> tuple[str, ...]:
        """Return what a reader of the figures must know, and the troubles that were counted."""
        counted: Counter[str] = Counter()
        for each in self.results:
            counted.update(each.troubles or {})
        again = f"the server had to be started again {self.restarts} times" if self.restarts else ""
        troubles = (f"{words}: {count} times" for words, count in counted.items())
        return (*lane_artefacts(self.results), *troubles, *filter(None, [again]))

    def conditions(self) -> dict[str, object]:
        """Return what the figures must be read with."""
        cores = len(os.sched_getaffinity(0))
        return {"cores, shared with the generator": cores, **self._question.told, **self._unchecked}

    async def _closed(self, connections: int, seconds: float) -> LaneResult:
        page = await self._ready()
        return await closed_loops(
            self.running.address,
            page.request,
            body=page.body,
            status=page.status,
            mark=page.mark,
            connections=connections,
            seconds=seconds,
            warm_up=WARM_UP,
            timeout=TIMEOUT,
            processes=1,
        )

    def _crowded(self, found: LaneResult) -> bool:
        """Say whether half of the connections waited for others: each answer took as long as so many do, one by one."""
        return found.latency.quantile(0.5) > found.connections / 2 * (self._alone or math.inf)

    async def _ready(self) -> Page:
        """Return the page to ask for, once the server answers as quickly as when it was fresh, or nearly.

        One that gives no answer for SETTLED_WITHIN seconds is started again. Raises NotChecked for a wrong answer.
        """
        page: Page | None = None
        wrong = NotChecked("The server no longer answers even one request at a time.")
        with trio.move_on_after(SETTLED_WITHIN):
            while self.running.alive:
                began = time.monotonic()
                try:
                    page = await self._check()
                except NotChecked as problem:
                    if self._alone is None:
                        raise
                    wrong = problem
                    await trio.sleep(SETTLED)
                    continue
                took = time.monotonic() - began
                self._alone = took if self._alone is None else min(took, self._alone)
                if took <= max(SETTLED, UNHURRIED * self._alone):
                    break
        if page is None:
            try:
                await self.running.restart()
            except Unsupported:
                raise wrong from None
            self.restarts += 1
            page = await self._check()
        return page

    async def _check(self) -> Page:
        page = await checked_page(self.running.address, self._question, secrets.token_hex(8), self._size)
        self._unchecked = page.unchecked
        return page


@asynccontextmanager
async def bench(arena: Arena) -> AsyncIterator[Bench]:
    """Start a fresh server for loads of pages of `size` bytes over at most `clients` connections, both parameters.

    Raises what launching and learning the page raise.
    """
    size, connections = arena.count("size"), arena.count("clients")
    arena.progress(0.0, "starting a fresh server")
    async with arena.server() as running:
        question = await arena.question(running)
        yield Bench(arena, running, question, size, connections)
