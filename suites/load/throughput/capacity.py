"""Measure the capacity: the highest arrival rate at which users are served well, the basis of planning a deployment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import msgspec

from wsgi_gauntlet.harness.load.analysis.grading import NOTICEABLE_SECONDS
from wsgi_gauntlet.harness.load.analysis.pool_sizing import p99_limit
from wsgi_gauntlet.harness.load.analysis.units import format_rate, format_seconds
from wsgi_gauntlet.harness.load.arrivals import FixedCountArrivals
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import (
    CapacityEstimate,
    OpenLoopExperiment,
    OpenLoopParameters,
    mark_invalid,
    open_loop_experiment,
)
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, ScenarioResult
from wsgi_gauntlet.suites.load.throughput.capacity_search import (
    CapacityBounds,
    ProbeOutcome,
    RateProbe,
    capacity_bounds,
    evaluate_probe,
    is_inconclusive,
    search_capacity,
)

TIMEOUT_FACTOR = 10.0
"""The factor on the limit of p99 after which a request counts as timed out."""

FIRST_RATE_SHARE = 0.8
"""The first rate as a share of the estimate: with random arrivals the queue of a server at its limit grows for ever."""

MIN_TRY_REQUESTS = 30
"""Requests that a try should have."""

MAX_TRY_FACTOR = 2.5
"""The longest try of a low rate, as a factor on its duration, so that MIN_TRY_REQUESTS requests are due."""

AT_CAPACITY = "at capacity"
"""The phase of the reported figures: the last try of the highest rate that passed."""

WARM_UP_NOTE = "A warm-up opened the connections before each try."

MIN_LONGEST_TRY_REQUESTS = 5
"""Requests of the longest try that the lowest tried rate must have."""


@dataclass(frozen=True, kw_only=True)
class CapacityParameters(OpenLoopParameters):
    """Parameters of `capacity`."""

    duration: Annotated[float, Parameter("s", "length of each try")]
    budget: Annotated[float, Parameter("s", "longest time of the search")]
    precision: Annotated[float, Parameter("", "width of the result at which the search ends; 0.02 is 2 %")]
    rate: Annotated[float | None, Parameter("requests/s", "highest rate to try; no limit by default")] = None


@scenario(
    "Open model: the highest rate at which users are served well",
    smoke=CapacityParameters(clients=4096, duration=0.8, estimate=0.25, budget=8.5, precision=0.12, size=2000),
    full=CapacityParameters(clients=16384, duration=10, estimate=3, budget=600, precision=0.02, size=2000),
)
async def capacity(ctx: ScenarioContext[CapacityParameters]) -> ScenarioResult:
    """Search for the highest rate of Poisson arrivals with p99 < 100 ms, errors < 0.1 % and goodput of 99 %.

    If a page takes more than 50 ms on the idle server, the limit of p99 is twice that. A warm-up opens connections as
    needed, up to `clients`. There is no figure if the connections are the limit and not the server.

    Each try lasts `duration` seconds, and the server becomes idle before the next one. The rate rises from an estimate
    until a try fails. Then the search halves the interval until its width is `precision` or `budget` seconds have
    passed. A short try does not notice an overload of less than 0.1 s / `duration`: the queue has no time to grow.
    """
    experiment: OpenLoopExperiment
    tries: tuple[RateProbe, ...] = ()
    error = search_note = ""
    async with open_loop_experiment(ctx) as experiment:
        try:
            ctx.progress(0.0, "estimating capacity")
            found = await experiment.estimate(ctx.parameters.estimate)
            search_note = f"The search began with an estimate of {found.description}. {WARM_UP_NOTE}"
            tries = await _search(ctx, experiment, found)
        except UnexpectedResponse as wrong:
            error = str(wrong)
        limit = p99_limit(experiment.unloaded_latency)
    precision = ctx.parameters.precision
    result = capacity_bounds(tries)
    noisy = is_inconclusive(result, precision)
    connection_limit = _connection_limit(experiment, tries, result)
    invalid = bool(tries) and (bool(connection_limit) or all(each.outcome is ProbeOutcome.UNFIT for each in tries))
    mark = Grade.ERROR if error else Grade.INVALID if invalid else Grade.INCONCLUSIVE if noisy else Grade.MEASURED
    capacity_try = max(
        (n for n, each in enumerate(tries) if each.rate == result.passed and each.outcome is ProbeOutcome.PASSED),
        default=None,
    )
    if capacity_try is not None:
        experiment.phases[capacity_try] = msgspec.structs.replace(experiment.phases[capacity_try], name=AT_CAPACITY)
    capacity_phase = experiment.phases[capacity_try] if capacity_try is not None else None
    return ctx.result(
        mark,
        goodput=capacity_phase.goodput if capacity_phase else None,
        generator=mark_invalid(_health(experiment, tries, capacity_try), connection_limit)
        if connection_limit
        else _health(experiment, tries, capacity_try),
        phases=tuple(experiment.phases),
        percentiles=tuple(each for each in experiment.percentiles() if each.phase.startswith(AT_CAPACITY)),
        metrics=(
            Metric(
                "capacity",
                "capacity",
                result.passed,
                "requests/s",
                censored=result.bound,
                note=_describe_bounds(result),
            ),
            Metric("p99_at_capacity", "p99 at capacity", capacity_phase.p99 if capacity_phase else None, "s"),
            Metric("limited_by", "limited by", None, note=_describe_limit(ctx, result, tries)),
        ),
        conditions=experiment.conditions(),
        caveats=experiment.caveats(),
        note=" ".join(
            filter(None, (error, _describe_result(ctx, result, tries, precision, limit, noisy=noisy), search_note))
        ),
    )


async def _search(
    ctx: ScenarioContext[CapacityParameters], experiment: OpenLoopExperiment, estimate: CapacityEstimate
) -> tuple[RateProbe, ...]:
    duration, budget = ctx.parameters.duration, ctx.parameters.budget
    began = ctx.elapsed

    async def probe(rate: float) -> RateProbe:
        number = len(experiment.phases) + 1
        ctx.progress(min((ctx.elapsed - began) / budget, 0.99), f"trying {format_rate(rate)}")
        length = min(max(duration, MIN_TRY_REQUESTS / rate), MAX_TRY_FACTOR * duration)
        # A new seed for each try: the same unlucky arrivals would not be an independent try.
        arrivals = FixedCountArrivals(max(1, round(rate * length)), length, seed=number)
        found = await experiment.offer(
            f"{format_rate(rate)}, try {number}",
            arrivals,
            length,
            timeout=TIMEOUT_FACTOR * p99_limit(experiment.unloaded_latency),
            best=estimate.connections,
        )
        if connection_limit := experiment.connection_limit_reason(found):
            return RateProbe(rate, ProbeOutcome.UNFIT, why=connection_limit)
        return evaluate_probe(rate, found, p99_limit(experiment.unloaded_latency))

    return await search_capacity(
        probe,
        FIRST_RATE_SHARE * estimate.rate,
        ctx.parameters.precision,
        min_rate=MIN_LONGEST_TRY_REQUESTS / (MAX_TRY_FACTOR * duration),
        max_rate=ctx.parameters.rate or math.inf,
        has_time=lambda: ctx.elapsed - began < budget,
    )


def _connection_limit(experiment: OpenLoopExperiment, tries: tuple[RateProbe, ...], result: CapacityBounds) -> str:
    """Return why the connections of the generator ended the search, '' if something else did."""
    at = (found for each, found in zip(tries, experiment.results, strict=True) if each.rate == result.upper_limit)
    return (
        next(filter(None, map(experiment.connection_limit_reason, at)), "")
        if result.upper_limit == result.generator_limit
        else ""
    )


def _health(experiment: OpenLoopExperiment, tries: tuple[RateProbe, ...], capacity_try: int | None) -> GeneratorHealth:
    """Return the health in the try that decides the figure: the last failed one if none passed."""
    rests = capacity_try
    if rests is None:
        rests = max((number for number, each in enumerate(tries) if each.outcome is ProbeOutcome.FAILED), default=None)
    return (
        experiment.health(NOTICEABLE_SECONDS) if rests is None else experiment.results[rests].health(NOTICEABLE_SECONDS)
    )


def _describe_bounds(found: CapacityBounds) -> str:
    if found.passed is None:
        return f"Not even {format_rate(found.upper_limit)} passed." if found.upper_limit else "No rate was tried."
    if found.upper_limit is None:
        return "No higher rate was tried."
    which = "failed" if not found.bound else "was too much for the generator"
    return f"{format_rate(found.passed)} passed; {format_rate(found.upper_limit)} {which}."


def _describe_limit(
    ctx: ScenarioContext[CapacityParameters], found: CapacityBounds, tries: tuple[RateProbe, ...]
) -> str:
    if found.upper_limit is None:
        return "The parameter rate." if ctx.parameters.rate is not None else "The time of the search."
    if found.bound or found.failed is None:
        why = next(
            each.why for each in tries if each.rate == found.generator_limit and each.outcome is ProbeOutcome.UNFIT
        )
        return f"The generator: {why}."
    return next(
        f"{each.why} at {format_rate(each.rate)}."
        for each in reversed(tries)
        if each.rate == found.failed and each.outcome is ProbeOutcome.FAILED
    )


def _describe_result(
    ctx: ScenarioContext[CapacityParameters],
    found: CapacityBounds,
    tries: tuple[RateProbe, ...],
    precision: float,
    limit: float,
    *,
    noisy: bool,
) -> str:
    if not tries:
        return ""
    if noisy:
        return (
            f"Tries contradict each other over {found.noise * 100:.0f} % of the rate, so there is no figure: measure "
            "longer, or stop other programs on this machine."
        )
    if found.passed is None:
        return f"{_describe_bounds(found)} {_describe_limit(ctx, found, tries)}"
    wide = found.upper_limit is not None and found.upper_limit > found.passed * (1 + precision) and not found.bound
    unsure = " There was no time for a more precise result." if wide else ""
    bound = "at least " if found.bound else ""
    slow = ", twice the time of a page on the idle server" if limit > NOTICEABLE_SECONDS else ""
    return (
        f"The capacity is {bound}{format_rate(found.passed)}, with a p99 below {format_seconds(limit)}{slow}. "
        f"{_describe_bounds(found)}{unsure} "
        f"Limited by: {_describe_limit(ctx, found, tries)}"
    )
