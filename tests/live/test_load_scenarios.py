"""The known answers of the scenarios, on real servers. They run side by side: what decides is a second or more."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import TargetRefused
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.analysis.grading import GOOD_GOODPUT, MIN_JUDGED_REQUESTS, collapsed, unharmed
from wsgi_gauntlet.harness.load.catalog import overrides_for
from wsgi_gauntlet.harness.load.context import require_loopback_or_verified
from wsgi_gauntlet.harness.model import Grade, Outcome, ScenarioResult
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan

from ..helpers.requirements import installed
from ..helpers.scenario_runs import attempts, make_context

pytestmark = pytest.mark.live


def assert_collapses(cell: ScenarioResult) -> None:
    """Hold the cell to `collapses`, unless its own figures show a machine too busy for any grade."""
    assert cell.generator is not None
    before = cell.phases[0]
    if not cell.generator.valid:
        assert cell.grade is Grade.INVALID
    elif (
        before.scheduled < MIN_JUDGED_REQUESTS
        or cell.phases[1].scheduled < MIN_JUDGED_REQUESTS
        or before.goodput < GOOD_GOODPUT
        or collapsed(before)
    ):
        assert cell.grade in (Grade.INCONCLUSIVE, Grade.DEGRADED)
    else:
        assert cell.grade is Grade.COLLAPSED


SLOTS = Path(__file__).parents[1] / "known_servers" / "thread_per_connection.py"

NARROW = {"baseline": 1.0, "duration": 1.5, "recovery": 2.0, "budget": 30.0}


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="g-") as name:
        for each in ("scratch", "logs"):
            (Path(name) / each).mkdir()
        yield Path(name)


def here(name: str) -> Plan:
    custom = {"thread_per_connection": f"{{python}} {SLOTS} {{host}} {{port}} {{threads}} {{app}}"}
    return installed(planning.plan(name, custom=custom))


async def run(scenario: str, servers: dict[str, dict[str, Any]], folder: Path) -> dict[str, ScenarioResult]:
    """Run the scenario on all `servers` side by side, each with parameters of its own."""
    found = registry.scenario(scenario)
    cells: dict[str, ScenarioResult] = {}
    doings: list[str] = []

    async def one(name: str, parameters: dict[str, Any]) -> None:
        for _ in attempts():
            ctx = make_context(
                found,
                here(name),
                folder,
                overrides_for(found, {**NARROW, **parameters}),
                progress=lambda _fraction, doing: doings.append(doing),
            )
            cells[name] = await found.run(ctx)
            if cells[name].grade not in (Grade.INVALID, Grade.INCONCLUSIVE):
                break

    async with trio.open_nursery() as nursery:
        for name, parameters in servers.items():
            nursery.start_soon(functools.partial(one, name, parameters))
    assert any("slow clients" in each for each in doings)
    return cells


async def test_slow_headers_find_n_where_it_is_known(folder: Path) -> None:
    cells = await run(
        "slow-headers/byte",
        {
            "thread_per_connection[threads=5]": {"clients": 16},
            "werkzeug:single": {"clients": 8},
            "gunicorn:sync[workers=2]": {"clients": 8},
            "waitress": {"clients": 12},
        },
        folder,
    )
    slots = cells["thread_per_connection[threads=5]"]
    assert slots.collapse is not None
    assert abs(slots.collapse - 5) <= 1
    assert cells["werkzeug:single"].collapse == 1
    assert cells["gunicorn:sync[workers=2]"].collapse in (1, 2, 3)
    waitress = cells["waitress"]
    assert waitress.collapse is None
    assert waitress.goodput == 1.0
    assert waitress.grade in (Grade.UNAFFECTED, Grade.DEGRADED, Grade.INVALID)

    for cell in cells.values():
        assert cell.scenario == "slow-headers/byte"
        # Where nobody was harmed there is nothing to recover from.
        phases = ["baseline", "during"] if unharmed(*cell.phases[:2]) else ["baseline", "during", "recovery"]
        assert [phase.name for phase in cell.phases] == phases
        assert cell.disconnect is not None
        assert cell.disconnect.how == "never"
        assert cell.conditions["python"]
        assert cell.note
        assert cell.slow_clients
        assert max(count for _, count in cell.slow_clients) == cell.steps[-1].clients
        assert {each.phase for each in cell.percentiles} == set(phases)
    for name in ("thread_per_connection[threads=5]", "werkzeug:single", "gunicorn:sync[workers=2]"):
        assert_collapses(cells[name])
        assert cells[name].phases[1].outcomes[Outcome.UNFINISHED] > 0


async def test_slow_reading_blocks_who_does_not_buffer(folder: Path) -> None:
    cells = await run(
        "slow-read", {"thread_per_connection[threads=3]": {"clients": 6}, "waitress": {"clients": 6}}, folder
    )
    slots = cells["thread_per_connection[threads=3]"]
    assert slots.collapse is not None
    assert abs(slots.collapse - 3) <= 1
    assert cells["waitress"].collapse is None
    assert cells["waitress"].cost is not None
    assert cells["waitress"].cost.rss > 0


async def test_the_classroom(folder: Path) -> None:
    cells = await run("classroom", {"werkzeug:single": {}, "werkzeug:threaded": {}}, folder)
    alone, threaded = cells["werkzeug:single"], cells["werkzeug:threaded"]
    assert alone.goodput is not None
    assert alone.goodput < 0.5
    assert threaded.goodput == 1.0
    assert_collapses(alone)
    assert "8 of 40 people" in alone.note or alone.grade is not Grade.COLLAPSED
    assert alone.phases[2].outcomes[Outcome.OK] > 0
    assert alone.steps == ()  # nobody searched for N*
    assert all(a.intended <= b.intended for a, b in zip(alone.samples, alone.samples[1:], strict=False))


def test_nothing_leaves_this_machine() -> None:
    require_loopback_or_verified(Address(host="127.0.0.1", port=80))
    require_loopback_or_verified(Address(host="::1", port=80))
    require_loopback_or_verified(Address(path="/x"))
    for host in ("192.0.2.1", "0.0.0.0", "localhost.example"):
        with pytest.raises(TargetRefused, match=r"127\.0\.0\.1"):
            require_loopback_or_verified(Address(host=host, port=80))
