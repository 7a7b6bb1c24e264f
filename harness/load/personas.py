"""Kinds of slow client. Each is a value with its pace in it, and one coroutine that lives until it is dropped.

They are as slow as real ones, never malformed: what they send is a good request, in time.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import trio

from ..response import ResponseParser
from .slowlink import Dropped, SlowLink

Dial = Callable[[int | None], Awaitable[SlowLink]]
"""Opens a connection to the server, with a receive buffer of that many bytes; it is closed when the persona ends."""


class Persona(Protocol):
    """One kind of client."""

    async def live(self, dial: Dial) -> None:
        """Connect and be slow for ever.

        Raises Dropped when the server ends it, OSError where it takes no connection.
        """


@dataclass(frozen=True)
class DrippedHead:
    """Sends a request's head a byte at a time, `interval` seconds apart, and never comes to its end."""

    target: str
    authority: str
    interval: float

    async def live(self, dial: Dial) -> None:
        """Drip. The first byte goes out at once: some servers free clients that have sent nothing, and only those."""
        link = await dial(None)
        for byte in _endless_head(self.target, self.authority):
            await link.send(byte)
            await link.silence(self.interval)


@dataclass(frozen=True)
class SlowReader:
    """Asks for `target` at once and takes its answer `bytes_each` bytes every `interval` seconds.

    Its window is `window` bytes or the kernel's least, and shut nearly all the time.
    """

    target: str
    authority: str
    interval: float = 1.0
    bytes_each: int = 5
    window: int = 512

    async def live(self, dial: Dial) -> None:
        """Ask, and read until the server has had enough."""
        link = await dial(self.window)
        await link.send(_head(self.target, self.authority))
        while True:
            await link.idle(self.interval)
            await link.read(self.bytes_each)


@dataclass(frozen=True)
class BadWifi:
    """A phone on bad Wi-Fi: its packets come late, its pages load slowly, and it holds connections as browsers do.

    The head goes out in `pieces` parts with `pause` seconds between them; the page of `size` bytes is read at `speed`
    bytes per second; then the person reads for `think` seconds with the connection open and opens the next page.
    `preconnect`: beside it stands a second connection on which nothing is sent, which Chromium opens ahead of need.
    """

    target: str
    authority: str
    pieces: int = 6
    pause: float = 0.5
    speed: int = 20_000
    think: float = 2.0
    window: int = 8192
    preconnect: bool = True

    async def live(self, dial: Dial) -> None:
        """Open page after page, on one connection for as long as the server keeps it."""
        link = await dial(self.window)
        if self.preconnect:
            await dial(self.window)
        while True:
            await self._open_page(link)
            try:
                await link.idle(self.think)
            except Dropped:
                # After a whole answer any server may close; only in the middle of one does it give its user up.
                link.close()
                link = await dial(self.window)

    async def _open_page(self, link: SlowLink) -> None:
        head = _head(self.target, self.authority)
        size = -(-len(head) // self.pieces)
        for at in range(0, len(head), size):
            await link.send(head[at : at + size])
            if at + size < len(head):
                await link.silence(self.pause)
        parser = ResponseParser()
        while not parser.done:
            # A tenth of a second's worth at a time is about one segment of a slow network.
            await trio.sleep(0.1)
            try:
                parser.feed(await link.read(max(1, self.speed // 10)))
            except Dropped as dropped:
                parser.eof()
                if dropped.how != "FIN" or not parser.response().complete:
                    raise


def _head(target: str, authority: str) -> bytes:
    # About what a phone's browser sends; its length is what makes it come in several packets on a bad network.
    return (
        f"GET {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: keep-alive\r\n"
        "User-Agent: Mozilla/5.0 (Linux; Android 14) wsgi-gauntlet\r\n"
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
        "Accept-Encoding: identity\r\nAccept-Language: en-GB,en;q=0.9\r\n\r\n"
    ).encode("latin-1")


def _endless_head(target: str, authority: str) -> Iterator[bytes]:
    start = f"GET {target} HTTP/1.1\r\nHost: {authority}\r\n".encode("latin-1")
    lines = (b"X-Slow-%d: patience\r\n" % number for number in itertools.count(1))
    for line in itertools.chain([start], lines):
        for byte in line:
            yield bytes([byte])
