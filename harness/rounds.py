"""Scenarios x servers, one after the other: whatever else runs on the machine would be measured too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .catalog import Scenario
from .errors import GauntletError, ServerTrouble, Unsupported
from .launch import Plan
from .load.arena import Arena
from .model import Grade, Load
from .progress import Listener


@dataclass(frozen=True)
class Narrowing:
    """What the command line asks of every scenario: `full` parameters, and some of them replaced.

    `clients` is the largest number of adverse clients, `duration` the seconds under them, `rate` healthy arrivals
    a second.
    """

    full: bool = False
    clients: int | None = None
    duration: float | None = None
    rate: float | None = None

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
    """Run each scenario of `cells` on its server, in the given order."""
    lost: set[str] = set()
    for plan, scenario in cells:
        if plan.name in lost:
            continue
        parameters = narrowing.parameters(scenario)
        arena = Arena(plan, parameters, scratch=where.scratch, logs=where.logs, progress=_teller(where, plan, scenario))
        where.listener.working(plan.name, scenario.id, 0.0)
        try:
            cell = await scenario.run(arena)
        except Unsupported as reason:
            cell = _without(plan, scenario, parameters, Grade.UNSUPPORTED, str(reason))
        except ServerTrouble as trouble:
            where.stranded(plan, str(trouble))
            lost.add(plan.name)
            continue
        except GauntletError as problem:
            cell = _without(plan, scenario, parameters, Grade.ERROR, str(problem))
        except Exception as problem:  # noqa: BLE001 - a fault of ours in one cell must not cost the others
            cell = _without(plan, scenario, parameters, Grade.ERROR, f"{type(problem).__name__}: {problem}")
        where.measured(cell)


def _teller(where: Range, plan: Plan, scenario: Scenario) -> Callable[[float | None, str], None]:
    def tell(fraction: float | None, doing: str) -> None:
        where.listener.working(plan.name, f"{scenario.id}: {doing}", fraction)

    return tell


def _without(plan: Plan, scenario: Scenario, parameters: Mapping[str, Any], grade: Grade, note: str) -> Load:
    return Load(plan.name, scenario.id, grade, parameters=dict(parameters), note=note)
