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
from typing import TYPE_CHECKING, Annotated

import msgspec
import trio

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.limits import GENERATOR_RESERVE, descriptor_limits
from wsgi_gauntlet.harness.load.analysis.generator_caveats import generator_caveats
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
from wsgi_gauntlet.harness.load.analysis.units import format_rate, format_seconds, format_times
from wsgi_gauntlet.harness.load.arrivals import Pacer
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop, parallel_open_loop
from wsgi_gauntlet.harness.load.generator.step_figures import traffic_steps
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage, usage
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.load.verified_traffic import VerifiedTraffic
from wsgi_gauntlet.harness.load.workload import VerifiedPage, Workload, verify_request
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Percentile, Phase, TrafficStep

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

TIMEOUT = 5.0
"""Seconds that a user waits, as for healthy users."""

FIRST_CONNECTIONS = 8
"""Connections of the first closed loop of an estimate: enough to keep a few workers busy."""

MIN_IMPROVEMENT = 1.2
"""The factor on the rate that more connections must bring before even more are tried."""

MIN_RESPONSES = 100
"""Responses that a closed loop needs, since it ends between two responses. With fewer it runs three times longer."""

MIN_PAGES_PER_LOOP = 6
"""The shortest closed loop of an estimate, in response times of a page."""

MAX_CONFIRMATIONS = 2
"""Repeated measurements before a changed capacity is accepted."""

WARM_UP = 0.1
"""Seconds of a closed loop before it counts."""

SINGLE_PROCESS_MAX_RATE = 1500.0
"""Requests per second up to which one process offers them: another process needs a third of a second to start."""

MAX_CONNECTIONS = 65_536
"""The most connections without a limit on descriptors."""

SINGLE_PROCESS_MAX_CONNECTIONS = 512
"""Connections of one process: it has descriptors for so many, with the usual limit of 1024."""

IDLE_TIMEOUT = 5.0
"""Seconds in which a server must become idle after a load. Then it is restarted."""

IDLE_LATENCY_FACTOR = 3.0
"""The factor on the response time of the fresh server within which a server counts as idle."""

IDLE_LATENCY = 0.02
"""Seconds within which a response always counts as that of an idle server."""


@dataclass(frozen=True, kw_only=True)
class OpenLoopParameters(Parameters):
    """Parameters of all scenarios with open loops."""

    clients: Annotated[int, Parameter("", "most connections of the generator")]
    estimate: Annotated[float, Parameter("s", "length of each closed loop that estimates the capacity")]
    size: Annotated[int, Parameter("bytes", "size of the page")]


@dataclass(frozen=True)
class CapacityEstimate:
    """A capacity in requests per second, from closed loops of `seconds`, and a `description` of the best one.

    `pool_limited` says that all possible connections were busy, and that more would have given a higher rate.
    """

    rate: float
    description: str
    connections: int
    seconds: float
    pool_limited: bool = False


@dataclass(frozen=True)
class _OpenLoad:
    """One load, in seconds and requests per second."""

    pacer: Pacer
    seconds: float
    max_rate: float
    timeout: float
    window: float
    warm_up: float


class OpenLoopExperiment:
    """A server and its measurements so far. Made by `open_loop_experiment`."""

    def __init__(
        self, ctx: ScenarioContext[OpenLoopParameters], running: ServerUnderTest, workload: Workload, connections: int
    ) -> None:
        self.ctx = ctx
        self.running = running
        self.connections = connections
        self.results: list[GeneratorResult] = []
        self.phases: list[Phase] = []
        self.restarts = 0
        self.usage_at_start = ResourceUsage(0.0)
        """What the server used when the last load began, after the idle wait and the lead-in; of a remote server only
        the time."""
        self.pool_limit_reason = ""
        """Why the connections of the generator were the limit, '' if they were not."""
        self.workload = workload
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
        """Offer the arrivals of `pacer` for `seconds` to the idle server, and record them as the phase `name`.

        If the connections are too few, the load is repeated with more, as long as that brings more responses. `best` is
        the number of connections with the highest rate in a closed loop. With `best` the load begins with about so many
        connections, after a warm-up that does not count. Raises UnexpectedResponse for a wrong response of the idle
        server, and the errors of `parallel_open_loop`.
        """
        most = max(pacer.rate(seconds * part / 20) for part in range(21))
        before: GeneratorResult | None = None
        warm_up = 0.0 if best is None else warm_up_seconds(most, self.unloaded_latency)
        load = _OpenLoad(pacer, seconds, most, timeout, window, warm_up)
        while True:
            page = await self._wait_until_idle()
            usual = (
                connections_needed(most, self.unloaded_latency)
                if best is None
                else initial_connections(most, self.unloaded_latency, best)
            )
            connections = min(self.connections, max(self._min_connections, usual))
            found = await self._run_open_loop(page, load, connections)
            if before is not None and found.ok <= before.ok:
                # More connections brought fewer responses: the server was at its limit with the fewer.
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

    async def _run_open_loop(self, page: VerifiedPage, load: _OpenLoad, connections: int) -> GeneratorResult:
        return await parallel_open_loop(
            self.running.address,
            page,
            LoopOptions(connections, load.timeout, load.warm_up, load.window),
            load.pacer,
            load.seconds,
            processes=self.ctx.machines
            or (
                1
                if load.max_rate <= SINGLE_PROCESS_MAX_RATE and connections <= SINGLE_PROCESS_MAX_CONNECTIONS
                else None
            ),
            on_ready=self._note_usage,
        )

    async def _note_usage(self) -> None:
        # The processes of a remote server cannot be seen.
        self.usage_at_start = (
            await usage(self.running.processes()) if self.ctx.started_here else ResourceUsage(trio.current_time())
        )

    def discard_last(self, loads: int = 1) -> None:
        """Discard the figures of the last `loads`, which say nothing about the server."""
        del self.results[-loads:], self.phases[-loads:], self.ctx.finished_phases[-loads:]

    @property
    def unloaded_latency(self) -> float:
        """The response time in seconds on the idle server, 0 before the first request."""
        return self._unloaded_latency or 0.0

    def connection_limit_reason(self, found: GeneratorResult) -> str:
        """Return why the connections of the generator were the limit of `found`, '' if the server was."""
        if found.connections >= self._max_useful_connections or not pool_is_limit(found, self.unloaded_latency):
            return ""
        service = found.saturated_seconds / found.saturated_responses
        return self._pool_limit_text(found.connections, f"each response took only {format_seconds(service)}")

    async def estimate(self, seconds: float) -> CapacityEstimate:
        """Estimate the capacity from closed loops of `seconds` with more and more connections.

        It ends when more connections bring no higher rate, or when half of them wait. Raises the errors of `offer`.
        """
        best: GeneratorResult | None = None
        pool_limited = False
        await self._wait_until_idle()
        seconds = max(seconds, MIN_PAGES_PER_LOOP * self.unloaded_latency)
        connections = min(FIRST_CONNECTIONS, self.connections)
        while True:
            found = await self.run_closed_loop(connections, seconds)
            if found.ok < MIN_RESPONSES and best is None:
                seconds *= 3
                found = await self.run_closed_loop(connections, seconds)
            worth = best is None or found.rate >= MIN_IMPROVEMENT * best.rate
            quick = found.ok and found.latency.quantile(0.5) < p99_limit(self.unloaded_latency)
            # A first loop that is also the last one has no other to compare with.
            waits = self.unloaded_latency > IDLE_LATENCY or best is not None
            best = max(best or found, found, key=lambda each: each.rate)
            if not worth or not found.ok or self._mostly_queued(found):
                break
            if connections >= self.connections:
                pool_limited = bool(quick and waits)
                break
            connections = next_connections(connections, self.connections)
        if not best.ok:
            error_messages = "; ".join(best.error_messages or ()) or "no response came in time"
            raise UnexpectedResponse(
                f"Over {best.connections} connections at once the server gave no correct response: {error_messages}."
            )
        for _ in range(MAX_CONFIRMATIONS):
            again = await self.run_closed_loop(best.connections, seconds)
            if not again.ok or not estimate_outdated(best.rate, again.rate):
                break
            # A server that is throttled, or has warmed up, continues at its present rate.
            best = again
        return CapacityEstimate(
            best.rate,
            f"{format_rate(best.rate)} in a closed loop of {best.seconds:.1f} s over {best.connections} connections",
            best.connections,
            seconds,
            pool_limited,
        )

    async def estimate_capacity(self, notes: list[str]) -> CapacityEstimate:
        """Return the estimated capacity, and add its description to `notes`.

        If the closed loops had too few connections, the result becomes invalid: shares of such a capacity mean nothing.
        Raises the errors of `offer`.
        """
        self.ctx.progress(0.0, "estimating capacity")
        found = await self.estimate(self.ctx.parameters.estimate)
        if found.pool_limited:
            self.pool_limit_reason = self._pool_limit_text(found.connections, "more of them brought a higher rate")
            self.ctx.retry_may_help = False
        notes.append(f"The estimated capacity is {found.description}.")
        return found

    async def changed_capacity(self, assumed: CapacityEstimate) -> float | None:
        """Return the present capacity if it differs from `assumed`, else None.

        Also returns None for a server that does not respond or that was restarted.
        """
        restarts = self.restarts
        for _ in range(MAX_CONFIRMATIONS):
            try:
                found = await self.run_closed_loop(assumed.connections, assumed.seconds, restart=False)
            except UnexpectedResponse:
                return None
            if self.restarts != restarts or not found.ok or not estimate_outdated(assumed.rate, found.rate):
                return None
        return found.rate

    def started(self, found: GeneratorResult) -> float:
        """Return the seconds into the scenario at which this load began."""
        return self.ctx.elapsed - (time.monotonic() - found.began)

    def percentiles(self) -> tuple[Percentile, ...]:
        """Return the latency curve and the service time curve of each phase."""
        return tuple(
            point
            for found, phase in zip(self.results, self.phases, strict=True)
            for histogram, name in ((found.latency, phase.name), (found.service, f"{phase.name}, service time"))
            for point in histogram.percentiles(name)
        )

    def traffic(self) -> tuple[TrafficStep, ...]:
        """Return the figures of each step of the traffic, in all loads together."""
        return traffic_steps(each.steps for each in self.results)

    def health(self, time_resolution: float = 0.0) -> GeneratorHealth:
        """Return the worst health of the generator in any load, with `time_resolution` as in GeneratorResult.

        A generator without enough connections is not valid either.
        """
        every = [each.health(time_resolution) for each in self.results]
        worst = min(every, key=lambda each: (each.valid, -each.cpu_share), default=GeneratorHealth(valid=True))
        short = self.pool_limit_reason or next(filter(None, map(self.connection_limit_reason, self.results)), "")
        return mark_invalid(worst, short) if worst.valid and short else worst

    def caveats(self) -> tuple[str, ...]:
        """Return the caveats of the figures, and the errors with their counts."""
        counted: Counter[str] = Counter()
        for each in self.results:
            counted.update(each.error_messages or {})
        restarts = f"the harness had to restart the server {format_times(self.restarts)}" if self.restarts else ""
        error_messages = (f"{words}: {format_times(count)}" for words, count in counted.items())
        return (*generator_caveats(self.results), *error_messages, *filter(None, [restarts]))

    def conditions(self) -> dict[str, object]:
        """Return the conditions of the figures."""
        cores = {} if self.ctx.machines else {"cores, shared with the generator": len(os.sched_getaffinity(0))}
        return {**cores, **self.workload.conditions, **self._unchecked}

    def _pool_limit_text(self, connections: int, words: str) -> str:
        clients = self.ctx.parameters.clients
        advice = f"set --slow-clients above {clients:,}" if connections >= clients else "raise `ulimit -Hn`"
        which = "the only connection" if connections == 1 else f"all {connections:,} connections"
        were = "was" if connections == 1 else "were"
        return f"{which} of the generator {were} busy, and {words}, so the generator was the limit; {advice}"

    async def run_closed_loop(self, connections: int, seconds: float, *, restart: bool = True) -> GeneratorResult:
        """Run a closed loop on the idle server. Its figures are only returned. Raises the errors of `offer`.

        A server that no longer responds is restarted, unless `restart` is false.
        """
        page = await self._wait_until_idle(restart=restart)
        return await parallel_closed_loop(
            self.running.address,
            page,
            LoopOptions(connections, TIMEOUT, max(WARM_UP, 2 * self.unloaded_latency)),
            seconds,
            processes=self.ctx.machines or (1 if connections <= SINGLE_PROCESS_MAX_CONNECTIONS else None),
            on_ready=self._note_usage,
        )

    def _mostly_queued(self, found: GeneratorResult) -> bool:
        """Say whether half of the connections waited: the median response took as long as half of them one by one."""
        return found.latency.quantile(0.5) > found.connections / 2 * (self._unloaded_latency or math.inf)

    async def settle(self) -> None:
        """Wait until the server has no work left of the loads, for a measurement that goes on with it.

        A server that does not respond promptly within IDLE_TIMEOUT seconds is restarted. Raises the errors of `offer`
        and of a server start.
        """
        await self._wait_until_idle(promptly=True)

    async def _wait_until_idle(self, *, restart: bool = True, promptly: bool = False) -> VerifiedPage:
        """Wait until the server responds about as quickly as when it was fresh, and return the page to request.

        The server is restarted after IDLE_TIMEOUT seconds without a correct response (without a prompt one, if it must
        come `promptly`), unless `restart` is false. Raises UnexpectedResponse for a wrong response.
        """
        page: VerifiedPage | None = None
        prompt = False
        wrong = UnexpectedResponse("The server no longer responds, even to one request at a time.")
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
                if isinstance(page, VerifiedTraffic):
                    took *= page.latency_ratio
                self._unloaded_latency = took if self._unloaded_latency is None else min(took, self._unloaded_latency)
                if took <= max(IDLE_LATENCY, IDLE_LATENCY_FACTOR * self._unloaded_latency):
                    prompt = True
                    break
        if page is not None and (prompt or not promptly):
            return page
        if not restart:
            raise wrong
        try:
            await self.running.restart()
        except Unsupported:
            raise wrong from None
        self.restarts += 1
        self.workload = await self.ctx.workload(self.running)
        return await self._check_page()

    async def _check_page(self) -> VerifiedPage:
        page = await verify_request(self.running.address, self.workload, secrets.token_hex(8), self.ctx.parameters.size)
        self._unchecked = page.limitations
        return page


def mark_invalid(health: GeneratorHealth, why: str) -> GeneratorHealth:
    """Return `health`, made invalid for the reason `why`."""
    return msgspec.structs.replace(health, valid=False, why=why)


def grade_measurement(error: str, changed: str, health: GeneratorHealth) -> Grade:
    """Return the grade of a scenario that only measures. `error` and `changed` say why the figures do not count."""
    if error:
        return Grade.ERROR
    if not health.valid:
        return Grade.INVALID
    return Grade.INCONCLUSIVE if changed else Grade.MEASURED


def max_connections() -> int:
    """Return how many connections one generator process may have, by the hard limit on descriptors."""
    _, hard = descriptor_limits()
    return max(1, min(MAX_CONNECTIONS, hard - GENERATOR_RESERVE))


@asynccontextmanager
async def open_loop_experiment(ctx: ScenarioContext[OpenLoopParameters]) -> AsyncIterator[OpenLoopExperiment]:
    """Start a fresh server for loads over at most `clients` connections, or as many as the machine allows.

    Raises the errors of a server start and of `ctx.workload`.
    """
    connections = min(ctx.parameters.clients, max_connections())
    ctx.progress(0.0, "starting a fresh server")
    async with ctx.server() as running:
        workload = await ctx.workload(running)
        yield OpenLoopExperiment(ctx, running, workload, connections)
