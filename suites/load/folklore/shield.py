"""nginx shields a server from slow clients: the same crowd against the server alone, and with nginx before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....harness.catalog import scenario
from ....harness.load.arena import Arena
from ....harness.load.besieged import FULL, SMOKE, besieged
from ....harness.load.clients.dripped_body import DrippedBody
from ....harness.load.clients.mixture import Mixture
from ....harness.load.clients.personas import DrippedHead
from ....harness.load.clients.room import room_at_most
from ....harness.load.judging import folklore
from ....harness.load.judging.claims import graded, in_turn
from ....harness.load.siege import CONNECTIONS
from ....harness.load.variants import behind
from ....harness.model import GeneratorHealth, Grade, Load, Measure, Phase
from .about import not_for_nginx

if TYPE_CHECKING:
    from ....harness.launch import Running

FRONT = "nginx"

UPLOAD = 4096
"""Bytes of the bodies that are sent slowly."""


@scenario(
    "Folklore: nginx shields a server from slow clients",
    smoke={**SMOKE, "clients": 128, "rounds": 2},
    full={**FULL, "rounds": 4},
    full_only=True,
    unfit=not_for_nginx,
)
async def shield(arena: Arena) -> Load:
    """Half of the slow clients never come to the end of their request's head, half never to the end of its body.

    Alone the server has all of them on its hands. nginx reads a request to its end before it hands it on, so behind it
    the server is to see no slow client at all, and its users are to notice nothing.
    """
    room = room_at_most(arena.count("clients"), CONNECTIONS)
    arenas = (arena, arena.beside(behind(arena.plan, FRONT)))
    found: tuple[list[folklore.Besieged], list[folklore.Besieged]] = ([], [])
    phases: list[Phase] = []
    healths: list[GeneratorHealth] = []

    def slow(running: Running) -> Mixture:
        authority, interval = running.address.authority, arena.number("interval")
        return Mixture(
            [
                DrippedHead(f"{running.reference}/page", authority, interval),
                DrippedBody(f"{running.reference}/sink", authority, interval, UPLOAD),
            ]
        )

    rounds = arena.count("rounds")
    for number, order in enumerate(in_turn(range(2), rounds)):
        for turn, place in enumerate(order):
            where = f"behind {FRONT}" if place else "alone"
            part = ((number + turn / 2) / rounds, (number + (turn + 1) / 2) / rounds)
            came, health = await besieged(arenas[place], slow, room.clients, f"{where}, round {number + 1}", part)
            found[place].append(came)
            phases += [came.before, came.during]
            healths.append(health)
    alone, fronted = found
    claim = folklore.shield(alone, fronted, room.clients, FRONT)
    worst = min(healths, key=lambda each: (each.valid, -each.lateness_p99))
    return arena.load(
        shield,
        graded([claim]) if worst.valid else Grade.INVALID,
        claims=(claim,) if worst.valid else (),
        goodput=folklore.worst(fronted).goodput,
        phase=folklore.worst(fronted).name,
        generator=worst,
        phases=tuple(phases),
        measures=(*_measures("alone", alone), *_measures(f"behind {FRONT}", fronted)),
        conditions=room.told,
        note=f"{claim.figures if worst.valid else worst.why} {room.note}".strip(),
    )


def _measures(where: str, rounds: list[folklore.Besieged]) -> tuple[Measure, ...]:
    worst = folklore.worst(rounds)
    return (
        Measure(f"goodput among slow clients, {where}", 100 * worst.goodput, "%"),
        Measure(f"p99 among slow clients, {where}", worst.p99, "s", censored=worst.censored),
    )
