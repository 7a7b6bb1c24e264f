"""The known apps under load with their traffic: the app that mixes up users is found, and no other server is blamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.events import ignore_event
from wsgi_gauntlet.harness.load import runner
from wsgi_gauntlet.harness.model import ScenarioResult
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.traffic.read_file import read_traffic

from ..helpers.requirements import installed
from ..helpers.scenario_runs import attempts, require_right_answers

pytestmark = pytest.mark.live

TESTS = Path(__file__).parents[1]

ANOTHER_USER = "the page of another user: it has"


def measured(folder: Path, server: str, name: str) -> ScenarioResult:
    """Measure the known app `name` with its traffic on `server`."""
    installed(planning.plan(server))
    options = session.RunOptions(
        servers=(server,),
        scenarios=("throughput",),
        app=f"known_apps.{name}:app",
        out=folder / "out",
        load_options=runner.LoadOptions(
            clients=4, duration=0.5, traffic=read_traffic(TESTS / "known_apps" / f"{name}.toml").traffic
        ),
    )
    results, _, _ = session.run(options, Configuration(), ignore_event)
    (cell,) = results.load
    return cell


@pytest.fixture(autouse=True)
def _where_the_apps_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TESTS)


def test_users_are_mixed_up_by_threads(tmp_path: Path) -> None:
    for _ in attempts():  # on a busy machine the users may not meet
        cell = measured(tmp_path, "gunicorn:gthread[workers=1,threads=8]", "mixes_up_users")
        evidence = [each for each in cell.caveats if ANOTHER_USER in each]
        if evidence:
            break
    assert evidence, (cell.note, cell.caveats)
    assert any("users.name" in each and " in place of " in each for each in evidence), evidence


@pytest.mark.parametrize("server", ["gunicorn:sync[workers=2]", "waitress[threads=1]"])
def test_no_user_is_mixed_up_by_processes_with_one_thread(tmp_path: Path, server: str) -> None:
    cell = measured(tmp_path, server, "mixes_up_users")
    assert not [each for each in cell.caveats if ANOTHER_USER in each], cell.caveats
    require_right_answers(cell)


@pytest.mark.parametrize("name", ["cpu_bound", "waits_50_ms", "holds_lock", "leaks_memory", "slow_uploads"])
def test_all_answers_of_the_other_apps_are_right(tmp_path: Path, name: str) -> None:
    cell = measured(tmp_path, "gunicorn:gthread[workers=2,threads=4]", name)
    require_right_answers(cell)
