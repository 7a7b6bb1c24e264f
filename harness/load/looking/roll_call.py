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

from ...launching import ready

if TYPE_CHECKING:
    from ...launch import Running

EVERY = 0.02
"""Seconds between two questions: how finely gaps are known, and a load of 50 requests a second."""

PATIENCE = 2.0
"""Seconds after which an answer is no longer waited for."""

WAITING = 3
"""Questions that wait for their answer at most: the connections of more would fill the queue of a server that stands
still (uWSGI's has 100 places), and its users would be turned away because of us."""


@dataclass(frozen=True)
class Present:
    """An answer: when its question was sent and when it came, in seconds of CLOCK_MONOTONIC, and the process's pid."""

    asked: float
    at: float
    pid: int


class RollCall:
    """Asks `running` until it is cancelled. What it has heard may be asked while it goes on."""

    def __init__(self, running: Running) -> None:
        self.heard: list[Present] = []
        self._running = running
        self._waiting = 0

    async def run(self) -> None:
        """Ask every EVERY seconds."""
        async with trio.open_nursery() as nursery:
            while True:
                if self._waiting < WAITING:
                    self._waiting += 1
                    nursery.start_soon(self._ask)
                await trio.sleep(EVERY)

    async def newcomer(self, known: Collection[int], since: float, patience: float) -> float | None:
        """Return what `came` does once there is something, None where nothing comes for `patience` seconds from now."""
        until = time.monotonic() + patience
        while (came := self.came(known, since)) is None and time.monotonic() < until:  # noqa: ASYNC110 - it is asked again at that pace anyway
            await trio.sleep(EVERY)
        return came

    def came(self, known: Collection[int], since: float) -> float | None:
        """Return when the first process that is not among `known` answered a question from after `since`."""
        return min((each.at for each in self.heard if each.asked >= since and each.pid not in known), default=None)

    def pids(self, since: float = 0.0) -> set[int]:
        """Return the processes that answered questions from after `since`."""
        return {each.pid for each in self.heard if each.asked >= since}

    def gap(self, since: float, until: float) -> float:
        """Return the longest time between `since` and `until` in which no answer came, in seconds."""
        times = [since, *sorted(each.at for each in self.heard if since < each.at < until), until]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    async def _ask(self) -> None:
        asked = time.monotonic()
        answer = None
        try:
            with trio.move_on_after(PATIENCE):
                answer = await ready.ask(self._running.address, f"{self._running.reference}/nonce", self._running.nonce)
        finally:
            self._waiting -= 1
        if answer is not None and answer.state is ready.State.READY and answer.pid > 1:
            self.heard.append(Present(asked, time.monotonic(), answer.pid))


async def gathered(running: Running, processes: int, patience: float) -> int:
    """Wait until so many different processes of `running` have answered, or `patience` seconds; return how many did.

    A server is ready as soon as the first of its workers answers; what is measured then is a server half there.
    """
    roll = RollCall(running)
    with trio.move_on_after(patience):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(roll.run)
            while len(roll.pids()) < processes:  # noqa: ASYNC110 - it is asked again at that pace anyway
                await trio.sleep(EVERY)
            nursery.cancel_scope.cancel()
    return len(roll.pids())
