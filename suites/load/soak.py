"""Half an hour of mixed traffic: does anything grow that ought to stay?"""

from __future__ import annotations

import resource
from collections.abc import Sequence

import trio

from ...harness.catalog import scenario
from ...harness.load.arena import Arena
from ...harness.load.clients.room import room_at_most
from ...harness.load.cohort import Visit
from ...harness.load.course import Course, course
from ...harness.load.judging.drift import Drift, drift, measure
from ...harness.load.judging.grading import grade
from ...harness.load.judging.windows import windows
from ...harness.load.looking.sampler import Usage, cost
from ...harness.model import Grade, Load, Window
from ...harness.stats import slowdown
from .mixed import mixture

LOOKS = 2
"""Looks at the server's processes in each stretch of time: one of them may come a moment too late for it."""

FIGURES = (("p99", "s", 0.01), ("memory", "bytes", float(1 << 20)), ("descriptors", "", 2.0))
"""Each figure, its unit, and the change over the run that is none to speak of: 10 ms, 1 MiB, two descriptors."""

LEAKS = ("memory", "descriptors")


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
async def soak(arena: Arena) -> Load:
    """The clients of `mixed` for half an hour: do p99, memory or open descriptors drift?

    A leak of one descriptor a minute is nothing in a benchmark, and the end of a server within a week. A drift is told
    only where it stands out of the noise, goes on in the second half, and comes to something.
    """
    for name in arena.parameters:
        arena.number(name)
    room = room_at_most(arena.count("clients"))
    rate, per_second, seconds = arena.number("rate"), arena.number("per_second"), arena.number("window")
    async with course(
        arena,
        lambda running: mixture(running, arena.number("interval")),
        visit=Visit(),
        rate=rate,
        per_second=per_second,
    ) as c:
        idle = await c.usage()
        before = await c.phase("baseline", arena.number("baseline"))
        came = await c.usage()
        await c.crowd.become(room.clients)
        used: list[tuple[float, Usage]] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_look, c, used, seconds / LOOKS)
            during = await c.phase("crowd", arena.number("duration"))
            nursery.cancel_scope.cancel()
        paid = cost(idle, came, await c.usage(), room.clients) if arena.started_here else None
        reaped = c.crowd.reaped()
        health = c.cohort.health(before, during)
        patience = arena.number("recovery")
        recovered = await c.recover(before.p99, patience)
        mark, reason = grade(before, during, health, recovered=recovered, waited=patience)
        stretches = windows(c.cohort.samples, used, during.started, during.ended, seconds)
        drifts = drifted(stretches)
        mark, told = verdict(mark, reason, drifts)
        ratio, bound = slowdown(before, during)
        return arena.load(
            soak,
            mark,
            goodput=during.goodput,
            slowdown=ratio,
            slowdown_censored=bound,
            recovery=recovered,
            reaped=reaped,
            cost=paid,
            generator=health,
            phases=tuple(c.phases),
            crowd=c.timeline(),
            percentiles=c.percentiles(),
            measures=tuple(measure(name, unit, drifts[name]) for name, unit, _ in FIGURES),
            windows=stretches,
            conditions={
                "healthy requests/s": round(c.rate, 1),
                "open files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
                **room.told,
                **c.question.told,
            },
            note=f"{told} {room.note}".strip(),
        )


def drifted(stretches: Sequence[Window]) -> dict[str, Drift | None]:
    """Return the drift of each figure over `stretches`, without those in which nobody looked or nobody was answered."""
    points = {
        "p99": [(each.at, each.p99) for each in stretches if each.p99 is not None],
        "memory": [(each.at, float(each.rss)) for each in stretches if each.rss],
        "descriptors": [(each.at, float(each.descriptors)) for each in stretches if each.descriptors],
    }
    return {
        name: drift([at for at, _ in points[name]], [value for _, value in points[name]], least)
        for name, _, least in FIGURES
    }


def verdict(mark: Grade, reason: str, drifts: dict[str, Drift | None]) -> tuple[Grade, str]:
    """Return the grade, which a leak lowers, and the note."""
    shown = [name for name, found in drifts.items() if found and found.shown]
    leaking = [name for name in LEAKS if (found := drifts.get(name)) and found.shown and found.change > 0]
    if mark is Grade.IMMUNE and leaking:
        mark = Grade.DEGRADES
    if mark in (Grade.INVALID, Grade.INCONCLUSIVE):
        return mark, reason
    said = f"Over the run {' and '.join(shown)} drifted." if shown else "No drift was shown."
    return mark, f"{reason} {said}"


async def _look(c: Course, used: list[tuple[float, Usage]], every: float) -> None:
    while True:
        used.append((c.cohort.now, await c.usage()))
        await trio.sleep(every)
