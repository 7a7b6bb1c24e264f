"""The scenarios `stop` and `recycle`: servers that lose what is known, and releases before and after a repair."""

from __future__ import annotations

import re
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.errors import EnvironmentUnavailable
from wsgi_gauntlet.harness.events import ignore_event
from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.environments import versioned
from wsgi_gauntlet.suites.load.operations import stop

from ..helpers.requirements import fail_or_skip
from ..helpers.scenario_runs import measured, run_until_graded
from ..helpers.wheel_index import isolated_environment_locks
from ..known_servers.adapter import plan

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

QUICK = {"short": 0.4, "long": 0.8, "upload": 0.2, "patience": 4.0}


def figures(cell: ScenarioResult) -> dict[str, float | None]:
    return {each.label: each.value for each in cell.metrics}


async def test_what_becomes_of_requests_at_the_end_is_known(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four known servers, side by side. SIGINT has the same handler."""
    monkeypatch.setattr(stop, "ALWAYS_TRIED", (signal.SIGTERM,))
    cells: dict[str, ScenarioResult] = {}

    async def one(how: str) -> None:
        cells[how] = await measured("stop", plan("stops", how), folder, **QUICK)

    async with trio.open_nursery() as nursery:
        for how in ("finishes", "drops", "never", "waits-for-idle"):
            nursery.start_soon(one, how)
    assert cells["finishes"].grade is Grade.UNAFFECTED, cells["finishes"].note
    assert figures(cells["finishes"])["requests lost, SIGTERM"] == 0
    assert cells["drops"].grade is Grade.DEGRADED
    assert re.search(r"SIGTERM lost (\d) of \1 requests in flight", cells["drops"].note), cells["drops"].note
    assert cells["never"].grade is Grade.DEGRADED
    assert cells["never"].note.startswith("The server had not ended 4.0 s after SIGTERM"), cells["never"].note
    assert figures(cells["never"])["time to exit, SIGTERM"] is None
    assert cells["waits-for-idle"].grade is Grade.DEGRADED
    assert "the server ended only when the client closed an idle connection" in cells["waits-for-idle"].note


async def test_what_is_lost_while_workers_are_replaced_is_counted_exactly(folder: Path) -> None:
    for duration in (1.5, 3.0, 6.0):  # a slow machine has fewer requests, so fewer workers are replaced
        cell = await run_until_graded("recycle", plan("recycles", 2, 100, 1), folder, duration=duration)
        found = figures(cell)
        lost = (found["requests lost, new connections"] or 0) + (found["requests lost, kept connections"] or 0)
        if lost >= 3:
            break
    assert cell.grade is Grade.DEGRADED
    assert 3 <= lost == len(re.findall(r"^lost$", cell.log, re.MULTILINE))
    assert found["requests lost without slow clients"] == lost
    for duration in (1.0, 3.0, 6.0):
        sound = await run_until_graded("recycle", plan("recycles", 2, 100, 0), folder, duration=duration)
        if (figures(sound)["processes started"] or 0) >= 2:
            break
    assert sound.grade is Grade.UNAFFECTED, sound.note
    assert (figures(sound)["processes started"] or 0) >= 2


async def beside_its_repair(
    scenario: str, server: str, versions: tuple[str, str], folder: Path, **parameters: float
) -> tuple[ScenarioResult, ScenarioResult]:
    """Run the scenario on two releases of `server` at the same time, each in an environment of its own."""
    adapter = server.partition(":")[0]
    cells: dict[str, ScenarioResult] = {}

    async def one(version: str) -> None:
        spec = versioned.EnvironmentSpec(sys.executable, adapter, version)
        try:
            python = await trio.to_thread.run_sync(partial(versioned.made, spec, f"{adapter}@{version}", ignore_event))
        except EnvironmentUnavailable as problem:
            fail_or_skip(f"no package index: {problem}")
        planned = replace(planning.plan(server, python=str(python)), name=f"{server}@{version}")
        # `stop` has no generator whose health could matter.
        run = measured if scenario == "stop" else run_until_graded
        cells[version] = await run(scenario, planned, folder, **parameters)

    async with trio.open_nursery() as nursery:
        for version in versions:
            nursery.start_soon(one, version)
    return cells[versions[0]], cells[versions[1]]


async def test_eventlet_finishes_requests_since_0_36(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://github.com/eventlet/eventlet/pull/917. SIGTERM ends both at once."""
    monkeypatch.setattr(stop, "ALWAYS_TRIED", (signal.SIGINT,))
    with isolated_environment_locks(monkeypatch):
        before, after = await beside_its_repair("stop", "eventlet", ("0.35.2", "0.36.0"), folder, **QUICK)
    assert figures(before)["requests lost, SIGINT"]
    assert figures(after)["requests lost, SIGINT"] == 0


async def test_gunicorn_loses_no_new_connections_since_24_1(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://github.com/benoitc/gunicorn/issues/3038."""
    with isolated_environment_locks(monkeypatch):
        for duration in (1.5, 3.0, 6.0):  # as above
            before, after = await beside_its_repair(
                "recycle", "gunicorn:gthread", ("23.0.0", "24.1.0"), folder, duration=duration, max_requests=50
            )
            if figures(before)["requests lost, new connections"]:
                break
    assert figures(before)["requests lost, new connections"]
    assert before.grade is Grade.DEGRADED
    assert figures(after)["requests lost, new connections"] == 0
