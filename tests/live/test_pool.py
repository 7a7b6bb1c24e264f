"""Instances that stay up between cells: how many, what becomes of one that ends, and of a server that cannot be had."""

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from wsgi_gauntlet.harness import discover, planning
from wsgi_gauntlet.harness.errors import ServerDidNotStart
from wsgi_gauntlet.harness.model import Verdict
from wsgi_gauntlet.harness.pytesting import pool
from wsgi_gauntlet.harness.pytesting.background import Background
from wsgi_gauntlet.harness.pytesting.pool import Pool

pytestmark = pytest.mark.live

CASE = discover.case("pep3333/environ/exact-dict")


@pytest.fixture
def background() -> Iterator[Background]:
    made = Background()
    yield made
    made.stop()


def test_the_instance_unused_for_longest_goes_first(background: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "KEPT", 2)
    kept = Pool(background, {})
    plans = [planning.plan(name, python=sys.executable) for name in ("wsgiref", "waitress", "waitress[threads=2]")]
    for plan in (plans[0], plans[1], plans[0], plans[2]):
        assert kept.cell(plan, CASE, afresh=True).verdict is Verdict.PASS
    assert [key[0] for key in kept._instances] == ["wsgiref", "waitress[threads=2]"]


def test_one_that_ended_is_started_afresh_and_the_cell_says_so(background: Background) -> None:
    kept = Pool(background, {})
    plan = planning.plan("wsgiref", python=sys.executable)
    assert kept.cell(plan, CASE).attempts >= 1
    (hosted,) = kept._instances.values()
    os.kill(hosted.server.pid, signal.SIGKILL)
    background.call(hosted.server.end_within, 5)
    cell = kept.cell(plan, CASE, afresh=True)
    assert cell.verdict is Verdict.PASS
    assert hosted.server.alive


def test_a_server_that_cannot_be_had_is_tried_once(background: Background) -> None:
    kept = Pool(background, {})
    plan = planning.plan("wsgiref", python=sys.executable, app="nowhere:app")
    for _ in range(2):
        with pytest.raises(ServerDidNotStart, match="nowhere"):
            kept.ready(plan, CASE)
    cell = kept.cell(plan, CASE)
    assert cell.verdict is Verdict.ERROR
    assert "nowhere" in cell.actual
