"""Measure one slot: the scenarios of a comparison, one after another, on fresh instances of one server."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.comparison import default_scenario
from wsgi_gauntlet.harness.comparison.figures import figures
from wsgi_gauntlet.harness.errors import ConfigurationError, PageError, ServerError, Unsupported, reportable_error
from wsgi_gauntlet.harness.limits import describe_exhausted_resource
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.load.runner import run_watching_other_processes
from wsgi_gauntlet.harness.model import Figure, Grade, Metric, ScenarioResult, SlotResult
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders
from wsgi_gauntlet.harness.traffic.model import Traffic

SlotProgress = Callable[[str], None]
"""Called with the name of a server and its present activity."""


@dataclass(frozen=True)
class ScenarioRun:
    """A scenario with its parameters."""

    scenario: Scenario
    parameters: Parameters


@dataclass(frozen=True)
class SlotEnvironment:
    """What all slots have in common. `page` is the page of the user app, or its traffic.

    `metrics` are the chosen default figures.
    """

    folders: RunFolders
    page: str | Traffic = "/"
    metrics: Collection[str] = ()


async def measure_slot(
    plan: Plan,
    letter: str,
    runs: Sequence[ScenarioRun],
    environment: SlotEnvironment,
    on_activity: Callable[[str], None],
) -> SlotResult:
    """Return the figures of one candidate. The time of the slot begins at 0.

    A slot in which the generator or the machine could not keep up is not valid; it ends at once. Raises ServerError if
    the server does not start or gives wrong responses, PageError, and ConfigurationError for a server that lacks
    something that a scenario needs.
    """
    began = time.monotonic()
    found: list[Figure] = []
    conditions: dict[str, object] = {}
    for run in runs:
        cell = await run_scenario(plan, run, environment, on_activity)
        conditions |= cell.conditions
        found += figures(cell, environment.metrics)
        if cell.grade is Grade.INVALID:
            why = cell.generator.why if cell.generator is not None and cell.generator.why else cell.note
            return SlotResult(letter, tuple(found), valid=False, why=why, seconds=time.monotonic() - began)
    return SlotResult(letter, tuple(found), seconds=time.monotonic() - began, conditions=conditions)


async def screen_capacity(
    plan: Plan,
    parameters: default_scenario.SlotParameters,
    environment: SlotEnvironment,
    on_activity: Callable[[str], None],
) -> float:
    """Return the capacity of a server in requests per second, for the common rate. Raises as `measure_slot` does."""
    run = ScenarioRun(default_scenario.SCENARIO, default_scenario.screening_parameters(parameters))
    cell = await run_scenario(plan, run, environment, on_activity)
    capacity = next((each for each in cell.metrics if each.id == "capacity"), Metric("capacity", "capacity", None))
    if not capacity.value:
        raise ServerError(
            f"{plan.name}: it gave no correct response in a closed loop; `wsgi-gauntlet check` shows more"
        )
    return capacity.value


async def run_scenario(
    plan: Plan, run: ScenarioRun, environment: SlotEnvironment, on_activity: Callable[[str], None]
) -> ScenarioResult:
    ctx = ScenarioContext(
        plan,
        run.scenario,
        run.parameters,
        scratch=environment.folders.scratch,
        logs=environment.folders.logs,
        progress=lambda _fraction, doing: on_activity(doing),
        page=environment.page,
    )
    try:
        if why := run.scenario.unsuitable_reason(plan):
            raise Unsupported(why)
        cell, _ = await run_watching_other_processes(ctx, run.scenario)
    except Exception as raised:
        problem = reportable_error(raised)
        if isinstance(problem, PageError | ServerError):
            raise problem from None
        if isinstance(problem, Unsupported):
            raise ConfigurationError(f"{plan.name} cannot be compared: {problem}") from None
        if limit := describe_exhausted_resource(problem):
            return ScenarioResult(plan.name, run.scenario.id, Grade.INVALID, note=limit)
        raise
    if cell.grade is Grade.ERROR:
        raise ServerError(f"{plan.name}: {cell.note}")
    if cell.grade is Grade.UNSUPPORTED:
        raise ConfigurationError(f"{plan.name} cannot be compared by {cell.scenario}: {cell.note}")
    return cell
