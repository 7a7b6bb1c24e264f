"""nginx holds ten thousand idle connections in little memory: what each of them adds there, and in the server alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import trio

from ....harness.catalog import scenario
from ....harness.load.arena import Arena
from ....harness.load.clients.crowd import Crowd
from ....harness.load.clients.hoarder import Hoarder
from ....harness.load.clients.room import room_at_most
from ....harness.load.cohort import warm_up
from ....harness.load.judging import folklore
from ....harness.load.judging.claims import graded, middle
from ....harness.load.looking.memory import memory
from ....harness.load.looking.newcomers import Fate, newcomers
from ....harness.load.siege import CONNECTIONS
from ....harness.load.variants import behind
from ....harness.model import Load, Measure
from .about import not_for_nginx

FRONT = "nginx[many-connections]"

STILL = 0.1
"""Seconds between two looks at how many clients have their answer."""

KEPT = 0.5
"""The share of its clients that a server must hold for a figure of its own: fewer say more of its limit."""


@dataclass(frozen=True)
class Hoard:
    """What so many idle connections came to. Bytes of the processes in question, before and with them."""

    connections: int
    before: int
    after: int
    newcomer: bool
    dropped: int

    @property
    def each(self) -> float:
        """Bytes for each of them."""
        return (self.after - self.before) / max(self.connections, 1)


@scenario(
    "Folklore: nginx holds ten thousand idle connections in little memory",
    smoke={"clients": 1000, "per_second": 1000, "patience": 5, "rounds": 1},
    full={"clients": 10_000, "per_second": 1000, "patience": 60, "rounds": 3},
    full_only=True,
    unfit=not_for_nginx,
)
async def idle(arena: Arena) -> Load:
    """Clients ask for a page, take their answer, and keep the connection open without a word, as browsers do.

    First they do so to nginx before the server, with `worker_connections` raised from its default of 512, then to the
    server alone. Memory is the processes' own; what the kernel has for each connection is the same for all servers.
    """
    room = room_at_most(arena.count("clients"), CONNECTIONS)  # nginx inherits the limit and has two for each
    fronted = arena.beside(behind(arena.plan, FRONT))
    nginx: list[Hoard] = []
    alone: list[Hoard] = []
    rounds = arena.count("rounds")
    for number in range(rounds):
        arena.progress(number / rounds, f"round {number + 1} of {rounds}")
        nginx.append(await _held(fronted, room.clients, front=True))
        alone.append(await _held(arena, room.clients, front=False))
    some = [each for each in nginx if each.connections]
    kept = [each for each in alone if each.connections >= KEPT * room.clients]
    worst = min(nginx, key=lambda each: each.connections)
    claim = folklore.idle(
        [each.each for each in some],
        worst.connections,
        room.clients,
        [each.each for each in kept],
        max(each.after for each in nginx),
        max(each.dropped for each in nginx),
    )
    return arena.load(
        idle,
        graded([claim]),
        claims=(claim,),
        measures=(
            Measure("memory of one idle connection, nginx", _middle(some), "bytes"),
            Measure(
                "memory of one idle connection, the server alone",
                _middle(kept),
                "bytes",
                note="" if kept else f"It held {alone[0].connections} of {room.clients}.",
            ),
            Measure("memory in all with them, nginx", max(each.after for each in nginx), "bytes"),
            Measure("memory in all with them, the server alone", max(each.after for each in alone), "bytes"),
            Measure("idle connections held, nginx", worst.connections),
            Measure("idle connections held, the server alone", min(each.connections for each in alone)),
            Measure("newcomer answered beside them, nginx", float(all(each.newcomer for each in nginx)), "yes/no"),
            Measure("newcomer answered beside them, alone", float(all(each.newcomer for each in alone)), "yes/no"),
        ),
        conditions=room.told,
        note=f"{claim.figures} {room.note}".strip(),
    )


async def _held(arena: Arena, clients: int, *, front: bool) -> Hoard:
    """Return what a fresh server is with so many idle clients, of a chain the front."""
    async with arena.server() as running, trio.open_nursery() as nursery:
        question = await arena.question(running)
        await warm_up(running.address, question)
        held = 0

        def sits(more: int) -> None:
            nonlocal held
            held += more

        processes = running.front_processes if front else running.server_processes
        before = await memory(processes())
        hoarder = Hoarder(f"{running.reference}/page?n=idle", running.address.authority, sits)
        crowd = Crowd(running.address, hoarder, nursery, per_second=arena.number("per_second"))
        await crowd.become(clients)
        with trio.move_on_after(arena.number("patience")):
            # A server that keeps no connection is not waited for.
            while held < clients and crowd.reaped().dropped < KEPT * clients:  # noqa: ASYNC110 - in another process
                await trio.sleep(STILL)
        after = await memory(processes())
        found = Hoard(held, before, after, newcomer=False, dropped=crowd.reaped().dropped)
        fates = await newcomers(running.address, question, 1)
        nursery.cancel_scope.cancel()
    return replace(found, newcomer=bool(fates.get(Fate.SERVED)))


def _middle(found: Sequence[Hoard]) -> float | None:
    return middle([max(0.0, each.each) for each in found])
