"""Clients that ask at once and take their answer a few bytes at a time."""

from __future__ import annotations

from ...harness.catalog import scenario
from ...harness.load.arena import Arena
from ...harness.load.personas import SlowReader
from ...harness.load.siege import besiege
from ...harness.load.telling import tell_slow_clients
from ...harness.model import Load


@scenario(
    "Slow reading of a big answer",
    smoke={
        "clients": 64,
        "duration": 2.5,
        "rate": 20,
        "baseline": 1.5,
        "recovery": 3,
        "per_second": 60,
        "probe": 0.5,
        "budget": 10,
        "interval": 1,
        "size": 1_000_000,
        "bytes": 5,
        "window": 512,
    },
    full={
        "clients": 512,
        "duration": 45,
        "rate": 20,
        "baseline": 10,
        "recovery": 60,
        "per_second": 50,
        "probe": 5,
        "budget": 600,
        "interval": 1,
        "size": 16_000_000,
        "bytes": 5,
        "window": 512,
    },
)
async def slow_read(arena: Arena) -> Load:
    """Clients ask for a big answer and read five bytes of it a second, with a receive window that is nearly shut.

    A server that writes from the worker or thread that runs the app is stuck in that write; one that buffers pays in
    memory.
    """
    return await besiege(
        arena,
        slow_read,
        lambda running: SlowReader(
            f"{running.reference}/page?n=slow&size={arena.count('size')}",
            running.address.authority,
            arena.number("interval"),
            arena.count("bytes"),
            arena.count("window"),
        ),
        tell_slow_clients,
    )
