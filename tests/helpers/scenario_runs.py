"""A scenario on one server, as proof of something: a cell of which the generator itself says no is none."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.harness.server.plan import Plan

TRY_SECONDS = 100.0
"""Seconds for tries, of which the last may end later: another program's burst of work on the machine passes."""


def attempts() -> Iterator[int]:
    """Yield the number of each try, from 1 on, as long as there is to be one."""
    until = time.monotonic() + TRY_SECONDS
    yield from itertools.takewhile(lambda number: number == 1 or time.monotonic() < until, itertools.count(1))


async def measured(scenario: str, plan: Plan, folder: Path, **parameters: float) -> ScenarioResult:
    """Run `scenario` with its smoke parameters, narrowed by `parameters`, once."""
    found = registry.scenario(scenario)
    ctx = ScenarioContext(plan, {**found.smoke, **parameters}, scratch=folder / "scratch", logs=folder / "logs")
    return await found.run(ctx)


async def run_until_graded(scenario: str, plan: Plan, folder: Path, **parameters: float) -> ScenarioResult:
    """Run it until the generator kept up and there is a grade, and fail the test where that never was."""
    return await _run_until(scenario, plan, folder, parameters, graded=True)


async def run_until_valid(scenario: str, plan: Plan, folder: Path, **parameters: float) -> ScenarioResult:
    """Run it until the generator kept up: a server that is bad without what the scenario does to it has no grade."""
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
    pytest.fail(f"{scenario} on {plan.name}, tried for {TRY_SECONDS:.0f} s, came to nothing: {why}")
