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
import resource
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import trio

from ...errors import Unsupported
from ...model import GeneratorHealth, Grade, Percentile, Phase
from ..arena import Arena
from ..judging.grading import seconds as seconds_told
from ..judging.grading import times
from ..lanes.lane_artefacts import lane_artefacts
from ..lanes.lane_result import LaneResult
from ..lanes.shard import SPARE
from ..lanes.shards import closed_loops, open_loops
from ..pacing import Pacer
from ..question import NotChecked, Page, Question, checked_page
from .pool import STEP, allowed, binds, first, more, needed, outrun, warm_up

if TYPE_CHECKING:
    from ...launch import Running

TIMEOUT = 5.0
"""Seconds that a user waits, as in the healthy cohort."""

FEWEST_CONNECTIONS = 8
"""Connections of the first closed loop of an estimate: enough to keep a few workers busy, and no crowd."""

WORTH = 1.2
"""How much more must be answered at more connections for yet more to be tried."""

ENOUGH = 100
"""Answers below which a closed loop says little of a rate, since its ends fall between answers: it is then made three
times as long."""

PAGES = 6
"""So many times as long as a page takes an estimate's closed loop lasts at least: its ends fall between answers."""

CONFIRMED = 2
"""Times that a capacity is looked at again before another one is believed."""

WARM_UP = 0.1
"""Seconds of a closed loop that do not count."""

ONE_PROCESS = 1500.0
"""Requests a second up to which this process alone offers them: another one takes a third of a second to start."""

MOST = 65_536
"""Connections that there may be, where no limit of descriptors says otherwise."""

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
    """A capacity in requests per second, and in words how it was had: from closed loops of `seconds`.

    `bound` says that all connections that there may be were busy, and more of them would have been answered more.
    """

    rate: float
    words: str
    connections: int
    seconds: float
    bound: bool = False


class Bench:
    """A server, and what was measured of it so far. Made by `bench`."""

    def __init__(self, arena: Arena, running: Running, question: Question, size: int, connections: int) -> None:
        self.arena = arena
        self.running = running
        self.connections = connections
        self.results: list[LaneResult] = []
        self.phases: list[Phase] = []
        self.restarts = 0
        self.pool_bound = ""
        """Why the generator's own connections were the limit, empty where they were not."""
        self._question = question
        self._size = size
        self._alone: float | None = None
        self._fewest = 0
        self._enough = math.inf
        self._unchecked: Mapping[str, object] = {}

    async def offer(
        self,
        name: str,
        pacer: Pacer,
        seconds: float,
        *,
        timeout: float = TIMEOUT,
        window: float = 0.0,
        best: int | None = None,
    ) -> LaneResult:
        """Offer what `pacer` means for `seconds` once the server is idle, and keep it as the phase `name`.

        Where the connections turn out to be too few it is offered again over more, as long as there may be more and
        they get more answered. `best` is the number that got most in a closed loop: then it begins with about so many,
        and the rate is reached in a warm-up that does not count.
        Raises NotChecked where the server does not answer rightly even now, and what `open_loops` raises.
        """
        most = max(pacer.rate(seconds * part / 20) for part in range(21))
        before: LaneResult | None = None
        warm = 0.0 if best is None else warm_up(most, self.alone)
        while True:
            page = await self._ready()
            usual = needed(most, self.alone) if best is None else first(most, self.alone, best)
            connections = min(self.connections, max(self._fewest, usual))
            found = await self._opened(page, pacer, seconds, most, connections, timeout, window, warm)
            if before is not None and found.ok <= before.ok:
                # More of them got less: the server was at its end with the fewer.
                self._fewest, self._enough = 0, min(self._enough, before.connections)
                found = before
                break
            if connections >= self.connections or not self.short_of_connections(found):
                break
            before, self._fewest = found, STEP * connections
        if self.short_of_connections(found):
            self.arena.may_change = False
        self.results.append(found)
        self.phases.append(found.phase(name, self.started(found)))
        self.arena.kept.append(self.phases[-1])
        return found

    async def _opened(
        self,
        page: Page,
        pacer: Pacer,
        seconds: float,
        most: float,
        connections: int,
        timeout: float,
        window: float,
        warm: float,
    ) -> LaneResult:
        return await open_loops(
            self.running.address,
            page.request,
            body=page.body,
            status=page.status,
            mark=page.mark,
            pacer=pacer,
            seconds=seconds,
            connections=connections,
            timeout=timeout,
            processes=1 if most <= ONE_PROCESS and connections <= IN_ONE_PROCESS else None,
            window=window,
            warm_up=warm,
        )

    def forget(self, loads: int = 1) -> None:
        """Throw away the figures of the last `loads`: they say nothing of the server."""
        del self.results[-loads:], self.phases[-loads:], self.arena.kept[-loads:]

    @property
    def alone(self) -> float:
        """Return the seconds that a page took when nobody else asked, 0 before it was asked for."""
        return self._alone or 0.0

    def short_of_connections(self, found: LaneResult) -> str:
        """Return why the generator's connections and not the server were the limit of `found`, empty where not."""
        if found.connections >= self._enough or not binds(found, self.alone):
            return ""
        service = found.full_time / found.full_answers
        return self._short(found.connections, f"each answer took {seconds_told(service)}")

    async def estimate(self, seconds: float) -> Estimate:
        """Return what the server can answer, from closed loops of `seconds` at few connections and then at more.

        More are tried as long as that gets more answered, and half of them do not wait already. Raises as `offer` does.
        """
        best: LaneResult | None = None
        bound = False
        await self._ready()
        seconds = max(seconds, PAGES * self.alone)
        connections = min(FEWEST_CONNECTIONS, self.connections)
        while True:
            found = await self._closed(connections, seconds)
            if found.ok < ENOUGH and best is None:
                seconds *= 3
                found = await self._closed(connections, seconds)
            worth = best is None or found.rate >= WORTH * best.rate
            quick = found.ok and found.latency.quantile(0.5) < allowed(self.alone)
            # A first loop that is the last one, too, has no other to be compared with.
            waits = self.alone > SETTLED or best is not None
            best = max(best or found, found, key=lambda each: each.rate)
            if not worth or not found.ok or self._crowded(found):
                break
            if connections >= self.connections:
                bound = bool(quick and waits)
                break
            connections = more(connections, self.connections)
        if not best.ok:
            troubles = "; ".join(best.troubles or ()) or "no answer came in time"
            raise NotChecked(f"Asked over {best.connections} connections at once the server gave nothing: {troubles}.")
        for _ in range(CONFIRMED):
            again = await self._closed(best.connections, seconds)
            if not again.ok or not outrun(best.rate, again.rate):
                break
            # A server that is throttled, or warm by now, goes on as it does now.
            best = again
        return Estimate(
            best.rate,
            f"{best.rate:,.0f} answers a second in a closed loop over {best.connections} connections, of "
            f"{best.seconds:.1f} s",
            best.connections,
            seconds,
            bound,
        )

    async def assume(self, told: list[str]) -> Estimate:
        """Return a capacity to work with, and add to `told` how it was had.

        The parameter `estimate` is the seconds of its closed loops. Where they ran out of connections the figures are
        no measurement: percentages of such a capacity mean nothing. Raises as `offer` does.
        """
        self.arena.progress(0.0, "estimating capacity")
        found = await self.estimate(self.arena.number("estimate"))
        if found.bound:
            self.pool_bound = self._short(found.connections, "more of them were answered more")
            self.arena.may_change = False
        told.append(f"Capacity was taken to be {found.words}.")
        return found

    async def after(self, assumed: Estimate) -> float | None:
        """Return what the server answers a second now, where `assumed` is no longer what it can do; else None.

        One that does not answer now, or had to be started again, has no other capacity.
        """
        restarts = self.restarts
        for _ in range(CONFIRMED):
            try:
                found = await self._closed(assumed.connections, assumed.seconds, restart=False)
            except NotChecked:
                return None
            if self.restarts != restarts or not found.ok or not outrun(assumed.rate, found.rate):
                return None
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
        """Return the health of the load in which the generator was worst off; `judged` as in LaneResult.

        A generator without enough connections is not fit either.
        """
        every = [each.health(judged) for each in self.results]
        worst = min(every, key=lambda each: (each.valid, -each.cpu_share), default=GeneratorHealth(valid=True))
        short = self.pool_bound or next(filter(None, map(self.short_of_connections, self.results)), "")
        return unfit(worst, short) if worst.valid and short else worst

    def artefacts(self) -> tuple[str, ...]:
        """Return what a reader of the figures must know, and the troubles that were counted."""
        counted: Counter[str] = Counter()
        for each in self.results:
            counted.update(each.troubles or {})
        again = f"the server had to be started again {times(self.restarts)}" if self.restarts else ""
        troubles = (f"{words}: {times(count)}" for words, count in counted.items())
        return (*lane_artefacts(self.results), *troubles, *filter(None, [again]))

    def conditions(self) -> dict[str, object]:
        """Return what the figures must be read with."""
        cores = len(os.sched_getaffinity(0))
        return {"cores, shared with the generator": cores, **self._question.told, **self._unchecked}

    def _short(self, connections: int, words: str) -> str:
        clients = self.arena.count("clients")
        advice = f"ask for more --clients than {clients:,}" if connections >= clients else "raise `ulimit -Hn`"
        which = "the only connection" if connections == 1 else f"all {connections:,} connections"
        were = "was" if connections == 1 else "were"
        return f"{which} of the generator {were} busy, and {words}, so the generator was the limit; {advice}"

    async def _closed(self, connections: int, seconds: float, *, restart: bool = True) -> LaneResult:
        page = await self._ready(restart=restart)
        return await closed_loops(
            self.running.address,
            page.request,
            body=page.body,
            status=page.status,
            mark=page.mark,
            connections=connections,
            seconds=seconds,
            warm_up=max(WARM_UP, 2 * self.alone),
            timeout=TIMEOUT,
            processes=1 if connections <= IN_ONE_PROCESS else None,
        )

    def _crowded(self, found: LaneResult) -> bool:
        """Say whether half of the connections waited for others: each answer took as long as so many do, one by one."""
        return found.latency.quantile(0.5) > found.connections / 2 * (self._alone or math.inf)

    async def _ready(self, *, restart: bool = True) -> Page:
        """Return the page to ask for, once the server answers as quickly as when it was fresh, or nearly.

        One that gives no answer for SETTLED_WITHIN seconds is started again, unless `restart` says no. Raises
        NotChecked for a wrong answer.
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
        if page is None and not restart:
            raise wrong
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


def unfit(health: GeneratorHealth, why: str) -> GeneratorHealth:
    """Return `health` of a generator that was not fit, and why."""
    return msgspec.structs.replace(health, valid=False, why=why)


def grade_of(trouble: str, changed: str, health: GeneratorHealth) -> Grade:
    """Return the grade of figures that grade nothing themselves, by what went wrong with them, in words."""
    if trouble:
        return Grade.ERROR
    if not health.valid:
        return Grade.INVALID
    return Grade.INCONCLUSIVE if changed else Grade.MEASURED


def most_connections() -> int:
    """Return how many connections a process of ours may have, by the hard limit of descriptors."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MOST if hard == resource.RLIM_INFINITY else max(1, min(MOST, hard - SPARE))


@asynccontextmanager
async def bench(arena: Arena) -> AsyncIterator[Bench]:
    """Start a fresh server for loads of pages of `size` bytes over at most `clients` connections, both parameters.

    Fewer where the machine does not let us have so many descriptors.

    Raises what launching and learning the page raise.
    """
    size, connections = arena.count("size"), min(arena.count("clients"), most_connections())
    arena.progress(0.0, "starting a fresh server")
    async with arena.server() as running:
        question = await arena.question(running)
        yield Bench(arena, running, question, size, connections)
