"""The scenario `worker-loss`: who never replaces a worker is found out, who does is not blamed, nothing is left."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.model import Grade, Outcome, ScenarioResult
from wsgi_gauntlet.harness.server import planning

from ..helpers.requirements import installed
from ..helpers.scenario_runs import make_context, run_until_graded
from ..helpers.script_server import alive
from ..known_servers.adapter import plan

pytestmark = pytest.mark.live

SHORT = {"baseline": 0.5, "duration": 0.5, "killed": 0.8}


def figures(cell: ScenarioResult) -> dict[str, float | None]:
    return {each.label: each.value for each in cell.metrics}


async def test_a_worker_that_is_never_replaced(folder: Path) -> None:
    cell = await run_until_graded("worker-loss", plan("never_replaces_workers", 2), folder, **SHORT)
    assert cell.note.startswith("The killed process was not replaced within 0.8 s.")
    assert cell.grade in (Grade.DEGRADED, Grade.COLLAPSED)  # the latter on a busy machine
    assert [each.name for each in cell.phases] == ["baseline", "blocked", "spinning", "killed"]
    assert figures(cell)["replaced after, killed"] is None


async def test_the_last_worker_is_missed_by_all(folder: Path) -> None:
    cell = await run_until_graded("worker-loss", plan("never_replaces_workers", 1), folder, **SHORT)
    assert cell.grade is Grade.COLLAPSED
    assert cell.goodput == 0
    killed = cell.phases[-1]
    assert killed.outcomes[Outcome.OK] == 0
    assert figures(cell)["requests lost, killed"] == killed.scheduled
    assert figures(cell)["goodput, killed"] == 0


async def test_whoever_replaces_a_worker_is_not_blamed_for_its_end(folder: Path) -> None:
    server = installed(planning.plan("gunicorn:sync[workers=2]"))
    cell = await run_until_graded("worker-loss", server, folder, **{**SHORT, "duration": 2.5})
    found = figures(cell)
    assert cell.grade in (Grade.UNAFFECTED, Grade.DEGRADED)
    assert "not replaced" not in cell.note
    for failure in ("blocked", "spinning", "killed"):
        after = found[f"replaced after, {failure}"]
        assert after is not None
        assert after > 0
    assert (found["replaced after, blocked"] or 0) >= 0.5  # its time-out is a second, looked at once a second
    assert cell.conditions["timeout"] == 1


async def test_a_server_of_one_process_is_gone(folder: Path) -> None:
    cell = await run_until_graded("worker-loss", installed(planning.plan("waitress")), folder, **SHORT)
    assert cell.grade is Grade.COLLAPSED
    assert "the server had ended" in cell.note.partition(" Blocked: ")[0]
    found = figures(cell)
    assert found["goodput, blocked"] == 100
    assert found["goodput, killed"] == 0
    assert "timeout" not in cell.conditions


async def test_interrupted_in_the_middle_it_leaves_no_process(folder: Path) -> None:
    found = registry.scenario("worker-loss")
    seen: set[int] = set()
    doings: list[str] = []
    ctx = make_context(
        found,
        installed(planning.plan("gunicorn:sync")),
        folder,
        SHORT,
        progress=lambda _fraction, doing: doings.append(doing),
    )
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            while not any(each.startswith("blocked") for each in doings):
                seen.update(pid for running in ctx._running_servers for pid in running.processes())
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        await found.run(ctx)
    assert nursery.cancel_scope.cancelled_caught
    assert len(seen) >= 2
    assert not [pid for pid in seen if alive(pid)]
    assert list((folder / "scratch").iterdir()) == []
