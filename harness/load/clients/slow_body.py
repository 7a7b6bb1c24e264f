"""Clients whose request is there at once but for its body, which comes a few bytes at a time."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.harness.load.clients.behaviours import Connector, browser_head
from wsgi_gauntlet.harness.load.clients.slow_connection import Script, ServerDisconnected

CONTINUE_TIMEOUT = 1.0
"""Seconds that a client waits for 100 (Continue), as curl does; RFC 9110, 10.1.1, has it not wait for ever."""

RECEIVE_BYTES = 65536


class BodyFraming(enum.StrEnum):
    """How a request says where its body ends; EXPECT is LENGTH with `Expect: 100-continue`."""

    LENGTH = "length"
    CHUNKED = "chunked"
    EXPECT = "expect"


def upload_head(target: str, authority: str, framing: BodyFraming, size: int) -> bytes:
    """Return the head of a POST whose body of `size` bytes follows it."""
    more = "Content-Type: application/octet-stream\r\n"
    if framing is BodyFraming.CHUNKED:
        more += "Transfer-Encoding: chunked\r\n"
    else:
        more += f"Content-Length: {size}\r\n"
    if framing is BodyFraming.EXPECT:
        more += "Expect: 100-continue\r\n"
    return browser_head(target, authority, "POST", more)


def upload_body(framing: BodyFraming, size: int, bytes_per_interval: int) -> Iterator[bytes]:
    """Yield a body of `size` bytes in pieces of `bytes_per_interval`, framed; the last one of a chunked body ends
    it."""
    for at in range(0, size, bytes_per_interval):
        piece = b"x" * min(bytes_per_interval, size - at)
        yield b"%x\r\n%b\r\n" % (len(piece), piece) if framing is BodyFraming.CHUNKED else piece
    if framing is BodyFraming.CHUNKED:
        yield b"0\r\n\r\n"


@dataclass(frozen=True)
class SlowBody:
    """Sends a head at once, then its body of `size` bytes: `bytes_per_interval` of them every `interval` seconds.

    With BodyFraming.EXPECT it waits for 100 (Continue) first, CONTINUE_TIMEOUT seconds at most. A chunked body has a
    chunk for each piece. Once all of it is there it reads the answer and goes.
    """

    target: str
    authority: str
    interval: float
    size: int
    bytes_per_interval: int = 32
    framing: BodyFraming = BodyFraming.LENGTH

    def script(self, connect: Connector) -> Script:
        """Send one request and wait for its answer. The first piece goes out as soon as it may."""
        connection = yield from connect()
        yield from connection.send(upload_head(self.target, self.authority, self.framing, self.size))
        if self.framing is BodyFraming.EXPECT:
            yield from connection.wait_for_continue(CONTINUE_TIMEOUT)
        for number, piece in enumerate(upload_body(self.framing, self.size, self.bytes_per_interval)):
            if number:
                yield from connection.wait_mid_request(self.interval)
            yield from connection.send(piece)
        parser = ResponseParser()
        while not parser.done:
            try:
                parser.feed((yield from connection.read(RECEIVE_BYTES)))
            except ServerDisconnected as dropped:
                parser.eof()
                if dropped.how != "FIN" or not parser.response().complete:
                    raise
