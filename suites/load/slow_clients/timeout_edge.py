"""Clients that stall just below and just above the timeouts of a server, to show what each timeout counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import trio

from wsgi_gauntlet.harness.errors import ServerDidNotStart
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext, retry_if_generator_late
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.probes.new_connections import NewConnectionOutcome, new_connections
from wsgi_gauntlet.harness.load.workload import ReferencePage
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, ScenarioResult
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.suites.load.slow_clients.short_timeouts import with_short_timeouts
from wsgi_gauntlet.suites.load.slow_clients.stalling_clients import Stall, run_stalling_clients
from wsgi_gauntlet.suites.load.slow_clients.timeout_analysis import (
    GAP_FACTORS,
    WATCH_FACTOR,
    ObservedTimeout,
    StallPoint,
    StallResult,
    configured_timeout,
    describe_timeouts,
    late_move,
    observed_timeout,
    timeout_measures,
)

STALL_GAPS = (*GAP_FACTORS, math.inf)
CLIENT_COUNT = len(StallPoint) * len(STALL_GAPS)

ALL_STALLED_SECONDS = 1.5
"""Seconds in which all clients must stall. A client that waits in a queue meets another timeout."""

Observation = tuple[Sequence[StallResult], Mapping[StallPoint, float | None], Mapping[StallPoint, float]]
"""The results of the clients, and for each stall point the configured timeout and the watched seconds."""


@dataclass(frozen=True, kw_only=True)
class TimeoutEdgeParameters(Parameters):
    """Parameters of `timeout-edge`."""

    duration: Annotated[float, Parameter("s", "longest time to watch the clients")]
    timeout: Annotated[float, Parameter("s", "longest timeout to configure, if the server has the setting")]


@scenario(
    "The edge of each timeout: per gap or in all?",
    smoke=TimeoutEdgeParameters(duration=5.5, timeout=2),
    full=TimeoutEdgeParameters(duration=310, timeout=86_400),
)
async def timeout_edge(ctx: ScenarioContext[TimeoutEdgeParameters]) -> ScenarioResult:
    """Clients stall in a head, a body, a response, and after one: for good, or for 0.5, 0.95 and 1.05 of the timeout.

    In the response they read nothing, so that the server cannot send. If a timeout counts each gap separately, a client
    can hold its connection for ever with a byte now and then. The harness makes the timeouts of a server as short as
    `timeout`. It searches for unknown timeouts within `duration`.
    """
    default_plan = ctx.plan
    return await retry_if_generator_late(ctx, lambda: _round(ctx, default_plan))


async def _round(ctx: ScenarioContext[TimeoutEdgeParameters], default_plan: Plan) -> ScenarioResult:
    stall_results, timeouts, watched_seconds = await _observe(ctx, default_plan)
    why = late_move(stall_results, timeouts)
    observed: list[ObservedTimeout] = []
    rows: list[Metric] = []
    for place in StallPoint:
        if here := observed_timeout(stall_results, place, watched_seconds[place]):
            observed.append(here)
        rows += timeout_measures(here, place, timeouts[place])
    return ctx.result(
        Grade.INVALID if why else Grade.MEASURED,
        generator=GeneratorHealth(not why, why=why),
        metrics=tuple(rows),
        note=f"Not a measurement of the server: {why}." if why else describe_timeouts(observed),
    )


async def _observe(ctx: ScenarioContext[TimeoutEdgeParameters], default_plan: Plan) -> Observation:
    """Run all clients at the same time or, if the server cannot serve so many, one silent client at a time."""
    seconds = ctx.parameters.duration
    ctx.plan = with_short_timeouts(default_plan, ctx.parameters.timeout, CLIENT_COUNT + 2)
    try:
        found = await _observe_side_by_side(ctx, seconds)
    except ServerDidNotStart:
        # So many workers or so short a timeout prevent the start: the workers of gunicorn must start within it.
        found = None
    if found is None:
        ctx.plan = default_plan
        found = await _observe_one_by_one(ctx, seconds / len(StallPoint))
    return found


async def _observe_side_by_side(ctx: ScenarioContext[TimeoutEdgeParameters], seconds: float) -> Observation | None:
    """Stall all clients at the same time. Returns None if the server cannot serve so many."""
    ctx.progress(0.1, "starting a server with short timeouts")
    stall_results: list[StallResult] = []
    serves_everyone = True
    async with ctx.server() as running:
        timeouts = {place: configured_timeout(running.conditions, place) for place in StallPoint}
        expected = {place: min(timeouts[place] or seconds / WATCH_FACTOR, seconds) for place in StallPoint}
        watched_seconds = {place: min(seconds, WATCH_FACTOR * expected[place] + 0.5) for place in StallPoint}
        stalls = [
            Stall(place, ratio * expected[place], watched_seconds[place])
            for place in StallPoint
            for ratio in STALL_GAPS
        ]
        all_stalled = trio.Event()
        ctx.progress(0.2, f"{CLIENT_COUNT} clients stall for {max(watched_seconds.values()):.3g} s")
        async with trio.open_nursery() as nursery:

            async def run_stalls() -> None:
                stall_results.extend(
                    await run_stalling_clients(running.address, running.reference_app_path, stalls, all_stalled)
                )

            nursery.start_soon(run_stalls)
            with trio.move_on_after(min(ALL_STALLED_SECONDS, min(watched_seconds.values()) / 2)):
                await all_stalled.wait()
            serves_everyone = all_stalled.is_set()
            outcomes = await new_connections(running.address, ReferencePage(running.reference_app_path), count=1)
            serves_everyone = serves_everyone and outcomes == {NewConnectionOutcome.SERVED: 1}
            if not serves_everyone:
                nursery.cancel_scope.cancel()
    return (stall_results, timeouts, watched_seconds) if serves_everyone else None


async def _observe_one_by_one(ctx: ScenarioContext[TimeoutEdgeParameters], seconds: float) -> Observation:
    """Stall one silent client at a time, each on a fresh server with its usual settings."""
    stall_results: list[StallResult] = []
    timeouts: dict[StallPoint, float | None] = {}
    for number, place in enumerate(StallPoint):
        ctx.progress(0.3 + number / 5, f"one client stalls in the {place} for {seconds:.3g} s")
        async with ctx.server() as running:
            timeouts[place] = configured_timeout(running.conditions, place)
            stall = Stall(place, math.inf, seconds)
            stall_results += await run_stalling_clients(
                running.address, running.reference_app_path, [stall], trio.Event()
            )
    return stall_results, timeouts, dict.fromkeys(StallPoint, seconds)
