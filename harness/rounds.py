"""Scenarios x servers, one after the other: whatever else runs on the machine would be measured too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from .catalog import Scenario
from .errors import GauntletError, NoSuchPage, ServerTrouble, TargetRefused, Unsupported
from .launching.plan import Plan
from .load.arena import Arena
from .load.clients.limits import ran_out
from .load.judging.crowded import seen_beside
from .load.looking.neighbours import neighbours
from .model import Grade, Load
from .progress import Listener


@dataclass(frozen=True)
class Narrowing:
    """What the command line asks of every scenario: `full` parameters, and some of them replaced.

    `clients` is the largest number of adverse clients, `duration` the seconds under them, `rate` healthy arrivals
    a second. `page` is what healthy users ask an app of the user's own for.
    """

    full: bool = False
    clients: int | None = None
    duration: float | None = None
    rate: float | None = None
    page: str = "/"

    def parameters(self, scenario: Scenario) -> dict[str, Any]:
        """Return the parameters of `scenario`, narrowed."""
        asked = {"clients": self.clients, "duration": self.duration, "rate": self.rate}
        return {**(scenario.full if self.full else scenario.smoke), **{k: v for k, v in asked.items() if v is not None}}


@dataclass(frozen=True)
class Range:
    """Where load is run: folders, and who hears of it. `measured` is called once for each cell."""

    scratch: Path
    logs: Path
    listener: Listener
    measured: Callable[[Load], None]
    stranded: Callable[[Plan, str], None]


async def load(cells: Sequence[tuple[Plan, Scenario]], narrowing: Narrowing, where: Range) -> None:
    """Run each scenario of `cells` on its server, in the given order.

    What other programs spoilt is measured once more, unless that was in vain for the cell before: then they stay. A
    server that does not start and a target that no longer proves itself are not tried again.

    Raises NoSuchPage, which is so for every scenario.
    """
    lost: set[str] = set()
    repeats = True
    for plan, scenario in cells:
        if plan.name in lost:
            continue
        parameters = narrowing.parameters(scenario)
        arena = _arena(plan, scenario, parameters, narrowing, where)
        where.listener.working(plan.name, scenario.id, 0.0)
        try:
            if why := scenario.unfit(plan):
                raise Unsupported(why)
            cell, spoilt = await _beside_others(arena, scenario)
            if spoilt and repeats:
                arena.progress(0.0, "other programs took the machine; once more")
                arena = _arena(plan, scenario, parameters, narrowing, where)
                cell, spoilt = await _beside_others(arena, scenario)
            repeats = not spoilt
        except Exception as raised:  # noqa: BLE001 - a fault of ours in one cell must not cost the others
            problem = _told(raised)
            if isinstance(problem, NoSuchPage):
                raise problem from None
            if isinstance(problem, ServerTrouble | TargetRefused):
                where.stranded(plan, str(problem))
                lost.add(plan.name)
            if isinstance(problem, ServerTrouble):
                continue
            grade, note = _instead(problem)
            cell = _without(plan, scenario, parameters, grade, note)
            if isinstance(problem, TargetRefused):
                # What was measured before it was lost was measured of the right one.
                cell = msgspec.structs.replace(
                    cell, phases=tuple(arena.kept), conditions=dict(arena.conditions), seconds=arena.elapsed
                )
        where.measured(cell)


def _arena(plan: Plan, scenario: Scenario, parameters: Mapping[str, Any], narrowing: Narrowing, where: Range) -> Arena:
    return Arena(
        plan,
        parameters,
        scratch=where.scratch,
        logs=where.logs,
        progress=_teller(where, plan, scenario),
        page=narrowing.page,
    )


async def _beside_others(arena: Arena, scenario: Scenario) -> tuple[Load, bool]:
    """Return the cell of `scenario`, and whether other programs made it invalid. Raises what the scenario raises."""
    with neighbours() as looks:
        measured = arena.seen_out(await scenario.run(arena))
    counted = [each for each in looks if each.at >= arena.counts_from]
    cell = seen_beside(measured, counted, started_here=arena.started_here)
    return cell, cell.grade is not measured.grade


def _told(problem: Exception) -> Exception:
    """Return what can be told of a group of errors, as a nursery raises them; anything else as it is."""
    if not isinstance(problem, ExceptionGroup):
        return problem
    leaves = [_told(each) for each in problem.exceptions]
    explained = [each for each in leaves if isinstance(each, GauntletError | Unsupported)]
    return next(iter(explained), problem if len(leaves) > 1 else leaves[0])


def _instead(problem: Exception) -> tuple[Grade, str]:
    """Return what a cell is told as whose scenario raised `problem`."""
    if isinstance(problem, Unsupported):
        return Grade.UNSUPPORTED, str(problem)
    if limit := ran_out(problem):
        return Grade.INVALID, limit
    return Grade.ERROR, str(problem) if isinstance(problem, GauntletError) else f"{type(problem).__name__}: {problem}"


def _teller(where: Range, plan: Plan, scenario: Scenario) -> Callable[[float | None, str], None]:
    def tell(fraction: float | None, doing: str) -> None:
        where.listener.working(plan.name, f"{scenario.id}: {doing}", fraction)

    return tell


def _without(plan: Plan, scenario: Scenario, parameters: Mapping[str, Any], grade: Grade, note: str) -> Load:
    return Load(plan.name, scenario.id, grade, parameters=dict(parameters), note=note)
