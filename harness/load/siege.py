"""The course that scenarios with one kind of slow client share: alone, among them, after them, the search for N*.

Parameters, by name: `clients` the largest number of slow clients; `duration` seconds under them; `rate` healthy
requests per second; `baseline` seconds before; `recovery` seconds of patience after; `per_second` slow clients that
arrive; `reaping` seconds for which one slow client is watched on an instance of its own. For the search: `probe`
seconds for each number tried, `budget` seconds in all.
"""

from __future__ import annotations

import resource
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import Unsupported
from ..model import Grade, Load, Measure, Phase, Reaped, Step
from ..stats import slowdown
from .again import once_more_if_late
from .arena import Arena
from .clients.personas import Persona
from .clients.room import Room, room_at_most
from .cohort import Visit
from .course import Course, course
from .judging.artefacts import artefacts
from .judging.collapse import Bracket, bracket, search
from .judging.grading import collapsed, grade, unharmed
from .looking.sampler import cost
from .reaping import reaping

if TYPE_CHECKING:
    from ..catalog import Scenario
    from ..launch import Running

NOFILE = resource.RLIMIT_NOFILE
"""The server inherits this limit from us, as it would from a shell; it is printed beside the figures."""

DOUBTFUL = 0.9
"""Goodput above which a collapse rests on one or two late answers, and the number is tried a second time."""

PATIENT = 10.0
"""Seconds: a shorter phase ends as soon as the server is sure to have collapsed, a longer one looks on, to see how and
when the server frees itself; the first to do so, gunicorn, takes 30 s."""

CONNECTIONS = 2
"""Connections that one slow client has at most."""

SMOKE: Mapping[str, float] = {
    "duration": 2.5,
    "rate": 20,
    "baseline": 1.2,
    "recovery": 3,
    "per_second": 500,
    "probe": 0.4,
}
"""What sieges have in common in smoke runs; each adds its own, and what it has otherwise."""

FULL: Mapping[str, float] = {
    "clients": 2048,
    "duration": 45,
    "rate": 20,
    "baseline": 10,
    "recovery": 60,
    "per_second": 50,
    "probe": 5,
    "budget": 600,
    "reaping": 150,
}
"""The same for full runs."""

Look = Callable[[Course], Awaitable[Sequence[Measure]]]
"""What a scenario finds out for itself while all of the slow clients are there."""


@dataclass(frozen=True)
class Siege:
    """What came of it. `reason` is the grade's; `recovered` is None where `patience` seconds did not suffice.

    `collapse` is None where it was not searched for.
    """

    clients: int
    grade: Grade
    reason: str
    before: Phase
    during: Phase
    recovered: float | None
    patience: float
    collapse: Bracket | None


async def besiege(
    arena: Arena,
    scenario: Scenario,
    persona: Callable[[Running], Persona],
    note: Callable[[Siege], str],
    *,
    visit: Visit = Visit(),  # noqa: B008 - frozen
    searching: bool = True,
    look: Look | None = None,
) -> Load:
    """Hold slow clients against a fresh server and return what its other users got.

    `note` puts it into words. Without `searching` the phase under slow clients has its full length and N* is left
    open. `look` is called at the end of the phase under slow clients, for measures of the scenario's own. A round in
    which the generator was late is thrown away, and there is one more. Raises what launching raises.
    """
    room = room_at_most(arena.count("clients"), CONNECTIONS)
    return await once_more_if_late(
        arena, lambda: _round(arena, scenario, persona, note, visit, room, searching=searching, look=look)
    )


async def _round(
    arena: Arena,
    scenario: Scenario,
    persona: Callable[[Running], Persona],
    note: Callable[[Siege], str],
    visit: Visit,
    room: Room,
    *,
    searching: bool,
    look: Look | None,
) -> Load:
    clients = room.clients
    rate, per_second = arena.number("rate"), arena.number("per_second")
    async with (
        reaping(arena, persona, arena.parameters.get("reaping")) as watched,
        course(arena, persona, visit=visit, rate=rate, per_second=per_second) as c,
    ):
        idle = await c.usage() if arena.started_here else None
        before = await c.phase("baseline", arena.number("baseline"))
        came = await c.usage() if arena.started_here else None
        await c.crowd.become(clients)
        duration = arena.number("duration")
        during = await c.phase("crowd", duration, hurry=searching and duration < PATIENT)
        paid = cost(idle, came, await c.usage(), clients) if idle and came else None
        measures = tuple(await look(c)) if look else ()
        health = c.cohort.health(before, during)
        patience = arena.number("recovery")
        # Where nobody was harmed there is nothing to recover from; only the scenario's picture shows it all the same.
        recovered = None if searching and unharmed(before, during) else await c.recover(before.p99, patience)
        mark, reason = grade(before, during, health, recovered=recovered, waited=patience)
        steps = {clients: during} if searching else {}
        found = None
        if searching and mark not in (Grade.INVALID, Grade.INCONCLUSIVE):
            found = await _collapse(arena, c, steps, clients, arena.elapsed + arena.number("budget"))
        ratio, bound = slowdown(before, during)
        told = note(Siege(clients, mark, reason, before, during, recovered, patience, found))
        return arena.load(
            scenario,
            mark,
            goodput=during.goodput,
            slowdown=ratio,
            slowdown_censored=bound,
            collapse=found.at_most if found else None,
            recovery=recovered,
            reaped=_reaped(await watched(), c.crowd.reaped()),
            cost=paid,
            generator=health,
            phases=tuple(c.phases),
            steps=tuple(_step(number, steps[number]) for number in sorted(steps)),
            samples=tuple(sorted(c.cohort.seen(), key=lambda each: each.intended)),
            crowd=c.timeline(),
            percentiles=c.percentiles(),
            measures=measures,
            conditions={
                "healthy requests/s": round(c.rate, 1),
                "open files": resource.getrlimit(NOFILE)[0],
                **room.told,
                **c.question.told,
            },
            artefacts=_artefacts(c, before, came.cpu - idle.cpu if idle and came else 0.0),
            note=f"{told} {room.note}".strip(),
        )


async def _collapse(arena: Arena, c: Course, steps: dict[int, Phase], largest: int, until: float) -> Bracket:
    """Search for N*, with what is known of `largest` clients; every number tried goes into `steps`."""
    # Also after the largest number it must be seen to answer before it is put to the test again.
    fallen = True

    async def probe(clients: int) -> bool:
        nonlocal fallen
        for _ in range(2):
            if fallen:
                await c.serve_again()
            await c.crowd.become(clients)
            steps[clients] = await c.phase(f"{clients} slow clients", arena.number("probe"), hurry=True, record=False)
            c.cohort.cut()
            fallen = collapsed(steps[clients])
            if not fallen or steps[clients].goodput < DOUBTFUL:
                break
        return fallen

    known = {largest: collapsed(steps[largest])}
    try:
        return await search(probe, largest, known, more=lambda: arena.elapsed < until)
    except Unsupported:
        if arena.started_here:
            raise
        # A target cannot be restarted: what was found before it fell silent is what there is.
        return bracket({clients: collapsed(phase) for clients, phase in steps.items()})


def _reaped(watched: Reaped | None, crowd: Reaped) -> Reaped:
    """Return what is known of how slow clients are dropped: of the one that was watched, else of the crowd."""
    return watched if watched is not None and (watched.dropped or not crowd.dropped) else crowd


def _step(clients: int, phase: Phase) -> Step:
    return Step(clients, phase.goodput, phase.p50, phase.p99, collapsed=collapsed(phase), censored=phase.censored)


def _artefacts(c: Course, before: Phase, cpu: float) -> tuple[str, ...]:
    flying = [number for at, number in c.flying if before.started <= at < before.ended]
    return artefacts(
        c.cohort.seen(),
        kept=c.cohort.kept,
        to_keep=c.cohort.to_keep,
        flying=sum(flying) / max(len(flying), 1),
        started=before.started,
        ended=before.ended,
        cpu=cpu / max(before.scheduled, 1),
    )
