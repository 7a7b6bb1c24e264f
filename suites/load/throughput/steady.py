"""Users arrive at half and at four fifths of the capacity: how long do they wait?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from wsgi_gauntlet.harness.load.analysis.units import format_rate, format_seconds, format_share
from wsgi_gauntlet.harness.load.arrivals import FixedCountArrivals, Uniform
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import (
    OpenLoopExperiment,
    OpenLoopParameters,
    grade_measurement,
    open_loop_experiment,
)
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.model import Metric, Phase, ScenarioResult

CAPACITY_SHARES = (0.5, 0.8)
"""The loads as shares of the capacity: the server is half idle, and queues begin to form."""

UNIFORM, POISSON = "uniform", "Poisson"
"""How requests arrive: evenly, or independently of each other."""

MIN_LOAD_REQUESTS = 30
"""Requests that a load should have."""

MAX_DURATION_FACTOR = 2.0
"""The longest load, as a factor on `duration`."""


@dataclass(frozen=True, kw_only=True)
class SteadyParameters(OpenLoopParameters):
    """Parameters of `steady`."""

    duration: Annotated[float, Parameter("s", "length of each load")]
    budget: Annotated[float, Parameter("s", "time in which loads with a late generator are repeated")]
    rate: Annotated[
        float | None, Parameter("requests/s", "the only rate; by default 50 % and 80 % of the capacity")
    ] = None


@scenario(
    "Open model: latency at half and at four fifths of capacity",
    smoke=SteadyParameters(clients=4096, duration=0.8, estimate=0.25, budget=5, size=2000),
    full=SteadyParameters(clients=16384, duration=20, estimate=3, budget=180, size=2000),
    phases_without_slow_clients=None,
)
async def steady(ctx: ScenarioContext[SteadyParameters]) -> ScenarioResult:
    """Requests arrive at 50 % and at 80 % of the capacity, independently of each other (Poisson) and evenly (uniform).

    The generator sends on schedule, whether or not the server keeps up. It opens connections as needed, up to
    `clients`. Latency counts from the intended send time; service time counts from the send. A load with a late
    generator is repeated within `budget` seconds. Short closed loops estimate the capacity at the beginning and at the
    end. If it has changed, all loads are repeated with shares of the new capacity.
    """
    notes: list[str] = []
    measures: list[Metric] = []
    error = changed = ""
    async with open_loop_experiment(ctx) as experiment:
        try:
            if rate := ctx.parameters.rate:
                await _offer_loads(ctx, experiment, _loads({f"{rate:g}/s": rate}))
            else:
                capacity, changed = await _offer_capacity_shares(ctx, experiment, notes)
                measures.append(Metric("capacity_estimated", "capacity, estimated", capacity, "requests/s"))
        except UnexpectedResponse as wrong:
            error = str(wrong)
    health = experiment.health()
    phases = tuple(experiment.phases)
    worst = min(phases, key=lambda each: (each.goodput, -(each.p99 or 0.0)), default=None)
    measures += [_service_time_measure(phase) for phase in phases]
    return ctx.result(
        grade_measurement(error, changed, health),
        goodput=worst.goodput if worst else None,
        phase=worst.name if worst else "",
        generator=health,
        phases=phases,
        percentiles=experiment.percentiles(),
        metrics=tuple(measures),
        conditions=experiment.conditions(),
        caveats=experiment.caveats(),
        note=" ".join(
            filter(
                None,
                (
                    error,
                    health.why and f"Not a valid measurement: {health.why}.",
                    changed,
                    *notes,
                    _describe_last_phase(phases),
                ),
            )
        ),
    )


async def _offer_loads(
    ctx: ScenarioContext[SteadyParameters], experiment: OpenLoopExperiment, loads: list[tuple[str, str, float]]
) -> None:
    """Offer each of `loads`. Repeat those with a late generator within `budget` seconds."""
    until = ctx.elapsed + ctx.parameters.budget
    for number, (kind, name, rate) in enumerate(loads):
        duration = ctx.parameters.duration
        length = min(max(duration, MIN_LOAD_REQUESTS / rate), MAX_DURATION_FACTOR * duration)
        while True:
            ctx.progress((number + 1) / (len(loads) + 1), f"{kind}, {name}")
            independent = FixedCountArrivals(max(1, round(rate * length)), length)
            pacer = independent if kind == POISSON else Uniform(rate)
            found = await experiment.offer(f"{kind}, {name}", pacer, length)
            # There must be time for this load again and for all following ones.
            if found.health().valid or ctx.elapsed + (len(loads) - number) * length > until:
                break
            experiment.discard_last()


async def _offer_capacity_shares(
    ctx: ScenarioContext[SteadyParameters], experiment: OpenLoopExperiment, notes: list[str]
) -> tuple[float, str]:
    """Offer shares of the capacity. Return the capacity, and a sentence if it has changed, else ''."""
    assumed = await experiment.estimate_capacity(notes)
    for last in (False, True):
        await _offer_loads(
            ctx, experiment, _loads({f"{share * 100:.0f} %": share * assumed.rate for share in CAPACITY_SHARES})
        )
        now = await experiment.changed_capacity(assumed)
        if now is None or experiment.pool_limit_reason:
            break
        change = (
            f"After the loads the capacity in a closed loop was {format_rate(now)}, not {format_rate(assumed.rate)}"
        )
        if last:
            return assumed.rate, f"{change}: the capacity does not stay the same."
        notes.append(f"{change}, so all loads were repeated with shares of that.")
        experiment.discard_last(len(experiment.phases))
        assumed = replace(assumed, rate=now)
    return assumed.rate, ""


def _loads(rates: Mapping[str, float]) -> list[tuple[str, str, float]]:
    """Return the loads, smallest first: kind of arrivals, name of the rate, requests per second."""
    return [(kind, name, rate) for name, rate in rates.items() for kind in (UNIFORM, POISSON)]


def _service_time_measure(phase: Phase) -> Metric:
    return Metric.labelled(
        f"service time p99, {phase.name}",
        phase.service_p99,
        "s",
        note="From the send, not from the intended send time.",
    )


def _describe_last_phase(phases: tuple[Phase, ...]) -> str:
    last = phases[-1] if phases else None
    if last is None or last.p50 is None or last.p99 is None:
        return ""
    slowest = f"{'at least ' if last.censored else ''}{format_seconds(last.p99)}"
    return (
        f"At {last.name.partition(', ')[2]} with Poisson arrivals {format_share(last.goodput)} of {last.scheduled} "
        f"requests got a correct response, half within {format_seconds(last.p50)} and 99 % within {slowest}."
    )
