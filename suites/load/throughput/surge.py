"""A short surge to three times the capacity: which requests are lost, and how long does the recovery take?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from wsgi_gauntlet.harness.load.analysis.grading import MIN_JUDGED_REQUESTS, NOTICEABLE_SECONDS, STEADY_SECONDS
from wsgi_gauntlet.harness.load.analysis.units import format_rate
from wsgi_gauntlet.harness.load.analysis.windows import (
    ended_per_window,
    phase_from_windows,
    queue_lengths,
    recovery_time,
)
from wsgi_gauntlet.harness.load.arrivals import Steps
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext, retry_if_generator_late
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import OpenLoopParameters, open_loop_experiment
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.model import Grade, Metric, Phase, ScenarioResult, Window
from wsgi_gauntlet.suites.load.throughput.surge_grading import BASE_RATE_SHARE, SURGE_RATE_SHARE, Surge, grade_surge

WINDOW_SECONDS = 0.1
"""Seconds of a window, which is also the precision of the recovery time."""

MAX_BASELINE_SECONDS = 5.0
"""The longest extension of the baseline in seconds, so that MIN_JUDGED_REQUESTS requests are due."""

BEFORE_SURGE = "before"
"""The phase at a fifth of the capacity."""


@dataclass(frozen=True, kw_only=True)
class SurgeParameters(OpenLoopParameters):
    """Parameters of `surge`."""

    duration: Annotated[float, Parameter("s", "length of the surge")]
    baseline: Annotated[float, Parameter("s", "time before the surge")]
    recovery: Annotated[float, Parameter("s", "longest time to recover after the surge")]
    timeout: Annotated[float, Parameter("s", "time that each user waits for a response")]
    rate: Annotated[
        float | None,
        Parameter(
            "requests/s", "rate before and after the surge, which is 15 times that; by default 20 % of the capacity"
        ),
    ] = None


@scenario(
    "Open model: a surge to three times capacity",
    smoke=SurgeParameters(clients=4096, duration=0.5, baseline=0.6, recovery=3, timeout=5, estimate=0.25, size=2000),
    full=SurgeParameters(clients=16384, duration=5, baseline=10, recovery=60, timeout=20, estimate=3, size=2000),
    phases_without_slow_clients=frozenset({BEFORE_SURGE}),
)
async def surge(ctx: ScenarioContext[SurgeParameters]) -> ScenarioResult:
    """Evenly spaced requests arrive at 20 % of the capacity, then at 300 % for `duration` seconds, then at 20 % again.

    No server can respond to all of them in time, so a queue of twice the length of the surge is no fault. Users wait
    `timeout` seconds, long enough for a server that loses no request and serves one after another. The scenario counts
    lost requests, the longest queue, and the seconds after the surge until users are served well for 3 s. The capacity
    is estimated first on the same server.
    """
    return await retry_if_generator_late(ctx, lambda: _round(ctx))


async def _round(ctx: ScenarioContext[SurgeParameters]) -> ScenarioResult:
    error = ""
    note: list[str] = []
    measures: list[Metric] = []
    phases: tuple[Phase, ...] = ()
    windows: tuple[Window, ...] = ()
    mark, recovered_after, goodput = Grade.ERROR, None, None
    async with open_loop_experiment(ctx) as experiment:
        try:
            assumed = None if ctx.parameters.rate else await experiment.estimate_capacity(note)
            capacity = assumed.rate if assumed else (ctx.parameters.rate or 0.0) / BASE_RATE_SHARE
            low, high = BASE_RATE_SHARE * capacity, SURGE_RATE_SHARE * capacity
            length, patience = ctx.parameters.duration, ctx.parameters.recovery
            before = max(ctx.parameters.baseline, min(2 * MIN_JUDGED_REQUESTS / low, MAX_BASELINE_SECONDS))
            # In whole windows, so that no window is in two phases.
            before, length = (max(1, round(each / WINDOW_SECONDS)) * WINDOW_SECONDS for each in (before, length))
            ctx.progress(0.2, f"{format_rate(low)}, then {format_rate(high)}, then {format_rate(low)}")
            pacer = Steps(((low, before), (high, length), (low, patience + STEADY_SECONDS)))
            found = await experiment.offer(
                "surge",
                pacer,
                before + length + patience + STEADY_SECONDS,
                timeout=ctx.parameters.timeout,
                window=WINDOW_SECONDS,
            )
            began = experiment.started(found)
            windows = tuple(each.window(began) for each in found.windows)
            first, second = round(before / WINDOW_SECONDS), round((before + length) / WINDOW_SECONDS)
            phases = (
                phase_from_windows(found.windows[:first], BEFORE_SURGE, began),
                phase_from_windows(found.windows[first:second], "surge", began),
                phase_from_windows(found.windows[second:], "after", began),
            )
            recovered_after = recovery_time(found.windows, before + length, phases[0].p99)
            queue = queue_lengths(found.windows)
            drain_rate = sum(ended_per_window(found.windows, responses_only=True)[first:second]) / length
            surge_result = Surge(
                phases[0],
                phases[1],
                phases[2],
                patience=patience,
                recovery_time=recovered_after,
                queued=queue[second - 1],
                drain_rate=drain_rate,
            )
            mark, reason = grade_surge(surge_result, experiment.health(NOTICEABLE_SECONDS))
            longest = round(max(queue))
            # The capacity of a server that has not recovered cannot be measured.
            now = (
                await experiment.changed_capacity(assumed)
                if assumed is not None and recovered_after is not None
                else None
            )
            if now is not None:
                reason += f" After the surge the capacity in a closed loop was {format_rate(now)}: it has changed."
                mark = mark if mark is Grade.INVALID else Grade.INCONCLUSIVE
            goodput = phases[1].goodput
            note[:0] = [reason, f"The longest queue had {longest:,} requests."]
            measures = [
                Metric(
                    "requests_lost",
                    "requests lost",
                    surge_result.lost,
                    note="Of the requests during the surge and after it.",
                ),
                Metric("longest_queue", "longest queue", longest),
                Metric(
                    "recovery",
                    "recovery",
                    patience if recovered_after is None else recovered_after,
                    "s",
                    censored=recovered_after is None,
                ),
                Metric(
                    "rate_in_the_surge",
                    "rate in the surge",
                    drain_rate,
                    "requests/s",
                    note="Correct responses per second.",
                ),
                Metric("capacity_estimated", "capacity, estimated", capacity, "requests/s"),
            ]
        except UnexpectedResponse as wrong:
            error = str(wrong)
    return ctx.result(
        mark,
        goodput=goodput,
        recovery=recovered_after,
        generator=experiment.health(NOTICEABLE_SECONDS),
        phases=phases,
        windows=windows,
        traffic=experiment.traffic(),
        metrics=tuple(measures),
        conditions=experiment.conditions(),
        caveats=experiment.caveats(),
        note=" ".join(filter(None, (error, *note))),
    )
