"""The story this program was made for: a Flask app on a laptop, 40 people open it, and the page takes minutes."""

from __future__ import annotations

from ...harness.catalog import scenario
from ...harness.errors import BadConfiguration
from ...harness.load.arena import Arena
from ...harness.load.clients.personas import BadWifi
from ...harness.load.cohort import Visit
from ...harness.load.judging.telling import tell_classroom
from ...harness.load.siege import besiege
from ...harness.model import Load

PAGE = Visit(size=12_000, assets=4, asset_size=6_000)
"""A small page as a person sees it: HTML, a style sheet, a script, two images."""

BIG_PAGE = 200_000
"""Bytes of what the phones load: one photograph."""


@scenario(
    "A classroom of 40, a fifth of them on bad Wi-Fi",
    smoke={"people": 40, "clients": 8, "duration": 5.5, "rate": 20, "baseline": 2, "recovery": 2, "per_second": 40},
    full={"people": 40, "clients": 8, "duration": 20, "rate": 20, "baseline": 20, "recovery": 60, "per_second": 40},
    in_run=True,
)
async def classroom(arena: Arena) -> Load:
    """40 people open the app at once, a fifth of them on bad Wi-Fi: what do the other 32 get?

    Each of the 32 opens a page with four assets every eight seconds, whether or not the server keeps up. First they
    are alone, then the eight come: their requests arrive in pieces over a few seconds, they load a big page at 20 KB/s,
    and like all browsers they hold a second connection ready on which they send nothing. Then the eight leave.
    """
    people = arena.count("people")
    if people <= arena.count("clients"):
        raise BadConfiguration(f"of {people} people at most {people - 1} can be slow: give a smaller --clients")
    return await besiege(
        arena,
        classroom,
        lambda running: BadWifi(f"{running.reference}/page?n=phone&size={BIG_PAGE}", running.address.authority),
        lambda siege: tell_classroom(siege, people),
        visit=PAGE,
        searching=False,
    )
