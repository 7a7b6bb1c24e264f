"""Users who come when they like, at half and at four fifths of what the server can do: what do they wait for?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...harness.catalog import scenario
from ...harness.load.arena import Arena
from ...harness.load.judging.grading import seconds
from ...harness.load.pacing import Arrivals, Uniform
from ...harness.load.question import NotChecked
from ...harness.load.rates.bench import Bench, bench, grade_of
from ...harness.load.rates.capacity import a_second
from ...harness.model import Load, Measure, Phase

SHARES = (0.5, 0.8)
"""Of capacity: a server that is half idle, and one before which queues begin to form."""

UNIFORM, POISSON = "uniform", "Poisson"
"""How requests come: evenly, or independently of each other."""

ENOUGH = 30
"""Requests that a load is to have."""

LONGER = 2.0
"""How many times `duration` a load may last for that."""


@scenario(
    "Open model: latency at half and at four fifths of capacity",
    smoke={"clients": 4096, "duration": 0.8, "estimate": 0.25, "budget": 5, "size": 2000},
    full={"clients": 16384, "duration": 20, "estimate": 3, "budget": 180, "size": 2000},
)
async def steady(arena: Arena) -> Load:
    """Requests come at 50 % and at 80 % of capacity, independently of each other (Poisson) and evenly (uniform).

    They are sent on time whether or not the server keeps up, over as many connections as that takes, up to `clients`,
    and their latency counts from the time at which they were due. A load for which the generator was late is offered
    again while `budget` seconds last. What is capacity is estimated first on the same server, by short closed loops,
    and once more at the end: where it has changed, all is offered again as shares of what it is then.
    `rate`, where given, is the one rate to be offered instead. Service time counts from the send and stands beside.
    """
    told: list[str] = []
    measures: list[Measure] = []
    trouble = changed = ""
    async with bench(arena) as b:
        try:
            if "rate" in arena.parameters:
                rate = arena.number("rate")
                await _offered(arena, b, _loads({f"{rate:g}/s": rate}))
            else:
                capacity, changed = await _at_shares(arena, b, told)
                measures.append(Measure("capacity, estimated", capacity, "requests/s"))
        except NotChecked as wrong:
            trouble = str(wrong)
    health = b.health()
    phases = tuple(b.phases)
    worst = min(phases, key=lambda each: (each.goodput, -(each.p99 or 0.0)), default=None)
    measures += [_service(phase) for phase in phases]
    return arena.load(
        steady,
        grade_of(trouble, changed, health),
        goodput=worst.goodput if worst else None,
        phase=worst.name if worst else "",
        generator=health,
        phases=phases,
        percentiles=b.percentiles(),
        measures=tuple(measures),
        conditions=b.conditions(),
        artefacts=b.artefacts(),
        note=" ".join(
            filter(None, (trouble, health.why and f"Not a measurement: {health.why}.", changed, *told, _told(phases)))
        ),
    )


async def _offered(arena: Arena, b: Bench, loads: list[tuple[str, str, float]]) -> None:
    """Offer each of `loads`, and again where the generator was late, as long as `budget` seconds are not over."""
    until = arena.elapsed + arena.number("budget")
    for number, (kind, name, rate) in enumerate(loads):
        duration = arena.number("duration")
        length = min(max(duration, ENOUGH / rate), LONGER * duration)
        while True:
            arena.progress((number + 1) / (len(loads) + 1), f"{kind}, {name}")
            by_chance = Arrivals(max(1, round(rate * length)), length)
            pacer = by_chance if kind == POISSON else Uniform(rate)
            found = await b.offer(f"{kind}, {name}", pacer, length)
            # Those to come, and this one once more.
            if found.health().valid or arena.elapsed + (len(loads) - number) * length > until:
                break
            b.forget()


async def _at_shares(arena: Arena, b: Bench, told: list[str]) -> tuple[float, str]:
    """Offer shares of capacity; return what it was, and in words that it is no longer so, empty where it is."""
    assumed = await b.assume(told)
    for last in (False, True):
        await _offered(arena, b, _loads({f"{share * 100:.0f} %": share * assumed.rate for share in SHARES}))
        now = await b.after(assumed)
        if now is None or b.pool_bound:
            break
        words = f"After that load the server answered {a_second(now)} in a closed loop, not {a_second(assumed.rate)}"
        if last:
            return assumed.rate, f"{words}: what these are shares of does not stay."
        told.append(f"{words}, so all was offered again as shares of that.")
        b.forget(len(b.phases))
        assumed = replace(assumed, rate=now)
    return assumed.rate, ""


def _loads(rates: Mapping[str, float]) -> list[tuple[str, str, float]]:
    """Return the loads, gentlest first: how requests come, how many in words, and how many a second."""
    return [(kind, name, rate) for name, rate in rates.items() for kind in (UNIFORM, POISSON)]


def _service(phase: Phase) -> Measure:
    return Measure(f"service time p99, {phase.name}", phase.service_p99, "s", note="From the send, not the time due.")


def _told(phases: tuple[Phase, ...]) -> str:
    last = phases[-1] if phases else None
    if last is None or last.p50 is None or last.p99 is None:
        return ""
    slowest = f"{'at least ' if last.censored else ''}{seconds(last.p99)}"
    return (
        f"At {last.name.partition(', ')[2]} with Poisson arrivals {last.goodput * 100:.4g} % of {last.scheduled} "
        f"requests were answered, half within {seconds(last.p50)} and 99 % within {slowest}."
    )
