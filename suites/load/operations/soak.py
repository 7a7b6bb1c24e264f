"""Half an hour of mixed traffic: does anything grow that ought to stay?"""

from __future__ import annotations

import resource
from collections.abc import Sequence

import trio

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.analysis.grading import grade
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.clients.healthy_users import PageView
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline, run_traffic
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage, cost
from wsgi_gauntlet.harness.model import Grade, ScenarioResult, Window
from wsgi_gauntlet.harness.stats.summary import slowdown
from wsgi_gauntlet.suites.load.operations.drift import Drift, drift_measure, find_drift
from wsgi_gauntlet.suites.load.operations.soak_windows import summarize_windows
from wsgi_gauntlet.suites.load.slow_clients.mixed import mixed_clients

USAGE_SAMPLES_PER_WINDOW = 2
"""Looks at the server's processes in each stretch of time: one of them may come a moment too late for it."""

DRIFT_FIGURES = (("p99", "s", 0.01), ("memory", "bytes", float(1 << 20)), ("descriptors", "", 2.0))
"""Each figure, its unit, and the change over the run that is none to speak of: 10 ms, 1 MiB, two descriptors."""

LEAK_FIGURES = ("memory", "descriptors")


@scenario(
    "Half an hour of mixed clients",
    smoke={
        "clients": 40,
        "duration": 7.2,
        "rate": 20,
        "baseline": 1.2,
        "recovery": 2,
        "per_second": 100,
        "interval": 1,
        "window": 0.6,
    },
    full={
        "clients": 40,
        "duration": 1800,
        "rate": 20,
        "baseline": 20,
        "recovery": 60,
        "per_second": 20,
        "interval": 10,
        "window": 30,
    },
    full_only=True,
)
async def soak(ctx: ScenarioContext) -> ScenarioResult:
    """The clients of `mixed` for half an hour: do p99, memory or open descriptors drift?

    A leak of one descriptor a minute is nothing in a benchmark, and the end of a server within a week. A drift is told
    only where it stands out of the noise, goes on in the second half, and comes to something.
    """
    for name in ctx.parameters:
        ctx.number(name)
    connection_budget = reserve_connections(ctx.count("clients"))
    rate, per_second, seconds = ctx.number("rate"), ctx.number("per_second"), ctx.number("window")
    async with run_traffic(
        ctx,
        lambda running: mixed_clients(running, ctx.number("interval")),
        page_view=PageView(),
        rate=rate,
        per_second=per_second,
    ) as traffic:
        usage_at_start = await traffic.usage()
        before = await traffic.phase("baseline", ctx.number("baseline"))
        usage_before_clients = await traffic.usage()
        await traffic.crowd.scale_to(connection_budget.clients)
        usage_samples: list[tuple[float, ResourceUsage]] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_sample_usage, traffic, usage_samples, seconds / USAGE_SAMPLES_PER_WINDOW)
            during = await traffic.phase("during", ctx.number("duration"))
            nursery.cancel_scope.cancel()
        slow_client_cost = (
            cost(usage_at_start, usage_before_clients, await traffic.usage(), connection_budget.clients)
            if ctx.started_here
            else None
        )
        reaped = traffic.crowd.first_disconnect()
        health = traffic.healthy_users.health(before, during)
        patience = ctx.number("recovery")
        recovered = await traffic.wait_for_recovery(before.p99, patience)
        mark, reason = grade(before, during, health, recovered=recovered, waited=patience)
        time_windows = summarize_windows(
            traffic.healthy_users.samples, usage_samples, during.started, during.ended, seconds
        )
        drifts = find_drifts(time_windows)
        mark, summary = grade_with_drifts(mark, reason, drifts)
        ratio, bound = slowdown(before, during)
        return ctx.load(
            soak,
            mark,
            goodput=during.goodput,
            slowdown=ratio,
            slowdown_censored=bound,
            recovery=recovered,
            disconnect=reaped,
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


def find_drifts(time_windows: Sequence[Window]) -> dict[str, Drift | None]:
    """Return the drift of each figure over `stretches`, without those in which nobody looked or nobody was answered."""
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
    """Return the grade, which a leak lowers, and the note."""
    significant = [name for name, found in drifts.items() if found and found.significant]
    leaking = [name for name in LEAK_FIGURES if (found := drifts.get(name)) and found.significant and found.change > 0]
    if mark is Grade.UNAFFECTED and leaking:
        mark = Grade.DEGRADED
    if mark in (Grade.INVALID, Grade.INCONCLUSIVE):
        return mark, reason
    conclusion = f"Over the run {' and '.join(significant)} drifted." if significant else "No drift was shown."
    return mark, f"{reason} {conclusion}"


async def _sample_usage(
    traffic: TrafficTimeline, usage_samples: list[tuple[float, ResourceUsage]], every: float
) -> None:
    while True:
        usage_samples.append((traffic.healthy_users.now, await traffic.usage()))
        await trio.sleep(every)
