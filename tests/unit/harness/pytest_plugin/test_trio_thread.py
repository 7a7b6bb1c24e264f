"""The loop in a thread of its own: what callers get from it, cut short or not, and when it is gone."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
import trio

from wsgi_gauntlet.harness.errors import InternalError, ServerDidNotStart
from wsgi_gauntlet.harness.pytest_plugin.trio_thread import TrioThread
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan


@pytest.fixture
def background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrioThread]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = TrioThread()
    yield made
    made.stop()
    assert list(tmp_path.glob("wsgi-gauntlet-*")) == []


async def double(number: int) -> int:
    await trio.lowlevel.checkpoint()
    return 2 * number


async def fail() -> None:
    raise LookupError("nothing there")


def test_a_call_returns_and_raises_like_any_other(background: TrioThread) -> None:
    assert [background.call(double, number) for number in (1, 2)] == [2, 4]
    with pytest.raises(LookupError, match="nothing there"):
        background.call(fail)
    assert background.call(double, 3) == 6


def test_a_call_that_is_cut_short_has_ended_before_the_caller_goes_on(background: TrioThread) -> None:
    ended = []

    class CutShort(Exception):
        pass

    def cut(_number: int, _frame: FrameType | None) -> None:
        raise CutShort

    async def forever() -> None:
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
            await trio.sleep_forever()
        finally:
            ended.append(True)

    before = signal.signal(signal.SIGUSR1, cut)
    try:
        with pytest.raises(CutShort):
            background.call(forever)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert ended == [True]
    assert background.call(double, 1) == 2


def test_a_stopped_loop_says_so(background: TrioThread) -> None:
    background.call(double, 1)
    background.stop()
    background.stop()
    with pytest.raises(InternalError, match="it was stopped"):
        background.call(double, 1)


def test_a_loop_that_dies_leaves_nobody_waiting(background: TrioThread) -> None:
    async def die() -> None:
        raise SystemExit(3)

    for function in (die, die):
        with pytest.raises(InternalError, match="the thread that runs the servers has ended"):
            background.call(function)


def test_a_fork_has_a_loop_of_its_own(background: TrioThread) -> None:
    background.call(double, 1)
    child = os.fork()
    if child == 0:
        background.stop()  # not the parent's
        doubled = background.call(double, 4)
        background.stop()
        os._exit(doubled)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 8
    assert background.call(double, 1) == 2


def wsgiref(app: str = "gauntlet_apps.reference:application") -> Plan:
    return planning.plan("wsgiref", python=sys.executable, app=app)


@pytest.mark.live
def test_servers_stay_up_between_calls_until_the_loop_ends(background: TrioThread) -> None:
    hosted = background.call(background.start_server, wsgiref())
    assert background.call(hosted.server.wait_for_end, 0) == ""
    other = background.call(background.start_server, wsgiref())
    background.call(other.close)
    assert other.closed.is_set()
    assert not other.server.alive
    assert hosted.server.alive
    background.stop()
    assert not hosted.server.alive


@pytest.mark.live
def test_a_server_that_does_not_start_is_an_error_of_its_caller_alone(background: TrioThread) -> None:
    with pytest.raises(ServerDidNotStart):
        background.call(background.start_server, wsgiref("nowhere:app"))
    assert background.call(double, 1) == 2
