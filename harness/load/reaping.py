"""When and how a server drops a slow client: one client, watched on an instance of its own, beside everything else.

Under a crowd the first client to be dropped says little: it may have waited in a queue for most of its life, and the
siege is over before most servers lose patience. A second instance has nothing else to do, and costs no time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import trio

from ..errors import GauntletError, Unsupported
from ..model import Reaped
from ..tasks import beside
from .arena import Arena
from .clients.crowd import Crowd
from .clients.personas import Persona

if TYPE_CHECKING:
    from ..launch import Running

LOOKS = 0.05
"""Seconds between two looks at whether the client has been dropped."""


@asynccontextmanager
async def reaping(
    arena: Arena, persona: Callable[[Running], Persona], seconds: float | None
) -> AsyncIterator[Callable[[], Awaitable[Reaped | None]]]:
    """Hold one slow client against a second fresh server from now on.

    What is yielded returns how it was dropped, once it was or has been held for `seconds`; None where nobody could
    look: without `seconds`, where the server is not started here, and where the second one did not start.
    """
    crowds: list[tuple[Crowd, float]] = []
    async with beside() as nursery:

        async def hold() -> None:
            with suppress(GauntletError, Unsupported):
                async with arena.server() as running:
                    crowd = Crowd(running.address, persona(running), nursery, per_second=1)
                    await crowd.become(1)
                    crowds.append((crowd, trio.current_time()))
                    await trio.sleep_forever()

        async def told() -> Reaped | None:
            if not crowds or seconds is None:
                return None
            crowd, since = crowds[0]
            while not crowd.reaped().dropped and trio.current_time() < since + seconds:
                arena.progress(None, "waiting until a slow client is dropped")
                await trio.sleep(LOOKS)
            return crowd.reaped()

        if seconds is not None and arena.started_here:
            nursery.start_soon(hold)
        yield told
