"""What is measured once more: decided by how cells were spoilt, with no server and no load."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.event_queue import handle_events
from wsgi_gauntlet.harness.events import Event, Message, ScenarioFinished
from wsgi_gauntlet.harness.load import runner
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext, retry_if_generator_late
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.load.workload import UserAppPage
from wsgi_gauntlet.harness.model import Grade, Phase, ScenarioResult
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders

from ....helpers.runs import run_scenarios

MEASURED, INVALID = Grade.MEASURED, Grade.INVALID


@pytest.mark.parametrize(
    ("disturbed", "grades"),
    [
        ([False, False], [MEASURED, MEASURED]),
        ([True, False, True, False], [MEASURED, MEASURED]),
        # Others stay: what comes next is tried once, and again only after they have gone.
        ([True, True, True, False, True, False], [INVALID, INVALID, MEASURED, MEASURED]),
    ],
)
async def test_what_others_spoilt_is_measured_once_more_while_that_helps(
    disturbed: list[bool], grades: list[Grade], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    left = list(disturbed)

    async def run(ctx: ScenarioContext[Parameters]) -> ScenarioResult:
        return ctx.result(MEASURED)

    def beside(cell: ScenarioResult, _looks: object, *, started_here: bool) -> ScenarioResult:
        assert started_here
        return replace(cell, grade=INVALID) if left.pop(0) else cell

    monkeypatch.setattr(runner, "apply_cpu_contention", beside)
    scenario = Scenario("x/y", "x", "x", run, Parameters(), Parameters())
    found = await run_scenarios(tmp_path, [(planning.plan("wsgiref"), scenario)] * len(grades))
    assert [cell.grade for cell in found.scenarios] == grades
    assert left == []


async def test_only_the_last_round_counts(tmp_path: Path) -> None:
    scenario = Scenario("x/y", "x", "x", retry_if_generator_late, Parameters(), Parameters())  # type: ignore[arg-type]
    doing: list[str] = []
    ctx = ScenarioContext(
        planning.plan("wsgiref"),
        scenario,
        Parameters(),
        scratch=tmp_path,
        logs=tmp_path,
        progress=lambda _fraction, words: doing.append(words),
    )
    begun: list[float] = []

    async def late() -> ScenarioResult:
        begun.append(ctx.round_started)
        ctx.finished_phases.append(Phase(f"round {len(begun)}", 0, 1, 0, {}, 1.0))
        return ctx.result(INVALID)

    assert (await retry_if_generator_late(ctx, late)).grade is INVALID
    assert [each.name for each in ctx.finished_phases] == ["round 2"]
    assert begun[0] < begun[1] == ctx.round_started
    assert doing == ["the generator could not keep up; running the scenario again"]


async def test_what_stays_as_it_is_is_not_done_again(tmp_path: Path) -> None:
    scenario = Scenario("x/y", "x", "x", retry_if_generator_late, Parameters(), Parameters())  # type: ignore[arg-type]
    ctx = ScenarioContext(planning.plan("wsgiref"), scenario, Parameters(), scratch=tmp_path, logs=tmp_path)
    rounds_made: list[int] = []

    async def too_few_connections() -> ScenarioResult:
        rounds_made.append(len(rounds_made))
        ctx.retry_may_help = False
        return ctx.result(INVALID)

    assert (await retry_if_generator_late(ctx, too_few_connections)).grade is INVALID
    assert rounds_made == [0]


async def test_a_page_that_redirects_is_named_once_and_in_each_cell(tmp_path: Path) -> None:
    async def run(ctx: ScenarioContext[Parameters]) -> ScenarioResult:
        ctx._user_app_workload = UserAppPage("/basket", 302)
        return ctx.result(MEASURED)

    events: list[Event] = []
    plan = planning.plan("wsgiref")
    scenario = Scenario("x/y", "x", "x", run, Parameters(), Parameters())
    load = partial(runner.load, [(plan, scenario)] * 2, runner.LoadOptions(), RunFolders(tmp_path, tmp_path))
    await handle_events(load, events.append)
    caveat = UserAppPage("/basket", 302).caveat
    assert [each.text for each in events if isinstance(each, Message)] == [caveat]
    assert [each.cell.caveats for each in events if isinstance(each, ScenarioFinished)] == [(caveat,), (caveat,)]
