"""The highest arrival rate at which users are served well: the one figure that a deployment is planned with."""

from __future__ import annotations

import math

import msgspec

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.analysis.capacity_search import (
    CapacityBounds,
    ProbeOutcome,
    RateProbe,
    capacity_bounds,
    evaluate_probe,
    format_rate,
    is_inconclusive,
    search_capacity,
)
from wsgi_gauntlet.harness.load.analysis.grading import NOTICEABLE_SECONDS, format_seconds
from wsgi_gauntlet.harness.load.analysis.pool_sizing import p99_limit
from wsgi_gauntlet.harness.load.arrivals import FixedCountArrivals
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import (
    CapacityEstimate,
    OpenLoopExperiment,
    mark_invalid,
    open_loop_experiment,
)
from wsgi_gauntlet.harness.load.workload import UnexpectedResponse
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, ScenarioResult

TIMEOUT_FACTOR = 10.0
"""So many times the limit after which a request counts as timed out: there it is not a matter of degree."""

FIRST_RATE_SHARE = 0.8
"""The share of what a closed loop got answered that is tried first: with arrivals by chance a server at its limit has a
queue that grows for ever."""

MIN_TRY_REQUESTS = 30
"""Requests that a try is to have."""

MAX_TRY_FACTOR = 2.5
"""How many times as long a try of a low rate may be, so that MIN_TRY_REQUESTS requests are due in it."""

AT_CAPACITY = "at capacity"
"""The phase that the figures are of: the last try of the highest rate that held."""

WARM_UP_NOTE = "Connections were opened before each try counted."

MIN_LONGEST_TRY_REQUESTS = 5
"""Requests of the longest try below which a rate is not tried."""


@scenario(
    "Open model: the highest rate that users are served well at",
    smoke={"clients": 4096, "duration": 0.8, "estimate": 0.25, "budget": 8.5, "precision": 0.12, "size": 2000},
    full={"clients": 16384, "duration": 10, "estimate": 3, "budget": 600, "precision": 0.02, "size": 2000},
)
async def capacity(ctx: ScenarioContext) -> ScenarioResult:
    """What is the highest rate of Poisson arrivals with p99 < 100 ms, errors < 0.1 % and 99 % of all answered?

    Where a page takes more than 50 ms when nobody else asks, the p99 may be twice that. Connections are opened as they
    are needed, up to `clients`; where those are the limit and not the server, there is no figure. They are opened in a
    warm-up that does not count, since users keep theirs.
    Rates are tried for `duration` seconds each on one server, which is let go idle in between: up from a guess until
    one fails, then by halves until the rates that held and failed are `precision` apart or `budget` seconds are over.
    `rate`, where given, is the highest to be tried. A short try cannot tell a server that is overloaded by less than
    0.1 s / `duration`: its queue has no time to grow.
    """
    experiment: OpenLoopExperiment
    tries: tuple[RateProbe, ...] = ()
    trouble = search_note = ""
    async with open_loop_experiment(ctx) as experiment:
        try:
            ctx.progress(0.0, "estimating capacity")
            found = await experiment.estimate(ctx.number("estimate"))
            search_note = f"The search began from {found.words}. {WARM_UP_NOTE}"
            tries = await _search(ctx, experiment, found)
        except UnexpectedResponse as wrong:
            trouble = str(wrong)
        limit = p99_limit(experiment.unloaded_latency)
    precision = ctx.number("precision")
    result = capacity_bounds(tries)
    noisy = is_inconclusive(result, precision)
    connection_limit = _connection_limit(experiment, tries, result)
    unfit = bool(tries) and (bool(connection_limit) or all(each.outcome is ProbeOutcome.UNFIT for each in tries))
    mark = Grade.ERROR if trouble else Grade.INVALID if unfit else Grade.INCONCLUSIVE if noisy else Grade.MEASURED
    capacity_try = max(
        (n for n, each in enumerate(tries) if each.rate == result.passed and each.outcome is ProbeOutcome.PASSED),
        default=None,
    )
    if capacity_try is not None:
        experiment.phases[capacity_try] = msgspec.structs.replace(experiment.phases[capacity_try], name=AT_CAPACITY)
    capacity_phase = experiment.phases[capacity_try] if capacity_try is not None else None
    return ctx.load(
        capacity,
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
            Metric("capacity_p99", "p99 there", capacity_phase.p99 if capacity_phase else None, "s"),
            Metric("limited_by", "limited by", None, note=_describe_limit(ctx, result, tries)),
        ),
        conditions=experiment.conditions(),
        caveats=experiment.artefacts(),
        note=" ".join(
            filter(None, (trouble, _describe_result(ctx, result, tries, precision, limit, noisy=noisy), search_note))
        ),
    )


async def _search(
    ctx: ScenarioContext, experiment: OpenLoopExperiment, estimate: CapacityEstimate
) -> tuple[RateProbe, ...]:
    duration, budget = ctx.number("duration"), ctx.number("budget")
    began = ctx.elapsed

    async def probe(rate: float) -> RateProbe:
        number = len(experiment.phases) + 1
        ctx.progress(min((ctx.elapsed - began) / budget, 0.99), f"trying {format_rate(rate)}")
        length = min(max(duration, MIN_TRY_REQUESTS / rate), MAX_TRY_FACTOR * duration)
        # Another seed each time: the same unlucky draw twice would be no second opinion.
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
        ctx.number("precision"),
        min_rate=MIN_LONGEST_TRY_REQUESTS / (MAX_TRY_FACTOR * duration),
        max_rate=ctx.number("rate") if "rate" in ctx.parameters else math.inf,
        has_time=lambda: ctx.elapsed - began < budget,
    )


def _connection_limit(experiment: OpenLoopExperiment, tries: tuple[RateProbe, ...], result: CapacityBounds) -> str:
    """Return why the generator's connections set the end of the search, empty where something else did."""
    at = (found for each, found in zip(tries, experiment.results, strict=True) if each.rate == result.upper_limit)
    return (
        next(filter(None, map(experiment.connection_limit_reason, at)), "")
        if result.upper_limit == result.generator_limit
        else ""
    )


def _health(experiment: OpenLoopExperiment, tries: tuple[RateProbe, ...], capacity_try: int | None) -> GeneratorHealth:
    """Return the health of the try that the figure rests on: where none held, of the last that failed."""
    rests = capacity_try
    if rests is None:
        rests = max((number for number, each in enumerate(tries) if each.outcome is ProbeOutcome.FAILED), default=None)
    return (
        experiment.health(NOTICEABLE_SECONDS) if rests is None else experiment.results[rests].health(NOTICEABLE_SECONDS)
    )


def _describe_bounds(found: CapacityBounds) -> str:
    if found.passed is None:
        return f"Not even {format_rate(found.upper_limit)} held." if found.upper_limit else "No rate was tried."
    if found.upper_limit is None:
        return "No higher rate was tried."
    which = "failed" if not found.bound else "the generator could not offer"
    return f"Held at {format_rate(found.passed)}; {format_rate(found.upper_limit)} {which}."


def _describe_limit(ctx: ScenarioContext, found: CapacityBounds, tries: tuple[RateProbe, ...]) -> str:
    if found.upper_limit is None:
        return "The rate that was allowed." if "rate" in ctx.parameters else "The time for the search."
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
    ctx: ScenarioContext,
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
            "longer, or stop what else runs on this machine."
        )
    if found.passed is None:
        return f"{_describe_bounds(found)} {_describe_limit(ctx, found, tries)}"
    wide = found.upper_limit is not None and found.upper_limit > found.passed * (1 + precision) and not found.bound
    unsure = " There was no time to come nearer." if wide else ""
    bound = "At least " if found.bound else ""
    slow = ", twice what a page takes alone" if limit > NOTICEABLE_SECONDS else ""
    return (
        f"{bound}{format_rate(found.passed)} are answered with a p99 below {format_seconds(limit)}{slow}. "
        f"{_describe_bounds(found)}{unsure} "
        f"Limited by: {_describe_limit(ctx, found, tries)}"
    )
