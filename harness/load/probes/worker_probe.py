"""Who answers: one small question again and again, each over a new connection, and which process answered it.

From outside nothing else tells that a worker was replaced, or how long nobody answered at all.
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
"""Seconds between two questions: how finely gaps are known, and a load of 50 requests a second."""

RESPONSE_TIMEOUT = 2.0
"""Seconds after which an answer is no longer waited for."""

MAX_PENDING_PROBES = 3
"""Questions that wait for their answer at most: the connections of more would fill the queue of a server that stands
still (uWSGI's has 100 places), and its users would be turned away because of us."""


@dataclass(frozen=True)
class WorkerResponse:
    """An answer: when its question was sent and when it came, in seconds of CLOCK_MONOTONIC, and the process's pid."""

    sent_at: float
    at: float
    pid: int


class WorkerProbe:
    """Asks `running` until it is cancelled. What it has heard may be asked while it goes on."""

    def __init__(self, running: ServerUnderTest) -> None:
        self.responses: list[WorkerResponse] = []
        self._running = running
        self._pending = 0

    async def run(self) -> None:
        """Ask every PROBE_INTERVAL seconds."""
        async with trio.open_nursery() as nursery:
            while True:
                if self._pending < MAX_PENDING_PROBES:
                    self._pending += 1
                    nursery.start_soon(self._probe_once)
                await trio.sleep(PROBE_INTERVAL)

    async def first_new_worker(self, known: Collection[int], since: float, patience: float) -> float | None:
        """Return what `came` does once there is something, None where nothing comes for `patience` seconds from now."""
        until = time.monotonic() + patience
        found = self.new_worker_answered_at(known, since)
        while found is None and time.monotonic() < until:
            await trio.sleep(PROBE_INTERVAL)
            found = self.new_worker_answered_at(known, since)
        return found

    def new_worker_answered_at(self, known: Collection[int], since: float) -> float | None:
        """Return when the first process that is not among `known` answered a question from after `since`."""
        return min(
            (each.at for each in self.responses if each.sent_at >= since and each.pid not in known), default=None
        )

    def pids(self, since: float = 0.0) -> set[int]:
        """Return the processes that answered questions from after `since`."""
        return {each.pid for each in self.responses if each.sent_at >= since}

    def longest_gap(self, since: float, until: float) -> float:
        """Return the longest time between `since` and `until` in which no answer came, in seconds."""
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
    """Wait until so many different processes of `running` have answered, or `patience` seconds; return how many did.

    A server is ready as soon as the first of its workers answers; what is measured then is a server half there.
    """
    probe = WorkerProbe(running)
    with trio.move_on_after(patience):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(probe.run)
            while len(probe.pids()) < processes:  # noqa: ASYNC110 - it is asked again at that pace anyway
                await trio.sleep(PROBE_INTERVAL)
            nursery.cancel_scope.cancel()
    return len(probe.pids())
