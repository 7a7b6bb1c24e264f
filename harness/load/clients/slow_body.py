"""Clients that send the head of a request at once, and its body a few bytes at a time."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.clients.behaviours import Connector, browser_head
from wsgi_gauntlet.harness.load.clients.slow_connection import Script

CONTINUE_TIMEOUT = 1.0
"""Seconds that a client waits for 100 (Continue), as curl does. It must not wait for ever (RFC 9110, 10.1.1)."""


class BodyFraming(enum.StrEnum):
    """The framing of a request body; EXPECT is LENGTH with `Expect: 100-continue`."""

    LENGTH = "length"
    CHUNKED = "chunked"
    EXPECT = "expect"


def upload_head(target: str, authority: str, framing: BodyFraming, size: int) -> bytes:
    """Return the head of a POST with a body of `size` bytes."""
    more = "Content-Type: application/octet-stream\r\n"
    if framing is BodyFraming.CHUNKED:
        more += "Transfer-Encoding: chunked\r\n"
    else:
        more += f"Content-Length: {size}\r\n"
    if framing is BodyFraming.EXPECT:
        more += "Expect: 100-continue\r\n"
    return browser_head(target, authority, "POST", more)


def upload_body(framing: BodyFraming, size: int, bytes_per_interval: int) -> Iterator[bytes]:
    """Yield a framed body of `size` bytes in pieces of `bytes_per_interval`, with the last chunk of a chunked body."""
    for at in range(0, size, bytes_per_interval):
        piece = b"x" * min(bytes_per_interval, size - at)
        yield b"%x\r\n%b\r\n" % (len(piece), piece) if framing is BodyFraming.CHUNKED else piece
    if framing is BodyFraming.CHUNKED:
        yield b"0\r\n\r\n"


@dataclass(frozen=True)
class SlowBody:
    """Sends a head at once, then `bytes_per_interval` bytes of its body of `size` bytes every `interval` seconds.

    With BodyFraming.EXPECT it first waits for 100 (Continue), at most CONTINUE_TIMEOUT seconds. A chunked body has one
    chunk per piece. After the last piece it reads the response and ends.
    """

    target: str
    authority: str
    interval: float
    size: int
    bytes_per_interval: int = 32
    framing: BodyFraming = BodyFraming.LENGTH

    def script(self, connect: Connector) -> Script:
        """Send one request and read its response. The first piece is sent as soon as possible."""
        connection = yield from connect()
        yield from connection.send(upload_head(self.target, self.authority, self.framing, self.size))
        if self.framing is BodyFraming.EXPECT:
            yield from connection.wait_for_continue(CONTINUE_TIMEOUT)
        for number, piece in enumerate(upload_body(self.framing, self.size, self.bytes_per_interval)):
            if number:
                yield from connection.wait_mid_request(self.interval)
            yield from connection.send(piece)
        yield from connection.read_response()
