"""The short course of scenarios that compare servers: users alone, then among slow clients, on a fresh server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from ..model import GeneratorHealth, Phase
from .arena import Arena
from .clients.personas import Persona
from .cohort import Visit
from .course import course
from .judging.folklore import Besieged

if TYPE_CHECKING:
    from ..launch import Running


async def besieged(
    arena: Arena, persona: Callable[[Running], Persona], clients: int, name: str
) -> tuple[Besieged, GeneratorHealth]:
    """Return what users got before so many slow clients came and among them; its phases are called after `name`.

    The parameters `baseline` and `duration` are the seconds of both, `rate` and `per_second` those of all courses.
    Raises what `course` does.
    """
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
