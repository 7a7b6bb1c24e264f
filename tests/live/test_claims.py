"""Claims on real servers, in short form, and on servers that break them by construction."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.limits import SLOW_CLIENT_RESERVE
from wsgi_gauntlet.harness.load.clients.healthy_users import HealthyUsers
from wsgi_gauntlet.harness.load.experiments.comparison_plans import with_workers
from wsgi_gauntlet.harness.load.experiments.cpu_cost import measure_cpu_cost
from wsgi_gauntlet.harness.load.probes.worker_probe import wait_for_workers
from wsgi_gauntlet.harness.model import ClaimVerdict, GeneratorHealth, ScenarioResult
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.suites.load.claims import development, idle, prefork, shield, static, uwsgi_pass

from ..helpers.requirements import installed
from ..helpers.scenario_runs import attempts, check_metrics, make_context
from ..known_servers.adapter import plan as known_server

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("alone")]

SLOW_CLIENTS = {"clients": 8, "duration": 0.6, "baseline": 0.6, "rounds": 1}
COUNTED = {"duration": 1, "rounds": 2}
BLOCKED_WORKERS = {"clients": 8, "duration": 0.2, "rounds": 1, "budget": 20}
IDLE = {"clients": 300, "patience": 10, "rounds": 1}
WAYS = {"clients": 4, "duration": 0.3, "rounds": 2}
DEVELOPMENT = {"clients": 8, "loop": 0.2, "rounds": 2, "duration": 0.6, "baseline": 0.6}


@pytest.fixture(autouse=True)
def _nginx() -> None:
    installed(planning.plan("nginx+gunicorn"))


async def measured(scenario: str, plan: Plan, folder: Path, **parameters: float) -> ScenarioResult:
    """Run it once, and see that its bar goes forward only."""
    found = registry.scenario(scenario)
    bar: list[float] = []

    def progress(fraction: float | None, _doing: str) -> None:
        bar.extend([fraction] if fraction is not None else [])

    cell = check_metrics(await found.run(make_context(found, plan, folder, parameters, progress=progress)))
    assert bar == sorted(bar)
    assert 0.0 <= bar[0] <= bar[-1] <= 1.0
    return cell


async def decided(
    scenario: str,
    plan: Plan,
    folder: Path,
    parameters: Mapping[str, float],
    claim: int = 0,
    *,
    noise: tuple[ClaimVerdict, ...] = (ClaimVerdict.INCONCLUSIVE,),
) -> ScenarioResult:
    """Run it until what it says in its claim of that number is a finding: other programs on the machine pass.

    `noise` are the verdicts that they can cause.
    """
    for _ in attempts():
        cell = await measured(scenario, plan, folder, **parameters)
        if cell.claims and cell.claims[claim].verdict not in noise:
            break
    assert cell.claims, cell.note
    return cell


async def test_nginx_shields_a_server_with_one_worker(folder: Path) -> None:
    # Of seven requests the slowest counts, and on a busy machine nginx itself is too slow for one.
    noise = (ClaimVerdict.INCONCLUSIVE, ClaimVerdict.DID_NOT_HOLD)
    cell = await decided("claims/shield", planning.plan("gunicorn:sync"), folder, SLOW_CLIENTS, noise=noise)
    assert cell.claims[0].verdict is ClaimVerdict.HELD, cell.note
    assert cell.conditions["nginx+gunicorn:sync"]["front"]["workers"] == 1
    assert {each.label for each in cell.metrics} >= {"goodput among slow clients, alone"}


async def test_a_front_that_hands_bodies_on_as_they_come_is_no_shield(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shield, "FRONT", "nginx[unbuffered]")
    cell = await decided("claims/shield", planning.plan("gunicorn:sync"), folder, SLOW_CLIENTS)
    assert cell.claims[0].verdict is ClaimVerdict.DID_NOT_HOLD, cell.note


async def test_static_files_cost_nothing_behind_nginx(folder: Path) -> None:
    cell = await decided("claims/static", planning.plan("gunicorn:sync"), folder, COUNTED)
    assert cell.claims[0].verdict is ClaimVerdict.HELD, cell.note


async def test_a_front_that_passes_files_on_makes_the_server_pay(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "FRONT", "nginx")
    cell = await decided("claims/static", planning.plan("gunicorn:sync"), folder, COUNTED)
    assert cell.claims[0].verdict is ClaimVerdict.DID_NOT_HOLD, cell.note


async def test_a_slow_client_takes_each_worker(folder: Path) -> None:
    cell = await decided("claims/prefork", planning.plan("gunicorn:sync"), folder, BLOCKED_WORKERS, 1)
    assert cell.claims[1].verdict is ClaimVerdict.HELD, cell.note
    assert {each.label for each in cell.metrics} >= {
        "slow clients that block 1 worker",
        "slow clients that block 4 workers",
    }


@pytest.fixture
def no_late_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for workers that a server has not."""
    monkeypatch.setattr(prefork, "WORKERS_BOOT_SECONDS", 0.3)


@pytest.mark.usefixtures("no_late_workers")
async def test_a_server_whose_limit_is_not_its_workers(folder: Path) -> None:
    for _ in range(3):  # the machine may disturb the only round, and then the note says that it does not count
        cell = await decided("claims/prefork", known_server("thread_per_connection", 3), folder, BLOCKED_WORKERS, 1)
        if "No round counts" not in cell.note:
            break
    assert cell.claims[1].verdict is ClaimVerdict.DID_NOT_HOLD, cell.note
    assert "3 with 1, 3 with 2, 3 with 4" in cell.note


@pytest.mark.usefixtures("no_late_workers")
async def test_a_collapse_that_a_late_generator_saw_decides_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = GeneratorHealth(valid=False, cpu_share=0.1, lateness_p99=0.5, offered=20, achieved=20, why="we were late")
    monkeypatch.setattr(HealthyUsers, "health", lambda *_phases: late)
    monkeypatch.setattr(prefork, "WORKER_COUNTS", (1,))
    cell = await measured("claims/prefork", known_server("thread_per_connection", 1), folder, **BLOCKED_WORKERS)
    assert cell.claims[1].verdict is ClaimVerdict.INCONCLUSIVE
    assert "unknown with 1 worker. With 1: we were late." in cell.claims[1].figures


@pytest.mark.usefixtures("no_late_workers")
async def test_users_that_are_ill_served_without_slow_clients_say_nothing_of_these(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefork, "WORKER_COUNTS", (1,))
    cell = await measured("claims/prefork", known_server("loses_pages", 2, "cut"), folder, **BLOCKED_WORKERS)
    assert cell.claims[0].verdict is ClaimVerdict.INCONCLUSIVE, cell.note
    assert "not all responses were correct" in cell.claims[0].figures
    assert cell.claims[1].verdict is ClaimVerdict.INCONCLUSIVE, cell.note
    assert "users were not served well even without slow clients" in cell.claims[1].figures


async def test_connections_to_workers_are_closed_with_each_answer(folder: Path) -> None:
    """Kept ones stay with whoever took them, and of two such workers one often has all of them."""
    threads = planning.plan("gunicorn:gthread")
    ctx = make_context("classroom", with_workers(threads, 2), folder)
    async with ctx.server() as running:
        assert await wait_for_workers(running, 2, 30) == 2
        found = await measure_cpu_cost(running, await prefork._page(running), 4, 0.3)
    assert found.result.requests_per_connection < prefork.MAX_REQUESTS_PER_CONNECTION
    assert found.result.ok == found.result.requests > 0


@pytest.fixture
def few_files() -> Iterator[None]:
    """Begin with a soft limit on open files that a server with many clients has no room in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_files")
async def test_nginx_holds_idle_connections(folder: Path) -> None:
    """While they wait for their answer it has two descriptors for each, of the limit that it has from here."""
    cell = await decided("claims/idle", planning.plan("gunicorn:sync"), folder, IDLE)
    assert cell.claims[0].verdict is ClaimVerdict.HELD, cell.note
    assert cell.claims[0].statement == "nginx holds 300 idle connections in little memory"
    assert "300 of 300 held" in cell.note
    assert {each.label: each.value for each in cell.metrics}["idle connections held, nginx"] == 300
    assert len(cell.metrics) == 8
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 2 * IDLE["clients"] + SLOW_CLIENT_RESERVE


async def test_a_front_that_closes_connections_holds_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "FRONT", "nginx[keep-alive=0]")
    cell = await decided("claims/idle", planning.plan("gunicorn:sync"), folder, IDLE)
    assert cell.claims[0].verdict is ClaimVerdict.DID_NOT_HOLD, cell.note
    assert "0 of 300 held" in cell.note


async def test_three_ways_to_uwsgi(folder: Path) -> None:
    """What two short rounds say of the statement is left to the machine; what was measured is not."""
    installed(planning.plan("uwsgi"))
    cell = await measured("claims/uwsgi-pass", planning.plan("uwsgi"), folder, **WAYS)
    assert [each.statement.rpartition(" over ")[2] for each in cell.claims] == ["a Unix socket", "TCP"]
    assert {each.label: bool(each.value) for each in cell.metrics} == {
        f"{what}, {way}": True
        for what in (
            "CPU time of nginx per 1,000 requests",
            "CPU time of uWSGI per 1,000 requests",
            "responses per second",
        )
        for way in uwsgi_pass.FRONT_PROTOCOLS.values()
    }
    assert {each.partition("+")[0] for each in cell.conditions if "+" in each} == set(uwsgi_pass.FRONT_PROTOCOLS)


async def test_this_server_is_the_one_that_was_named(folder: Path) -> None:
    installed(planning.plan("werkzeug"))
    cell = await measured("claims/development", planning.plan("werkzeug"), folder, **DEVELOPMENT)
    fewer, later, unusable = (each.figures for each in cell.claims)
    rates = {
        each.label.rpartition(", ")[2]: each.value for each in cell.metrics if each.label.startswith("responses per")
    }
    assert list(rates) == ["this server", *development.PRODUCTION_SERVERS]
    assert f"This server: {rates['this server']:,.0f} " in fewer
    assert f"waitress {rates['waitress']:,.0f} " in fewer
    assert "this server" in later
    assert unusable.startswith("This server: ")
    assert {each.name.partition(":")[0] for each in cell.phases} == {"werkzeug", "gunicorn", "waitress"}
