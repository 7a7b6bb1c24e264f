"""How much of what an app reports goes into the evidence, and what happens before and after an attempt."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from wsgi_gauntlet.harness.conformance import attempt
from wsgi_gauntlet.harness.conformance.attempt import Attempt, limit_app_events
from wsgi_gauntlet.harness.conformance.verdict import Judgement
from wsgi_gauntlet.harness.errors import ServerError
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import AppEvent, Verdict
from wsgi_gauntlet.harness.store.json_encoding import to_json


def test_evidence_keeps_the_first_and_the_last_events_as_far_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    events = tuple(AppEvent(float(number), "called", 1, 1, detail={"text": "x" * 100}) for number in range(10))
    assert limit_app_events(events) == events
    monkeypatch.setattr(attempt, "APP_EVENTS_LIMIT_BYTES", len(to_json(events[0])) * 4)
    assert limit_app_events(events) == (*events[:3], events[9])
    assert limit_app_events(()) == ()


PASSED = Attempt(Judgement(Verdict.PASS))


class _Server:
    """A server that responds and stays up."""

    alive = True


@pytest.mark.parametrize(("late", "patience"), [((), 1.0), ((False,), 1.0), ((False, True, False), 1.2)])
async def test_an_attempt_after_a_late_end_waits_longer_for_responses(
    monkeypatch: pytest.MonkeyPatch, late: tuple[bool, ...], patience: float
) -> None:
    async def record(*given: Any, **_options: Any) -> Attempt:
        patiences.append(given[4].response_patience)
        return PASSED

    patiences: list[float] = []
    monkeypatch.setattr(attempt, "attempt", record)
    previous = [replace(PASSED, closed_late=each) for each in late]
    case, server = cast("Any", None), cast("Any", _Server())
    assert await attempt.run_again(case, server, Segmentation.WHOLE, previous or [PASSED]) is PASSED
    assert patiences == [patience]


@dataclass
class _RestartedServer:
    """A server that stays up; `restarts` counts its restarts."""

    alive = True
    restarts: int = 0

    def visible_processes(self) -> list[int]:
        return [1]

    async def restart(self, grace: float) -> None:
        assert grace == 0
        self.restarts += 1


@pytest.mark.usefixtures("autojump_clock")
@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL, Verdict.ERROR])
@pytest.mark.parametrize(("seconds", "cpu", "restarts"), [(2.0, 0.1, 1), (2.0, 0.0, 0), (0.5, 0.1, 0)])
async def test_a_server_that_stays_busy_after_a_slow_attempt_is_restarted(
    monkeypatch: pytest.MonkeyPatch,
    verdict: Verdict,
    seconds: float,
    cpu: float,
    restarts: int,
) -> None:
    async def make(*_: Any, **__: Any) -> Attempt:
        return Attempt(Judgement(verdict), seconds=seconds)

    used = itertools.count(0.0, cpu)
    monkeypatch.setattr(attempt, "attempt", make)
    monkeypatch.setattr(attempt, "cpu_seconds", lambda _: next(used))
    server = _RestartedServer()
    made = await attempt.run_again(cast("Any", None), cast("Any", server), Segmentation.WHOLE, [PASSED])
    assert server.restarts == restarts
    assert ["it was restarted" in note for note in made.evidence.process] == [True] * restarts


@pytest.mark.usefixtures("autojump_clock")
async def test_an_attempt_counts_even_if_its_server_cannot_be_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(_RestartedServer):
        async def restart(self, grace: float) -> None:
            raise ServerError(f"no answer within {15 + grace:g} s")

    async def make(*_: Any, **__: Any) -> Attempt:
        return Attempt(Judgement(Verdict.PASS), seconds=2.0)

    used = itertools.count(0.0, 0.1)
    monkeypatch.setattr(attempt, "attempt", make)
    monkeypatch.setattr(attempt, "cpu_seconds", lambda _pids: next(used))
    made = await attempt.run_again(cast("Any", None), cast("Any", Hanging()), Segmentation.WHOLE, [PASSED])
    assert made.judgement.verdict is Verdict.PASS
    assert made.evidence.process[-1].endswith("it was restarted, and did not start: no answer within 15 s")
