"""Who answers and for how long nobody does, from what was heard."""

from __future__ import annotations

import time
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wsgi_gauntlet.harness.load.probes.worker_probe import PROBE_INTERVAL, WorkerProbe, WorkerResponse, wait_for_workers
from wsgi_gauntlet.harness.server import readiness


def responses(*answers: tuple[float, float, int]) -> WorkerProbe:
    probe = WorkerProbe(cast("Any", None))
    probe.responses += [WorkerResponse(*each) for each in answers]
    return probe


def test_the_first_answer_of_somebody_new() -> None:
    probe = responses((1, 1.1, 10), (2, 2.5, 12), (2.1, 2.2, 11), (0.5, 2.0, 13))
    assert probe.new_worker_answered_at({10}, 1) == 2.2
    assert probe.new_worker_answered_at({10, 11}, 1) == 2.5
    assert probe.new_worker_answered_at({10, 11, 12}, 1) is None  # 13 was asked before
    assert probe.pids() == {10, 11, 12, 13}
    assert probe.pids(2) == {11, 12}


def test_the_longest_time_without_an_answer_has_its_ends_too() -> None:
    probe = responses((1, 1.5, 1), (1, 3.0, 1), (1, 2.0, 1))
    assert probe.longest_gap(1, 3.5) == 1.0
    assert probe.longest_gap(1.9, 9) == 6
    assert probe.longest_gap(0, 3) == 1.5
    assert responses().longest_gap(2, 5) == 3


async def test_nobody_new_comes_within_the_patience() -> None:
    began = time.monotonic()
    assert await responses((1, 2, 7)).first_new_worker({7}, 0, 2 * PROBE_INTERVAL) is None
    assert time.monotonic() - began >= 2 * PROBE_INTERVAL
    assert await responses((1, 2, 8)).first_new_worker({7}, 0, 0) == 2


@pytest.mark.parametrize(("asked", "there"), [(2, 2), (3, 2)])
async def test_workers_are_waited_for_until_all_have_answered(
    asked: int, there: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second boots after the first has answered a few times; a third never comes."""
    answers = count()

    async def probe_readiness(_address: object, _target: str, _nonce: str) -> readiness.ReadinessResponse:
        pid = 11 if next(answers) < 3 else 12
        return readiness.ReadinessResponse(
            readiness.ReadinessState.READY, f"HTTP/1.1 200 OK\r\nX-Gauntlet-Pid: {pid}\r\n\r\n".encode()
        )

    monkeypatch.setattr(readiness, "probe_readiness", probe_readiness)
    running = SimpleNamespace(address=None, reference_app_path="", nonce="n")
    assert await wait_for_workers(cast("Any", running), asked, 0.5) == there
    assert next(answers) > 3
