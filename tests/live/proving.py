"""A scenario on one server, as proof of something: a cell of which the generator itself says no is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness import discover
from wsgi_gauntlet.harness.launching.plan import Plan
from wsgi_gauntlet.harness.load.arena import Arena
from wsgi_gauntlet.harness.model import Grade, Load

TRIES = 5
"""Another program's burst of work on the machine passes."""


async def measured(scenario: str, plan: Plan, folder: Path, **parameters: float) -> Load:
    """Run `scenario` with its smoke parameters, narrowed by `parameters`, once."""
    found = discover.scenario(scenario)
    arena = Arena(plan, {**found.smoke, **parameters}, scratch=folder / "scratch", logs=folder / "logs")
    return await found.run(arena)


async def proved(scenario: str, plan: Plan, folder: Path, **parameters: float) -> Load:
    """Run it until the generator kept up, and fail the test where it never did."""
    why = ""
    for _ in range(TRIES):
        cell = await measured(scenario, plan, folder, **parameters)
        assert cell.generator is not None
        if cell.grade is not Grade.INVALID and cell.generator.valid:
            return cell
        why = cell.generator.why
    pytest.fail(f"{scenario} on {plan.name}: in {TRIES} tries the generator never kept up: {why}")
