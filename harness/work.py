"""The cells of one call: what is still to be decided, and where each outcome goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import trio

from . import planning, rounds, runner
from .baselines.baseline import breaks
from .baselines.holding import Holding
from .catalog import Scenario, pairings
from .journal import CheckLine, Journal, LoadLine, ServerLine
from .launch import Running
from .launching.plan import Plan
from .model import Check, Load, ServerInfo
from .progress import Listener
from .selection import Share
from .thresholds import judged


@dataclass
class Outcome:
    """What a run has come to so far, for its exit code."""

    interrupted: bool = False
    stopped: bool = False  # at the first failure, as the user wished

    @property
    def cut_short(self) -> bool:
        """Say whether cells are left that nobody got to."""
        return self.interrupted or self.stopped

    stranded: list[str] = field(default_factory=list)


class Work:
    """The cells of one call, and where their outcomes go."""

    def __init__(
        self,
        book: Journal,
        listener: Listener,
        room: Path,
        outcome: Outcome,
        plans: Sequence[Plan],
        cells: Mapping[str, Share],
        scenarios: Sequence[Scenario],
        narrowing: rounds.Narrowing,
        done: set[tuple[str, str]],
        against: Holding,
        limits: Mapping[str, Any],
        exitfirst: bool = False,
    ) -> None:
        self.book, self.listener, self.room, self.outcome = book, listener, room, outcome
        self.plans, self.narrowing, self.against, self.limits = plans, narrowing, against, limits
        self.exitfirst, self._scope = exitfirst, trio.CancelScope()
        # Beside scenarios, in a plain run, there is less time; `check` and `run --full` take it.
        self.thorough = narrowing.full or not scenarios
        left = {
            p.name: {c.id for c in cells[p.name].own if (p.name, c.id) not in done} for p in plans if p.name in cells
        }
        self.reported = {(name, id_) for name, ids in left.items() for id_ in ids}
        self.checks = {
            name: [c for c in cells[name].cases if c.id in ids or c.id in cells[name].borrowed]
            for name, ids in left.items()
            if ids
        }
        self.loads = [(p, s) for p, s in pairings(scenarios, plans) if (p.name, s.id) not in done]
        self.information = {plan.name: planning.information(plan) for plan in plans}

    async def do(self) -> None:
        """Run them all, or to the first failure; what is decided or measured is kept at once."""
        with self._scope:
            await self._all()

    async def _all(self) -> None:
        if self.reported:
            self.listener.stage("check", len(self.reported))
            bench = runner.Bench(
                self.room,
                self.book.logs,
                self.listener,
                self.decided,
                self.stranded,
                started=self.started,
                thorough=self.thorough,
            )
            await runner.check([p for p in self.plans if p.name in self.checks], self.checks, bench)
        if self.loads:
            self.listener.stage("load", len(self.loads))
            field_ = rounds.Range(self.room, self.book.logs, self.listener, self.measured, self.stranded)
            cells = [(p, s) for p, s in self.loads if p.name not in self.outcome.stranded]
            await rounds.load(cells, self.narrowing, field_)

    def decided(self, cell: Check) -> None:
        """Keep a decided cell, unless another shard answers for it."""
        if (cell.server, cell.case) not in self.reported:
            return
        cell = self.against.held(self.information[cell.server], cell)
        self.book.write(CheckLine(cell))
        self.listener.checked(cell)
        if self.exitfirst and not self.outcome.stopped and breaks(cell):
            self.outcome.stopped = True
            self.listener.remark("stopped at the first failure, as -x asks; --resume goes on")
            self._scope.cancel()

    def measured(self, cell: Load) -> None:
        """Keep a measured cell, and which of the user's thresholds it breaks."""
        cell = judged(self.limits, cell)
        self.book.write(LoadLine(cell))
        self.listener.loaded(cell)

    def started(self, server: Running) -> None:
        """Keep the command that started a server."""
        self._tell(server.name, command=server.command_line)

    def stranded(self, plan: Plan, why: str) -> None:
        """Keep why a server does not start."""
        if plan.name not in self.outcome.stranded:
            self.outcome.stranded.append(plan.name)
            self._tell(plan.name, available=False, why=why)
            self.listener.remark(f"{plan.name}: {why}")

    def _tell(self, name: str, **changed: object) -> None:
        told: ServerInfo = msgspec.structs.replace(self.information[name], **changed)
        if told != self.information[name]:
            self.information[name] = told
            self.book.write(ServerLine(told))
