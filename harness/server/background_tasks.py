"""A nursery for tasks that run beside a block of code and end with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def background_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery that ends with its block. An error of the block is raised as it is, not in an exception group."""
    raised: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield nursery
        except Exception as error:  # noqa: BLE001 - raised again below, whatever it is
            raised = error
        nursery.cancel_scope.cancel()
    if raised is not None:
        raise raised
