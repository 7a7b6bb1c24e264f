"""For a few seconds three times as many users come as the server can serve: who is lost, and how long does it last?"""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.analysis.backlog import ended_per_window, queue_lengths, recovery_time
from wsgi_gauntlet.harness.load.analysis.capacity_search import format_rate
from wsgi_gauntlet.harness.load.analysis.grading import MIN_JUDGED_REQUESTS, NOTICEABLE_SECONDS, STEADY_SECONDS
from wsgi_gauntlet.harness.load.analysis.phase_from_windows import phase_from_windows
from wsgi_gauntlet.harness.load.analysis.surge_grading import BASE_RATE_SHARE, SURGE_RATE_SHARE, Surge, grade_surge
from wsgi_gauntlet.harness.load.arrivals import Steps
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import open_loop_experiment
from wsgi_gauntlet.harness.load.experiments.retry import retry_if_generator_late
from wsgi_gauntlet.harness.load.workload import UnexpectedResponse
from wsgi_gauntlet.harness.model import Grade, Metric, Phase, ScenarioResult, Window

WINDOW_SECONDS = 0.1
"""Seconds of a window, and so what recovery is exact to."""

MAX_BASELINE_SECONDS = 5.0
"""Seconds that the time before the surge is made longer at most, so that MIN_JUDGED_REQUESTS requests are due in it."""


@scenario(
    "Open model: a surge to three times capacity",
    smoke={
        "clients": 4096,
        "duration": 0.5,
        "baseline": 0.6,
        "recovery": 3,
        "timeout": 5,
        "estimate": 0.25,
        "size": 2000,
    },
    full={
        "clients": 16384,
        "duration": 5,
        "baseline": 10,
        "recovery": 60,
        "timeout": 20,
        "estimate": 3,
        "size": 2000,
    },
)
async def surge(ctx: ScenarioContext) -> ScenarioResult:
    """Requests come at 20 % of capacity, at 300 % for `duration` seconds, and at 20 % again; evenly spaced.

    Nobody can answer those in time, so a queue of twice the surge's length is no fault: users here wait `timeout`
    seconds, long enough for a server that loses none and answers one after the other. Counted are requests lost, the
    longest queue, and the seconds after the surge until users are well served for 3 s. What is capacity is estimated
    first on the same server; `rate`, where given, is the rate before and after, and the surge is 15 times that.
    """
    return await retry_if_generator_late(ctx, lambda: _round(ctx))


async def _round(ctx: ScenarioContext) -> ScenarioResult:
    trouble = ""
    note: list[str] = []
    measures: list[Metric] = []
    phases: tuple[Phase, ...] = ()
    windows: tuple[Window, ...] = ()
    mark, recovered_after, goodput = Grade.ERROR, None, None
    async with open_loop_experiment(ctx) as experiment:
        try:
            assumed = None if "rate" in ctx.parameters else await experiment.estimate_capacity(note)
            capacity = ctx.number("rate") / BASE_RATE_SHARE if assumed is None else assumed.rate
            low, high = BASE_RATE_SHARE * capacity, SURGE_RATE_SHARE * capacity
            length, patience = ctx.number("duration"), ctx.number("recovery")
            before = max(ctx.number("baseline"), min(2 * MIN_JUDGED_REQUESTS / low, MAX_BASELINE_SECONDS))
            # In whole windows, so that none lies on both sides of an edge.
            before, length = (max(1, round(each / WINDOW_SECONDS)) * WINDOW_SECONDS for each in (before, length))
            ctx.progress(0.2, f"{format_rate(low)}, then {format_rate(high)}, then {format_rate(low)}")
            pacer = Steps(((low, before), (high, length), (low, patience + STEADY_SECONDS)))
            found = await experiment.offer(
                "surge",
                pacer,
                before + length + patience + STEADY_SECONDS,
                timeout=ctx.number("timeout"),
                window=WINDOW_SECONDS,
            )
            began = experiment.started(found)
            windows = tuple(each.window(began) for each in found.windows)
            first, second = round(before / WINDOW_SECONDS), round((before + length) / WINDOW_SECONDS)
            phases = (
                phase_from_windows(found.windows[:first], "before", began),
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
            # A server that is not well again cannot be asked what its capacity is.
            now = (
                await experiment.changed_capacity(assumed)
                if assumed is not None and recovered_after is not None
                else None
            )
            if now is not None:
                reason += (
                    f" After it the server answered {format_rate(now)} in a closed loop: its capacity has changed."
                )
                mark = mark if mark is Grade.INVALID else Grade.INCONCLUSIVE
            goodput = phases[1].goodput
            note[:0] = [reason, f"At most {longest:,} requests waited at once."]
            measures = [
                Metric(
                    "requests_lost",
                    "requests lost",
                    surge_result.lost,
                    "",
                    note="Of those that came in the surge and after it.",
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
                    "pace_in_the_surge", "pace in the surge", drain_rate, "requests/s", note="Right answers a second."
                ),
                Metric("capacity_estimated", "capacity, estimated", capacity, "requests/s"),
            ]
        except UnexpectedResponse as wrong:
            trouble = str(wrong)
    return ctx.load(
        surge,
        mark,
        goodput=goodput,
        recovery=recovered_after,
        generator=experiment.health(NOTICEABLE_SECONDS),
        phases=phases,
        windows=windows,
        metrics=tuple(measures),
        conditions=experiment.conditions(),
        caveats=experiment.artefacts(),
        note=" ".join(filter(None, (trouble, *note))),
    )
