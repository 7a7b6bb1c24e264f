"""When and how a server drops a slow client: one client, watched on an instance of its own, beside everything else.

Under a crowd the first client to be dropped says little: it may have waited in a queue for most of its life, and the
experiment is over before most servers lose patience. A second instance has nothing else to do, and costs no time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import trio

from wsgi_gauntlet.harness.errors import GauntletError, Unsupported
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.model import Disconnect
from wsgi_gauntlet.harness.server.background_tasks import background_nursery

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

POLL_SECONDS = 0.05
"""Seconds between two looks at whether the client has been dropped."""


@asynccontextmanager
async def watch_disconnect(
    ctx: ScenarioContext, make_behaviour: Callable[[ServerUnderTest], ClientBehaviour], seconds: float | None
) -> AsyncIterator[Callable[[], Awaitable[Disconnect | None]]]:
    """Hold one slow client against a second fresh server from now on.

    What is yielded returns how it was dropped, once it was or has been held for `seconds`; None where nobody could
    look: without `seconds`, where the server is not started here, and where the second one did not start.
    """
    pools: list[tuple[SlowClientPool, float]] = []
    async with background_nursery() as nursery:

        async def hold_one_client() -> None:
            with suppress(GauntletError, Unsupported):
                async with ctx.server() as running:
                    crowd = SlowClientPool(running.address, make_behaviour(running), nursery, per_second=1)
                    await crowd.scale_to(1)
                    pools.append((crowd, trio.current_time()))
                    await trio.sleep_forever()

        async def wait_for_disconnect() -> Disconnect | None:
            if not pools or seconds is None:
                return None
            crowd, since = pools[0]
            while not crowd.first_disconnect().dropped and trio.current_time() < since + seconds:
                ctx.progress(None, "waiting until a slow client is dropped")
                await trio.sleep(POLL_SECONDS)
            return crowd.first_disconnect()

        if seconds is not None and ctx.started_here:
            nursery.start_soon(hold_one_client)
        yield wait_for_disconnect
