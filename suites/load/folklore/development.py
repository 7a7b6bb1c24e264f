"""Werkzeug's server is for development: what it gives under load, beside two that are not, with the same app."""

from __future__ import annotations

import secrets
import statistics
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from ....harness.catalog import scenario
from ....harness.claim import Claim, Held
from ....harness.errors import Unsupported
from ....harness.load.arena import Arena
from ....harness.load.besieged import FULL, SMOKE, besieged
from ....harness.load.clients.mixture import Mixture
from ....harness.load.clients.personas import DrippedHead
from ....harness.load.clients.room import room_at_most
from ....harness.load.clients.vanishing import Place, Vanishing
from ....harness.load.judging import folklore
from ....harness.load.judging.claims import bounded, counting, graded, in_turn, middle, noting, served
from ....harness.load.judging.grading import NOTICED
from ....harness.load.lanes.lane_result import LaneResult
from ....harness.load.lanes.shards import open_loops
from ....harness.load.pacing import Arrivals
from ....harness.load.question import Page, checked_page
from ....harness.load.rates.spending import Spent, fit, spent
from ....harness.load.siege import CONNECTIONS
from ....harness.load.variants import same_app
from ....harness.model import Grade, Load, Measure
from .about import not_development

if TYPE_CHECKING:
    from ....harness.launch import Running

OTHERS = ("gunicorn:gthread", "waitress")
"""Servers for production that run anywhere and need nothing compiled, each with its defaults."""

LOOPS = 8
"""Connections of the closed loops."""

SHARE = 0.3
"""The part of the slowest one's rate that all are asked for when their latencies are compared: nobody is at a limit."""

FEWEST = 20
"""Requests of an open loop at least."""

INTERVAL = 0.2
"""Seconds between two disconnects of one client that vanishes."""

BESIEGED = 0.4
"""Where on a bar the loops are over and the bad clients come."""


@scenario(
    "Folklore: Werkzeug's server is for development",
    smoke={**SMOKE, "clients": 64, "loop": 0.4, "rounds": 3, "size": 2000},
    full={**FULL, "loop": 5, "rounds": 6, "size": 2000},
    full_only=True,
    unfit=not_development,
)
async def development(arena: Arena) -> Load:
    """The same app on this server, on gunicorn's threads and on waitress: rates, latencies, users among bad clients.

    First a closed loop asks each in turn as fast as it answers; then all get the same rate, well below anybody's limit.
    At last half of the clients never come to the end of their request's head, and the others vanish by RST in the
    middle of a head or a body.
    """
    arenas = {arena.plan.name: arena, **_others(arena)}
    names = list(arenas)
    room = room_at_most(arena.count("clients"), CONNECTIONS)
    loops, opened, rate = await _rates(arena, arenas)
    slow: dict[str, folklore.Besieged] = {}
    late = ""
    for place, name in enumerate(names):
        slow[name], health = await besieged(
            arenas[name],
            partial(_bad_clients, seconds=arena.number("interval")),
            room.clients,
            name,
            (BESIEGED + (1 - BESIEGED) * place / len(names), BESIEGED + (1 - BESIEGED) * (place + 1) / len(names)),
        )
        late = late or health.why
    health, told = fit([each.result for spents in loops.values() for each in spents])
    # A round in which the generator was late for one of them, or one gave errors, says nothing of any.
    loops, unserved = served(loops)
    opened, tardy = counting(opened, lambda each: each.health(NOTICED).valid, "the generator was late")
    opened, wrong = served(opened)
    fewer, later, taken = _claims(names, loops, opened, rate, slow, room.clients)
    if late:
        taken = msgspec.structs.replace(taken, held=Held.INCONCLUSIVE, figures=f"{late[:1].upper()}{late[1:]}.")
    claims = (bounded(noting(fewer, unserved), told), noting(later, tardy, wrong), taken)
    mine = slow[names[0]].during
    # By one name on every server, so that reports have them in one row.
    called = {name: "this server" if name == names[0] else name for name in names}
    return arena.load(
        development,
        graded(claims) if health.valid else Grade.INVALID,
        claims=claims if health.valid else (),
        goodput=mine.goodput,
        phase=mine.name,
        generator=health,
        phases=tuple(phase for each in slow.values() for phase in (each.before, each.during)),
        measures=tuple(
            each for name in names for each in _measures(called[name], loops[name], opened[name], slow[name])
        ),
        conditions=room.told,
        artefacts=told,
        note=" ".join([*(each.figures for each in claims), room.note] if health.valid else [health.why]).strip(),
    )


def _others(arena: Arena) -> dict[str, Arena]:
    """Return those of OTHERS that are here. Raises Unsupported, with how to get one, where none is."""
    found, lacks = {}, []
    for name in OTHERS:
        try:
            found[name] = arena.beside(same_app(arena.plan, name))
        except Unsupported as lack:
            lacks.append(str(lack))
    if not found:
        raise Unsupported("; ".join(lacks))
    return found


async def _rates(
    arena: Arena, arenas: Mapping[str, Arena]
) -> tuple[dict[str, list[Spent]], dict[str, list[LaneResult]], float]:
    """Return closed loops, open loops, and the rate of these, in requests a second."""
    names, seconds, rounds = list(arenas), arena.number("loop"), arena.count("rounds")
    loops: dict[str, list[Spent]] = {name: [] for name in names}
    opened: dict[str, list[LaneResult]] = {name: [] for name in names}
    async with AsyncExitStack() as stack:
        arms: list[tuple[Running, Page]] = []
        for name in names:
            arena.progress(0.0, f"starting {name}")
            running = await stack.enter_async_context(arenas[name].server())
            question = await arenas[name].question(running)
            arms.append(
                (running, await checked_page(running.address, question, secrets.token_hex(8), arena.count("size")))
            )
        for number, order in enumerate(in_turn(range(len(names)), rounds)):
            arena.progress(BESIEGED / 2 * number / rounds, f"as fast as they answer, round {number + 1} of {rounds}")
            for place in order:
                loops[names[place]].append(await spent(*arms[place], LOOPS, seconds))
        slowest = min(statistics.median(each.result.rate for each in spents) for spents in loops.values())
        rate = max(SHARE * slowest, FEWEST / seconds)
        for number, order in enumerate(in_turn(range(len(names)), rounds)):
            done = BESIEGED / 2 * (1 + number / rounds)
            arena.progress(done, f"at {rate:,.0f} requests/s, round {number + 1} of {rounds}")
            arrivals = Arrivals(round(rate * seconds), seconds, seed=number)
            for place in order:
                running, page = arms[place]
                opened[names[place]].append(
                    await open_loops(
                        running.address,
                        page.request,
                        body=page.body,
                        status=page.status,
                        mark=page.mark,
                        pacer=arrivals,
                        seconds=seconds,
                        connections=LOOPS * LOOPS,
                        processes=1,
                    )
                )
    return loops, opened, rate


def _bad_clients(running: Running, seconds: float) -> Mixture:
    authority = running.address.authority
    return Mixture(
        [
            DrippedHead(f"{running.reference}/page", authority, seconds),
            Vanishing(running.reference, authority, (Place.HEAD, Place.BODY), interval=INTERVAL, size=1),
        ]
    )


def _claims(
    names: list[str],
    loops: Mapping[str, list[Spent]],
    opened: Mapping[str, list[LaneResult]],
    rate: float,
    slow: Mapping[str, folklore.Besieged],
    clients: int,
) -> tuple[Claim, Claim, Claim]:
    rates = {name: [each.result.rate for each in loops[name]] for name in names}
    late = {name: [_p99(each)[0] for each in opened[name]] for name in names}
    mine, *others = names
    return (
        folklore.fewer(rates[mine], {name: rates[name] for name in others}),
        folklore.later(late[mine], {name: late[name] for name in others}, rate),
        folklore.falls(slow[mine], {name: slow[name] for name in others}, clients),
    )


def _p99(found: LaneResult) -> tuple[float, bool]:
    mark = found.quantile(0.99)
    assert mark  # it was well served
    return mark


def _measures(
    name: str,
    loops: list[Spent],
    opened: list[LaneResult],
    slow: folklore.Besieged,
) -> tuple[Measure, ...]:
    marks = [_p99(each) for each in opened]
    return (
        Measure(f"answers a second, {name}", middle([each.result.rate for each in loops]), "requests/s"),
        Measure(
            f"p99 at the same rate, {name}",
            middle([value for value, _ in marks]),
            "s",
            censored=any(bound for _, bound in marks),
        ),
        Measure(f"goodput among slow and vanishing clients, {name}", 100 * slow.during.goodput, "%"),
        Measure(f"p99 among slow and vanishing clients, {name}", slow.during.p99, "s", censored=slow.during.censored),
    )
