"""The statements of folklore on real servers, in short form, and on ones that are made to break them."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness import planning
from wsgi_gauntlet.harness.claim import Held
from wsgi_gauntlet.harness.model import Load
from wsgi_gauntlet.suites.load.folklore import shield, static

from ..flawed.adapter import plan as flawed
from ..needed import installed
from .proving import TRIES, measured

pytestmark = pytest.mark.live

BESIEGED = {"clients": 8, "duration": 0.6, "baseline": 0.6, "rounds": 1}
COUNTED = {"duration": 0.3, "rounds": 2}
TAKEN = {"clients": 8, "duration": 0.2, "rounds": 1, "budget": 20}


@pytest.fixture(autouse=True)
def _nginx() -> None:
    installed(planning.plan("nginx+gunicorn"))


async def decided(scenario: str, server: str, folder: Path, **parameters: float) -> Load:
    """Run it until what it says is a finding: other programs on the machine pass."""
    cell = await measured(scenario, planning.plan(server), folder, **parameters)
    for _ in range(TRIES - 1):
        if cell.claims and cell.claims[0].held is not Held.INCONCLUSIVE:
            break
        cell = await measured(scenario, planning.plan(server), folder, **parameters)
    assert cell.claims, cell.note
    return cell


async def test_nginx_shields_a_server_with_one_worker(folder: Path) -> None:
    cell = await decided("folklore/shield", "gunicorn:sync", folder, **BESIEGED)
    assert cell.claims[0].held is Held.HELD, cell.note
    assert cell.conditions["nginx+gunicorn:sync"]["front"]["workers"] == 1
    assert {each.name for each in cell.measures} >= {"goodput among slow clients, alone"}


async def test_a_front_that_hands_bodies_on_as_they_come_is_no_shield(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shield, "FRONT", "nginx[unbuffered]")
    cell = await decided("folklore/shield", "gunicorn:sync", folder, **BESIEGED)
    assert cell.claims[0].held is Held.BROKEN, cell.note


async def test_static_files_cost_nothing_behind_nginx(folder: Path) -> None:
    cell = await decided("folklore/static", "gunicorn:sync", folder, **COUNTED)
    assert cell.claims[0].held is Held.HELD, cell.note


async def test_a_front_that_passes_files_on_makes_the_server_pay(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "FRONT", "nginx")
    cell = await decided("folklore/static", "gunicorn:sync", folder, **COUNTED)
    assert cell.claims[0].held is Held.BROKEN, cell.note


async def test_a_slow_client_takes_each_worker(folder: Path) -> None:
    cell = await measured("folklore/prefork", planning.plan("gunicorn:sync"), folder, **TAKEN)
    assert cell.claims[1].held is Held.HELD, cell.note


async def test_a_server_whose_limit_is_not_its_workers(folder: Path) -> None:
    cell = await measured("folklore/prefork", flawed("slots", 3), folder, **TAKEN)
    assert cell.claims[1].held is Held.BROKEN, cell.note
    assert "3 with 1, 3 with 2, 3 with 4" in cell.note
