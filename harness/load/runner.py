"""Run scenarios on servers, one after the other: a second server would disturb the measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import msgspec

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
from wsgi_gauntlet.harness.load.analysis.cpu_contention import apply_cpu_contention
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.generator.process_pool import GeneratorMachines
from wsgi_gauntlet.harness.load.options import LoadOptions as LoadOptions
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.load.probes.other_processes import other_processes
from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders

MAX_ROUNDS_WITH_LOST_WORKERS = 3
"""Rounds of one cell at most in which a worker of the cluster may be lost."""

LOCAL_CLIENTS_CAVEAT = "the clients of this scenario are all on the machine of the harness, not on the workers"


async def load(
    cells: Iterable[tuple[Plan, Scenario]],
    load_options: LoadOptions,
    folders: RunFolders,
    events: EventQueue,
    machines: GeneratorMachines | None = None,
) -> None:
    """Run each scenario of `cells` on its server, in the given order, and put one ScenarioFinished for each.

    If other processes made a cell invalid, it is measured once more, unless that did not help for the cell before.
    A server that does not start gets ServerFailed and no cell; a target that no longer proves itself gets both.
    `cells` is asked for the next cell after these events are handled, so it can leave out servers that failed.
    `machines` run the generators, None for this machine.

    Raises PageError: the page of the user app fails in every scenario.
    """
    may_repeat, messages = True, set[str]()
    for plan, scenario in cells:
        parameters = load_options.parameters(scenario)
        make_context = partial(_scenario_context, plan, scenario, parameters, load_options, folders, events, machines)
        ctx = make_context()
        events.put_progress(Progress(plan.name, scenario.id, 0.0))
        try:
            if why := scenario.unsuitable_reason(plan):
                raise Unsupported(why)
            ctx, cell, disturbed = await _run_with_workers(make_context, ctx, scenario)
            if disturbed and may_repeat:
                ctx.progress(0.0, "other programs took the machine; once more")
                ctx, cell, disturbed = await _run_with_workers(make_context, make_context(), scenario)
            may_repeat = not disturbed
        except Exception as raised:  # noqa: BLE001 - an internal error in one cell must not end the others
            problem = reportable_error(raised)
            if isinstance(problem, PageError):
                raise problem from None
            if isinstance(problem, ServerError | TargetRefused):
                await events.put(ServerFailed(plan.name, str(problem)))
            if isinstance(problem, ServerError):
                continue
            grade, note = _error_grade(problem)
            cell = ScenarioResult(plan.name, scenario.id, grade, parameters=parameters.values(), note=note)
            if isinstance(problem, TargetRefused):
                # The figures until then are those of the right server.
                cell = msgspec.structs.replace(
                    cell, phases=tuple(ctx.finished_phases), conditions=dict(ctx.conditions), seconds=ctx.elapsed
                )
        await events.put(ScenarioFinished(cell))
        if ctx.page_caveat not in messages | {""}:
            messages.add(ctx.page_caveat)
            await events.put(Message(ctx.page_caveat))


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


def _scenario_context(
    plan: Plan,
    scenario: Scenario,
    parameters: Parameters,
    load_options: LoadOptions,
    folders: RunFolders,
    events: EventQueue,
    machines: GeneratorMachines | None,
) -> ScenarioContext[Parameters]:
    ctx = ScenarioContext(
        plan,
        scenario,
        parameters,
        scratch=folders.scratch,
        logs=folders.logs,
        progress=_progress_callback(events, plan, scenario),
        page=load_options.traffic or load_options.page,
    )
    ctx.machines = machines
    return ctx


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
