"""Users who come when they like, at half and at four fifths of what the server can do: what do they wait for?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.analysis.capacity_search import format_rate
from wsgi_gauntlet.harness.load.analysis.grading import format_seconds, format_share
from wsgi_gauntlet.harness.load.arrivals import FixedCountArrivals, Uniform
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import (
    OpenLoopExperiment,
    grade_of,
    open_loop_experiment,
)
from wsgi_gauntlet.harness.load.workload import UnexpectedResponse
from wsgi_gauntlet.harness.model import Metric, Phase, ScenarioResult

CAPACITY_SHARES = (0.5, 0.8)
"""Of capacity: a server that is half idle, and one before which queues begin to form."""

UNIFORM, POISSON = "uniform", "Poisson"
"""How requests come: evenly, or independently of each other."""

MIN_LOAD_REQUESTS = 30
"""Requests that a load is to have."""

MAX_DURATION_FACTOR = 2.0
"""How many times `duration` a load may last for that."""


@scenario(
    "Open model: latency at half and at four fifths of capacity",
    smoke={"clients": 4096, "duration": 0.8, "estimate": 0.25, "budget": 5, "size": 2000},
    full={"clients": 16384, "duration": 20, "estimate": 3, "budget": 180, "size": 2000},
)
async def steady(ctx: ScenarioContext) -> ScenarioResult:
    """Requests come at 50 % and at 80 % of capacity, independently of each other (Poisson) and evenly (uniform).

    They are sent on time whether or not the server keeps up, over as many connections as that takes, up to `clients`,
    and their latency counts from the time at which they were due. A load for which the generator was late is offered
    again while `budget` seconds last. What is capacity is estimated first on the same server, by short closed loops,
    and once more at the end: where it has changed, all is offered again as shares of what it is then.
    `rate`, where given, is the one rate to be offered instead. Service time counts from the send and stands beside.
    """
    notes: list[str] = []
    measures: list[Metric] = []
    trouble = changed = ""
    async with open_loop_experiment(ctx) as experiment:
        try:
            if "rate" in ctx.parameters:
                rate = ctx.number("rate")
                await _offer_loads(ctx, experiment, _loads({f"{rate:g}/s": rate}))
            else:
                capacity, changed = await _offer_capacity_shares(ctx, experiment, notes)
                measures.append(Metric("capacity_estimated", "capacity, estimated", capacity, "requests/s"))
        except UnexpectedResponse as wrong:
            trouble = str(wrong)
    health = experiment.health()
    phases = tuple(experiment.phases)
    worst = min(phases, key=lambda each: (each.goodput, -(each.p99 or 0.0)), default=None)
    measures += [_service_time_measure(phase) for phase in phases]
    return ctx.load(
        steady,
        grade_of(trouble, changed, health),
        goodput=worst.goodput if worst else None,
        phase=worst.name if worst else "",
        generator=health,
        phases=phases,
        percentiles=experiment.percentiles(),
        metrics=tuple(measures),
        conditions=experiment.conditions(),
        caveats=experiment.artefacts(),
        note=" ".join(
            filter(
                None,
                (
                    trouble,
                    health.why and f"Not a measurement: {health.why}.",
                    changed,
                    *notes,
                    _describe_last_phase(phases),
                ),
            )
        ),
    )


async def _offer_loads(
    ctx: ScenarioContext, experiment: OpenLoopExperiment, loads: list[tuple[str, str, float]]
) -> None:
    """Offer each of `loads`, and again where the generator was late, as long as `budget` seconds are not over."""
    until = ctx.elapsed + ctx.number("budget")
    for number, (kind, name, rate) in enumerate(loads):
        duration = ctx.number("duration")
        length = min(max(duration, MIN_LOAD_REQUESTS / rate), MAX_DURATION_FACTOR * duration)
        while True:
            ctx.progress((number + 1) / (len(loads) + 1), f"{kind}, {name}")
            by_chance = FixedCountArrivals(max(1, round(rate * length)), length)
            pacer = by_chance if kind == POISSON else Uniform(rate)
            found = await experiment.offer(f"{kind}, {name}", pacer, length)
            # Those to come, and this one once more.
            if found.health().valid or ctx.elapsed + (len(loads) - number) * length > until:
                break
            experiment.discard_last()


async def _offer_capacity_shares(
    ctx: ScenarioContext, experiment: OpenLoopExperiment, notes: list[str]
) -> tuple[float, str]:
    """Offer shares of capacity; return what it was, and in words that it is no longer so, empty where it is."""
    assumed = await experiment.estimate_capacity(notes)
    for last in (False, True):
        await _offer_loads(
            ctx, experiment, _loads({f"{share * 100:.0f} %": share * assumed.rate for share in CAPACITY_SHARES})
        )
        now = await experiment.changed_capacity(assumed)
        if now is None or experiment.pool_limit_reason:
            break
        words = (
            f"After that load the server answered {format_rate(now)} in a closed loop, not {format_rate(assumed.rate)}"
        )
        if last:
            return assumed.rate, f"{words}: what these are shares of does not stay."
        notes.append(f"{words}, so all was offered again as shares of that.")
        experiment.discard_last(len(experiment.phases))
        assumed = replace(assumed, rate=now)
    return assumed.rate, ""


def _loads(rates: Mapping[str, float]) -> list[tuple[str, str, float]]:
    """Return the loads, gentlest first: how requests come, how many in words, and how many a second."""
    return [(kind, name, rate) for name, rate in rates.items() for kind in (UNIFORM, POISSON)]


def _service_time_measure(phase: Phase) -> Metric:
    return Metric.labelled(
        f"service time p99, {phase.name}", phase.service_p99, "s", note="From the send, not the time due."
    )


def _describe_last_phase(phases: tuple[Phase, ...]) -> str:
    last = phases[-1] if phases else None
    if last is None or last.p50 is None or last.p99 is None:
        return ""
    slowest = f"{'at least ' if last.censored else ''}{format_seconds(last.p99)}"
    return (
        f"At {last.name.partition(', ')[2]} with Poisson arrivals {format_share(last.goodput)} of {last.scheduled} "
        f"requests were answered, half within {format_seconds(last.p50)} and 99 % within {slowest}."
    )
