"""Probe which process responds: small requests in short intervals, each over a new connection.

Nothing else shows from outside when a worker was replaced, or how long no worker responded.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from wsgi_gauntlet.harness.server import readiness

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

PROBE_INTERVAL = 0.02
"""Seconds between two probes. It is the precision of gaps, and a load of 50 requests per second."""

RESPONSE_TIMEOUT = 2.0
"""Seconds that a probe waits for its response."""

MAX_PENDING_PROBES = 3
"""The most probes that wait at the same time. More would fill the queue of a blocked server (100 places for uWSGI), and
it would reject its users because of the probes."""


@dataclass(frozen=True)
class WorkerResponse:
    """The response to a probe: when it was sent and received, in seconds of CLOCK_MONOTONIC, and the pid."""

    sent_at: float
    at: float
    pid: int


class WorkerProbe:
    """Probes `running` until it is cancelled. The responses are available at any time."""

    def __init__(self, running: ServerUnderTest) -> None:
        self.responses: list[WorkerResponse] = []
        self._running = running
        self._pending = 0

    async def run(self) -> None:
        """Send a probe every PROBE_INTERVAL seconds."""
        async with trio.open_nursery() as nursery:
            while True:
                if self._pending < MAX_PENDING_PROBES:
                    self._pending += 1
                    nursery.start_soon(self._probe_once)
                await trio.sleep(PROBE_INTERVAL)

    async def first_new_worker(self, known: Collection[int], since: float, patience: float) -> float | None:
        """Wait for a new worker and return when it responded, None if none did within `patience` seconds."""
        until = time.monotonic() + patience
        found = self.new_worker_answered_at(known, since)
        while found is None and time.monotonic() < until:
            await trio.sleep(PROBE_INTERVAL)
            found = self.new_worker_answered_at(known, since)
        return found

    def new_worker_answered_at(self, known: Collection[int], since: float) -> float | None:
        """Return when the first process not in `known` responded to a probe sent after `since`."""
        return min(
            (each.at for each in self.responses if each.sent_at >= since and each.pid not in known), default=None
        )

    def pids(self, since: float = 0.0) -> set[int]:
        """Return the processes that responded to probes sent after `since`."""
        return {each.pid for each in self.responses if each.sent_at >= since}

    def longest_gap(self, since: float, until: float) -> float:
        """Return the longest time in seconds between `since` and `until` without a response."""
        times = [since, *sorted(each.at for each in self.responses if since < each.at < until), until]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    async def _probe_once(self) -> None:
        sent_at = time.monotonic()
        response = None
        try:
            with trio.move_on_after(RESPONSE_TIMEOUT):
                response = await readiness.probe_readiness(
                    self._running.address, f"{self._running.reference_app_path}/nonce", self._running.nonce
                )
        finally:
            self._pending -= 1
        if response is not None and response.state is readiness.ReadinessState.READY and response.pid > 1:
            self.responses.append(WorkerResponse(sent_at, time.monotonic(), response.pid))


async def wait_for_workers(running: ServerUnderTest, processes: int, patience: float) -> int:
    """Wait until so many processes of `running` have responded, at most `patience` seconds; return their number.

    A server counts as ready when its first worker responds, but a measurement needs all workers.
    """
    probe = WorkerProbe(running)
    with trio.move_on_after(patience):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(probe.run)
            while len(probe.pids()) < processes:  # noqa: ASYNC110 - probes have the same interval
                await trio.sleep(PROBE_INTERVAL)
            nursery.cancel_scope.cancel()
    return len(probe.pids())
