"""Pre-fork workers scale with their number until a slow client takes each."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ....harness.catalog import scenario
from ....harness.load.arena import Arena, Progress, within
from ....harness.load.clients.personas import DrippedHead
from ....harness.load.clients.room import room_at_most
from ....harness.load.cohort import Visit
from ....harness.load.course import course
from ....harness.load.judging import folklore
from ....harness.load.judging.claims import bounded, counting, graded, in_turn, middle, noting, served
from ....harness.load.judging.collapse import Bracket, bracket, search
from ....harness.load.judging.grading import GOOD, collapsed
from ....harness.load.judging.grading import told as what_users_got
from ....harness.load.looking.roll_call import gathered
from ....harness.load.question import Page, ReferencePage, checked_page
from ....harness.load.rates.spending import Spent, fit, spent
from ....harness.load.siege import CONNECTIONS, DOUBTFUL
from ....harness.load.variants import with_workers
from ....harness.model import Grade, Load, Measure, Phase
from .about import not_prefork

if TYPE_CHECKING:
    from ....harness.launch import Running

WORK = 5
"""Milliseconds of CPU time that an answer takes the app, so that workers and not the generator are at their limit."""

SIZE = 200
"""Bytes of its answer."""

EACH = 2
"""Connections for each worker: so none of them ever waits for the generator."""

WORKERS = (1, 2, 4)
"""Numbers of workers that slow clients are held against."""

BOOTED = 5.0
"""Seconds after its first worker in which the others are waited for: with gunicorn:gthread it is a tenth of one, beside
other programs a second or two."""

CLOSED = 1.5
"""Requests a connection below which a server closes each, as it was asked to. Kept ones would show which worker got
them: uvicorn gave all four to one of two workers in four loops of four, gunicorn:gthread in three."""

BESIEGED = 0.4
"""Where on a bar the loops are over and the slow clients come."""

PROBES = ((0.1, 0.4), (0.4, 0.7), (0.7, 1.0))
"""The parts of a search on a bar, as far as most go: without slow clients, with one less than workers, and as many."""


@dataclass(frozen=True)
class _Star:
    """The fewest slow clients that take so many workers, or why nobody can tell."""

    found: Bracket | None
    doubt: str = ""


@scenario(
    "Folklore: pre-fork workers scale, until a slow client takes each",
    smoke={
        "clients": 16,
        "duration": 0.5,
        "rounds": 3,
        "rate": 20,
        "per_second": 500,
        "probe": 0.4,
        "budget": 10,
        "interval": 1,
    },
    full={
        "clients": 64,
        "duration": 5,
        "rounds": 6,
        "rate": 20,
        "per_second": 100,
        "probe": 5,
        "budget": 300,
        "interval": 5,
    },
    full_only=True,
    unfit=not_prefork,
)
async def prefork(arena: Arena) -> Load:
    """One worker and as many as there are cores take turns at an app that needs 5 ms of CPU time for each answer.

    Then 1, 2 and 4 workers are held against clients that send their request's head a byte at a time, and the fewest
    that take the server from its users are searched for.
    """
    cores = len(os.sched_getaffinity(0))
    loops = await _capacities(arena, cores) if cores > 1 else {1: []}
    room = room_at_most(arena.count("clients"), CONNECTIONS)
    until = arena.elapsed + arena.number("budget")
    stars: dict[int, _Star] = {}
    for place, workers in enumerate(WORKERS):
        begin, end = (BESIEGED + (1 - BESIEGED) * each / len(WORKERS) for each in (place, place + 1))
        stars[workers] = await _fewest(arena, workers, room.clients, until, within(arena.progress, begin, end))
    health, told = fit([each.result for found in loops.values() for each in found]) if cores > 1 else (None, ())
    loops, wrong = served(loops)
    loops, disturbed = counting(loops, lambda each: each.quiet, "other programs took a part of the cores")
    loops, kept = counting(
        loops, lambda each: each.result.requests_per_connection < CLOSED, "the server kept connections it was to close"
    )
    single, several = ([each.result.rate for each in loops[workers]] for workers in (1, cores))
    scaling = folklore.scales(single, several, cores)
    claims = (
        bounded(noting(scaling, wrong, disturbed, kept), told),
        noting(
            folklore.taken({workers: star.found for workers, star in stars.items()}),
            *(f"With {workers}: {star.doubt}." for workers, star in stars.items() if star.doubt),
        ),
    )
    valid = health is None or health.valid
    return arena.load(
        prefork,
        graded(claims) if valid else Grade.INVALID,
        claims=claims if valid else (),
        generator=health,
        measures=(*(_rates(loops) if cores > 1 else ()), *_stars(stars)),
        conditions={**room.told, "cores, shared with the generator": cores, "CPU time of an answer": f"{WORK} ms"},
        artefacts=told,
        note=f"{' '.join(each.figures for each in claims)} {room.note}".strip(),
    )


async def _capacities(arena: Arena, cores: int) -> dict[int, list[Spent]]:
    """Return the rounds of closed loops with one worker and with one a core, by the number of workers."""
    found: dict[int, list[Spent]] = {1: [], cores: []}
    first, second = (arena.beside(with_workers(arena.plan, number)) for number in (1, cores))
    arena.progress(0.0, f"starting 1 worker and {cores}")
    async with first.server() as single, second.server() as several:
        await gathered(several, cores, BOOTED)
        arms = [(1, single, await _page(single)), (cores, several, await _page(several))]
        rounds = arena.count("rounds")
        for number, order in enumerate(in_turn(range(2), rounds)):
            for place in order:
                arena.progress(BESIEGED * number / rounds, f"capacity, round {number + 1} of {rounds}")
                workers, running, page = arms[place]
                found[workers].append(await spent(running, page, EACH * workers, arena.number("duration")))
    return found


async def _page(running: Running) -> Page:
    question = ReferencePage(running.reference)
    page = await checked_page(running.address, question, secrets.token_hex(8), SIZE, keep=False)
    return replace(page, request=page.request.replace(b"&size=", f"&work={WORK}&size=".encode(), 1))


async def _fewest(arena: Arena, workers: int, largest: int, until: float, progress: Progress) -> _Star:
    """Search for the fewest slow clients that take so many workers; first where the statement has them.

    Raises as `course` does.
    """
    interval_ = arena.number("interval")
    shares = iter(PROBES)
    async with course(
        arena.beside(with_workers(arena.plan, workers)),
        lambda running: DrippedHead(f"{running.reference}/page", running.address.authority, interval_),
        visit=Visit(),
        rate=arena.number("rate"),
        per_second=arena.number("per_second"),
        progress=progress,
    ) as c:
        there = await gathered(c.running, workers, BOOTED)
        fallen = False
        late = ""

        async def among(clients: int) -> tuple[Phase, str]:
            nonlocal fallen
            share = next(shares, (1.0, 1.0))
            for _ in range(2):
                if fallen:
                    await c.serve_again()
                    await gathered(c.running, there, BOOTED)  # it may have been started anew
                await c.crowd.become(clients)
                phase = await c.phase(f"{clients} slow clients", arena.number("probe"), hurry=True, share=share)
                health = c.cohort.health(phase)
                c.cohort.cut()
                fallen = collapsed(phase)
                if health.valid and (not fallen or phase.goodput < DOUBTFUL):
                    break
            return phase, health.why

        async def probe(clients: int) -> bool:
            nonlocal late
            phase, why = await among(clients)
            late = late or why
            return collapsed(phase)

        alone, why = await among(0)
        if alone.goodput < GOOD or collapsed(alone):
            return _Star(None, why or f"already without slow clients users got this: {what_users_got(alone)}")
        known = {clients: await probe(clients) for clients in (workers - 1, workers) if clients}
        found = bracket(known)
        if not found.exact or found.at_most is None:
            found = await search(probe, max(largest, workers), known, more=lambda: arena.elapsed < until)
        return _Star(None, late) if late else _Star(found)


def _rates(loops: Mapping[int, list[Spent]]) -> tuple[Measure, ...]:
    return tuple(
        Measure(
            f"answers a second, {_workers(number)}",
            middle([each.result.rate for each in found]),
            "requests/s",
            note=f"Other programs took up to {max(each.others for each in found):.0%} of the cores." if found else "",
        )
        for number, found in loops.items()
    )


def _stars(stars: Mapping[int, _Star]) -> tuple[Measure, ...]:
    measures = []
    for workers, star in stars.items():
        found = star.found
        name = f"slow clients that take {_workers(workers)}"
        if found is None:
            measures.append(Measure(name, None, note=f"Unknown: {star.doubt}."))
        elif found.at_most is None:
            measures.append(Measure(name, found.above, censored=True, note=f"{found.above} did not."))
        else:
            note = "" if found.exact else f"Between {found.above + 1} and {found.at_most}."
            measures.append(Measure(name, found.at_most, note=note))
    return tuple(measures)


def _workers(number: int) -> str:
    return f"{number} worker{'' if number == 1 else 's'}"
