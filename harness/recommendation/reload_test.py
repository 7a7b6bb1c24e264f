"""How many requests a finalist loses when it is reloaded under load: the scenario `reload` of the catalogue."""

from __future__ import annotations

from collections.abc import Callable

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.comparison.slot import ScenarioRun, SlotEnvironment, run_scenario
from wsgi_gauntlet.harness.errors import ConfigurationError, PageError, ServerError
from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.harness.model.recommendation import FigureId, Stage, Trial
from wsgi_gauntlet.harness.recommendation.figures import figure
from wsgi_gauntlet.harness.server.plan import Plan

SCENARIO = "reload"

NO_RELOAD = "it has no reload"

LOST = "requests_lost"
"""The id of the metric of the scenario."""


async def measure_reload(plan: Plan, environment: SlotEnvironment, on_activity: Callable[[str], None]) -> Trial:
    """Return a trial with the requests that were lost. A server that the scenario cannot reload gets a reason."""
    (scenario,) = registry.scenarios_named(SCENARIO)
    try:
        cell = await run_scenario(plan, ScenarioRun(scenario, scenario.smoke), environment, on_activity)
    except (ServerError, ConfigurationError, PageError) as problem:
        why = str(problem).partition("\n")[0]
        return Trial(plan.name, Stage.RELOAD, figures=(figure(FigureId.RELOAD_LOSSES, None, why=why),))
    return trial_of_reload(cell)


def trial_of_reload(cell: ScenarioResult) -> Trial:
    """Return the trial that `cell` of the scenario measured. Nothing is known if no reload happened."""
    reloaded = cell.grade not in (Grade.ERROR, Grade.UNSUPPORTED)
    lost = next((each.value for each in cell.metrics if each.id == LOST), None) if reloaded else None
    restarted = not str(cell.conditions.get("reload", "")).startswith("by its signal")
    why = (NO_RELOAD if restarted else "") if lost is not None else cell.note
    valid = cell.grade is not Grade.INVALID
    return Trial(
        cell.server,
        Stage.RELOAD,
        figures=(figure(FigureId.RELOAD_LOSSES, lost, why=why),),
        valid=valid,
        why="" if valid else cell.note or (cell.generator.why if cell.generator else ""),
        seconds=cell.seconds,
    )
