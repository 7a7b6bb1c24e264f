"""Pre-fork workers scale with their number until a slow client takes each."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ....harness.catalog import scenario
from ....harness.load.arena import Arena
from ....harness.load.clients.personas import DrippedHead
from ....harness.load.clients.room import room_at_most
from ....harness.load.cohort import Visit
from ....harness.load.course import course
from ....harness.load.judging import folklore
from ....harness.load.judging.claims import graded, in_turn, interval
from ....harness.load.judging.collapse import Bracket, bracket, search
from ....harness.load.judging.grading import collapsed
from ....harness.load.question import Page, ReferencePage, checked_page
from ....harness.load.rates.spending import Spent, fit, spent
from ....harness.load.siege import CONNECTIONS, DOUBTFUL
from ....harness.load.variants import not_prefork, with_workers
from ....harness.model import Grade, Load, Measure

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
    one, many = await _capacities(arena, cores) if cores > 1 else ([], [])
    room = room_at_most(arena.count("clients"), CONNECTIONS)
    until = arena.elapsed + arena.number("budget")
    stars = {}
    for place, workers in enumerate(WORKERS):
        arena.progress(0.4 + 0.6 * place / len(WORKERS), f"slow clients against {workers} workers")
        stars[workers] = await _fewest(arena, workers, room.clients, until)
    quiet = [pair for pair in zip(one, many, strict=True) if all(each.quiet for each in pair)]
    claims = (
        folklore.scales(
            [each.result.rate for each, _ in quiet],
            [each.result.rate for _, each in quiet],
            cores,
            len(one) - len(quiet),
        ),
        folklore.taken(stars, room.clients),
    )
    health, told = fit([each.result for each in (*one, *many)]) if one else (None, ())
    valid = health is None or health.valid
    return arena.load(
        prefork,
        graded(claims) if valid else Grade.INVALID,
        claims=claims if valid else (),
        generator=health,
        measures=(*_rates(one, many, cores), *_stars(stars, room.clients)),
        conditions={**room.told, "cores, shared with the generator": cores, "CPU time of an answer": f"{WORK} ms"},
        artefacts=told,
        note=f"{' '.join(each.figures for each in claims)} {room.note}".strip(),
    )


async def _capacities(arena: Arena, cores: int) -> tuple[list[Spent], list[Spent]]:
    """Return the rounds of closed loops with one worker and with one a core."""
    found: tuple[list[Spent], list[Spent]] = ([], [])
    first, second = (arena.beside(with_workers(arena.plan, number)) for number in (1, cores))
    async with first.server() as single, second.server() as several:
        arms = [(single, await _page(single), EACH * 1), (several, await _page(several), EACH * cores)]
        rounds = arena.count("rounds")
        for number, order in enumerate(in_turn(range(2), rounds)):
            for place in order:
                arena.progress(0.4 * number / rounds, f"capacity, round {number + 1} of {rounds}")
                running, page, connections = arms[place]
                found[place].append(await spent(running, page, connections, arena.number("duration")))
    return found


async def _page(running: Running) -> Page:
    question = ReferencePage(running.reference)
    page = await checked_page(running.address, question, secrets.token_hex(8), SIZE)
    return replace(page, request=page.request.replace(b"&size=", f"&work={WORK}&size=".encode(), 1))


async def _fewest(arena: Arena, workers: int, largest: int, until: float) -> Bracket:
    """Search for the fewest slow clients that take so many workers; first where the statement has them.

    Raises as `course` does.
    """
    interval_ = arena.number("interval")
    known: dict[int, bool] = {}
    async with course(
        arena.beside(with_workers(arena.plan, workers)),
        lambda running: DrippedHead(f"{running.reference}/page", running.address.authority, interval_),
        visit=Visit(),
        rate=arena.number("rate"),
        per_second=arena.number("per_second"),
    ) as c:
        fallen = False

        async def probe(clients: int) -> bool:
            nonlocal fallen
            for _ in range(2):
                if fallen:
                    await c.serve_again()
                await c.crowd.become(clients)
                phase = await c.phase(f"{clients} slow clients", arena.number("probe"), hurry=True)
                c.cohort.cut()
                fallen = collapsed(phase)
                if not fallen or phase.goodput < DOUBTFUL:
                    break
            return fallen

        for clients in (workers - 1, workers):
            if clients:
                known[clients] = await probe(clients)
        if bracket(known).exact and bracket(known).at_most is not None:
            return bracket(known)
        return await search(probe, max(largest, workers), known, more=lambda: arena.elapsed < until)


def _told(spents: list[Spent]) -> str:
    return f"Other programs took up to {max(each.others for each in spents):.0%} of the machine."


def _rates(one: list[Spent], many: list[Spent], cores: int) -> tuple[Measure, ...]:
    return tuple(
        Measure(
            f"answers a second, {name}",
            interval([s.result.rate for s in found]).middle,
            "requests/s",
            note=_told(found),
        )
        for name, found in (("1 worker", one), (f"{cores} workers", many))
        if found
    )


def _stars(stars: Mapping[int, Bracket], largest: int) -> tuple[Measure, ...]:
    measures = []
    for workers, found in stars.items():
        name = f"slow clients that take {workers} worker{'' if workers == 1 else 's'}"
        if found.at_most is None:
            measures.append(Measure(name, largest, censored=True, note=f"{largest} did not."))
        else:
            note = "" if found.exact else f"Between {found.above + 1} and {found.at_most}."
            measures.append(Measure(name, found.at_most, note=note))
    return tuple(measures)
