"""Scenarios that run at the same time on different servers, because none of them needs much of the machine.

    start the servers | warm one up, then the next | measure, all at the same time | stop the servers

No stage begins before all scenarios have finished the stage before: the start of a server takes a whole core.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

STAGGER_SECONDS = 0.05
"""Seconds between the first users of two scenarios. All have the same arrivals, which must not fall together."""


class ScenarioGroup:
    """A group of scenarios that run at the same time. A scenario by itself is a group of one."""

    def __init__(self, members: int = 1) -> None:
        self.alone = members == 1
        self._members = members
        self._arrived = self._warmed_up = 0
        self._all_arrived = trio.Event()
        self._warm_up = trio.Lock()

    async def wait(self) -> None:
        """Wait until all scenarios that have not left are here."""
        self._arrived += 1
        all_arrived = self._all_arrived
        self._begin_stage_if_complete()
        await all_arrived.wait()

    def leave(self) -> None:
        """Stop waiting for a scenario that has ended, however it ended."""
        self._members -= 1
        self._begin_stage_if_complete()

    @asynccontextmanager
    async def warm_up(self) -> AsyncIterator[None]:
        """Wait until all servers have started, and run the block while no other one does. Then wait for the users."""
        await self.wait()
        async with self._warm_up:
            yield
            place = self._warmed_up
            self._warmed_up += 1
        await self.wait()
        await trio.sleep(place * STAGGER_SECONDS if not self.alone else 0)

    def _begin_stage_if_complete(self) -> None:
        if self._arrived >= self._members:
            self._arrived = 0
            self._all_arrived.set()
            self._all_arrived = trio.Event()
