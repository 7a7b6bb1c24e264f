"""Clients that stop just short of a server's time-outs, and just beyond: what ends, when, and what is counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import trio

from ...harness.catalog import scenario
from ...harness.errors import ServerDidNotStart
from ...harness.launching.plan import Plan
from ...harness.load.again import once_more_if_late
from ...harness.load.arena import Arena
from ...harness.load.hurried import hurried
from ...harness.load.judging.edges import (
    LOOK,
    RATIOS,
    Edge,
    Patience,
    Place,
    configured,
    late,
    measures,
    patience,
    tell,
)
from ...harness.load.looking.newcomers import Fate, newcomers
from ...harness.load.question import ReferencePage
from ...harness.load.stopping import Stop, looked_at
from ...harness.model import GeneratorHealth, Grade, Load, Measure

GAPS = (*RATIOS, math.inf)
CLIENTS = len(Place) * len(GAPS)

ALL_THERE = 1.5
"""Seconds in which all clients must have come as far as to stop: who waits in a queue meets another time-out."""

Found = tuple[Sequence[Edge], Mapping[Place, float | None], Mapping[Place, float]]
"""The clients, the time-outs that are configured, and for how many seconds was looked at each place."""


@scenario(
    "The edge of each time-out: per gap or in all?",
    smoke={"clients": CLIENTS, "duration": 5.5, "timeout": 2, "rate": 1},
    full={"clients": CLIENTS, "duration": 310, "timeout": 86_400, "rate": 1},
)
async def timeout_edge(arena: Arena) -> Load:
    """Clients stop in a head, in a body and after an answer: for good, or for 0.5, 0.95 and 1.05 of the time-out.

    A time-out that counts each gap by itself lets a client hold its connection for ever with a byte now and then. Where
    a server's time-outs can be set they are made as short as `timeout`, in seconds; those that are not known are looked
    for within the `duration`.
    """
    usual = arena.plan
    return await once_more_if_late(arena, lambda: _round(arena, usual))


async def _round(arena: Arena, usual: Plan) -> Load:
    edges, timeouts, looked = await _found(arena, usual)
    why = late(edges, timeouts)
    seen: list[Patience] = []
    rows: list[Measure] = []
    for place in Place:
        if here := patience(edges, place, looked[place]):
            seen.append(here)
        rows += measures(here, place, timeouts[place])
    return arena.load(
        timeout_edge,
        Grade.INVALID if why else Grade.MEASURED,
        generator=GeneratorHealth(not why, why=why),
        measures=tuple(rows),
        note=f"Not a measurement of the server: {why}." if why else tell(seen),
    )


async def _found(arena: Arena, usual: Plan) -> Found:
    """Find out as much as the server allows: all clients side by side, or a silent one at a time."""
    seconds = arena.number("duration")
    arena.plan = hurried(usual, arena.number("timeout"), CLIENTS + 2)
    try:
        found = await _together(arena, seconds)
    except ServerDidNotStart:
        # Not with so many workers, or so short a time-out: gunicorn's workers must come up within theirs.
        found = None
    if found is None:
        arena.plan = usual
        found = await _alone(arena, seconds / len(Place))
    return found


async def _together(arena: Arena, seconds: float) -> Found | None:
    """Let all clients stop side by side; None where the server cannot look after so many at a time."""
    arena.progress(0.1, "starting a server with short time-outs")
    edges: list[Edge] = []
    roomy = True
    async with arena.server() as running:
        timeouts = {place: configured(running.conditions, place) for place in Place}
        expected = {place: min(timeouts[place] or seconds / LOOK, seconds) for place in Place}
        looked = {place: min(seconds, LOOK * expected[place] + 0.5) for place in Place}
        stops = [Stop(place, ratio * expected[place], looked[place]) for place in Place for ratio in GAPS]
        midway = trio.Event()
        arena.progress(0.2, f"{CLIENTS} clients stop, for {max(looked.values()):.3g} s")
        async with trio.open_nursery() as nursery:

            async def look() -> None:
                edges.extend(await looked_at(running.address, running.reference, stops, midway))

            nursery.start_soon(look)
            with trio.move_on_after(min(ALL_THERE, min(looked.values()) / 2)):
                await midway.wait()
            roomy = midway.is_set()
            fates = await newcomers(running.address, ReferencePage(running.reference), count=1)
            roomy = roomy and fates == {Fate.SERVED: 1}
            if not roomy:
                nursery.cancel_scope.cancel()
    return (edges, timeouts, looked) if roomy else None


async def _alone(arena: Arena, seconds: float) -> Found:
    """Let one client at a time stop, for good, each on a fresh server as it usually is."""
    edges: list[Edge] = []
    timeouts: dict[Place, float | None] = {}
    for number, place in enumerate(Place):
        arena.progress(0.3 + number / 5, f"one client stops in the {place}, for {seconds:.3g} s")
        async with arena.server() as running:
            timeouts[place] = configured(running.conditions, place)
            stop = Stop(place, math.inf, seconds)
            edges += await looked_at(running.address, running.reference, [stop], trio.Event())
    return edges, timeouts, dict.fromkeys(Place, seconds)
