"""Clients whose request is there but for its body: an upload on a bad network, or R-U-Dead-Yet on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ...harness.catalog import scenario
from ...harness.load import siege
from ...harness.load.arena import Arena
from ...harness.load.clients.dripped_body import DrippedBody, Framing
from ...harness.load.judging.telling import tell_slow_clients
from ...harness.load.looking.early_start import early_start
from ...harness.load.siege import besiege
from ...harness.model import Load

if TYPE_CHECKING:
    from ...harness.catalog import Scenario

SMOKE = {**siege.SMOKE, "clients": 64, "budget": 5, "reaping": 5, "size": 4096, "bytes": 32, "interval": 1}
FULL = {**siege.FULL, "size": 1 << 20, "bytes": 32, "interval": 10}


@scenario("Slow body of a declared length", smoke=SMOKE, full=FULL)
async def length(arena: Arena) -> Load:
    """Clients send a head with Content-Length at once, and then 32 bytes of the body at a time.

    A server that calls the app before the body is there has a worker or a thread wait in the app's read(); one that
    reads the body first needs neither, and pays in memory or on disk.
    """
    return await _besieged(arena, length, Framing.LENGTH)


@scenario("Slow body in chunks", smoke=SMOKE, full=FULL)
async def chunked(arena: Arena) -> Load:
    """Clients send a head with Transfer-Encoding: chunked at once, and then a chunk of 32 bytes at a time.

    The server cannot know how much is to come. Some hand such a body to the app as it arrives although they hold
    back one of a declared length; others tell the app of no body at all.
    """
    return await _besieged(arena, chunked, Framing.CHUNKED)


@scenario("Slow body after 100 (Continue)", smoke=SMOKE, full=FULL)
async def expect(arena: Arena) -> Load:
    """Clients ask with Expect: 100-continue whether they may send, and then send 32 bytes of the body at a time.

    A server that calls the app in order to answer that has given its worker away to a client that has sent nothing.
    """
    return await _besieged(arena, expect, Framing.EXPECT)


async def _besieged(arena: Arena, which: Scenario, framing: Framing) -> Load:
    for name in arena.parameters:
        arena.number(name)
    arena.progress(0.0, "asking whether the app starts before the body is there")
    async with arena.server() as running:
        early = await early_start(running.address, running.reference, framing)
    cell = await besiege(
        arena,
        which,
        lambda running: DrippedBody(
            f"{running.reference}/sink",
            running.address.authority,
            arena.number("interval"),
            arena.count("size"),
            arena.count("bytes"),
            framing,
        ),
        tell_slow_clients,
    )
    return msgspec.structs.replace(cell, measures=(*cell.measures, early))
