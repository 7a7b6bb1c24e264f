"""From what was measured to an exit code; scratch folders; narrowing."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest

from wsgi_gauntlet.harness import registry, session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance.catalog import Scenario
from wsgi_gauntlet.harness.conformance.selection import Selection
from wsgi_gauntlet.harness.load.runner import LoadOptions
from wsgi_gauntlet.harness.load.thresholds import apply_thresholds
from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Grade, Level, Results, ScenarioResult, Verdict


def results(*cells: Verdict | Grade, goodput: float = 1.0) -> Results:
    checks = tuple(CaseResult("s", str(n), Level.MUST, (), v) for n, v in enumerate(cells) if isinstance(v, Verdict))
    loads = tuple(ScenarioResult("s", str(n), g, goodput=goodput) for n, g in enumerate(cells) if isinstance(g, Grade))
    return Results(SCHEMA, {}, {}, checks, loads)


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        (results(Verdict.PASS, Verdict.WARN, Verdict.FLAKY, Grade.COLLAPSED), 0),
        (results(Verdict.FAIL, Verdict.ERROR, Grade.INVALID), 1),
        (results(Verdict.ERROR, Grade.INVALID), 4),
        (results(Grade.ERROR, Grade.INVALID), 4),
        (results(Grade.INVALID, Grade.UNAFFECTED), 3),
        (results(Grade.UNAFFECTED, goodput=0.5), 1),
    ],
)
def test_exit_codes(measured: Results, code: int) -> None:
    loads = tuple(apply_thresholds({"goodput": 0.9}, each) for each in measured.load)
    measured = msgspec.structs.replace(measured, load=loads)
    assert session.exit_code(measured, interrupted=False, failed_to_start=False) == code


def test_an_interruption_and_a_server_that_did_not_start_come_first() -> None:
    measured = results(Verdict.FAIL)
    assert session.exit_code(measured, interrupted=True, failed_to_start=True) == 130
    assert session.exit_code(measured, interrupted=False, failed_to_start=True) == 4


def test_scratch_is_private_and_gone_and_clears_after_the_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f"{session.SCRATCH_PREFIX}{gone.pid}-left").mkdir()
    (tmp_path / f"{session.SCRATCH_PREFIX}{gone.pid}-link").symlink_to(tmp_path / "nowhere")
    (tmp_path / f"{session.SCRATCH_PREFIX}{os.getpid()}-mine").mkdir()
    (tmp_path / f"{session.SCRATCH_PREFIX}else").mkdir()
    with session.scratch() as room:
        assert room.stat().st_mode & 0o777 == 0o700
        assert {path.name for path in tmp_path.iterdir()} == {
            room.name,
            f"{session.SCRATCH_PREFIX}{os.getpid()}-mine",
            f"{session.SCRATCH_PREFIX}else",
        }
    assert not room.exists()


def test_narrowing_replaces_what_was_asked_for_alone() -> None:
    async def run(_arena: object) -> ScenarioResult:
        raise AssertionError

    scenario = Scenario("x", "X", "", run, {"clients": 8, "size": 1}, {"clients": 64, "size": 2})
    assert LoadOptions().parameters(scenario) == {"clients": 8, "size": 1}
    assert LoadOptions(full=True, clients=9, duration=2.0).parameters(scenario) == {
        "clients": 9,
        "size": 2,
        "duration": 2.0,
    }


def test_a_scenario_that_says_little_in_a_short_time_is_asked_for() -> None:
    def chosen(**call: object) -> set[str]:
        return {each.id for each in session._select_scenarios(session.RunOptions(**call))}  # type: ignore[arg-type]

    everything = {each.id for each in registry.scenarios()}
    asked = {each.id for each in registry.scenarios() if each.full_only}
    assert "soak" in asked
    assert "claims/shield" in asked
    assert chosen(scenarios=()) == everything - asked
    assert chosen(scenarios=("soak",)) == {"soak"}
    assert chosen(scenarios=(), load_options=LoadOptions(full=True)) == everything
    assert "soak" not in chosen(scenarios=(), cases=Selection())
    assert "soak" in chosen(scenarios=(), cases=Selection(), load_options=LoadOptions(full=True))


def test_each_server_comes_a_second_time_as_its_documentation_advises() -> None:
    names = ("waitress", "gunicorn:sync", "gunicorn:gthread[threads=3]", "nginx+gunicorn", "gunicorn:sync[tuned]")
    plans = session.plan_servers(session.RunOptions(servers=names, tuned=True), Configuration())
    assert [each.name for each in plans] == [
        *("waitress", "gunicorn:sync"),
        *("gunicorn:gthread[threads=3]", "gunicorn:gthread[threads=3,tuned]"),
        *("nginx+gunicorn", "nginx+gunicorn[tuned]", "gunicorn:sync[tuned]"),
    ]
    tuned = {each.name: each.app_plan.settings for each in plans}
    assert tuned["gunicorn:gthread[threads=3,tuned]"].threads == 3  # what is written goes before advice
    assert (tuned["gunicorn:sync[tuned]"].workers or 1) > 1
    assert tuned["waitress"].threads is None
