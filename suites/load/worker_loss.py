"""A worker falls asleep in the app, spins in it, or is killed: what do users get, and who takes over?"""

from __future__ import annotations

from collections.abc import Mapping

from ...harness.catalog import scenario
from ...harness.errors import Unsupported
from ...harness.load.again import once_more_if_late
from ...harness.load.arena import Arena
from ...harness.load.clients.personas import Silent
from ...harness.load.cohort import Visit
from ...harness.load.course import Course, course
from ...harness.load.disturbance import ORDER
from ...harness.load.judging.grading import grade, seconds, told
from ...harness.load.losing import Loss, called, impatient, killed, occupied
from ...harness.model import Grade, Load, Measure
from ...harness.stats import slowdown

TAIL = 1.1
"""Seconds after a phase in which its last requests are seen through: whoever is busy stays so until they are."""


@scenario(
    "A worker that is wedged, spinning, or killed",
    smoke={
        "clients": 1,
        "duration": 2.5,
        "rate": 40,
        "baseline": 1,
        "killed": 1.2,
        "timeout": 1,
    },
    full={
        "clients": 1,
        "duration": 45,
        "rate": 40,
        "baseline": 10,
        "killed": 20,
        "timeout": 30,
    },
)
async def worker_loss(arena: Arena) -> Load:
    """Users go on while `clients` requests sleep in the app for `duration` seconds, then spin; then a worker is killed.

    The killed one is a process of the server that answers, ended with kill -9. Servers that have an option for it are
    started with a time-out of `timeout` seconds for their workers, unless the user has set one. How soon another
    process answers is seen by asking again and again who does.
    """
    if not arena.started_here:
        raise Unsupported("someone else started this server, and nobody here may end one of its processes")
    arena.plan = impatient(arena.plan, arena.count("timeout"))
    return await once_more_if_late(arena, lambda: _round(arena))


async def _round(arena: Arena) -> Load:
    rate = arena.number("rate")
    async with course(arena, lambda _running: Silent(), visit=Visit(), rate=rate, per_second=1) as c:
        before = await c.phase("baseline", arena.number("baseline"))
        losses = await _losses(arena, c)
        health = c.cohort.health(before, *(each.phase for each in losses.values()))
        graded = {name: grade(before, each.phase, health, recovered=None, waited=0.0) for name, each in losses.items()}
        worst = max(graded, key=lambda name: _rank(graded[name][0], losses[name]))
        mark, reason = graded[worst]
        dead = losses["killed"]
        flaws = [] if dead.gone or dead.unhurt or dead.newcomers or dead.after is not None else [_missing(arena)]
        if flaws and mark is Grade.IMMUNE:
            mark = Grade.DEGRADES
        ratio, bound = slowdown(before, losses[worst].phase)
        return arena.load(
            worker_loss,
            mark,
            goodput=losses[worst].phase.goodput,
            phase=losses[worst].phase.name,
            slowdown=ratio,
            slowdown_censored=bound,
            generator=health,
            phases=tuple(c.phases),
            samples=tuple(sorted(c.cohort.samples, key=lambda each: each.intended)),
            percentiles=c.percentiles(),
            measures=tuple(measure for name, each in losses.items() for measure in _measures(name, each)),
            conditions={"healthy requests/s": round(c.rate, 1), **c.question.told},
            note=reason if mark not in ORDER else " ".join([*flaws, *_told(losses, worst)]),
        )


async def _losses(arena: Arena, c: Course) -> dict[str, Loss]:
    """Return what came of each trouble, by its name; each begins when the server answers again."""
    duration, clients = arena.number("duration"), arena.count("clients")
    busy = round((duration + TAIL) * 1000)
    losses: dict[str, Loss] = {}
    async with called(c) as roll:
        for name, query in (("wedged", f"wait={busy}"), ("spinning", f"work={busy}")):
            losses[name] = await occupied(c, roll, name, query, clients, duration)
            await c.serve_again()
        losses["killed"] = await killed(c, roll, "killed", arena.number("killed"))
    return losses


def _rank(mark: Grade, loss: Loss) -> tuple[int, float, float]:
    return (
        ORDER.index(mark) if mark in ORDER else len(ORDER),
        -loss.phase.goodput,
        loss.phase.p99 or 0.0,
    )


def _missing(arena: Arena) -> str:
    return f"The killed process was not replaced within {arena.number('killed'):g} s."


def _told(losses: Mapping[str, Loss], worst: str) -> list[str]:
    names = sorted(losses, key=lambda name: name != worst)
    return [f"{name.capitalize()}: {told(losses[name].phase)}; {_ended(name, losses[name])}." for name in names]


def _ended(name: str, loss: Loss) -> str:
    if loss.unhurt:
        return "no process was found to be killed"
    if loss.gone:
        return "the server was gone, for nothing of it was left to start another process"
    if loss.after is not None:
        return f"another process answered {seconds(loss.after)} later"
    if loss.newcomers:
        return "another process was there, and others answered"
    return "nobody took its place" if name == "killed" else "nobody took its place meanwhile"


def _measures(name: str, loss: Loss) -> tuple[Measure, ...]:
    return (
        Measure(f"goodput, {name}", loss.phase.goodput * 100, "%"),
        Measure(f"requests lost, {name}", loss.lost, note=f"of {loss.phase.scheduled}"),
        Measure(f"replaced after, {name}", loss.after, "s", note="" if loss.after is not None else _ended(name, loss)),
    )
