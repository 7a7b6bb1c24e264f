"""Half an hour of mixed traffic, to find anything that grows."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import trio

from wsgi_gauntlet.harness.load.analysis.grading import grade
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline, run_traffic
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage, cost
from wsgi_gauntlet.harness.model import Grade, Sample, ScenarioResult, Window
from wsgi_gauntlet.harness.stats.summary import slowdown, summarize
from wsgi_gauntlet.suites.load.operations.drift import Drift, drift_measure, find_drift
from wsgi_gauntlet.suites.load.slow_clients.mixed import MixedParameters, mixed_clients

USAGE_SAMPLES_PER_WINDOW = 2
"""Readings of the server's processes in each window: one of them may come just after the end of the window."""

DRIFT_FIGURES = (("p99", "s", 0.01), ("memory", "bytes", float(1 << 20)), ("descriptors", "", 2.0))
"""Each figure, its unit, and the change that is too small to report: 10 ms, 1 MiB, two descriptors."""

LEAK_FIGURES = ("memory", "descriptors")


@dataclass(frozen=True, kw_only=True)
class SoakParameters(MixedParameters):
    """Parameters of `soak`."""

    window: Annotated[float, Parameter("s", "length of each window for which figures are computed")]


@scenario(
    "Half an hour of mixed clients",
    smoke=SoakParameters(
        clients=40, duration=7.2, rate=20, baseline=1.2, recovery=2, per_second=100, interval=1, window=0.6
    ),
    full=SoakParameters(
        clients=40, duration=1800, rate=20, baseline=20, recovery=60, per_second=20, interval=10, window=30
    ),
    full_only=True,
)
async def soak(ctx: ScenarioContext[SoakParameters]) -> ScenarioResult:
    """The clients of `mixed` connect for half an hour. Do p99, memory or open descriptors drift?

    A benchmark does not notice a leak of one descriptor per minute, but it ends a server within a week. A drift is
    reported only if it is larger than the noise, continues in the second half, and is not tiny.
    """
    parameters = ctx.parameters
    connection_budget = reserve_connections(parameters.clients)
    async with run_traffic(
        ctx,
        lambda running: mixed_clients(running, parameters.interval),
        page_view=PageView(),
        rate=parameters.rate,
        per_second=parameters.per_second,
    ) as traffic:
        usage_at_start = await traffic.usage()
        before = await traffic.phase("baseline", parameters.baseline, until_answered=True)
        usage_before_clients = await traffic.usage()
        await traffic.slow_clients.scale_to(connection_budget.clients)
        usage_samples: list[tuple[float, ResourceUsage]] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_sample_usage, traffic, usage_samples, parameters.window / USAGE_SAMPLES_PER_WINDOW)
            during = await traffic.phase("during", parameters.duration)
            nursery.cancel_scope.cancel()
        slow_client_cost = (
            cost(usage_at_start, usage_before_clients, await traffic.usage(), connection_budget.clients)
            if ctx.started_here
            else None
        )
        disconnect = traffic.slow_clients.first_disconnect()
        health = traffic.healthy_users.health(before, during)
        recovered = await traffic.wait_for_recovery(before.p99, parameters.recovery)
        mark, reason = grade(before, during, health, recovered=recovered, waited=parameters.recovery)
        time_windows = summarize_windows(
            traffic.healthy_users.samples, usage_samples, during.started, during.ended, parameters.window
        )
        drifts = find_drifts(time_windows)
        mark, summary = grade_with_drifts(mark, reason, drifts)
        ratio, bound = slowdown(before, during)
        return ctx.result(
            mark,
            goodput=during.goodput,
            slowdown=ratio,
            slowdown_censored=bound,
            recovery=recovered,
            disconnect=disconnect,
            cost=slow_client_cost,
            generator=health,
            phases=tuple(traffic.phases),
            slow_clients=traffic.slow_client_counts(),
            percentiles=traffic.percentiles(),
            metrics=tuple(drift_measure(name, unit, drifts[name]) for name, unit, _ in DRIFT_FIGURES),
            windows=time_windows,
            conditions={
                "healthy requests/s": round(traffic.rate, 1),
                "open files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
                **connection_budget.conditions,
                **traffic.workload.conditions,
            },
            note=f"{summary} {connection_budget.note}".strip(),
        )


def summarize_windows(
    samples: Sequence[Sample],
    usage_samples: Sequence[tuple[float, ResourceUsage]],
    began: float,
    ended: float,
    seconds: float,
) -> tuple[Window, ...]:
    """Return the complete windows of `seconds` between `began` and `ended`, in seconds from the start of the scenario.

    `usage_samples` are the readings of the server's processes with their times. The last one within a window counts; 0
    without any.
    """
    count = max(0, int((ended - began) / seconds + 1e-9))
    buckets: list[list[Sample]] = [[] for _ in range(count)]
    for each in samples:
        index = int((each.intended - began) / seconds)
        if each.intended >= began and index < count:
            buckets[index].append(each)
    found = []
    for index, bucket in enumerate(buckets):
        at = began + index * seconds
        # Rounding can move a sample to the next window: it is then due at the very beginning of that window.
        inside = summarize(bucket, "", at - seconds, at + 2 * seconds)
        last = max(
            (each for each in usage_samples if at <= each[0] < at + seconds), default=None, key=lambda each: each[0]
        )
        usage = last[1] if last else ResourceUsage(0.0)
        found.append(
            Window(
                at,
                seconds,
                inside.scheduled / seconds,
                inside.goodput,
                inside.p50,
                inside.p99,
                usage.rss,
                usage.descriptors,
                usage.threads,
            )
        )
    return tuple(found)


def find_drifts(time_windows: Sequence[Window]) -> dict[str, Drift | None]:
    """Return the drift of each figure over the windows in which it is known."""
    points = {
        "p99": [(each.at, each.p99) for each in time_windows if each.p99 is not None],
        "memory": [(each.at, float(each.rss)) for each in time_windows if each.rss],
        "descriptors": [(each.at, float(each.descriptors)) for each in time_windows if each.descriptors],
    }
    return {
        name: find_drift([at for at, _ in points[name]], [value for _, value in points[name]], min_change)
        for name, _, min_change in DRIFT_FIGURES
    }


def grade_with_drifts(mark: Grade, reason: str, drifts: dict[str, Drift | None]) -> tuple[Grade, str]:
    """Return the grade, lowered for a leak, and the note."""
    significant = [name for name, found in drifts.items() if found and found.significant]
    leaking = [name for name in LEAK_FIGURES if (found := drifts.get(name)) and found.significant and found.change > 0]
    if mark is Grade.UNAFFECTED and leaking:
        mark = Grade.DEGRADED
    if mark in (Grade.INVALID, Grade.INCONCLUSIVE):
        return mark, reason
    conclusion = f"Over the run {' and '.join(significant)} drifted." if significant else "No drift was found."
    return mark, f"{reason} {conclusion}"


async def _sample_usage(
    traffic: TrafficTimeline, usage_samples: list[tuple[float, ResourceUsage]], every: float
) -> None:
    while True:
        usage_samples.append((traffic.healthy_users.now, await traffic.usage()))
        await trio.sleep(every)
