"""Scenarios x servers, one after the other: whatever else runs on the machine would be measured too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from wsgi_gauntlet.harness.errors import GauntletError, PageError, ServerError, TargetRefused, Unsupported
from wsgi_gauntlet.harness.limits import describe_exhausted_resource
from wsgi_gauntlet.harness.load.analysis.cpu_contention import apply_cpu_contention
from wsgi_gauntlet.harness.load.catalog import Scenario, overrides_for
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.load.probes.other_processes import other_processes
from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.harness.model.listener import Listener
from wsgi_gauntlet.harness.server.plan import Plan


@dataclass(frozen=True)
class LoadOptions:
    """What the command line sets for every scenario: `full` parameters, and some of them replaced.

    `clients`, `duration` and `rate` are the parameters with an option of their own. `other_parameters` are those that
    `--set NAME=VALUE` gives, as text. `page` is the page of a user app that healthy users request.
    """

    full: bool = False
    clients: int | None = None
    duration: float | None = None
    rate: float | None = None
    page: str = "/"
    other_parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def overrides(self) -> dict[str, object]:
        """The replaced parameters by name, for whichever scenario declares them."""
        options = {"clients": self.clients, "duration": self.duration, "rate": self.rate}
        return {**{name: value for name, value in options.items() if value is not None}, **self.other_parameters}

    def parameters(self, scenario: Scenario) -> Parameters:
        """Return the parameters of `scenario`. Raises ConfigurationError for a value of the wrong kind."""
        return scenario.parameters(overrides_for(scenario, self.overrides), full=self.full)


@dataclass(frozen=True)
class LoadRunConfig:
    """Where load is run: folders, and who hears of it. `measured` is called once for each cell."""

    scratch: Path
    logs: Path
    listener: Listener
    measured: Callable[[ScenarioResult], None]
    failed_to_start: Callable[[Plan, str], None]


async def load(cells: Sequence[tuple[Plan, Scenario]], load_options: LoadOptions, config: LoadRunConfig) -> None:
    """Run each scenario of `cells` on its server, in the given order.

    What other programs spoilt is measured once more, unless that was in vain for the cell before: then they stay. A
    server that does not start and a target that no longer proves itself are not tried again.

    Raises PageError, which is so for every scenario.
    """
    failed_servers: set[str] = set()
    may_repeat = True
    for plan, scenario in cells:
        if plan.name in failed_servers:
            continue
        parameters = load_options.parameters(scenario)
        ctx = _scenario_context(plan, scenario, parameters, load_options, config)
        config.listener.progress(plan.name, scenario.id, 0.0)
        try:
            if why := scenario.unsuitable_reason(plan):
                raise Unsupported(why)
            cell, disturbed = await _run_watching_neighbours(ctx, scenario)
            if disturbed and may_repeat:
                ctx.progress(0.0, "other programs took the machine; once more")
                ctx = _scenario_context(plan, scenario, parameters, load_options, config)
                cell, disturbed = await _run_watching_neighbours(ctx, scenario)
            may_repeat = not disturbed
        except Exception as raised:  # noqa: BLE001 - a fault of ours in one cell must not cost the others
            problem = _unwrap(raised)
            if isinstance(problem, PageError):
                raise problem from None
            if isinstance(problem, ServerError | TargetRefused):
                config.failed_to_start(plan, str(problem))
                failed_servers.add(plan.name)
            if isinstance(problem, ServerError):
                continue
            grade, note = _error_grade(problem)
            cell = _empty_result(plan, scenario, parameters, grade, note)
            if isinstance(problem, TargetRefused):
                # What was measured before it was lost was measured of the right one.
                cell = msgspec.structs.replace(
                    cell, phases=tuple(ctx.finished_phases), conditions=dict(ctx.conditions), seconds=ctx.elapsed
                )
        config.measured(cell)


def _scenario_context(
    plan: Plan, scenario: Scenario, parameters: Parameters, load_options: LoadOptions, config: LoadRunConfig
) -> ScenarioContext[Parameters]:
    return ScenarioContext(
        plan,
        scenario,
        parameters,
        scratch=config.scratch,
        logs=config.logs,
        progress=_progress_callback(config, plan, scenario),
        page=load_options.page,
    )


async def _run_watching_neighbours(ctx: ScenarioContext[Parameters], scenario: Scenario) -> tuple[ScenarioResult, bool]:
    """Return the cell of `scenario`, and whether other programs made it invalid. Raises what the scenario raises."""
    with other_processes() as looks:
        measured = ctx.with_target_status(await scenario.run(ctx))
    counted = [each for each in looks if each.at >= ctx.round_started]
    cell = apply_cpu_contention(measured, counted, started_here=ctx.started_here)
    return cell, cell.grade is not measured.grade


def _unwrap(problem: Exception) -> Exception:
    """Return what can be told of a group of errors, as a nursery raises them; anything else as it is."""
    if not isinstance(problem, ExceptionGroup):
        return problem
    leaves = [_unwrap(each) for each in problem.exceptions]
    explained = [each for each in leaves if isinstance(each, GauntletError | Unsupported)]
    return next(iter(explained), problem if len(leaves) > 1 else leaves[0])


def _error_grade(problem: Exception) -> tuple[Grade, str]:
    """Return what a cell is told as whose scenario raised `problem`."""
    if isinstance(problem, Unsupported):
        return Grade.UNSUPPORTED, str(problem)
    if limit := describe_exhausted_resource(problem):
        return Grade.INVALID, limit
    return Grade.ERROR, str(problem) if isinstance(problem, GauntletError) else f"{type(problem).__name__}: {problem}"


def _progress_callback(config: LoadRunConfig, plan: Plan, scenario: Scenario) -> Callable[[float | None, str], None]:
    def tell(fraction: float | None, doing: str) -> None:
        config.listener.progress(plan.name, f"{scenario.id}: {doing}", fraction)

    return tell


def _empty_result(plan: Plan, scenario: Scenario, parameters: Parameters, grade: Grade, note: str) -> ScenarioResult:
    return ScenarioResult(plan.name, scenario.id, grade, parameters=parameters.values(), note=note)
