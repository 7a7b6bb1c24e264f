"""Clients whose request never ends: what slowloris does on purpose and a bad network does by itself."""

from __future__ import annotations

from ...harness.catalog import scenario
from ...harness.load import siege
from ...harness.load.arena import Arena
from ...harness.load.clients.personas import DrippedHead, DrippedLines, FirstByte, Silent
from ...harness.load.judging.telling import tell_slow_clients
from ...harness.load.siege import besiege
from ...harness.model import Load

SMOKE = {**siege.SMOKE, "clients": 256, "budget": 6, "reaping": 8}


@scenario("Silent connections", smoke=SMOKE, full=siege.FULL)
async def silent(arena: Arena) -> Load:
    """Clients connect and send nothing, as browsers do ahead of need and phones that have lost their network.

    A server that gives a connection its worker or thread when it accepts it, and not when there is a request, has none
    left for its users.
    """
    return await besiege(arena, silent, lambda _running: Silent(), tell_slow_clients)


@scenario("One byte of a request, then nothing", smoke=SMOKE, full=siege.FULL)
async def first_byte(arena: Arena) -> Load:
    """Clients send the first byte of a request and nothing more.

    Some servers look after silent connections without a worker and give one away with the first byte: only together
    with `slow-headers/silent` is it clear which.
    """
    return await besiege(
        arena,
        first_byte,
        lambda running: FirstByte(f"{running.reference}/page", running.address.authority),
        tell_slow_clients,
    )


@scenario("Slow headers, a line at a time", smoke={**SMOKE, "interval": 1}, full={**siege.FULL, "interval": 10})
async def line(arena: Arena) -> Load:
    """Clients send a request's head a line at a time and never come to the empty one that ends it.

    A server whose time-out begins anew with each line is held for as long as the client likes.
    """
    return await besiege(
        arena,
        line,
        lambda running: DrippedLines(f"{running.reference}/page", running.address.authority, arena.number("interval")),
        tell_slow_clients,
    )


@scenario("Slow headers, a byte at a time", smoke={**SMOKE, "interval": 1}, full={**siege.FULL, "interval": 10})
async def byte(arena: Arena) -> Load:
    """Clients send a request's head one byte at a time and never come to its end.

    A server that gives each connection a worker or a thread before the request is there has none left for its users.
    """
    return await besiege(
        arena,
        byte,
        lambda running: DrippedHead(f"{running.reference}/page", running.address.authority, arena.number("interval")),
        tell_slow_clients,
    )
