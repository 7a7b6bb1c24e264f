"""The short course of scenarios that compare servers: users alone, then among slow clients, on a fresh server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from ..model import GeneratorHealth, Phase
from .again import ROUNDS
from .arena import Arena, Progress, within
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


BEFORE, DURING = (0.1, 0.5), (0.5, 1.0)
"""The parts of it on a bar; what comes first is a server's start."""


async def besieged(
    arena: Arena,
    persona: Callable[[Running], Persona],
    clients: int,
    name: str,
    part: tuple[float, float] = (0.0, 1.0),
) -> tuple[Besieged, GeneratorHealth]:
    """Return what users got before so many slow clients came and among them; its phases are called after `name`.

    It is the `part` of a scenario, from where to where on a bar.

    The parameters `baseline` and `duration` are the seconds of both, `rate` and `per_second` those of all courses.
    Where the generator was late, it is done once more. Raises what `course` does.
    """
    progress = within(arena.progress, *part)
    for _ in range(ROUNDS - 1):
        found, health = await _once(arena, persona, clients, name, progress)
        if health.valid:
            return found, health
        progress(None, f"{name}: the generator was late; once more")
    return await _once(arena, persona, clients, name, progress)


async def _once(
    arena: Arena, persona: Callable[[Running], Persona], clients: int, name: str, progress: Progress
) -> tuple[Besieged, GeneratorHealth]:
    async with course(
        arena,
        persona,
        visit=Visit(),
        rate=arena.number("rate"),
        per_second=arena.number("per_second"),
        progress=progress,
    ) as c:
        before = await c.phase(f"{name}: before", arena.number("baseline"), share=BEFORE)
        await c.crowd.become(clients)
        during = await c.phase(f"{name}: slow clients", arena.number("duration"), hurry=True, share=DURING)
        health = c.cohort.health(before, during)
        began = arena.elapsed - c.cohort.now
    return Besieged(_later(before, began), _later(during, began)), health


def _later(phase: Phase, seconds: float) -> Phase:
    return msgspec.structs.replace(phase, started=phase.started + seconds, ended=phase.ended + seconds)
