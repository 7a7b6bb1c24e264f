"""The course of scenarios whose disturbance is no crowd that is held: users alone, users beside it, what it leaves.

    baseline -> beside(course): one or more phases -> recovery, where users were harmed -> afterwards(course): no users

Parameters, by name: `rate` healthy requests per second; `baseline` seconds before; `recovery` seconds of patience
after. The others are the disturbance's own. The grade is that of the worst phase, and no better than `degrades` where
the disturbance found a flaw.
"""

from __future__ import annotations

import math
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from ..errors import Unsupported
from ..model import GeneratorHealth, Grade, Load, Measure, Phase
from ..stats import slowdown
from .again import once_more_if_late
from .arena import Arena
from .clients.personas import Persona, Silent
from .cohort import Visit
from .course import Course, course
from .judging.grading import collapsed, grade

if TYPE_CHECKING:
    from ..catalog import Scenario
    from ..launch import Running

ORDER = (Grade.IMMUNE, Grade.DEGRADES, Grade.COLLAPSES, Grade.WEDGED)
"""From good to bad."""


@dataclass(frozen=True)
class Findings:
    """What a disturbance saw by itself.

    `flaws` are sentences about the server, each with its figures; `unfit` is why the generator's own part was not fit
    to see anything, '' where it was; `told` says what else a reader should know.
    """

    measures: tuple[Measure, ...] = ()
    flaws: tuple[str, ...] = ()
    unfit: str = ""
    told: str = ""


class Disturbance(Protocol):
    """What goes on beside the users. A fresh one is made for each round."""

    async def beside(self, c: Course) -> Sequence[Phase]:
        """Disturb the server and return the phases of its users under it, at least one."""

    async def afterwards(self, c: Course) -> None:
        """Look at what is left once the users have gone, too. Raises Unsupported for what cannot be looked at."""

    def findings(self) -> Findings:
        """Return what came of it."""


def _silent(_running: Running) -> Persona:
    return Silent()


async def disturb(
    arena: Arena,
    scenario: Scenario,
    make: Callable[[], Disturbance],
    *,
    visit: Visit = Visit(),  # noqa: B008 - frozen
    persona: Callable[[Running], Persona] = _silent,
) -> Load:
    """Take a fresh server and its users through the course and return the cell.

    `persona` is for disturbances that let a crowd come, `per_second` of them. A round in which the generator was late
    is thrown away, and there is one more. Raises what launching raises.
    """
    return await once_more_if_late(arena, lambda: _round(arena, scenario, make(), visit, persona))


async def _round(
    arena: Arena,
    scenario: Scenario,
    disturbance: Disturbance,
    visit: Visit,
    persona: Callable[[Running], Persona],
) -> Load:
    patience = arena.number("recovery")
    per_second = arena.number("per_second") if "per_second" in arena.parameters else 1.0
    async with course(arena, persona, visit=visit, rate=arena.number("rate"), per_second=per_second) as c:
        before = await c.phase("baseline", arena.number("baseline"))
        phases = await disturbance.beside(c)
        health = c.cohort.health(before, *phases)
        harmed = any(collapsed(each) for each in phases)
        recovered = await c.recover(before.p99, patience) if harmed else None
        # Nobody but the disturbance is to have a connection when what it leaves is counted.
        c.cohort.stop()
        c.cohort.cut()
        c.crowd.release()
        unseen = ""
        try:
            await disturbance.afterwards(c)
        except Unsupported as why:
            unseen = f"What it takes and leaves was not looked at: {why}."
        found = disturbance.findings()
        health = unfit(health, found.unfit)
        graded = [(*grade(before, each, health, recovered=recovered, waited=patience), each) for each in phases]
        mark, reason, worst = max(graded, key=lambda each: badness(each[0], each[2]))
        mark = with_flaws(mark, found.flaws)
        ratio, bound = slowdown(before, worst)
        return arena.load(
            scenario,
            mark,
            goodput=worst.goodput,
            phase=worst.name,
            slowdown=ratio,
            slowdown_censored=bound,
            recovery=recovered,
            generator=health,
            phases=tuple(c.phases),
            samples=tuple(sorted(c.cohort.samples, key=lambda each: each.intended)),
            crowd=c.timeline(),
            percentiles=c.percentiles(),
            measures=found.measures,
            conditions={
                "healthy requests/s": round(c.rate, 1),
                "open files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
                **c.question.told,
            },
            note=" ".join(filter(None, note(mark, reason, worst, len(phases), found, unseen))),
        )


def badness(mark: Grade, phase: Phase) -> tuple[int, float, float]:
    """Return what sorts phases from good to bad: by grade, then by p99, which is worst where there is none."""
    worse = ORDER.index(mark) if mark in ORDER else len(ORDER)
    return worse, math.inf if phase.p99 is None else phase.p99, -phase.goodput


def unfit(health: GeneratorHealth, why: str) -> GeneratorHealth:
    """Return `health`, made invalid where it was valid and `why` says what else was not fit."""
    return msgspec.structs.replace(health, valid=False, why=why) if why and health.valid else health


def with_flaws(mark: Grade, flaws: Sequence[str]) -> Grade:
    """Return what is left of `mark` for a server with `flaws`."""
    return Grade.DEGRADES if flaws and mark is Grade.IMMUNE else mark


def note(mark: Grade, reason: str, worst: Phase, phases: int, found: Findings, unseen: str) -> tuple[str, ...]:
    """Return the sentences of the cell: its flaws first, then what the users got, then the rest."""
    if mark in (Grade.INVALID, Grade.INCONCLUSIVE):
        return (reason,)
    users = f"The users got this meanwhile{f', at worst ({worst.name})' if phases > 1 else ''}: {reason}"
    return (*found.flaws, users, found.told, unseen)
