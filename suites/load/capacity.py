"""The highest arrival rate at which users are served well: the one figure that a deployment is planned with."""

from __future__ import annotations

import math

import msgspec

from ...harness.catalog import scenario
from ...harness.load.arena import Arena
from ...harness.load.judging.grading import NOTICED, seconds
from ...harness.load.pacing import Arrivals
from ...harness.load.question import NotChecked
from ...harness.load.rates.bench import Bench, Estimate, bench
from ...harness.load.rates.bench import unfit as unfit_for
from ...harness.load.rates.capacity import Bracket, Said, Try, a_second, bracket, inconclusive, judge, search
from ...harness.load.rates.pool import allowed
from ...harness.model import GeneratorHealth, Grade, Load, Measure

GIVEN_UP = 10.0
"""So many times the limit after which a request counts as timed out: there it is not a matter of degree."""

GUESS = 0.8
"""The share of what a closed loop got answered that is tried first: with arrivals by chance a server at its limit has a
queue that grows for ever."""

ENOUGH = 30
"""Requests that a try is to have."""

LONGER = 2.5
"""How many times as long a try of a low rate may be, so that ENOUGH requests are due in it."""

AT_CAPACITY = "at capacity"
"""The phase that the figures are of: the last try of the highest rate that held."""

WARMED = "Connections were opened before each try counted."

FEWEST = 5
"""Requests of the longest try below which a rate is not tried."""


@scenario(
    "Open model: the highest rate that users are served well at",
    smoke={"clients": 4096, "duration": 0.8, "estimate": 0.25, "budget": 8.5, "precision": 0.12, "size": 2000},
    full={"clients": 16384, "duration": 10, "estimate": 3, "budget": 600, "precision": 0.02, "size": 2000},
)
async def capacity(arena: Arena) -> Load:
    """What is the highest rate of Poisson arrivals with p99 < 100 ms, errors < 0.1 % and 99 % of all answered?

    Where a page takes more than 50 ms when nobody else asks, the p99 may be twice that. Connections are opened as they
    are needed, up to `clients`; where those are the limit and not the server, there is no figure. They are opened in a
    warm-up that does not count, since users keep theirs.
    Rates are tried for `duration` seconds each on one server, which is let go idle in between: up from a guess until
    one fails, then by halves until the rates that held and failed are `precision` apart or `budget` seconds are over.
    `rate`, where given, is the highest to be tried. A short try cannot tell a server that is overloaded by less than
    0.1 s / `duration`: its queue has no time to grow.
    """
    b: Bench
    tries: tuple[Try, ...] = ()
    trouble = guess = ""
    async with bench(arena) as b:
        try:
            arena.progress(0.0, "estimating capacity")
            found = await b.estimate(arena.number("estimate"))
            guess = f"The search began from {found.words}. {WARMED}"
            tries = await _search(arena, b, found)
        except NotChecked as wrong:
            trouble = str(wrong)
        limit = allowed(b.alone)
    precision = arena.number("precision")
    result = bracket(tries)
    noisy = inconclusive(result, precision)
    short = _short(b, tries, result)
    unfit = bool(tries) and (bool(short) or all(each.said is Said.UNFIT for each in tries))
    mark = Grade.ERROR if trouble else Grade.INVALID if unfit else Grade.INCONCLUSIVE if noisy else Grade.MEASURED
    there = max(
        (n for n, each in enumerate(tries) if each.rate == result.held and each.said is Said.HELD), default=None
    )
    if there is not None:
        b.phases[there] = msgspec.structs.replace(b.phases[there], name=AT_CAPACITY)
    shown = b.phases[there] if there is not None else None
    return arena.load(
        capacity,
        mark,
        goodput=shown.goodput if shown else None,
        generator=unfit_for(_health(b, tries, there), short) if short else _health(b, tries, there),
        phases=tuple(b.phases),
        percentiles=tuple(each for each in b.percentiles() if each.phase.startswith(AT_CAPACITY)),
        measures=(
            Measure("capacity", result.held, "requests/s", censored=result.bound, note=_where(result)),
            Measure("p99 there", shown.p99 if shown else None, "s"),
            Measure("limited by", None, note=_limit(arena, result, tries)),
        ),
        conditions=b.conditions(),
        artefacts=b.artefacts(),
        note=" ".join(filter(None, (trouble, _told(arena, result, tries, precision, limit, noisy=noisy), guess))),
    )


async def _search(arena: Arena, b: Bench, estimate: Estimate) -> tuple[Try, ...]:
    duration, budget = arena.number("duration"), arena.number("budget")
    began = arena.elapsed

    async def probe(rate: float) -> Try:
        number = len(b.phases) + 1
        arena.progress(min((arena.elapsed - began) / budget, 0.99), f"trying {a_second(rate)}")
        length = min(max(duration, ENOUGH / rate), LONGER * duration)
        # Another seed each time: the same unlucky draw twice would be no second opinion.
        arrivals = Arrivals(max(1, round(rate * length)), length, seed=number)
        found = await b.offer(
            f"{a_second(rate)}, try {number}",
            arrivals,
            length,
            timeout=GIVEN_UP * allowed(b.alone),
            best=estimate.connections,
        )
        if short := b.short_of_connections(found):
            return Try(rate, Said.UNFIT, why=short)
        return judge(rate, found, allowed(b.alone))

    return await search(
        probe,
        GUESS * estimate.rate,
        arena.number("precision"),
        least=FEWEST / (LONGER * duration),
        most=arena.number("rate") if "rate" in arena.parameters else math.inf,
        more=lambda: arena.elapsed - began < budget,
    )


def _short(b: Bench, tries: tuple[Try, ...], result: Bracket) -> str:
    """Return why the generator's connections set the end of the search, empty where something else did."""
    at = (found for each, found in zip(tries, b.results, strict=True) if each.rate == result.above)
    return next(filter(None, map(b.short_of_connections, at)), "") if result.above == result.ceiling else ""


def _health(b: Bench, tries: tuple[Try, ...], there: int | None) -> GeneratorHealth:
    """Return the health of the try that the figure rests on: where none held, of the last that failed."""
    rests = there
    if rests is None:
        rests = max((number for number, each in enumerate(tries) if each.said is Said.FAILED), default=None)
    return b.health(NOTICED) if rests is None else b.results[rests].health(NOTICED)


def _where(found: Bracket) -> str:
    if found.held is None:
        return f"Not even {a_second(found.above)} held." if found.above else "No rate was tried."
    if found.above is None:
        return "No higher rate was tried."
    which = "failed" if not found.bound else "the generator could not offer"
    return f"Held at {a_second(found.held)}; {a_second(found.above)} {which}."


def _limit(arena: Arena, found: Bracket, tries: tuple[Try, ...]) -> str:
    if found.above is None:
        return "The rate that was allowed." if "rate" in arena.parameters else "The time for the search."
    if found.bound or found.failed is None:
        why = next(each.why for each in tries if each.rate == found.ceiling and each.said is Said.UNFIT)
        return f"The generator: {why}."
    return next(
        f"{each.why} at {a_second(each.rate)}."
        for each in reversed(tries)
        if each.rate == found.failed and each.said is Said.FAILED
    )


def _told(arena: Arena, found: Bracket, tries: tuple[Try, ...], precision: float, limit: float, *, noisy: bool) -> str:
    if not tries:
        return ""
    if noisy:
        return (
            f"Tries contradict each other over {found.noise * 100:.0f} % of the rate, so there is no figure: measure "
            "longer, or stop what else runs on this machine."
        )
    if found.held is None:
        return f"{_where(found)} {_limit(arena, found, tries)}"
    wide = found.above is not None and found.above > found.held * (1 + precision) and not found.bound
    unsure = " There was no time to come nearer." if wide else ""
    bound = "At least " if found.bound else ""
    slow = ", twice what a page takes alone" if limit > NOTICED else ""
    return (
        f"{bound}{a_second(found.held)} are answered with a p99 below {seconds(limit)}{slow}. {_where(found)}{unsure} "
        f"Limited by: {_limit(arena, found, tries)}"
    )
