"""Instances that stay up between cells: how many, what becomes of one that ends, and of a server that cannot be had."""

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import ServerDidNotStart
from wsgi_gauntlet.harness.model import Verdict
from wsgi_gauntlet.harness.pytest_plugin import instance_pool
from wsgi_gauntlet.harness.pytest_plugin.instance_pool import InstancePool
from wsgi_gauntlet.harness.pytest_plugin.trio_thread import TrioThread
from wsgi_gauntlet.harness.server import planning

pytestmark = pytest.mark.live

CASE = registry.case("pep3333/environ/exact-dict")


@pytest.fixture
def background() -> Iterator[TrioThread]:
    made = TrioThread()
    yield made
    made.stop()


def test_the_instance_unused_for_longest_goes_first(background: TrioThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_pool, "MAX_INSTANCES", 2)
    kept = InstancePool(background, {})
    plans = [planning.plan(name, python=sys.executable) for name in ("wsgiref", "waitress", "waitress[threads=2]")]
    for plan in (plans[0], plans[1], plans[0], plans[2]):
        assert kept.cell(plan, CASE, rerun=True).verdict is Verdict.PASS
    assert [key[0] for key in kept._instances] == ["wsgiref", "waitress[threads=2]"]


def test_one_that_ended_is_started_afresh_and_the_cell_says_so(background: TrioThread) -> None:
    kept = InstancePool(background, {})
    plan = planning.plan("wsgiref", python=sys.executable)
    assert kept.cell(plan, CASE).attempts >= 1
    (hosted,) = kept._instances.values()
    os.kill(hosted.server.pid, signal.SIGKILL)
    background.call(hosted.server.wait_for_end, 30)
    cell = kept.cell(plan, CASE, rerun=True)
    assert cell.verdict is Verdict.PASS
    assert hosted.server.alive


def test_a_server_that_cannot_be_had_is_tried_once(background: TrioThread) -> None:
    kept = InstancePool(background, {})
    plan = planning.plan("wsgiref", python=sys.executable, app="nowhere:app")
    for _ in range(2):
        with pytest.raises(ServerDidNotStart, match="nowhere"):
            kept.ensure_instance(plan, CASE)
    cell = kept.cell(plan, CASE)
    assert cell.verdict is Verdict.ERROR
    assert "nowhere" in cell.actual
