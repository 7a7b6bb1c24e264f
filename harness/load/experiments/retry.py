"""A round in which the generator itself was late says nothing of the server: it is thrown away, once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.model import Grade, ScenarioResult

MAX_ATTEMPTS = 2
"""Tries at a round in which the generator keeps up: another program's burst of work passes."""


async def retry_if_generator_late(
    ctx: ScenarioContext, run_round: Callable[[], Awaitable[ScenarioResult]]
) -> ScenarioResult:
    """Return the cell that `once` makes, or that of its second round where the first was invalid and may change.

    Raises ConfigurationError for a parameter that is no number, before anything is started, and what `once` raises.
    """
    for name in ctx.parameters:
        ctx.number(name)
    for _ in range(MAX_ATTEMPTS - 1):
        ctx.begin_round()
        cell = await run_round()
        if cell.grade is not Grade.INVALID or not ctx.retry_may_help:
            return cell
        ctx.progress(0.0, "the generator could not keep up; once more")
    ctx.begin_round()
    return await run_round()
