"""Clients that connect once, disconnect, pipeline or transfer large bodies, on servers with a known result."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness.model import Grade, ScenarioResult

from ..helpers.scenario_runs import run_until_graded
from ..known_servers.adapter import plan

pytestmark = pytest.mark.live

NARROW = {"baseline": 1.0, "duration": 0.6, "recovery": 2.0}

FAIR = (Grade.UNAFFECTED, Grade.DEGRADED)
"""What a sound server may get: beside other tests the machine may be slow. Its measures and note say nothing bad."""


def figures(cell: ScenarioResult) -> dict[str, float | None]:
    return {each.label: each.value for each in cell.metrics}


async def test_churn_finds_a_descriptor_for_each_reset_and_none_where_there_is_none(folder: Path) -> None:
    for flaw in ("leaks_descriptors", "correct"):
        cell = await run_until_graded("churn", plan(flaw), folder, **NARROW, moment=1.0)
        found = figures(cell)
        assert found["connections refused"] == found["clients without a correct response"] == 0
        assert found["threads left"] == 0
        rate = found["new connections"]
        # Below it where the machine is busy: how long they took counts as well.
        assert 0 < (rate or 0) <= 210
        assert [phase.name for phase in cell.phases[:3]] == ["baseline", "closed in good order", "closed by RST"]
        if flaw == "leaks_descriptors":
            assert cell.grade in (Grade.DEGRADED, Grade.COLLAPSED), cell.note  # users wait on a busy machine, too
            assert found["descriptors left"] == 59  # 200 a second for half of 0.6 s, the first one gap after 0
            assert "0 of 59 closed in good order, 59 of 59 closed by RST" in cell.note
        else:
            assert cell.grade in FAIR, cell.note
            assert found["descriptors left"] == 0
            assert "still in use" not in cell.note


async def test_answers_that_are_never_closed_are_counted(folder: Path) -> None:
    for flaw in ("never_calls_close", "correct"):
        cell = await run_until_graded("disconnect", plan(flaw), folder, **NARROW, disconnects=10, clients=5, moment=1.0)
        (closed,) = [each for each in cell.metrics if each.label == "responses without close()"]
        met = int(closed.note.split()[1])
        assert met >= 10
        if flaw == "never_calls_close":
            assert cell.grade in (Grade.DEGRADED, Grade.COLLAPSED), cell.note
            assert closed.value == met
            assert f"did not call close() for {met} of {met} responses" in cell.note
        else:
            assert closed.value == 0
            assert "close()" not in cell.note


async def test_pipelined_answers_in_the_wrong_order_are_found(folder: Path) -> None:
    cell = await run_until_graded("pipelining", plan("reorders_pipeline"), folder, duration=0.5)
    assert cell.grade is Grade.COLLAPSED
    assert "another request of the same connection" in cell.note
    assert figures(cell)["connections in order"] == 0

    cell = await run_until_graded("pipelining", plan("correct"), folder, duration=0.5)
    assert cell.grade is Grade.UNAFFECTED
    assert "all responses came in order" in cell.note
    assert figures(cell)["most responses on a connection"] == 16

    cell = await run_until_graded("pipelining", plan("closes_connections", "said"), folder, duration=0.5)
    assert cell.grade is Grade.UNAFFECTED
    assert "only the first response" in cell.note


async def test_big_bodies_are_right_and_a_server_that_holds_them_whole_pays_for_it(folder: Path) -> None:
    cell = await run_until_graded("large", plan("correct"), folder, **NARROW, size=4_000_000, throttle=2_000_000)
    assert cell.grade in (*FAIR, Grade.COLLAPSED), cell.note
    found = figures(cell)
    for direction in ("upload", "download"):
        right = found[f"correct {direction}s"]
        assert right is not None
        (of,) = [each.note for each in cell.metrics if each.label == f"correct {direction}s"]
        assert of == f"of {right:.0f}"
        speed, memory = found[f"{direction} speed"], found[f"memory per byte in flight, {direction}s"]
        assert speed is not None
        assert memory is not None
        assert speed > 1e6
        assert memory > 0.5  # two whole bodies and their copies, if both clients' were there at the same time
