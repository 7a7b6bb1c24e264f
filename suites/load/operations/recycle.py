"""Workers are replaced after a number of requests, as operators set it against leaks: are requests lost?"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import trio

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.analysis.generator_caveats import generator_caveats
from wsgi_gauntlet.harness.load.analysis.grading import COLLAPSED_GOODPUT
from wsgi_gauntlet.harness.load.analysis.losses import count_losses
from wsgi_gauntlet.harness.load.analysis.units import format_rate, format_times
from wsgi_gauntlet.harness.load.arrivals import FixedCountArrivals
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.healthy_users import REQUEST_TIMEOUT_SECONDS, warm_up
from wsgi_gauntlet.harness.load.context import ScenarioContext, retry_if_generator_late
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_open_loop
from wsgi_gauntlet.harness.load.generator.step_figures import traffic_steps
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.load.workload import verify_request
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, Phase, ScenarioResult

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.plan import Plan
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

CAPACITY_SHARE = 0.5
"""The largest rate as a share of the capacity that one client sees, so that no queue loses requests."""

CONNECTIONS = 256
"""Most connections at a time. A request waits for one while workers start."""

POLL_SECONDS = 0.05
"""Seconds between two looks at the processes. A worker takes longer to import the app."""

NEW, KEPT = "new connections", "kept connections"


@dataclass(frozen=True, kw_only=True)
class RecycleParameters(Parameters):
    """Parameters of `recycle`."""

    workers: Annotated[int, Parameter("", "workers of the server, unless its name says so")]
    max_requests: Annotated[int, Parameter("", "requests after which a worker is replaced, unless its name says so")]
    duration: Annotated[float, Parameter("s", "length of each phase")]
    rate: Annotated[float, Parameter("requests/s", "offered rate, at most half of the capacity")]
    size: Annotated[int, Parameter("bytes", "size of the page")]


def with_recycling(plan: Plan, workers: int, max_requests: int) -> Plan:
    """Return `plan` with these settings for the server that runs the app. Settings of the user stay."""
    if plan.upstream is not None:
        return replace(plan, upstream=with_recycling(plan.upstream, workers, max_requests))
    asked = plan.settings
    settings = replace(
        asked,
        workers=workers if asked.workers is None else asked.workers,
        max_requests=max_requests if asked.max_requests is None else asked.max_requests,
    )
    return replace(plan, settings=settings)


def _no_recycling(plan: Plan) -> str:
    return with_recycling(plan, 2, 100).unsupported_reason()


@scenario(
    "Workers that are replaced after a number of requests",
    smoke=RecycleParameters(workers=2, max_requests=100, duration=3, rate=300, size=2000),
    full=RecycleParameters(workers=4, max_requests=200, duration=60, rate=500, size=2000),
    unsuitable_reason=_no_recycling,
    phases_without_slow_clients=None,
)
async def recycle(ctx: ScenarioContext[RecycleParameters]) -> ScenarioResult:
    """The server replaces each worker after `max_requests` requests, while users arrive at a constant rate.

    At first each request has a new connection, then the users keep their connections. A server may close an idle
    connection at any time, and the client sends a GET again on a new one. Such a request is not lost, and it is counted
    separately. Any other request without its correct response is lost, also one that waits for over 5 s because no
    worker is there. Losses are a finding from one request in a thousand.
    """
    if not ctx.started_here:
        raise Unsupported("somebody else started this server, so the harness cannot set how it replaces workers")
    ctx.plan = with_recycling(ctx.plan, ctx.parameters.workers, ctx.parameters.max_requests)
    return await retry_if_generator_late(ctx, lambda: _round(ctx))


async def _round(ctx: ScenarioContext[RecycleParameters]) -> ScenarioResult:
    parameters, error, ended = ctx.parameters, "", ""
    results: list[GeneratorResult] = []
    phases: list[Phase] = []
    replaced: list[int] = []
    rate = parameters.rate
    ctx.progress(0.0, "starting a fresh server")
    async with ctx.server() as running:
        workload = await ctx.workload(running)
        rate = min(rate, CAPACITY_SHARE / await warm_up(running.address, workload, parameters.size))
        try:
            # Before any worker is replaced: a request in between might meet a server without workers.
            pages = [
                await verify_request(running.address, workload, secrets.token_hex(8), parameters.size, keep=keep)
                for keep in (False, True)
            ]
            for number, (name, page) in enumerate(zip((NEW, KEPT), pages, strict=True)):
                ctx.progress(0.1 + 0.45 * number, f"{name} at {format_rate(rate)}")
                arrivals = FixedCountArrivals(max(1, round(rate * parameters.duration)), parameters.duration, number)
                async with _counting_new_processes(running, replaced):
                    found = await parallel_open_loop(
                        running.address, page, LoopOptions(CONNECTIONS), arrivals, parameters.duration, processes=1
                    )
                results.append(found)
                phases.append(found.phase(name, ctx.elapsed - (time.monotonic() - found.began)))
                ctx.finished_phases.append(phases[-1])
        except UnexpectedResponse as wrong:
            error = str(wrong)
        ended = running.ended
    health = _health(results)
    mark, reason = _grade(phases, health, sum(replaced), error, ended)
    return ctx.result(
        mark,
        goodput=min((each.goodput for each in phases), default=None),
        generator=health,
        phases=tuple(phases),
        percentiles=tuple(
            point for found, phase in zip(results, phases, strict=True) for point in found.percentiles(phase.name)
        ),
        traffic=traffic_steps(each.steps for each in results),
        metrics=_metrics(results, phases, replaced),
        conditions={"requests/s": round(rate, 1), **workload.conditions},
        caveats=(*generator_caveats(results[1:]), *_error_counts(results, phases)),
        note=reason
        if mark is Grade.INVALID
        else " ".join(filter(None, (reason, *_describe(results, phases, replaced)))),
    )


@asynccontextmanager
async def _counting_new_processes(running: ServerUnderTest, counts: list[int]) -> AsyncIterator[None]:
    """Add to `counts` how many processes the server started in this block."""
    first = set(running.server_processes())
    seen = set(first)

    async def look() -> None:
        while True:
            seen.update(running.server_processes())
            await trio.sleep(POLL_SECONDS)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        yield
        nursery.cancel_scope.cancel()
    counts.append(len(seen | set(running.server_processes())) - len(first))


def _health(results: Sequence[GeneratorResult]) -> GeneratorHealth:
    """Return the worst health of the generator. No latency decides here, so sends may be late."""
    every = [each.health(REQUEST_TIMEOUT_SECONDS) for each in results]
    return min(every, key=lambda each: (each.valid, -each.cpu_share), default=GeneratorHealth(valid=True))


def _grade(
    phases: Sequence[Phase], health: GeneratorHealth, replaced: int, error: str, ended: str
) -> tuple[Grade, str]:
    """Return the grade without the losses, which ctx.result adds, and its reason."""
    if not health.valid:
        return Grade.INVALID, f"Not a measurement of the server: {health.why}."
    if ended:
        return Grade.COLLAPSED, f"The server ended ({ended}) instead of replacing its workers."
    if error:
        return Grade.ERROR, error
    if sum(each.goodput for each in phases) < COLLAPSED_GOODPUT * len(phases):
        return Grade.COLLAPSED, ""
    if not replaced:
        return Grade.INCONCLUSIVE, "No worker was replaced: send more requests with --duration or --set rate=RATE."
    return Grade.UNAFFECTED, ""


def _describe(results: Sequence[GeneratorResult], phases: Sequence[Phase], replaced: Sequence[int]) -> list[str]:
    text = []
    for found, phase, count in zip(results, phases, replaced, strict=True):
        losses = count_losses([phase])
        again = f", and {found.dropped:,} were sent again" if found.dropped else ""
        text.append(
            f"{phase.name.capitalize()}: {losses.lost:,} of {losses.sent:,} requests were lost{again}; the server "
            f"started a process {format_times(count)}."
        )
    if any(each.dropped for each in results):
        text.append(
            "Requests were sent again because the server closed kept connections at the same moment. A client must not "
            "repeat a POST so."
        )
    return text


def _metrics(
    results: Sequence[GeneratorResult], phases: Sequence[Phase], replaced: Sequence[int]
) -> tuple[Metric, ...]:
    metrics = []
    for found, phase in zip(results, phases, strict=True):
        losses = count_losses([phase])
        metrics.append(
            Metric.labelled(f"requests lost, {phase.name}", losses.lost, note=f"of {losses.sent:,}: {losses.interval}")
        )
        metrics.append(Metric.labelled(f"longest gap without a response, {phase.name}", found.response_gap, "s"))
    return (
        *metrics,
        Metric(
            "sent_again_on_a_new_connection",
            "sent again on a new connection",
            sum(each.dropped for each in results),
            note="The server closed the kept connection at the same moment. Clients repeat a GET: it is not lost.",
        ),
        Metric("processes_started", "processes started", sum(replaced), note="by the server during both phases"),
    )


def _error_counts(results: Sequence[GeneratorResult], phases: Sequence[Phase]) -> list[str]:
    return [
        f"{phase.name}: {words}: {format_times(count)}"
        for found, phase in zip(results, phases, strict=True)
        for words, count in (found.error_messages or {}).items()
    ]
