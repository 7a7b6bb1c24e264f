"""The scenario `reload`: servers that lose what is known are found out, exactly, and a sound one is not blamed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.model import Grade, Outcome, ScenarioResult
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.instance import ServerInstance
from wsgi_gauntlet.harness.server.remote.proof import VerifiedAddress
from wsgi_gauntlet.harness.server.remote.remote_server import target_plan
from wsgi_gauntlet.harness.server.remote.target import parse_target

from ..helpers.requirements import installed
from ..helpers.scenario_runs import make_context, measured, run_until_graded
from ..helpers.script_server import alive
from ..known_servers.adapter import plan

pytestmark = pytest.mark.live

SHORT = {"rate": 100.0, "estimate": 0.05, "baseline": 0.5}


def figures(cell: ScenarioResult) -> dict[str, float | None]:
    return {each.label: each.value for each in cell.metrics}


def assert_consistent(cell: ScenarioResult) -> None:
    """All that is missing was lost in exactly one way."""
    found = figures(cell)
    during = cell.phases[1:]
    missing = sum(each.scheduled - each.outcomes[Outcome.OK] for each in during)
    assert found["requests lost"] == missing
    assert sum(value or 0 for name, value in found.items() if name.startswith("lost: ")) == missing
    assert sum(round(each.offered * each.seconds) for each in cell.windows) == sum(p.scheduled for p in cell.phases)


async def test_requests_under_way_that_are_cut_off_are_counted_exactly(folder: Path) -> None:
    cell = await run_until_graded("reload", plan("kills_requests_on_reload", 100), folder, **SHORT)
    assert_consistent(cell)
    cut = sum(int(each) for each in re.findall(r"^cut (\d+)$", cell.log, re.MULTILINE))
    found = figures(cell)
    assert cell.grade in (Grade.DEGRADED, Grade.COLLAPSED)
    # One may arrive between the server's look and its worker's end, each time.
    assert found["lost: reset or closed"] == found["requests lost"]
    # Fewer than were cut: the roll call's questions are under way, too, and what goes out on a kept connection that was
    # closed under it goes out again. How many those are is the machine's doing.
    assert 3 <= (found["requests lost"] or 0) <= cut + 3
    assert found["slow uploads lost"] == 3
    assert "slow uploads were lost" in cell.note
    assert f"{found['requests lost']:.0f} of " in cell.note


async def test_a_time_without_a_listener_is_measured(folder: Path) -> None:
    cell = await run_until_graded("reload", plan("stops_listening_on_reload", 0.3), folder, **SHORT)
    assert_consistent(cell)
    found = figures(cell)
    assert cell.grade in (Grade.DEGRADED, Grade.COLLAPSED)
    assert found["lost: refused"]
    # A busy machine makes both longer, and nothing makes them shorter.
    assert (found["longest gap without a response"] or 0) >= 0.3
    assert (found["new process responds after"] or 0) >= 0.3
    assert cell.conditions["reload"] == "by its signal"


async def test_a_sound_reload_loses_nothing_and_nobody_is_blamed(folder: Path) -> None:
    cell = await run_until_graded("reload", installed(planning.plan("gunicorn:sync")), folder, **SHORT)
    assert_consistent(cell)
    found = figures(cell)
    assert (found["requests lost"], found["slow uploads lost"]) == (0, 0)
    assert cell.goodput == 1
    assert cell.grade in (Grade.UNAFFECTED, Grade.DEGRADED)  # a busy machine may slow it down
    assert "it blocks the whole server" in cell.note
    assert [each.name for each in cell.phases] == ["baseline", "reload 1", "reload 2", "reload 3"]


async def test_without_a_reload_it_is_stopped_and_started_again_on_its_port(folder: Path) -> None:
    cell = await run_until_graded("reload", plan("correct"), folder, **SHORT)
    assert_consistent(cell)
    assert cell.grade in (Grade.DEGRADED, Grade.COLLAPSED)
    assert cell.conditions["reload"] == "stopped and started again"
    assert "it has no reload" in cell.note
    assert figures(cell)["slow uploads lost"] == 3


async def test_who_does_not_come_back_is_said_so(folder: Path) -> None:
    cell = await run_until_graded("reload", plan("stops_listening_on_reload", 30), folder, **{**SHORT, "patience": 0.7})
    assert cell.grade in (Grade.DEGRADED, Grade.COLLAPSED)
    assert "The server did not come back after reload 1: no new process responded within 0.7 s." in cell.note
    assert figures(cell)["new process responds after"] is None
    assert len(cell.phases) == 2


async def test_a_target_is_not_reloaded(folder: Path) -> None:
    target = target_plan(parse_target("http://127.0.0.1:9"), VerifiedAddress("127.0.0.1", 9), "token")
    with pytest.raises(Unsupported, match="may not reload it"):
        await measured("reload", target, folder)


async def test_interrupted_in_the_middle_it_leaves_no_process(folder: Path) -> None:
    found = registry.scenario("reload")
    seen: set[int] = set()
    ctx = make_context(found, plan("correct"), folder, SHORT)
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            while True:
                seen.update(pid for running in ctx._running_servers for pid in running.processes())
                instances = [each for each in ctx._running_servers if isinstance(each, ServerInstance)]
                if any("started again in its place" in words for each in instances for words in each.history):
                    nursery.cancel_scope.cancel()
                await trio.sleep(0.002)

        nursery.start_soon(watch)
        await found.run(ctx)
    assert nursery.cancel_scope.cancelled_caught
    assert seen
    assert not [pid for pid in seen if alive(pid)]
    assert list((folder / "scratch").iterdir()) == []
