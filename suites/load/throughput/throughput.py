"""How many answers a second at how many connections: the closed loop, with all that such a figure does not say."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.analysis.generator_caveats import generator_caveats
from wsgi_gauntlet.harness.load.analysis.grading import format_seconds, format_times
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage, usage
from wsgi_gauntlet.harness.load.workload import UnexpectedResponse, VerifiedRequest, Workload, verify_request
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Outcome, Phase, ScenarioResult, Step

WARM_UP_SECONDS = 0.2
"""Seconds of each step that do not count: connections are opened, caches filled."""

MAX_PAGE_ATTEMPTS = 3
"""A server that was right at first and gives a wrong answer now and then is measured all the same: they are counted."""


@scenario(
    "Closed loop: service time at a given number of connections",
    smoke={"clients": 64, "duration": 0.7, "size": 2000, "factor": 8},
    full={"clients": 512, "duration": 5, "size": 2000, "factor": 2},
    in_default_run=True,
)
async def throughput(ctx: ScenarioContext) -> ScenarioResult:
    """One connection, then `factor` times as many, up to `clients`, each asking again as soon as it is answered.

    That is what the server takes for an answer while so many ask, not what users get who come when they like: a closed
    loop asks less as soon as the server is slower. Every answer is compared byte for byte with one that was checked.
    """
    connection_counts = _connection_counts(ctx.count("clients"), ctx.count("factor"))
    duration, size = ctx.number("duration"), ctx.count("size")
    results: list[GeneratorResult] = []
    phases: list[Phase] = []
    cpu_per_response: list[float] = []
    trouble = ""
    workload_conditions: dict[str, object] = {}
    try:
        async with ctx.server() as running:
            workload = await ctx.workload(running)
            workload_conditions = dict(workload.conditions)
            for number, connections in enumerate(connection_counts):
                name = f"{connections} connection{'' if connections == 1 else 's'}"
                ctx.progress(number / len(connection_counts), name)
                # Also waits until the server has done with what the last step left it.
                page = await _page(running.address, workload, size, tries=MAX_PAGE_ATTEMPTS if results else 1)
                workload_conditions |= page.limitations
                started = ctx.elapsed
                before = await usage(running.processes()) if ctx.started_here else None
                found = await closed_loop(
                    running.address,
                    page.request,
                    body=page.body,
                    connections=connections,
                    seconds=duration,
                    status=page.status,
                    mark=page.mark,
                    warm_up=WARM_UP_SECONDS,
                )
                cpu_per_response.append(
                    _cpu_per_response(found, before, await usage(running.processes())) if before else 0.0
                )
                results.append(found)
                phases.append(found.phase(name, started + WARM_UP_SECONDS))
                ctx.finished_phases.append(phases[-1])
    except UnexpectedResponse as wrong:
        trouble = str(wrong)
    health = _health(results)
    steps = list(zip(results, phases, strict=True))
    return ctx.load(
        throughput,
        Grade.ERROR if trouble else Grade.MEASURED if health.valid else Grade.INVALID,
        goodput=_goodput(phases),
        generator=health,
        phases=tuple(phases),
        steps=tuple(
            Step(each.connections, phase.goodput, phase.p50, phase.p99, each.rate, censored=phase.censored)
            for each, phase in steps
        ),
        percentiles=tuple(point for each, phase in steps for point in each.percentiles(phase.name)),
        conditions={"cores, shared with the generator": len(os.sched_getaffinity(0)), **workload_conditions},
        caveats=(*generator_caveats(results, cpu_per_response), *_error_counts(results)),
        note=" ".join(filter(None, (trouble, _note(steps)))),
    )


async def _page(address: Address, workload: Workload, size: int, *, tries: int) -> VerifiedRequest:
    """Return the page to ask for. Raises UnexpectedResponse where each of `tries` came to a wrong answer."""
    while True:
        tries -= 1
        try:
            return await verify_request(address, workload, secrets.token_hex(8), size)
        except UnexpectedResponse:
            if not tries:
                raise


def _connection_counts(most: int, factor: int) -> list[int]:
    if factor < 2:
        raise ConfigurationError(f"the parameter 'factor' is to be at least 2, not {factor}: steps would never end")
    steps = [1]
    while steps[-1] * factor < most:
        steps.append(steps[-1] * factor)
    return steps if most == 1 else [*steps, most]


def _cpu_per_response(found: GeneratorResult, before: ResourceUsage, after: ResourceUsage) -> float:
    """Return the seconds that the server's processes worked for one right answer."""
    return (after.cpu - before.cpu) / (after.at - before.at) / found.rate if found.ok else 0.0


def _goodput(phases: Sequence[Phase]) -> float | None:
    workload_conditions = sum(each.scheduled for each in phases)
    return sum(each.outcomes[Outcome.OK] for each in phases) / workload_conditions if workload_conditions else None


def _health(results: Sequence[GeneratorResult]) -> GeneratorHealth:
    """Return the health of the step in which the generator was worst off."""
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
        f"At best {best.rate:,.0f} answers a second, at {phase.name}: half took up to "
        f"{format_seconds(phase.p50 or 0.0)} and "
        f"99 % up to {bound}{format_seconds(phase.p99 or 0.0)}. That is service time at that concurrency, with the "
        "generator on the same machine; users who come when they like wait longer."
    )
