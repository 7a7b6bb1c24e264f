"""A server inside the test: one function for each connection, on a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from wsgi_gauntlet.harness.http.address import Address

Handler = Callable[[trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[Address]:
    """Serve each connection with `handler`, and close it after that, until the end of the block."""

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            await handler(stream)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield Address(port=listeners[0].socket.getsockname()[1])
        nursery.cancel_scope.cancel()
