"""Measure when and how a server disconnects a slow client: one client on a separate server instance.

Among many slow clients the first disconnect says little: the client may have waited in a queue, and the experiment ends
before most timeouts. The separate instance serves only this client, and the measurement takes no extra time.
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
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.model import Disconnect
from wsgi_gauntlet.harness.server.background_tasks import background_nursery

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

POLL_SECONDS = 0.05
"""Seconds between two checks whether the client is still connected."""


@asynccontextmanager
async def watch_disconnect(
    ctx: ScenarioContext[Parameters],
    make_behaviour: Callable[[ServerUnderTest], ClientBehaviour],
    seconds: float | None,
) -> AsyncIterator[Callable[[], Awaitable[Disconnect | None]]]:
    """Connect one slow client to a second fresh server.

    The yielded function waits for the disconnect, at most until `seconds` after the start, and returns it. It returns
    None without `seconds`, for a server that the harness does not start, and if the second server did not start.
    """
    pools: list[tuple[SlowClientPool, float]] = []
    async with background_nursery() as nursery:

        async def hold_one_client() -> None:
            with suppress(GauntletError, Unsupported):
                async with ctx.server() as running:
                    pool = SlowClientPool(running.address, make_behaviour(running), nursery, per_second=1)
                    await pool.scale_to(1)
                    pools.append((pool, trio.current_time()))
                    await trio.sleep_forever()

        async def wait_for_disconnect() -> Disconnect | None:
            if not pools or seconds is None:
                return None
            pool, since = pools[0]
            while not pool.first_disconnect().dropped and trio.current_time() < since + seconds:
                ctx.progress(None, "waiting until the server disconnects a slow client")
                await trio.sleep(POLL_SECONDS)
            return pool.first_disconnect()

        if seconds is not None and ctx.started_here:
            nursery.start_soon(hold_one_client)
        yield wait_for_disconnect
