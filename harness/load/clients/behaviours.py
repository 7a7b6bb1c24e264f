"""Kinds of slow client. Each is a value with its pace in it, and one script that runs until it is dropped.

They are as slow as real ones, never malformed: what they send is a good request, in time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Protocol

from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.harness.load.clients.slow_connection import Script, ServerDisconnected, SlowConnection, Wait, pause

SINGLE_BYTES = tuple(bytes([number]) for number in range(256))
"""Each byte as what is sent of it, made once."""

ConnectScript = Generator[Wait, bool, SlowConnection]


class Connector(Protocol):
    """Opens a connection to the server, with a receive buffer of `window` bytes; closed when the persona ends."""

    def __call__(self, window: int | None = None) -> ConnectScript:
        """Return the script that opens it. Raises OSError where the server takes none."""


class ClientBehaviour(Protocol):
    """One kind of client."""

    def script(self, connect: Connector) -> Script:
        """Connect and be slow for ever, or come to an end and be there again a moment later.

        Raises ServerDisconnected when the server ends it, OSError where it takes no connection.
        """


@dataclass(frozen=True)
class SilentConnection:
    """Connects and sends nothing: what a browser's spare connection does, and a phone that has lost its network."""

    def script(self, connect: Connector) -> Script:
        """Be there."""
        connection = yield from connect()
        yield from connection.wait_mid_request(math.inf)


@dataclass(frozen=True)
class PartialRequestLine:
    """Sends the first byte of a request and nothing more.

    Some servers free clients that have sent nothing, and only those: gunicorn's threads wait for a first byte outside
    the pool of workers since release 24, and for the second one inside it.
    """

    target: str
    authority: str

    def script(self, connect: Connector) -> Script:
        """Send one byte."""
        connection = yield from connect()
        yield from connection.send(browser_head(self.target, self.authority)[:1])
        yield from connection.wait_mid_request(math.inf)


@dataclass(frozen=True)
class SlowHeaderBytes:
    """Sends a request's head a byte at a time, `interval` seconds apart, and never comes to its end."""

    target: str
    authority: str
    interval: float

    def script(self, connect: Connector) -> Script:
        """Drip. The first byte goes out at once."""
        connection = yield from connect()
        lines = _unfinished_head(self.target, self.authority)
        yield from connection.send_slowly((SINGLE_BYTES[byte] for line in lines for byte in line), self.interval)


@dataclass(frozen=True)
class SlowHeaderLines:
    """Sends a request's head a whole line at a time, `interval` seconds apart, and never the empty one that ends it."""

    target: str
    authority: str
    interval: float

    def script(self, connect: Connector) -> Script:
        """Send line after line. The first goes out at once."""
        connection = yield from connect()
        yield from connection.send_slowly(_unfinished_head(self.target, self.authority), self.interval)


@dataclass(frozen=True)
class SlowReader:
    """Asks for `target` at once and takes its answer `bytes_per_interval` bytes every `interval` seconds.

    Its window is `window` bytes or the kernel's least, and shut nearly all the time.
    """

    target: str
    authority: str
    interval: float = 1.0
    bytes_per_interval: int = 5
    window: int = 512

    def script(self, connect: Connector) -> Script:
        """Ask, and read until the server has had enough."""
        connection = yield from connect(self.window)
        yield from connection.send(browser_head(self.target, self.authority))
        while True:
            yield from connection.idle(self.interval)
            yield from connection.read(self.bytes_per_interval)


@dataclass(frozen=True)
class BadWifi:
    """A phone on bad Wi-Fi: its packets come late, its pages load slowly, and it holds connections as browsers do.

    The head goes out in `pieces` parts with `pause` seconds between them; the page of `size` bytes is read at `speed`
    bytes per second; then the person reads for `think` seconds with the connection open and opens the next page.
    `preconnect`: beside it stands a second connection on which nothing is sent, which Chromium opens ahead of need.
    """

    target: str
    authority: str
    head_segments: int = 6
    pause: float = 0.5
    bytes_per_second: int = 20_000
    think_time: float = 2.0
    window: int = 8192
    preconnect: bool = True

    def script(self, connect: Connector) -> Script:
        """Open page after page, on one connection for as long as the server keeps it."""
        connection = yield from connect(self.window)
        if self.preconnect:
            yield from connect(self.window)
        while True:
            yield from self._open_page(connection)
            try:
                yield from connection.idle(self.think_time)
            except ServerDisconnected:
                # After a whole answer any server may close; only in the middle of one does it give its user up.
                connection.close()
                connection = yield from connect(self.window)

    def _open_page(self, connection: SlowConnection) -> Script:
        head = browser_head(self.target, self.authority)
        size = -(-len(head) // self.head_segments)
        for at in range(0, len(head), size):
            yield from connection.send(head[at : at + size])
            if at + size < len(head):
                yield from connection.wait_mid_request(self.pause)
        parser = ResponseParser()
        while not parser.done:
            # A tenth of a second's worth at a time is about one segment of a slow network.
            yield from pause(0.1)
            try:
                parser.feed((yield from connection.read(max(1, self.bytes_per_second // 10))))
            except ServerDisconnected as dropped:
                parser.eof()
                if dropped.how != "FIN" or not parser.response().complete:
                    raise


def browser_head(target: str, authority: str, method: str = "GET", more: str = "") -> bytes:
    """Return a request's head, about as a phone's browser sends it, with the lines `more` in it.

    Its length is what makes it come in several packets on a bad network.
    """
    return (
        f"{method} {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: keep-alive\r\n{more}"
        "User-Agent: Mozilla/5.0 (Linux; Android 14) wsgi-gauntlet\r\n"
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
        "Accept-Encoding: identity\r\nAccept-Language: en-GB,en;q=0.9\r\n\r\n"
    ).encode("latin-1")


def _unfinished_head(target: str, authority: str) -> Iterator[bytes]:
    yield f"GET {target} HTTP/1.1\r\n".encode("latin-1")
    yield f"Host: {authority}\r\n".encode("latin-1")
    for number in itertools.count(1):
        yield b"X-Slow-%d: patience\r\n" % number
