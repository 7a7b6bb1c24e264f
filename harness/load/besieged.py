"""The short course of scenarios that compare servers: users alone, then among slow clients, on a fresh server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from ..model import GeneratorHealth, Phase
from .again import ROUNDS
from .arena import Arena
from .clients.personas import Persona
from .cohort import Visit
from .course import course
from .judging.folklore import Besieged

if TYPE_CHECKING:
    from ..launch import Running


SMOKE: Mapping[str, float] = {"duration": 1.0, "rate": 20, "baseline": 0.8, "per_second": 1000, "interval": 1}
"""What such scenarios have in common in smoke runs; each adds its own."""

FULL: Mapping[str, float] = {
    "clients": 400,
    "duration": 20,
    "rate": 20,
    "baseline": 10,
    "per_second": 100,
    "interval": 5,
}
"""The same for full runs."""


async def besieged(
    arena: Arena, persona: Callable[[Running], Persona], clients: int, name: str
) -> tuple[Besieged, GeneratorHealth]:
    """Return what users got before so many slow clients came and among them; its phases are called after `name`.

    The parameters `baseline` and `duration` are the seconds of both, `rate` and `per_second` those of all courses.
    Where the generator was late, it is done once more. Raises what `course` does.
    """
    for _ in range(ROUNDS - 1):
        found, health = await _once(arena, persona, clients, name)
        if health.valid:
            return found, health
        arena.progress(None, f"{name}: the generator was late; once more")
    return await _once(arena, persona, clients, name)


async def _once(
    arena: Arena, persona: Callable[[Running], Persona], clients: int, name: str
) -> tuple[Besieged, GeneratorHealth]:
    arena.progress(None, name)
    async with course(
        arena, persona, visit=Visit(), rate=arena.number("rate"), per_second=arena.number("per_second")
    ) as c:
        before = await c.phase(f"{name}: before", arena.number("baseline"))
        await c.crowd.become(clients)
        during = await c.phase(f"{name}: slow clients", arena.number("duration"), hurry=True)
        health = c.cohort.health(before, during)
        began = arena.elapsed - c.cohort.now
    return Besieged(_later(before, began), _later(during, began)), health


def _later(phase: Phase, seconds: float) -> Phase:
    return msgspec.structs.replace(phase, started=phase.started + seconds, ended=phase.ended + seconds)
