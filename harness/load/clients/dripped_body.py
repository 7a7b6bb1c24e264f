"""Clients whose request is there at once but for its body, which comes a few bytes at a time."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from ...response import ResponseParser
from .personas import Dial, browser_head
from .slowlink import Dropped, Script

INVITATION = 1.0
"""Seconds that a client waits for 100 (Continue), as curl does; RFC 9110, 10.1.1, has it not wait for ever."""

PIECE = 65536


class Framing(enum.StrEnum):
    """How a request says where its body ends; EXPECT is LENGTH with `Expect: 100-continue`."""

    LENGTH = "length"
    CHUNKED = "chunked"
    EXPECT = "expect"


def upload_head(target: str, authority: str, framing: Framing, size: int) -> bytes:
    """Return the head of a POST whose body of `size` bytes follows it."""
    more = "Content-Type: application/octet-stream\r\n"
    if framing is Framing.CHUNKED:
        more += "Transfer-Encoding: chunked\r\n"
    else:
        more += f"Content-Length: {size}\r\n"
    if framing is Framing.EXPECT:
        more += "Expect: 100-continue\r\n"
    return browser_head(target, authority, "POST", more)


def upload_body(framing: Framing, size: int, bytes_each: int) -> Iterator[bytes]:
    """Yield a body of `size` bytes in pieces of `bytes_each`, framed; the last one of a chunked body ends it."""
    for at in range(0, size, bytes_each):
        piece = b"x" * min(bytes_each, size - at)
        yield b"%x\r\n%b\r\n" % (len(piece), piece) if framing is Framing.CHUNKED else piece
    if framing is Framing.CHUNKED:
        yield b"0\r\n\r\n"


@dataclass(frozen=True)
class DrippedBody:
    """Sends a head at once, then its body of `size` bytes: `bytes_each` of them every `interval` seconds.

    With Framing.EXPECT it waits for 100 (Continue) first, INVITATION seconds at most. A chunked body has a chunk for
    each piece. Once all of it is there it reads the answer and goes.
    """

    target: str
    authority: str
    interval: float
    size: int
    bytes_each: int = 32
    framing: Framing = Framing.LENGTH

    def live(self, dial: Dial) -> Script:
        """Send one request and wait for its answer. The first piece goes out as soon as it may."""
        link = yield from dial()
        yield from link.send(upload_head(self.target, self.authority, self.framing, self.size))
        if self.framing is Framing.EXPECT:
            yield from link.invited(INVITATION)
        for number, piece in enumerate(upload_body(self.framing, self.size, self.bytes_each)):
            if number:
                yield from link.silence(self.interval)
            yield from link.send(piece)
        parser = ResponseParser()
        while not parser.done:
            try:
                parser.feed((yield from link.read(PIECE)))
            except Dropped as dropped:
                parser.eof()
                if dropped.how != "FIN" or not parser.response().complete:
                    raise
