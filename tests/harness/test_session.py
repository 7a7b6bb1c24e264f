"""From what was measured to an exit code; scratch folders; narrowing."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest

from wsgi_gauntlet.harness import discover, session
from wsgi_gauntlet.harness.catalog import Scenario
from wsgi_gauntlet.harness.configuration import Configuration
from wsgi_gauntlet.harness.model import SCHEMA, Check, Grade, Level, Load, Results, Verdict
from wsgi_gauntlet.harness.rounds import Narrowing
from wsgi_gauntlet.harness.selection import Selection
from wsgi_gauntlet.harness.thresholds import judged


def results(*cells: Verdict | Grade, goodput: float = 1.0) -> Results:
    checks = tuple(Check("s", str(n), Level.MUST, (), v) for n, v in enumerate(cells) if isinstance(v, Verdict))
    loads = tuple(Load("s", str(n), g, goodput=goodput) for n, g in enumerate(cells) if isinstance(g, Grade))
    return Results(SCHEMA, {}, {}, checks, loads)


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        (results(Verdict.PASS, Verdict.WARN, Verdict.FLAKY, Grade.COLLAPSES), 0),
        (results(Verdict.FAIL, Verdict.ERROR, Grade.INVALID), 1),
        (results(Verdict.ERROR, Grade.INVALID), 4),
        (results(Grade.ERROR, Grade.INVALID), 4),
        (results(Grade.INVALID, Grade.IMMUNE), 3),
        (results(Grade.IMMUNE, goodput=0.5), 1),
    ],
)
def test_exit_codes(measured: Results, code: int) -> None:
    loads = tuple(judged({"goodput": 0.9}, each) for each in measured.loads)
    measured = msgspec.structs.replace(measured, loads=loads)
    assert session.exit_code(measured, interrupted=False, stranded=False) == code


def test_an_interruption_and_a_server_that_did_not_start_come_first() -> None:
    measured = results(Verdict.FAIL)
    assert session.exit_code(measured, interrupted=True, stranded=True) == 130
    assert session.exit_code(measured, interrupted=False, stranded=True) == 4


def test_scratch_is_private_and_gone_and_clears_after_the_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f"{session.SCRATCH}{gone.pid}-left").mkdir()
    (tmp_path / f"{session.SCRATCH}{gone.pid}-link").symlink_to(tmp_path / "nowhere")
    (tmp_path / f"{session.SCRATCH}{os.getpid()}-mine").mkdir()
    (tmp_path / f"{session.SCRATCH}else").mkdir()
    with session.scratch() as room:
        assert room.stat().st_mode & 0o777 == 0o700
        assert {path.name for path in tmp_path.iterdir()} == {
            room.name,
            f"{session.SCRATCH}{os.getpid()}-mine",
            f"{session.SCRATCH}else",
        }
    assert not room.exists()


def test_narrowing_replaces_what_was_asked_for_alone() -> None:
    async def run(_arena: object) -> Load:
        raise AssertionError

    scenario = Scenario("x", "X", "", run, {"clients": 8, "size": 1}, {"clients": 64, "size": 2})
    assert Narrowing().parameters(scenario) == {"clients": 8, "size": 1}
    assert Narrowing(full=True, clients=9, duration=2.0).parameters(scenario) == {
        "clients": 9,
        "size": 2,
        "duration": 2.0,
    }


def test_a_scenario_that_says_little_in_a_short_time_is_asked_for() -> None:
    def chosen(**call: object) -> set[str]:
        return {each.id for each in session._scenarios(session.Call(**call))}  # type: ignore[arg-type]

    everything = {each.id for each in discover.scenarios()}
    asked = {each.id for each in discover.scenarios() if each.full_only}
    assert "soak" in asked
    assert "folklore/shield" in asked
    assert chosen(scenarios=()) == everything - asked
    assert chosen(scenarios=("soak",)) == {"soak"}
    assert chosen(scenarios=(), narrowing=Narrowing(full=True)) == everything
    assert "soak" not in chosen(scenarios=(), cases=Selection())
    assert "soak" in chosen(scenarios=(), cases=Selection(), narrowing=Narrowing(full=True))


def test_each_server_comes_a_second_time_as_its_documentation_advises() -> None:
    names = ("waitress", "gunicorn:sync", "gunicorn:gthread[threads=3]", "nginx+gunicorn", "gunicorn:sync[tuned]")
    plans = session.planned(session.Call(servers=names, tuned=True), Configuration())
    assert [each.name for each in plans] == [
        *("waitress", "gunicorn:sync"),
        *("gunicorn:gthread[threads=3]", "gunicorn:gthread[threads=3,tuned]"),
        *("nginx+gunicorn", "nginx+gunicorn[tuned]", "gunicorn:sync[tuned]"),
    ]
    tuned = {each.name: each.runs_app.settings for each in plans}
    assert tuned["gunicorn:gthread[threads=3,tuned]"].threads == 3  # what is written goes before advice
    assert (tuned["gunicorn:sync[tuned]"].workers or 1) > 1
    assert tuned["waitress"].threads is None
