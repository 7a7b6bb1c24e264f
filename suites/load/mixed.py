"""A day on the open Internet: most people are quick, and one in twenty each is slow in a way of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...harness.catalog import scenario
from ...harness.load.arena import Arena
from ...harness.load.clients.dripped_body import DrippedBody
from ...harness.load.clients.hoarder import Hoarder
from ...harness.load.clients.mixture import Mixture
from ...harness.load.clients.personas import DrippedHead, SlowReader
from ...harness.load.judging.telling import tell_slow_clients
from ...harness.load.siege import besiege
from ...harness.model import Load

if TYPE_CHECKING:
    from ...harness.launch import Running

PAGE = 1_000_000
"""Bytes of the answer that is read slowly: more than the kernel takes from a server."""

UPLOAD = 4096
"""Bytes of the body that is sent slowly."""


@scenario(
    "One client in five is slow: with its head, its body, its reading, or idle",
    smoke={
        "clients": 40,
        "duration": 3,
        "rate": 20,
        "baseline": 1.2,
        "recovery": 2,
        "per_second": 100,
        "interval": 1,
    },
    full={
        "clients": 40,
        "duration": 120,
        "rate": 20,
        "baseline": 20,
        "recovery": 60,
        "per_second": 20,
        "interval": 10,
    },
)
async def mixed(arena: Arena) -> Load:
    """Of 200 people 160 open a page every eight seconds, and ten each send heads or bodies slowly, read slowly or idle.

    The other scenarios show what each kind does by itself; here a server's limits on one kind are used up by another.
    """
    return await besiege(
        arena,
        mixed,
        lambda running: mixture(running, arena.number("interval")),
        tell_slow_clients,
        searching=False,
    )


def mixture(running: Running, interval: float) -> Mixture:
    """Return slow clients of the four kinds for `running`, with `interval` seconds between two of their moves."""
    authority = running.address.authority
    page = f"{running.reference}/page?n=slow"
    return Mixture(
        [
            DrippedHead(page, authority, interval),
            DrippedBody(f"{running.reference}/sink", authority, interval, UPLOAD),
            SlowReader(f"{page}&size={PAGE}", authority, interval),
            Hoarder(page, authority),
        ]
    )
