"""Clients that stop in the middle of their conversation, each at one place and with one gap, looked at to their end."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import trio

from ..address import Address
from ..response import ResponseParser
from .clients.dripped_body import Framing, upload_head
from .clients.drive import Drive
from .clients.personas import browser_head
from .clients.slowlink import LAST_WORDS, Dropped, Script, SlowLink, Wait
from .judging.edges import Edge, Place
from .targets.leave import waiting

SIZE = 1 << 16
"""Bytes of the body that is declared, and never comes to its end."""

GRACE = 5.0
"""Seconds beyond the look after which clients are given up that have not even been connected."""

PIECE = 65536


@dataclass(frozen=True)
class Stop:
    """A client to be: it stops at `place`, makes a move each `gap` seconds, and is looked at for `seconds`."""

    place: Place
    gap: float
    seconds: float


async def looked_at(address: Address, reference: str, stops: Sequence[Stop], midway: trio.Event) -> list[Edge]:
    """Let all `stops` be clients of the server at `address` side by side, and return what became of each.

    `midway` is set once all have stopped. One that never came so far, because the server gave it no answer, is not
    among them. Raises OutOfResources where this machine has run out.
    """
    edges: list[Edge] = []
    over, drive = trio.Event(), Drive()
    left = stopped = len(stops)

    def client(stop: Stop) -> Script:
        nonlocal left, stopped

        def here() -> None:
            nonlocal stopped
            stopped -= 1
            if not stopped:
                midway.set()

        link = None
        try:
            yield from waiting(address)
            link = SlowLink.dialled(address)
            drive.watch(link)
            yield from link.connected()
            yield from _stop(link, stop, address, reference, edges, here)
        except (Dropped, OSError):
            pass
        finally:
            if link is not None:
                link.close()
            left -= 1
            if not left:
                over.set()

    for each in stops:
        drive.start(client(each))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(drive.run)
        with trio.move_on_after(max(each.seconds for each in stops) + LAST_WORDS + GRACE):
            await over.wait()
        nursery.cancel_scope.cancel()
    midway.set()
    return edges


def _stop(
    link: SlowLink, stop: Stop, address: Address, reference: str, edges: list[Edge], here: Callable[[], None]
) -> Script:
    opening, move = _words(stop.place, address, reference)
    yield from link.send(opening)
    closes = stop.place is Place.IDLE and (yield from _answered(link))
    here()
    began = last = time.monotonic()
    late, how, ended = 0.0, "", began + stop.seconds
    try:
        if closes:
            raise Dropped("FIN")
        while True:
            due = min(last + stop.gap, ended)
            # Between two requests nothing is awaited but the end; within one, the server has nothing to say yet.
            wait = link.idle if stop.place is Place.IDLE else link.silence
            yield from wait(max(0.0, due - time.monotonic()))
            if due == ended:
                break
            late = max(late, time.monotonic() - due)
            yield from link.send(move)
            if stop.place is Place.IDLE:
                yield from _answered(link)
            last = time.monotonic()
    except Dropped as dropped:
        how, ended = dropped.how, dropped.heard
    edges.append(Edge(stop.place, stop.gap, max(0.0, ended - began), how, late))


def _words(place: Place, address: Address, reference: str) -> tuple[bytes, bytes]:
    """Return what is sent before the client stops for the first time, and what each later move is."""
    authority = address.authority
    if place is Place.HEAD:
        return f"GET {reference}/page HTTP/1.1\r\nHost: {authority}\r\nX-Slow: ".encode("latin-1"), b"x"
    if place is Place.BODY:
        return upload_head(f"{reference}/sink", authority, Framing.LENGTH, SIZE) + b"x", b"x"
    request = browser_head(f"{reference}/page?n=stop", authority)
    return request, request


def _answered(link: SlowLink) -> Generator[Wait, bool, bool]:
    """Read one answer, and return whether it says that the connection ends with it."""
    parser = ResponseParser()
    while not parser.done:
        parser.feed((yield from link.read(PIECE)))
    return parser.response().says_close
