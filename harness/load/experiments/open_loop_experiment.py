"""Offer several open loads to one fresh server, one after another. Each begins when the server is idle.

    async with open_loop_experiment(ctx) as experiment:
        capacity = await experiment.estimate()
        found = await experiment.offer("steady", Poisson(0.5 * capacity.rate), 10)

Every response is compared with one that was checked first. `health` and the caveats are those of all loads together.
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

import msgspec
import trio

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.limits import GENERATOR_RESERVE, descriptor_limits
from wsgi_gauntlet.harness.load.analysis.generator_caveats import generator_caveats
from wsgi_gauntlet.harness.load.analysis.grading import format_seconds, format_times
from wsgi_gauntlet.harness.load.analysis.pool_sizing import (
    CONNECTION_STEP,
    connections_needed,
    estimate_outdated,
    initial_connections,
    next_connections,
    p99_limit,
    pool_is_limit,
    warm_up_seconds,
)
from wsgi_gauntlet.harness.load.arrivals import Pacer
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop, parallel_open_loop
from wsgi_gauntlet.harness.load.workload import UnexpectedResponse, VerifiedRequest, Workload, verify_request
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Percentile, Phase

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.instance import ServerInstance

TIMEOUT = 5.0
"""Seconds that a user waits, as in the healthy cohort."""

FIRST_CONNECTIONS = 8
"""Connections of the first closed loop of an estimate: enough to keep a few workers busy, and no crowd."""

MIN_IMPROVEMENT = 1.2
"""How much more must be answered at more connections for yet more to be tried."""

MIN_RESPONSES = 100
"""Answers below which a closed loop says little of a rate, since its ends fall between answers: it is then made three
times as long."""

MIN_PAGES_PER_LOOP = 6
"""So many times as long as a page takes an estimate's closed loop lasts at least: its ends fall between answers."""

MAX_CONFIRMATIONS = 2
"""Times that a capacity is looked at again before another one is believed."""

WARM_UP = 0.1
"""Seconds of a closed loop that do not count."""

SINGLE_PROCESS_MAX_RATE = 1500.0
"""Requests a second up to which this process alone offers them: another one takes a third of a second to start."""

MAX_CONNECTIONS = 65_536
"""Connections that there may be, where no limit of descriptors says otherwise."""

SINGLE_PROCESS_MAX_CONNECTIONS = 512
"""Connections up to which it has descriptors for them, whatever the usual limit of 1024 is also needed for."""

IDLE_TIMEOUT = 5.0
"""Seconds that a server is given to get through what the last load left it, before it is started again."""

IDLE_LATENCY_FACTOR = 3.0
"""A server is idle again once it answers within so many times what it took when it was fresh, or so."""

IDLE_LATENCY = 0.02
"""Seconds within which an answer always counts as an idle server's."""


@dataclass(frozen=True)
class CapacityEstimate:
    """A capacity in requests per second, and in words how it was had: from closed loops of `seconds`.

    `bound` says that all connections that there may be were busy, and more of them would have been answered more.
    """

    rate: float
    words: str
    connections: int
    seconds: float
    pool_limited: bool = False


class OpenLoopExperiment:
    """A server, and what was measured of it so far. Made by `bench`."""

    def __init__(
        self, ctx: ScenarioContext, running: ServerInstance, workload: Workload, size: int, connections: int
    ) -> None:
        self.ctx = ctx
        self.running = running
        self.connections = connections
        self.results: list[GeneratorResult] = []
        self.phases: list[Phase] = []
        self.restarts = 0
        self.pool_limit_reason = ""
        """Why the generator's own connections were the limit, empty where they were not."""
        self._workload = workload
        self._size = size
        self._unloaded_latency: float | None = None
        self._min_connections = 0
        self._max_useful_connections = math.inf
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
    ) -> GeneratorResult:
        """Offer what `pacer` means for `seconds` once the server is idle, and keep it as the phase `name`.

        Where the connections turn out to be too few it is offered again over more, as long as there may be more and
        they get more answered. `best` is the number that got most in a closed loop: then it begins with about so many,
        and the rate is reached in a warm-up that does not count.
        Raises UnexpectedResponse where the server does not answer rightly even now, and what `parallel_open_loop`
        raises.
        """
        most = max(pacer.rate(seconds * part / 20) for part in range(21))
        before: GeneratorResult | None = None
        warm = 0.0 if best is None else warm_up_seconds(most, self.unloaded_latency)
        while True:
            page = await self._wait_until_idle()
            usual = (
                connections_needed(most, self.unloaded_latency)
                if best is None
                else initial_connections(most, self.unloaded_latency, best)
            )
            connections = min(self.connections, max(self._min_connections, usual))
            found = await self._run_open_loop(page, pacer, seconds, most, connections, timeout, window, warm)
            if before is not None and found.ok <= before.ok:
                # More of them got less: the server was at its end with the fewer.
                self._min_connections, self._max_useful_connections = (
                    0,
                    min(self._max_useful_connections, before.connections),
                )
                found = before
                break
            if connections >= self.connections or not self.connection_limit_reason(found):
                break
            before, self._min_connections = found, CONNECTION_STEP * connections
        if self.connection_limit_reason(found):
            self.ctx.retry_may_help = False
        self.results.append(found)
        self.phases.append(found.phase(name, self.started(found)))
        self.ctx.finished_phases.append(self.phases[-1])
        return found

    async def _run_open_loop(
        self,
        page: VerifiedRequest,
        pacer: Pacer,
        seconds: float,
        most: float,
        connections: int,
        timeout: float,
        window: float,
        warm: float,
    ) -> GeneratorResult:
        return await parallel_open_loop(
            self.running.address,
            page,
            LoopOptions(connections, timeout, warm, window),
            pacer,
            seconds,
            processes=1 if most <= SINGLE_PROCESS_MAX_RATE and connections <= SINGLE_PROCESS_MAX_CONNECTIONS else None,
        )

    def discard_last(self, loads: int = 1) -> None:
        """Throw away the figures of the last `loads`: they say nothing of the server."""
        del self.results[-loads:], self.phases[-loads:], self.ctx.finished_phases[-loads:]

    @property
    def unloaded_latency(self) -> float:
        """Return the seconds that a page took when nobody else asked, 0 before it was asked for."""
        return self._unloaded_latency or 0.0

    def connection_limit_reason(self, found: GeneratorResult) -> str:
        """Return why the generator's connections and not the server were the limit of `found`, empty where not."""
        if found.connections >= self._max_useful_connections or not pool_is_limit(found, self.unloaded_latency):
            return ""
        service = found.saturated_seconds / found.saturated_responses
        return self._pool_limit_text(found.connections, f"each answer took {format_seconds(service)}")

    async def estimate(self, seconds: float) -> CapacityEstimate:
        """Return what the server can answer, from closed loops of `seconds` at few connections and then at more.

        More are tried as long as that gets more answered, and half of them do not wait already. Raises as `offer` does.
        """
        best: GeneratorResult | None = None
        pool_limited = False
        await self._wait_until_idle()
        seconds = max(seconds, MIN_PAGES_PER_LOOP * self.unloaded_latency)
        connections = min(FIRST_CONNECTIONS, self.connections)
        while True:
            found = await self._run_closed_loop(connections, seconds)
            if found.ok < MIN_RESPONSES and best is None:
                seconds *= 3
                found = await self._run_closed_loop(connections, seconds)
            worth = best is None or found.rate >= MIN_IMPROVEMENT * best.rate
            quick = found.ok and found.latency.quantile(0.5) < p99_limit(self.unloaded_latency)
            # A first loop that is the last one, too, has no other to be compared with.
            waits = self.unloaded_latency > IDLE_LATENCY or best is not None
            best = max(best or found, found, key=lambda each: each.rate)
            if not worth or not found.ok or self._mostly_queued(found):
                break
            if connections >= self.connections:
                pool_limited = bool(quick and waits)
                break
            connections = next_connections(connections, self.connections)
        if not best.ok:
            error_messages = "; ".join(best.error_messages or ()) or "no answer came in time"
            raise UnexpectedResponse(
                f"Asked over {best.connections} connections at once the server gave nothing: {error_messages}."
            )
        for _ in range(MAX_CONFIRMATIONS):
            again = await self._run_closed_loop(best.connections, seconds)
            if not again.ok or not estimate_outdated(best.rate, again.rate):
                break
            # A server that is throttled, or warm by now, goes on as it does now.
            best = again
        return CapacityEstimate(
            best.rate,
            f"{best.rate:,.0f} answers a second in a closed loop over {best.connections} connections, of "
            f"{best.seconds:.1f} s",
            best.connections,
            seconds,
            pool_limited,
        )

    async def estimate_capacity(self, notes: list[str]) -> CapacityEstimate:
        """Return a capacity to work with, and add to `told` how it was had.

        The parameter `estimate` is the seconds of its closed loops. Where they ran out of connections the figures are
        no measurement: percentages of such a capacity mean nothing. Raises as `offer` does.
        """
        self.ctx.progress(0.0, "estimating capacity")
        found = await self.estimate(self.ctx.number("estimate"))
        if found.pool_limited:
            self.pool_limit_reason = self._pool_limit_text(found.connections, "more of them were answered more")
            self.ctx.retry_may_help = False
        notes.append(f"Capacity was taken to be {found.words}.")
        return found

    async def changed_capacity(self, assumed: CapacityEstimate) -> float | None:
        """Return what the server answers a second now, where `assumed` is no longer what it can do; else None.

        One that does not answer now, or had to be started again, has no other capacity.
        """
        restarts = self.restarts
        for _ in range(MAX_CONFIRMATIONS):
            try:
                found = await self._run_closed_loop(assumed.connections, assumed.seconds, restart=False)
            except UnexpectedResponse:
                return None
            if self.restarts != restarts or not found.ok or not estimate_outdated(assumed.rate, found.rate):
                return None
        return found.rate

    def started(self, found: GeneratorResult) -> float:
        """Return the seconds into the scenario at which the lane began."""
        return self.ctx.elapsed - (time.monotonic() - found.began)

    def percentiles(self) -> tuple[Percentile, ...]:
        """Return the latency curve of each phase, and beside it that of its service times."""
        return tuple(
            point
            for found, phase in zip(self.results, self.phases, strict=True)
            for histogram, name in ((found.latency, phase.name), (found.service, f"{phase.name}, service time"))
            for point in histogram.percentiles(name)
        )

    def health(self, time_resolution: float = 0.0) -> GeneratorHealth:
        """Return the health of the load in which the generator was worst off; `judged` as in GeneratorResult.

        A generator without enough connections is not fit either.
        """
        every = [each.health(time_resolution) for each in self.results]
        worst = min(every, key=lambda each: (each.valid, -each.cpu_share), default=GeneratorHealth(valid=True))
        short = self.pool_limit_reason or next(filter(None, map(self.connection_limit_reason, self.results)), "")
        return mark_invalid(worst, short) if worst.valid and short else worst

    def artefacts(self) -> tuple[str, ...]:
        """Return what a reader of the figures must know, and the troubles that were counted."""
        counted: Counter[str] = Counter()
        for each in self.results:
            counted.update(each.error_messages or {})
        again = f"the server had to be started again {format_times(self.restarts)}" if self.restarts else ""
        error_messages = (f"{words}: {format_times(count)}" for words, count in counted.items())
        return (*generator_caveats(self.results), *error_messages, *filter(None, [again]))

    def conditions(self) -> dict[str, object]:
        """Return what the figures must be read with."""
        cores = len(os.sched_getaffinity(0))
        return {"cores, shared with the generator": cores, **self._workload.conditions, **self._unchecked}

    def _pool_limit_text(self, connections: int, words: str) -> str:
        clients = self.ctx.count("clients")
        advice = f"ask for more --clients than {clients:,}" if connections >= clients else "raise `ulimit -Hn`"
        which = "the only connection" if connections == 1 else f"all {connections:,} connections"
        were = "was" if connections == 1 else "were"
        return f"{which} of the generator {were} busy, and {words}, so the generator was the limit; {advice}"

    async def _run_closed_loop(self, connections: int, seconds: float, *, restart: bool = True) -> GeneratorResult:
        page = await self._wait_until_idle(restart=restart)
        return await parallel_closed_loop(
            self.running.address,
            page,
            LoopOptions(connections, TIMEOUT, max(WARM_UP, 2 * self.unloaded_latency)),
            seconds,
            processes=1 if connections <= SINGLE_PROCESS_MAX_CONNECTIONS else None,
        )

    def _mostly_queued(self, found: GeneratorResult) -> bool:
        """Say whether half of the connections waited for others: each answer took as long as so many do, one by one."""
        return found.latency.quantile(0.5) > found.connections / 2 * (self._unloaded_latency or math.inf)

    async def _wait_until_idle(self, *, restart: bool = True) -> VerifiedRequest:
        """Return the page to ask for, once the server answers as quickly as when it was fresh, or nearly.

        One that gives no answer for IDLE_TIMEOUT seconds is started again, unless `restart` says no. Raises
        UnexpectedResponse for a wrong answer.
        """
        page: VerifiedRequest | None = None
        wrong = UnexpectedResponse("The server no longer answers even one request at a time.")
        with trio.move_on_after(IDLE_TIMEOUT):
            while self.running.alive:
                began = time.monotonic()
                try:
                    page = await self._check_page()
                except UnexpectedResponse as problem:
                    if self._unloaded_latency is None:
                        raise
                    wrong = problem
                    await trio.sleep(IDLE_LATENCY)
                    continue
                took = time.monotonic() - began
                self._unloaded_latency = took if self._unloaded_latency is None else min(took, self._unloaded_latency)
                if took <= max(IDLE_LATENCY, IDLE_LATENCY_FACTOR * self._unloaded_latency):
                    break
        if page is None and not restart:
            raise wrong
        if page is None:
            try:
                await self.running.restart()
            except Unsupported:
                raise wrong from None
            self.restarts += 1
            page = await self._check_page()
        return page

    async def _check_page(self) -> VerifiedRequest:
        page = await verify_request(self.running.address, self._workload, secrets.token_hex(8), self._size)
        self._unchecked = page.limitations
        return page


def mark_invalid(health: GeneratorHealth, why: str) -> GeneratorHealth:
    """Return `health` of a generator that was not fit, and why."""
    return msgspec.structs.replace(health, valid=False, why=why)


def grade_of(trouble: str, changed: str, health: GeneratorHealth) -> Grade:
    """Return the grade of figures that grade nothing themselves, by what went wrong with them, in words."""
    if trouble:
        return Grade.ERROR
    if not health.valid:
        return Grade.INVALID
    return Grade.INCONCLUSIVE if changed else Grade.MEASURED


def max_connections() -> int:
    """Return how many connections a process of ours may have, by the hard limit of descriptors."""
    _, hard = descriptor_limits()
    return max(1, min(MAX_CONNECTIONS, hard - GENERATOR_RESERVE))


@asynccontextmanager
async def open_loop_experiment(ctx: ScenarioContext) -> AsyncIterator[OpenLoopExperiment]:
    """Start a fresh server for loads of pages of `size` bytes over at most `clients` connections, both parameters.

    Fewer where the machine does not let us have so many descriptors.

    Raises what launching and learning the page raise.
    """
    size, connections = ctx.count("size"), min(ctx.count("clients"), max_connections())
    ctx.progress(0.0, "starting a fresh server")
    async with ctx.server() as running:
        workload = await ctx.workload(running)
        yield OpenLoopExperiment(ctx, running, workload, size, connections)
