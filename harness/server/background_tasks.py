"""A nursery for what goes on beside a block of code and ends with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def background_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery that ends with its block.

    What the block raised is handed on as it is, not in an exception group.
    """
    raised: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            yield nursery
        except Exception as trouble:  # noqa: BLE001 - raised again below, whatever it is
            raised = trouble
        nursery.cancel_scope.cancel()
    if raised is not None:
        raise raised
