"""The scenario `throughput` on real servers, with steps so short that they say nothing about speed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import Grade, Outcome, ScenarioResult
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.suites.load.throughput.throughput import throughput

from ..helpers.scenario_runs import make_context

pytestmark = pytest.mark.live

SHORT = {"clients": 4, "duration": 0.2, "size": 2000, "factor": 4}


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="g-") as name:
        for each in ("scratch", "logs"):
            Path(name, each).mkdir()
        yield Path(name)


async def measured(plan: Plan, folder: Path, **parameters: float) -> tuple[ScenarioResult, list[float | None]]:
    fractions: list[float | None] = []
    ctx = make_context(
        throughput,
        plan,
        folder,
        {**SHORT, **parameters},
        progress=lambda fraction, _doing: fractions.append(fraction),
    )
    return await throughput.run(ctx), fractions


async def test_a_server_that_keeps_connections(folder: Path) -> None:
    load, fractions = await measured(planning.plan("waitress"), folder)
    assert load.grade in (Grade.MEASURED, Grade.INVALID)
    assert load.scenario == "throughput"
    assert [step.clients for step in load.steps] == [1, 4]
    for step, phase in zip(load.steps, load.phases, strict=True):
        # The end of the loop may cut off the last request of a connection that a busy machine left waiting for long.
        hung = phase.outcomes[Outcome.UNFINISHED]
        assert phase.outcomes[Outcome.OK] == phase.scheduled - hung > 0
        assert hung <= step.clients
        assert step.goodput == phase.outcomes[Outcome.OK] / phase.scheduled
    assert load.goodput == sum(each.outcomes[Outcome.OK] for each in load.phases) / sum(
        each.scheduled for each in load.phases
    )
    assert all(step.rate and step.p50 and step.p99 and step.p50 <= step.p99 for step in load.steps)
    assert [phase.name for phase in load.phases] == ["1 connection", "4 connections"]
    assert load.phases[0].ended <= load.phases[1].started
    assert {point.phase for point in load.percentiles} == {"1 connection", "4 connections"}
    assert load.generator is not None
    assert fractions == [0.0, 0.5]
    assert "service time at that concurrency" in load.note
    assert not any("closed the connection" in words for words in load.caveats)


async def test_a_server_that_closes_after_each_answer_says_so(folder: Path) -> None:
    load, _ = await measured(planning.plan("wsgiref"), folder, clients=1)
    assert [step.clients for step in load.steps] == [1]
    assert any("closed the connection after each response" in words for words in load.caveats)


@pytest.mark.parametrize(
    ("fault", "came"),
    [
        ("body[::-1]", "200 OK, 2000 bytes"),
        ("body[:-1]", "200 OK, 1999 bytes"),
        ("b''", "200 OK, 0 bytes"),
    ],
)
async def test_no_speed_is_quoted_for_wrong_answers(fault: str, came: str, folder: Path) -> None:
    (folder / "crooked.py").write_text(
        "import sys\n"
        "from wsgiref.simple_server import make_server\n"
        "from gauntlet_apps.reference import application as right\n"
        "def application(environ, start_response):\n"
        "    if environ['PATH_INFO'] != '/page':\n"
        "        return right(environ, start_response)\n"
        "    body = b''.join(right(environ, lambda *_: None))\n"
        f"    body = {fault}\n"
        "    start_response('200 OK', [('Content-Length', str(len(body)))])\n"
        "    return [body]\n"
        "make_server(sys.argv[1], int(sys.argv[2]), application).serve_forever()\n"
    )
    plan = planning.plan("crooked", custom={"crooked": f"{{python}} {folder}/crooked.py {{host}} {{port}}"})
    load, _ = await measured(plan, folder, clients=1)
    assert load.grade is Grade.ERROR
    assert (load.steps, load.goodput) == ((), None)
    assert f"it sent {came}" in load.note


async def test_a_ladder_that_never_ends_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="factor"):
        await measured(planning.plan("wsgiref"), folder, factor=1)
