"""Slow bodies, idle connections, mixtures and time-outs, on servers whose result is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.suites.load.slow_clients.timeout_analysis import StallPoint
from wsgi_gauntlet.suites.load.slow_clients.timeout_edge import CLIENT_COUNT

from ..helpers.requirements import installed
from ..helpers.scenario_runs import attempts, measured, run_until_graded
from ..known_servers.adapter import plan

pytestmark = pytest.mark.live

NARROW = {"baseline": 1.0, "duration": 1.5, "recovery": 2.0, "budget": 30.0, "clients": 12, "disconnect_wait": 0.1}


LEFTOVERS = {"cpu_after_clients", "memory_after_clients"}
"""The metrics of a server without clients. Every experiment with slow clients has them."""


def values(cell: ScenarioResult) -> dict[str, float | None]:
    """Return the metrics of the scenario itself, after a look at those of the server without clients."""
    left = {each.id: each.value for each in cell.metrics if each.id in LEFTOVERS}
    assert left.keys() == LEFTOVERS
    assert all(each is not None and each >= 0 for each in left.values())
    assert "it spins" not in cell.note
    return {each.label: each.value for each in cell.metrics if each.id not in LEFTOVERS}


@pytest.mark.parametrize("kind", ["length", "expect"])
async def test_slow_bodies_take_a_slot_each(kind: str, folder: Path) -> None:
    cell = await run_until_graded(f"slow-body/{kind}", plan("thread_per_connection", 3), folder, **NARROW)
    assert cell.grade is Grade.COLLAPSED, cell.note
    assert cell.collapse is not None
    assert abs(cell.collapse - 3) <= 1
    assert values(cell) == {"app started before the body had arrived": 1.0}


async def test_who_reads_bodies_first_starts_no_app_early(folder: Path) -> None:
    cell = await run_until_graded("slow-body/length", installed(planning.plan("waitress")), folder, **NARROW)
    assert cell.grade in (Grade.UNAFFECTED, Grade.DEGRADED)
    assert cell.collapse is None
    assert values(cell) == {"app started before the body had arrived": 0.0}


async def test_idle_connections_use_up_a_limit(folder: Path) -> None:
    cell = await run_until_graded("idle-hoard", plan("limits_connections", 7), folder, **NARROW)
    assert cell.grade is Grade.COLLAPSED, cell.note
    assert cell.collapse is not None
    # One or two of the seven are connections that healthy users keep.
    assert 5 <= cell.collapse <= 8
    assert values(cell) == {
        "new connections served": 0.0,
        "new connections refused": 0.0,
        "new connections left waiting": 100.0,
    }


async def test_who_keeps_nothing_alive_has_no_idle_connections(folder: Path) -> None:
    cell = await run_until_graded("idle-hoard", plan("thread_per_connection", 3), folder, **NARROW)
    assert cell.collapse is None
    assert cell.disconnect is not None
    assert cell.disconnect.how == "FIN"


async def test_a_slow_readers_answer_stays_with_the_server(folder: Path) -> None:
    cell = await run_until_graded("slow-read", plan("correct"), folder, **NARROW)
    found = values(cell)
    assert found.keys() == {"kernel buffer per slow response", "server memory per stopped reader"}
    taken, memory = found.values()
    assert taken is not None
    assert 0 < taken < 500_000
    # The server keeps the rest of the response, of a million bytes.
    assert memory is not None
    assert memory > 500_000


async def test_a_mixture_takes_three_slots_in_four(folder: Path) -> None:
    few, many = plan("thread_per_connection", 2), plan("thread_per_connection", 40)
    cells: dict[str, ScenarioResult] = {}

    async def one(name: str) -> None:
        server = few if name == "few" else many
        cells[name] = await run_until_graded("mixed", server, folder, duration=2.0, clients=8)

    async with trio.open_nursery() as nursery:
        for name in ("few", "many"):
            nursery.start_soon(one, name)
    assert cells["few"].grade is Grade.COLLAPSED
    assert cells["many"].goodput == 1.0


async def test_a_soak_has_its_windows(folder: Path) -> None:
    for _ in attempts():
        cell = await run_until_graded("soak", plan("correct"), folder, duration=3.0, window=0.3)
        whole = all(each.rss and each.descriptors and each.threads for each in cell.windows)
        if whole:
            break  # on a busy machine a window can pass before the usage is read
    assert len(cell.windows) == 10
    assert whole
    assert {each.label for each in cell.metrics} == {
        f"{name}, drift over the run" for name in ("p99", "memory", "descriptors")
    }
    assert "drift" in cell.note
    assert cell.samples == ()


async def timeout_edge(server: Plan, folder: Path, **parameters: float) -> ScenarioResult:
    """Run it until no move of a client came late, as it does on a busy machine."""
    for _ in attempts():
        cell = await measured("timeout-edge", server, folder, **parameters)
        if cell.grade is not Grade.INVALID:
            break
    return cell


async def test_configured_timeouts_are_found(folder: Path) -> None:
    cell = await timeout_edge(installed(planning.plan("gunicorn:gthread")), folder)
    found = {each.label: each for each in cell.metrics}
    assert cell.grade is Grade.MEASURED
    # Set to 2 s; a busy machine closes later, and none closes sooner.
    assert 1.4 <= (found["idle: disconnected after"].value or 0) <= 20
    assert all(found[f"{place}: disconnected after"].value is not None for place in StallPoint)
    # A thread for each client, and two for others.
    assert CLIENT_COUNT == 16
    assert cell.conditions["threads"] == CLIENT_COUNT + 2


async def test_a_server_with_room_for_one_client_is_asked_one_place_at_a_time(folder: Path) -> None:
    cell = await timeout_edge(plan("thread_per_connection", 1), folder, duration=1.5)
    found = {each.label: each for each in cell.metrics}
    for place in (StallPoint.HEAD, StallPoint.BODY, StallPoint.RESPONSE):
        measure = found[f"{place}: disconnected after"]
        assert (measure.value, measure.censored) == (1.5 / len(StallPoint), True)
    assert found["idle: timeout is per gap"].note == "the server keeps no connection alive"
    assert "at once" in cell.note
