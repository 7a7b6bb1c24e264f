"""The times that generators report, against known times: raw samples, and a server that stalls for a known time."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any, SupportsIndex

import pytest

from wsgi_gauntlet.harness.load.arrivals import Poisson, Uniform, schedule
from wsgi_gauntlet.harness.load.generator import closed_loop, open_loop
from wsgi_gauntlet.harness.load.generator.connections import ConnectionPool
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop, parallel_open_loop
from wsgi_gauntlet.harness.stats import summary
from wsgi_gauntlet.harness.stats.histogram import Histogram

from ..helpers.socket_servers import PAGE, always, answer, requests, serving

pytestmark = pytest.mark.live

Q = (0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0)

STALL = 0.5

BUSY = 1.0
"""Seconds by which a busy machine may make an answer later; benchmarks/known_answers.py holds latencies closely."""


class Recorder(Histogram):
    """Keeps every value beside its count."""

    __slots__ = ("raw",)

    def __init__(self) -> None:
        super().__init__()
        self.raw: list[int] = []

    def record(self, nanoseconds: int, times: int = 1) -> None:
        self.raw += [nanoseconds] * times
        super().record(nanoseconds, times)


class Started(list[int]):
    """Times at which requests began, by descriptor: the next one begins when the last one's answer is there."""

    def __init__(self) -> None:
        super().__init__()
        self.raw: list[int] = []

    def __setitem__(self, fd: SupportsIndex | slice, now: Any) -> None:
        last = self[fd]
        if last:
            self.raw.append(now - last)
        super().__setitem__(fd, now)


async def test_a_closed_loops_percentiles_are_those_of_the_raw_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    started = Started()

    class Recording(ConnectionPool[Any]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.started = started

    monkeypatch.setattr(closed_loop, "ConnectionPool", Recording)
    with serving(always(answer())) as address:
        found = await parallel_closed_loop(address, PAGE, LoopOptions(5), 0.4, processes=1)
    assert len(started.raw) == found.ok > 100
    for q in Q:
        assert found.latency.quantile(q) == pytest.approx(summary.quantile(started.raw, q) / 1e9, rel=0.01)


async def test_an_open_loops_percentiles_are_those_of_the_raw_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_loop, "Histogram", Recorder)
    with serving(always(answer())) as address:
        found = await parallel_open_loop(address, PAGE, LoopOptions(20), Poisson(500, 1), 0.5, processes=1)
    for histogram in (found.latency, found.service, found.lateness):
        assert isinstance(histogram, Recorder)
        assert len(histogram.raw) == found.ok > 100
        for q in Q:
            exact = summary.quantile(histogram.raw, q) / 1e9
            assert histogram.quantile(q) == pytest.approx(exact, rel=0.01, abs=1e-9)


class Stalling:
    """Answers at once, but for one time of STALL seconds that begins with the request number `at`."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._open.set()
        self._seen = 0
        self.began = self.ended = 0.0

    def __call__(self, conn: socket.socket, _number: int) -> None:
        for _ in requests(conn):
            with self._lock:
                self._seen += 1
                first = self._seen == self._at
                if first:
                    self._open.clear()
                    self.began = time.monotonic()
            if first:
                time.sleep(STALL)
                self.ended = time.monotonic()
                self._open.set()
            self._open.wait()
            conn.sendall(answer())


async def stalled(rate: float, seconds: float) -> tuple[GeneratorResult, list[float]]:
    """Return what an open loop of that rate measured of a stalling server, and the latencies by arithmetic."""
    behave = Stalling(at=int(rate * 0.2))
    with serving(behave) as address:
        options = LoopOptions(int(rate), window=0.1)
        found = await parallel_open_loop(address, PAGE, options, Uniform(rate), seconds, processes=2)
    due = [found.began + at for at in schedule(Uniform(rate), seconds)]
    # Whoever comes within the stall waits for its end, and nobody else waits at all.
    return found, [max(0.0, behave.ended - at) if at >= behave.began - 1 / rate else 0.0 for at in due]


def differences(found: GeneratorResult, predicted: list[float]) -> list[str]:
    """Return what was measured otherwise than predicted: a busy machine makes answers later, and never earlier."""
    # 40 % of the requests are due in the stall. Without correction all but a few would seem to be quick.
    pairs = [(f"q{q}", found.latency.quantile(q), summary.quantile(predicted, q)) for q in (0.8, 0.9, 0.95, 0.99, 1.0)]
    worst = [mark[0] for each in found.windows if (mark := each.quantile(1.0))]
    pairs.append(("longest of all windows", max(worst), max(predicted)))
    wrong = [
        f"{what}: {seen} and not {right}" for what, seen, right in pairs if not 0.98 * right <= seen <= right + BUSY
    ]
    fraction_between = sum(each > 0.01 for each in predicted) / len(predicted)
    if found.latency.fraction_between(0.01, 10) < fraction_between - 0.02:
        wrong.append(f"share that waited: {found.latency.fraction_between(0.01, 10)} and not {fraction_between}")
    # The stall begins at 0.2 s: the windows in it have to wait, those after it 0.1 s less each.
    due = [max(0.0, STALL - 0.1 * (number + 1)) for number in range(5)]
    if any(seen < least - 0.01 for seen, least in zip(worst[2:], due, strict=False)):
        wrong.append(f"the longest waits of the windows: {worst}")
    return wrong


async def test_who_comes_while_the_server_stalls_waits_as_long_as_arithmetic_says() -> None:
    found, predicted = await stalled(rate=100, seconds=1.2)
    assert found.ok == len(predicted) == 119
    assert differences(found, predicted) == []


async def test_a_closed_loop_is_service_time_and_is_not_corrected() -> None:
    with serving(Stalling(at=40)) as address:
        found = await parallel_closed_loop(address, PAGE, LoopOptions(2), 1.0, processes=2)
    # Two requests met the stall: the loop asked nothing else meanwhile. That is what it is for, and what it says.
    assert found.latency.fraction_between(STALL * 0.9, STALL + BUSY) * found.ok <= 2.5
    assert found.latency.quantile(1.0) >= STALL * 0.99
    assert found.service is found.latency
    assert found.offered is None
    assert found.lateness is None
