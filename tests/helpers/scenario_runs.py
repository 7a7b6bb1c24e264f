"""Run a scenario on one server until its result is valid."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.load.context import ProgressCallback, ScenarioContext
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.model import Grade, Outcome, ScenarioResult
from wsgi_gauntlet.harness.server.plan import Plan

TRY_SECONDS = 100.0
"""Seconds for tries. The last one may end later. A burst of work of another program passes."""


def attempts() -> Iterator[int]:
    """Yield the number of each try, from 1 on."""
    until = time.monotonic() + TRY_SECONDS
    yield from itertools.takewhile(lambda number: number == 1 or time.monotonic() < until, itertools.count(1))


def make_context(
    scenario: Scenario | str,
    plan: Plan,
    folder: Path,
    parameters: Mapping[str, object] | None = None,
    *,
    progress: ProgressCallback = lambda _fraction, _doing: None,
    page: str = "/",
) -> ScenarioContext[Parameters]:
    """Return a context with the parameters of a quick run, some of them replaced, in two folders of `folder`."""
    found = registry.scenario(scenario) if isinstance(scenario, str) else scenario
    for name in ("scratch", "logs"):
        (folder / name).mkdir(exist_ok=True)
    return ScenarioContext(
        plan,
        found,
        found.parameters(parameters),
        scratch=folder / "scratch",
        logs=folder / "logs",
        progress=progress,
        page=page,
    )


async def measured(scenario: str, plan: Plan, folder: Path, **parameters: float) -> ScenarioResult:
    """Run `scenario` once with the parameters of a quick run, some of them replaced."""
    return check_metrics(await registry.scenario(scenario).run(make_context(scenario, plan, folder, parameters)))


def check_metrics(cell: ScenarioResult) -> ScenarioResult:
    """Return `cell` if no two of its metrics have the same id."""
    ids = [each.id for each in cell.metrics]
    assert len(set(ids)) == len(ids), ids
    return cell


def require_right_answers(cell: ScenarioResult) -> None:
    """Fail the test unless each phase has right answers, and none that is wrong or an error.

    How many there are depends on the speed of the machine, and so does the share that the end of a phase cuts off.
    """
    assert cell.phases, cell.note
    for each in cell.phases:
        assert each.outcomes[Outcome.OK], (each.name, cell.note, cell.caveats)
        for bad in (Outcome.WRONG, Outcome.ERROR):
            assert not each.outcomes[bad], (each.name, bad, cell.note, cell.caveats)


async def run_until_graded(scenario: str, plan: Plan, folder: Path, **parameters: float) -> ScenarioResult:
    """Run the scenario until the generator kept up and there is a grade. Fail the test if that never happens."""
    return await _run_until(scenario, plan, folder, parameters, graded=True)


async def run_until_valid(scenario: str, plan: Plan, folder: Path, **parameters: float) -> ScenarioResult:
    """Run the scenario until the generator kept up. A server that is always bad has no grade."""
    return await _run_until(scenario, plan, folder, parameters, graded=False)


async def _run_until(
    scenario: str, plan: Plan, folder: Path, parameters: Mapping[str, float], *, graded: bool
) -> ScenarioResult:
    why = ""
    for _ in attempts():
        cell = await measured(scenario, plan, folder, **parameters)
        assert cell.generator is not None
        if cell.grade is Grade.INVALID or not cell.generator.valid:
            why = f"the generator did not keep up: {cell.generator.why}"
        elif cell.grade is Grade.INCONCLUSIVE and graded:
            why = cell.note
        else:
            return cell
    pytest.fail(f"{scenario} on {plan.name}, tried for {TRY_SECONDS:.0f} s, had no valid result: {why}")
