"""The cells of one call: what is still to be decided, and where each outcome goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import trio

from wsgi_gauntlet.harness.baseline.comparison import fails_run
from wsgi_gauntlet.harness.baseline.session import BaselineSession
from wsgi_gauntlet.harness.conformance import runner
from wsgi_gauntlet.harness.conformance.selection import CaseSelection
from wsgi_gauntlet.harness.load import runner as load_runner
from wsgi_gauntlet.harness.load.catalog import Scenario, server_scenario_pairs
from wsgi_gauntlet.harness.load.thresholds import apply_thresholds
from wsgi_gauntlet.harness.model import CaseResult, ScenarioResult, ServerInfo
from wsgi_gauntlet.harness.model.listener import Listener
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.instance import ServerInstance
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.store.journal import CheckLine, Journal, LoadLine, ServerLine


@dataclass
class RunStatus:
    """What a run has come to so far, for its exit code."""

    interrupted: bool = False
    stopped: bool = False  # at the first failure, as the user wished

    @property
    def incomplete(self) -> bool:
        """Say whether cells are left that nobody got to."""
        return self.interrupted or self.stopped

    failed_to_start: list[str] = field(default_factory=list)


class SessionWork:
    """The cells of one call, and where their outcomes go."""

    def __init__(
        self,
        run_journal: Journal,
        listener: Listener,
        scratch_folder: Path,
        status: RunStatus,
        plans: Sequence[Plan],
        cells: Mapping[str, CaseSelection],
        scenarios: Sequence[Scenario],
        load_options: load_runner.LoadOptions,
        done: set[tuple[str, str]],
        baseline_session: BaselineSession,
        thresholds: Mapping[str, Any],
        exitfirst: bool = False,
    ) -> None:
        self.run_journal, self.listener, self.scratch_folder, self.status = (
            run_journal,
            listener,
            scratch_folder,
            status,
        )
        self.plans, self.load_options, self.baseline_session, self.thresholds = (
            plans,
            load_options,
            baseline_session,
            thresholds,
        )
        self.exitfirst, self._scope = exitfirst, trio.CancelScope()
        # Beside scenarios, in a plain run, there is less time; `check` and `run --full` take it.
        self.all_segmentations = load_options.full or not scenarios
        left = {
            p.name: {c.id for c in cells[p.name].reported if (p.name, c.id) not in done}
            for p in plans
            if p.name in cells
        }
        self.reported = {(name, id_) for name, ids in left.items() for id_ in ids}
        self.checks = {
            name: [c for c in cells[name].cases if c.id in ids or c.id in cells[name].dependencies_only]
            for name, ids in left.items()
            if ids
        }
        self.loads = [(p, s) for p, s in server_scenario_pairs(scenarios, plans) if (p.name, s.id) not in done]
        self.server_info = {plan.name: planning.server_info(plan) for plan in plans}

    async def run(self) -> None:
        """Run them all, or to the first failure; what is decided or measured is kept at once."""
        with self._scope:
            await self._run_all()

    async def _run_all(self) -> None:
        if self.reported:
            self.listener.stage_started("check", len(self.reported))
            config = runner.RunnerConfig(
                self.scratch_folder,
                self.run_journal.logs,
                self.listener,
                self.decided,
                self.failed_to_start,
                started=self.started,
                all_segmentations=self.all_segmentations,
            )
            await runner.check([p for p in self.plans if p.name in self.checks], self.checks, config)
        if self.loads:
            self.listener.stage_started("load", len(self.loads))
            load_config = load_runner.LoadRunConfig(
                self.scratch_folder, self.run_journal.logs, self.listener, self.measured, self.failed_to_start
            )
            cells = [(p, s) for p, s in self.loads if p.name not in self.status.failed_to_start]
            await load_runner.load(cells, self.load_options, load_config)

    def decided(self, cell: CaseResult) -> None:
        """Keep a decided cell, unless another shard answers for it."""
        if (cell.server, cell.case) not in self.reported:
            return
        cell = self.baseline_session.apply(self.server_info[cell.server], cell)
        self.run_journal.write(CheckLine(cell))
        self.listener.case_finished(cell)
        if self.exitfirst and not self.status.stopped and fails_run(cell):
            self.status.stopped = True
            self.listener.message("stopped at the first failure, as -x asks; --resume goes on")
            self._scope.cancel()

    def measured(self, cell: ScenarioResult) -> None:
        """Keep a measured cell, and which of the user's thresholds it breaks."""
        cell = apply_thresholds(self.thresholds, cell)
        self.run_journal.write(LoadLine(cell))
        self.listener.scenario_finished(cell)

    def started(self, server: ServerInstance) -> None:
        """Keep the command that started a server."""
        self._update_server_info(server.name, command=server.command_line)

    def failed_to_start(self, plan: Plan, why: str) -> None:
        """Keep why a server does not start."""
        if plan.name not in self.status.failed_to_start:
            self.status.failed_to_start.append(plan.name)
            self._update_server_info(plan.name, available=False, why=why)
            self.listener.message(f"{plan.name}: {why}")

    def _update_server_info(self, name: str, **changed: object) -> None:
        updated: ServerInfo = msgspec.structs.replace(self.server_info[name], **changed)
        if updated != self.server_info[name]:
            self.server_info[name] = updated
            self.run_journal.write(ServerLine(updated))
