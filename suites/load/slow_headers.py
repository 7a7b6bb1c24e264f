"""Clients whose request never ends: what slowloris does on purpose and a bad network does by itself."""

from __future__ import annotations

from ...harness.catalog import scenario
from ...harness.load.arena import Arena
from ...harness.load.personas import DrippedHead
from ...harness.load.siege import besiege
from ...harness.load.telling import tell_slow_clients
from ...harness.model import Load


@scenario(
    "Slow headers, a byte at a time",
    smoke={
        "clients": 256,
        "duration": 2.5,
        "rate": 20,
        "baseline": 1.2,
        "recovery": 3,
        "per_second": 500,
        "probe": 0.4,
        "budget": 11,
        "interval": 1,
    },
    full={
        "clients": 2048,
        "duration": 45,
        "rate": 20,
        "baseline": 10,
        "recovery": 60,
        "per_second": 50,
        "probe": 5,
        "budget": 600,
        "interval": 10,
    },
)
async def byte(arena: Arena) -> Load:
    """Clients send a request's head one byte at a time and never come to its end.

    A server that gives each connection a worker or a thread before the request is there has none left for its users.
    """
    return await besiege(
        arena,
        byte,
        lambda running: DrippedHead(
            f"{running.reference}/page", running.address.authority, arena.number("interval")
        ),
        tell_slow_clients,
    )
