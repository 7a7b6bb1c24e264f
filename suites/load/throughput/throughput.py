"""Measure responses per second in a closed loop, for several numbers of connections."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.analysis.generator_caveats import generator_caveats
from wsgi_gauntlet.harness.load.analysis.units import format_rate, format_seconds, format_times
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop
from wsgi_gauntlet.harness.load.generator.step_figures import traffic_steps
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage, usage
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.load.workload import VerifiedPage, Workload, verify_request
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Outcome, Phase, ScenarioResult, Step
from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

WARM_UP_SECONDS = 0.2
"""Seconds of each step that do not count: connections open, and caches fill."""

MAX_PAGE_ATTEMPTS = 3
"""Tries to get a correct page before a step. A few wrong responses are counted, but do not end the scenario."""


@dataclass(frozen=True, kw_only=True)
class ThroughputParameters(Parameters):
    """Parameters of `throughput`."""

    clients: Annotated[int, Parameter("", "largest number of connections")]
    duration: Annotated[float, Parameter("s", "length of each step")]
    size: Annotated[int, Parameter("bytes", "size of the page")]
    factor: Annotated[int, Parameter("", "factor from the connections of one step to the next", minimum=2)]


@scenario(
    "Closed loop: service time at a given number of connections",
    smoke=ThroughputParameters(clients=64, duration=0.7, size=2000, factor=8),
    full=ThroughputParameters(clients=512, duration=5, size=2000, factor=2),
    in_default_run=True,
    phases_without_slow_clients=None,
)
async def throughput(ctx: ScenarioContext[ThroughputParameters]) -> ScenarioResult:
    """One connection sends requests, then `factor` times as many, up to `clients`, each after the previous response.

    The result is the service time at that concurrency. It is not the latency of independent users: a closed loop sends
    fewer requests as soon as the server is slower. Every response is compared byte by byte with a checked one.
    """
    connection_counts = _connection_counts(ctx.parameters.clients, ctx.parameters.factor)
    duration, size = ctx.parameters.duration, ctx.parameters.size
    results: list[GeneratorResult] = []
    phases: list[Phase] = []
    cpu_per_response: list[float] = []
    error = ""
    workload_conditions: dict[str, object] = {}
    try:
        async with ctx.server() as running:
            workload = await ctx.workload(running)
            workload_conditions = dict(workload.conditions)
            for number, connections in enumerate(connection_counts):
                name = f"{connections} connection{'' if connections == 1 else 's'}"
                ctx.progress(number / len(connection_counts), name)
                # This also waits until the server has finished the requests of the last step.
                page = await _page(running.address, workload, size, tries=MAX_PAGE_ATTEMPTS if results else 1)
                workload_conditions |= page.limitations
                start = _Start(ctx, running)
                found = await parallel_closed_loop(
                    running.address,
                    page,
                    LoopOptions(connections, warm_up=WARM_UP_SECONDS),
                    duration,
                    processes=ctx.machines or 1,
                    on_ready=start.note,
                )
                cpu_per_response.append(
                    _cpu_per_response(found, start.usage, await usage(running.processes())) if start.usage else 0.0
                )
                results.append(found)
                phases.append(found.phase(name, start.elapsed + WARM_UP_SECONDS))
                ctx.finished_phases.append(phases[-1])
    except UnexpectedResponse as wrong:
        error = str(wrong)
    health = _health(results)
    steps = list(zip(results, phases, strict=True))
    return ctx.result(
        Grade.ERROR if error else Grade.MEASURED if health.valid else Grade.INVALID,
        goodput=_goodput(phases),
        generator=health,
        phases=tuple(phases),
        steps=tuple(
            Step(each.connections, phase.goodput, phase.p50, phase.p99, each.rate, censored=phase.censored)
            for each, phase in steps
        ),
        percentiles=tuple(point for each, phase in steps for point in each.percentiles(phase.name)),
        traffic=traffic_steps(each.steps for each in results),
        conditions={
            **({} if ctx.machines else {"cores, shared with the generator": len(os.sched_getaffinity(0))}),
            **workload_conditions,
        },
        caveats=(*generator_caveats(results, cpu_per_response), *_error_counts(results)),
        note=" ".join(filter(None, (error, _note(steps)))),
    )


class _Start:
    """The start of a loop: the seconds of the scenario, and what the server used. Of a remote server it is unknown."""

    def __init__(self, ctx: ScenarioContext[ThroughputParameters], running: ServerUnderTest) -> None:
        self.elapsed = 0.0
        self.usage: ResourceUsage | None = None
        self._ctx = ctx
        self._running = running

    async def note(self) -> None:
        """Note both; the generators are ready."""
        if self._ctx.started_here:
            self.usage = await usage(self._running.processes())
        self.elapsed = self._ctx.elapsed


async def _page(address: Address, workload: Workload, size: int, *, tries: int) -> VerifiedPage:
    """Return the page to request. Raises UnexpectedResponse if the response is wrong in each of `tries`."""
    while True:
        tries -= 1
        try:
            return await verify_request(address, workload, secrets.token_hex(8), size)
        except UnexpectedResponse:
            if not tries:
                raise


def _connection_counts(most: int, factor: int) -> list[int]:
    steps = [1]
    while steps[-1] * factor < most:
        steps.append(steps[-1] * factor)
    return steps if most == 1 else [*steps, most]


def _cpu_per_response(found: GeneratorResult, before: ResourceUsage, after: ResourceUsage) -> float:
    """Return the CPU seconds of the server per correct response."""
    return (after.cpu - before.cpu) / (after.at - before.at) / found.rate if found.ok else 0.0


def _goodput(phases: Sequence[Phase]) -> float | None:
    scheduled = sum(each.scheduled for each in phases)
    return sum(each.outcomes[Outcome.OK] for each in phases) / scheduled if scheduled else None


def _health(results: Sequence[GeneratorResult]) -> GeneratorHealth:
    """Return the worst health of the generator in any step."""
    every = [each.health() for each in results]
    return min(every, key=lambda each: (each.valid, -each.cpu_share), default=GeneratorHealth(valid=True))


def _error_counts(results: Sequence[GeneratorResult]) -> list[str]:
    counted: dict[str, int] = {}
    for each in results:
        for words, count in (each.error_messages or {}).items():
            counted[words] = counted.get(words, 0) + count
    return [f"{words}: {format_times(count)}" for words, count in counted.items()]


def _note(steps: Sequence[tuple[GeneratorResult, Phase]]) -> str:
    if not any(each.ok for each, _ in steps):
        return ""
    best, phase = max(steps, key=lambda step: step[0].rate)
    bound = "at least " if phase.censored else ""
    return (
        f"The highest rate is {format_rate(best.rate)} at {phase.name}: half of the responses took up to "
        f"{format_seconds(phase.p50 or 0.0)} and 99 % up to {bound}{format_seconds(phase.p99 or 0.0)}. This is service "
        "time at that concurrency, with the generator on the same machine. Independent users wait longer."
    )
