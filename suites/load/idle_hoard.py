"""Clients that have had their answer and keep their connection: the tabs of an office at noon."""

from __future__ import annotations

from collections.abc import Sequence

from ...harness.catalog import scenario
from ...harness.load import siege
from ...harness.load.arena import Arena
from ...harness.load.clients.hoarder import Hoarder
from ...harness.load.course import Course
from ...harness.load.judging.telling import tell_slow_clients
from ...harness.load.looking.newcomers import measures, newcomers
from ...harness.load.siege import besiege
from ...harness.model import Load, Measure


@scenario(
    "Idle connections, more than the server has a limit for",
    smoke={**siege.SMOKE, "clients": 600, "per_second": 600, "budget": 5, "reaping": 5},
    full=siege.FULL,
)
async def idle_hoard(arena: Arena) -> Load:
    """Each client asks for one page over a connection that is to be kept alive, reads it, and is silent.

    600 of them are more than waitress (100) and nginx (512) take by default, the 2,048 of a full run more than
    gunicorn's 1,000. Beyond its limit a server refuses newcomers, leaves them waiting, or closes idle connections.
    """
    return await besiege(
        arena,
        idle_hoard,
        lambda running: Hoarder(f"{running.reference}/page?n=idle", running.address.authority),
        tell_slow_clients,
        look=_newcomers,
    )


async def _newcomers(c: Course) -> Sequence[Measure]:
    return measures(await newcomers(c.running.address, c.question))
