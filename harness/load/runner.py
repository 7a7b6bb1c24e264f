"""Run scenarios on servers, one after the other: a second server would disturb the measurement.

Light scenarios are the exception: they leave the machine idle, and the runner makes sure that they did.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec
import trio

from wsgi_gauntlet.harness.errors import (
    GauntletError,
    PageError,
    ServerError,
    TargetRefused,
    Unsupported,
    WorkerLost,
    reportable_error,
)
from wsgi_gauntlet.harness.event_queue import EventQueue
from wsgi_gauntlet.harness.events import Message, Progress, ScenarioFinished, ServerFailed
from wsgi_gauntlet.harness.limits import describe_exhausted_resource
from wsgi_gauntlet.harness.load.analysis.cpu_contention import apply_cpu_contention, left_a_core_idle
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.generator.process_pool import GeneratorMachines
from wsgi_gauntlet.harness.load.options import LoadOptions as LoadOptions
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.load.probes.other_processes import other_processes
from wsgi_gauntlet.harness.load.scenario_group import ScenarioGroup
from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteDescription
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders

MAX_ROUNDS_WITH_LOST_WORKERS = 3
"""Rounds of one cell at most in which a worker of the cluster may be lost."""

MAX_GROUP_SIZE = 4
"""Servers at most that a light scenario measures at the same time. One event loop serves the clients of all."""

MIN_GROUP_CORES = 2
"""Cores from which servers are measured at the same time: one of them must stay idle."""

MAX_CROWDED_GROUPS = 2
"""Groups of servers that left no core idle, after which the others are measured one by one."""

LOCAL_CLIENTS_CAVEAT = "the clients of this scenario are all on the machine of the harness, not on the workers"


async def load(
    cells: Iterable[tuple[Plan, Scenario]],
    load_options: LoadOptions,
    folders: RunFolders,
    events: EventQueue,
    machines: GeneratorMachines | None = None,
) -> None:
    """Run each scenario of `cells` on its server, in the given order, and put one ScenarioFinished for each.

    A light scenario runs on several servers at the same time. If that left no core idle, or if a result is not valid,
    the scenario is run again on each server by itself.
    If other processes made a cell invalid, it is measured once more, unless that did not help for the cell before.
    A server that does not start gets ServerFailed and no cell; a target that no longer proves itself gets both.
    `cells` is asked for the next cell after the events of those before are handled, so it can leave out servers that
    failed. `machines` run the generators, None for this machine.

    Raises PageError: the page of the user app fails in every scenario.
    """
    run = _LoadRun(load_options, folders, events, machines)
    group: list[tuple[Plan, Scenario]] = []
    for plan, scenario in cells:
        if group and (scenario is not group[0][1] or plan in [each for each, _ in group]):
            await run.run(group)
            group = []
        group.append((plan, scenario))
        if len(group) == run.group_size(plan, scenario):
            await run.run(group)
            group = []
    await run.run(group)


class _LoadRun:
    """The cells of one run, while they are measured."""

    def __init__(
        self,
        load_options: LoadOptions,
        folders: RunFolders,
        events: EventQueue,
        machines: GeneratorMachines | None,
    ) -> None:
        self._options, self._folders, self._events, self._machines = load_options, folders, events, machines
        self._may_repeat = True
        self._crowded_groups = 0
        self._messages: set[str] = set()
        self._failed: set[str] = set()

    def group_size(self, plan: Plan, scenario: Scenario) -> int:
        """Return on how many servers `scenario` may run at the same time, one of them that of `plan`."""
        is_remote = self._machines is not None or isinstance(plan.adapter, RemoteDescription)
        if not scenario.light or self._options.full or is_remote or self._crowded_groups == MAX_CROWDED_GROUPS:
            return 1
        return MAX_GROUP_SIZE if len(os.sched_getaffinity(0)) >= MIN_GROUP_CORES else 1

    async def run(self, cells: Sequence[tuple[Plan, Scenario]]) -> None:
        """Measure the cells of a group: several servers at the same time, or each by itself."""
        cells = [(plan, scenario) for plan, scenario in cells if plan.name not in self._failed]
        if len(cells) > 1:
            cells = await self._run_together(cells)
        for plan, scenario in cells:
            await self._run_alone(plan, scenario)

    async def _run_together(self, cells: Sequence[tuple[Plan, Scenario]]) -> list[tuple[Plan, Scenario]]:
        """Measure servers at the same time, and return the cells that must be measured alone."""
        group = ScenarioGroup(len(cells))
        accepted: set[str] = set()
        crowded = False

        async def run(ctx: ScenarioContext[Parameters]) -> None:
            nonlocal crowded
            plan, scenario = ctx.plan, ctx.scenario
            try:
                if scenario.unsuitable_reason(plan):
                    return
                cell = await scenario.run(ctx)
            except Exception:  # noqa: BLE001 - when the server runs alone, it is raised again, or the group caused it
                return
            finally:
                group.leave()
            until_now = tuple(samples)
            if not left_a_core_idle(until_now):
                crowded = True
            elif (cell := apply_cpu_contention(cell, until_now)).grade is not Grade.INVALID:
                accepted.add(plan.name)
                await self._finish(ctx, cell)

        with other_processes() as samples:
            async with trio.open_nursery() as nursery:
                for plan, scenario in cells:
                    ctx = self._context(plan, scenario)
                    ctx.group = group
                    nursery.start_soon(run, ctx)
        self._crowded_groups += crowded
        return [(plan, scenario) for plan, scenario in cells if plan.name not in accepted]

    async def _run_alone(self, plan: Plan, scenario: Scenario) -> None:
        make_context = partial(self._context, plan, scenario)
        ctx = make_context()
        try:
            if why := scenario.unsuitable_reason(plan):
                raise Unsupported(why)
            ctx, cell, disturbed = await _run_with_workers(make_context, ctx, scenario)
            if disturbed and self._may_repeat:
                ctx.progress(0.0, "other programs took the machine; once more")
                ctx, cell, disturbed = await _run_with_workers(make_context, make_context(), scenario)
            self._may_repeat = not disturbed
        except Exception as raised:  # noqa: BLE001 - an internal error in one cell must not end the others
            problem = reportable_error(raised)
            if isinstance(problem, PageError):
                raise problem from None
            if isinstance(problem, ServerError | TargetRefused):
                self._failed.add(plan.name)
                await self._events.put(ServerFailed(plan.name, str(problem)))
            if isinstance(problem, ServerError):
                return
            grade, note = _error_grade(problem)
            cell = ScenarioResult(plan.name, scenario.id, grade, parameters=ctx.parameters.values(), note=note)
            if isinstance(problem, TargetRefused):
                # The figures until then are those of the right server.
                cell = msgspec.structs.replace(
                    cell, phases=tuple(ctx.finished_phases), conditions=dict(ctx.conditions), seconds=ctx.elapsed
                )
        await self._finish(ctx, cell)

    async def _finish(self, ctx: ScenarioContext[Parameters], cell: ScenarioResult) -> None:
        await self._events.put(ScenarioFinished(cell))
        if ctx.page_caveat not in self._messages | {""}:
            self._messages.add(ctx.page_caveat)
            await self._events.put(Message(ctx.page_caveat))

    def _context(self, plan: Plan, scenario: Scenario) -> ScenarioContext[Parameters]:
        progress = _progress_callback(self._events, plan, scenario)
        ctx = ScenarioContext(
            plan,
            scenario,
            self._options.parameters(scenario),
            scratch=self._folders.scratch,
            logs=self._folders.logs,
            progress=progress,
            page=self._options.traffic or self._options.page,
        )
        ctx.machines = self._machines
        self._events.put_progress(Progress(plan.name, scenario.id, 0.0))
        return ctx


async def _run_with_workers(
    make_context: Callable[[], ScenarioContext[Parameters]], ctx: ScenarioContext[Parameters], scenario: Scenario
) -> tuple[ScenarioContext[Parameters], ScenarioResult, bool]:
    """Return the last context and the result of `run_watching_other_processes`.

    A round in which a worker of the cluster was lost is run again. Raises the errors of the scenario.
    """
    lost: list[str] = []
    while True:
        used = ctx.machines.uses if ctx.machines is not None else 0
        try:
            cell, disturbed = await run_watching_other_processes(ctx, scenario)
        except Exception as raised:
            problem = reportable_error(raised)
            if not isinstance(problem, WorkerLost) or len(lost) + 1 == MAX_ROUNDS_WITH_LOST_WORKERS:
                raise
            lost.append(str(problem))
            ctx.progress(0.0, "a worker was lost; once more")
            ctx = make_context()
            continue
        caveats = [f"the scenario was run again: {each}" for each in lost]
        if ctx.machines is not None and ctx.machines.uses == used:
            caveats.append(LOCAL_CLIENTS_CAVEAT)
        return ctx, msgspec.structs.replace(cell, caveats=(*cell.caveats, *caveats)), disturbed


async def run_watching_other_processes(
    ctx: ScenarioContext[Parameters], scenario: Scenario
) -> tuple[ScenarioResult, bool]:
    """Return the cell of `scenario`, and whether other processes made it invalid. Raises the errors of the scenario."""
    with other_processes() as looks:
        measured = ctx.with_target_status(await scenario.run(ctx))
    counted = [each for each in looks if each.at >= ctx.round_started]
    cell = apply_cpu_contention(measured, counted, started_here=ctx.started_here)
    return cell, cell.grade is not measured.grade


def _error_grade(problem: BaseException) -> tuple[Grade, str]:
    """Return the grade and the note of a cell whose scenario raised `problem`."""
    if isinstance(problem, Unsupported):
        return Grade.UNSUPPORTED, str(problem)
    if limit := describe_exhausted_resource(problem):
        return Grade.INVALID, limit
    return Grade.ERROR, str(problem) if isinstance(problem, GauntletError) else f"{type(problem).__name__}: {problem}"


def _progress_callback(events: EventQueue, plan: Plan, scenario: Scenario) -> Callable[[float | None, str], None]:
    def report(fraction: float | None, activity: str) -> None:
        events.put_progress(Progress(plan.name, f"{scenario.id}: {activity}", fraction))

    return report
