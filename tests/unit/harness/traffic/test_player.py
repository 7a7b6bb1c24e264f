"""A visit on a server that does not answer, and the request that a traceback in the log belongs to."""

from __future__ import annotations

import errno
import signal
import threading

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.response import Response
from wsgi_gauntlet.harness.traffic.check import _logged_request
from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic, compile_step
from wsgi_gauntlet.harness.traffic.cpu_limit import cpu_limit
from wsgi_gauntlet.harness.traffic.model import Capture, Sequence, Step, Traffic
from wsgi_gauntlet.harness.traffic.player import MAX_UNANSWERED, PlayedRequest, _played, play
from wsgi_gauntlet.harness.traffic.visit import Fault, StepOutcome, Visit

STEP = Step("step", "GET", "/")


def test_the_rest_of_a_visit_is_not_sent_to_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_address: Address) -> HttpConnection:
        await trio.lowlevel.checkpoint()
        raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")

    monkeypatch.setattr(HttpConnection, "open", refuse)
    visit = Visit(CompiledTraffic(Traffic((Sequence("s", (STEP,) * (MAX_UNANSWERED + 2)),))), 0, 0, give_up=False)
    played = trio.run(play, Address("127.0.0.1", 9), visit)
    reasons = [each.outcome.reason for each in played]
    assert reasons == [
        *["no response: Connection refused"] * MAX_UNANSWERED,
        *["not sent: the server did not answer the last 3 requests"] * 2,
    ]
    assert {each.outcome.fault for each in played} == {Fault.INCOMPLETE}
    assert all(each.is_last_of_step for each in played)


def test_a_pattern_that_takes_years_on_a_page_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.traffic.player.MAX_CHECK_SECONDS", 0.05)
    step = Step("page", "GET", "/", captures=(Capture("id", "((?:a+)+)b"),))
    visit = Visit(CompiledTraffic(Traffic((Sequence("s", (step, STEP)),))), 0, 0, give_up=False)
    request = visit.request(b"localhost")
    response = Response(status=200, body=b"a" * 100, complete=True)
    found = _played(request, visit, response, "", 0.1)
    assert found.outcome.fault is Fault.CAPTURE
    assert "write a pattern without repetitions of repetitions" in found.outcome.reason
    assert found.is_last_of_step
    assert visit.step.step.name == "step"
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_a_limit_in_another_thread_or_beside_another_timer_is_none() -> None:
    signal.setitimer(signal.ITIMER_VIRTUAL, 1000)
    try:
        with cpu_limit(0.001):
            assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] > 1
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    seen: list[tuple[float, float]] = []

    def work() -> None:
        with cpu_limit(1000):
            seen.append(signal.getitimer(signal.ITIMER_VIRTUAL))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(0.0, 0.0)]


def played(status: int | None, *, ok: bool = False, target: str = "/") -> PlayedRequest:
    return PlayedRequest(compile_step(STEP), "GET", target, StepOutcome(ok, "step"), status)


@pytest.mark.parametrize(
    ("requests", "at"),
    [
        ([played(200, ok=True)], None),
        ([played(500), played(502), played(404), played(None, target="")], 1),
        ([played(500), played(None), played(200)], 1),
        ([played(404), played(200, ok=True), played(403)], 2),
    ],
)
def test_a_traceback_belongs_to_the_last_broken_response(requests: list[PlayedRequest], at: int | None) -> None:
    assert _logged_request(requests) is (None if at is None else requests[at])
