"""Clients that ask at once and take their answer a few bytes at a time."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from ...harness.catalog import scenario
from ...harness.load import siege
from ...harness.load.arena import Arena
from ...harness.load.clients.personas import SlowReader
from ...harness.load.course import Course
from ...harness.load.judging.telling import tell_slow_clients
from ...harness.load.looking.kernel_queues import taken
from ...harness.load.siege import besiege
from ...harness.model import Grade, Load, Measure

SWALLOWED = 0.9
"""The share of an answer in the kernel's hands from which nobody knows that the server still had work with it."""


@scenario(
    "Slow reading of a big answer",
    smoke={
        **siege.SMOKE,
        "clients": 64,
        "baseline": 1.5,
        "per_second": 60,
        "probe": 0.5,
        "budget": 10,
        "reaping": 5,
        "interval": 1,
        "size": 1_000_000,
        "bytes": 5,
        "window": 512,
    },
    full={**siege.FULL, "clients": 128, "interval": 1, "size": 16_000_000, "bytes": 5, "window": 1},
)
async def slow_read(arena: Arena) -> Load:
    """Clients ask for a big answer and read five bytes of it a second, with a receive window that is nearly shut.

    A server that writes from the worker or thread that runs the app is stuck in that write; one that buffers pays in
    memory. The window is the least that Linux gives, some 1 KB, whatever less is asked for: it is shut nearly always.
    """
    size = arena.count("size")

    async def look(c: Course) -> Sequence[Measure]:
        return [_swallowed(await taken(c.running.address.port), size)]

    cell = await besiege(
        arena,
        slow_read,
        lambda running: SlowReader(
            f"{running.reference}/page?n=slow&size={size}",
            running.address.authority,
            arena.number("interval"),
            arena.count("bytes"),
            arena.count("window"),
        ),
        tell_slow_clients,
        look=look,
    )
    if any((each.value or 0) > SWALLOWED * size for each in cell.measures):
        note = "Nobody was slow: the kernel took whole answers from the server. Ask for a larger answer (size)."
        return msgspec.structs.replace(cell, grade=Grade.INVALID, note=note)
    return cell


def _swallowed(each: Sequence[int], size: int) -> Measure:
    name = "of each slow answer in the kernel"
    if not each:
        return Measure(name, None, "bytes", note="no answer was on its way")
    return Measure(name, statistics.median(each), "bytes", note=f"of {size}; the server has the rest to send")
