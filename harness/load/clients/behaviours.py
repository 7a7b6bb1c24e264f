"""The kinds of slow client. Each is a value with its speed, and a script that runs until the client is stopped.

They are as slow as real clients and never malformed: what they send is the beginning of a valid request.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.client_tls import client_hello
from wsgi_gauntlet.harness.http.parser import Framing
from wsgi_gauntlet.harness.load.clients.slow_connection import Script, ServerDisconnected, SlowConnection, Wait

SINGLE_BYTES = tuple(bytes([number]) for number in range(256))
"""Each byte value as a bytes object, made once."""

ConnectScript = Generator[Wait, bool, SlowConnection]


class Connector(Protocol):
    """Opens connections to the server, which are closed when the client ends."""

    def __call__(self, window: int | None = None, *, tls: bool = True) -> ConnectScript:
        """Return the script that opens one with a receive buffer of `window` bytes. Raises OSError if it is refused.

        If the server speaks TLS, the handshake is part of it. With `tls=False` the connection stays plain TCP.
        """


class ClientBehaviour(Protocol):
    """One kind of client."""

    def script(self, connect: Connector) -> Script:
        """Return the script of the client. A client whose script ends is started again a moment later.

        The script raises ServerDisconnected if the server ends the connection, OSError if it accepts none.
        """


@dataclass(frozen=True)
class SilentConnection:
    """Connects and sends nothing, as a spare connection of a browser does, or a phone that lost its network."""

    def script(self, connect: Connector) -> Script:
        """Connect and wait."""
        connection = yield from connect()
        yield from connection.wait_mid_request(math.inf)


@dataclass(frozen=True)
class StalledHandshake:
    """Connects to a server of TLS, sends `share` of the first message of the handshake, and nothing more.

    With 0 it sends nothing at all: unlike SilentConnection, it does not complete the handshake.
    """

    address: Address
    share: float

    def script(self, connect: Connector) -> Script:
        """Begin the handshake and wait."""
        connection = yield from connect(tls=False)
        hello = client_hello(self.address)
        yield from connection.send(hello[: int(len(hello) * self.share)])
        yield from connection.wait_mid_request(math.inf)


@dataclass(frozen=True)
class SlowHandshake:
    """Sends the first message of the TLS handshake a byte every `interval` seconds, and does not get further."""

    address: Address
    interval: float

    def script(self, connect: Connector) -> Script:
        """Send byte after byte."""
        connection = yield from connect(tls=False)
        # It never ends: the last byte would let the server go on.
        hello = client_hello(self.address)[:-1]
        yield from connection.send_slowly((SINGLE_BYTES[byte] for byte in hello), self.interval)
        yield from connection.wait_mid_request(math.inf)


@dataclass(frozen=True)
class PartialRequestLine:
    """Sends the first byte of a request and nothing more.

    Some servers close connections only if the client sent nothing. Since release 24 the threads of gunicorn wait for
    the first byte outside the pool of workers, and for the second byte inside it.
    """

    target: str
    authority: str

    def script(self, connect: Connector) -> Script:
        """Send one byte and wait."""
        connection = yield from connect()
        yield from connection.send(browser_head(self.target, self.authority)[:1])
        yield from connection.wait_mid_request(math.inf)


@dataclass(frozen=True)
class SlowHeaderLines:
    """Sends a request head that never ends, one line every `interval` seconds. The first line is sent at once."""

    target: str
    authority: str
    interval: float

    def script(self, connect: Connector) -> Script:
        """Send piece after piece of the head."""
        connection = yield from connect()
        yield from connection.send_slowly(self._pieces(), self.interval)

    def _pieces(self) -> Iterator[bytes]:
        yield f"GET {self.target} HTTP/1.1\r\n".encode("latin-1")
        yield f"Host: {self.authority}\r\n".encode("latin-1")
        for number in itertools.count(1):
            yield b"X-Slow-%d: patience\r\n" % number


@dataclass(frozen=True)
class SlowHeaderBytes(SlowHeaderLines):
    """Sends a request head that never ends, one byte every `interval` seconds. The first byte is sent at once."""

    def _pieces(self) -> Iterator[bytes]:
        return (SINGLE_BYTES[byte] for line in super()._pieces() for byte in line)


@dataclass(frozen=True)
class SlowReader:
    """Requests `target` at once and reads `bytes_per_interval` bytes of the response every `interval` seconds.

    Its receive window is `window` bytes, or the minimum of the kernel, and closed nearly all the time.
    """

    target: str
    authority: str
    interval: float = 1.0
    bytes_per_interval: int = 5
    window: int = 512

    def script(self, connect: Connector) -> Script:
        """Send the request, and read until the server ends the connection."""
        connection = yield from connect(self.window)
        yield from connection.send(browser_head(self.target, self.authority))
        while True:
            yield from connection.idle(self.interval)
            yield from connection.read(self.bytes_per_interval)


@dataclass(frozen=True)
class BadWifi:
    """A phone on bad Wi-Fi: its packets arrive late, its pages load slowly, and it keeps connections as browsers do.

    It sends the head in `head_segments` parts with `pause` seconds between them, and reads the page at
    `bytes_per_second`. Then the user reads for `think_time` seconds with the connection open, and opens the next page.
    With `preconnect` there is a second connection on which nothing is sent, as Chromium opens it in advance.
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
        """Open page after page on one connection, until the server closes it."""
        connection = yield from connect(self.window)
        if self.preconnect:
            yield from connect(self.window)
        while True:
            yield from self._open_page(connection)
            try:
                yield from connection.idle(self.think_time)
            except ServerDisconnected:
                # After a whole response a server may close the connection; this does not disconnect its user.
                connection.close()
                connection = yield from connect(self.window)

    def _open_page(self, connection: SlowConnection) -> Script:
        head = browser_head(self.target, self.authority)
        size = -(-len(head) // self.head_segments)
        for at in range(0, len(head), size):
            yield from connection.send(head[at : at + size])
            if at + size < len(head):
                yield from connection.wait_mid_request(self.pause)
        # The bytes of a tenth of a second are about one segment of a slow network.
        yield from connection.read_response(0.1, max(1, self.bytes_per_second // 10))


def _ignore(_change: int) -> None:
    pass


@dataclass(frozen=True)
class IdleKeepAliveClient:
    """Requests `target`, reads the whole response and keeps the connection open, as an unused browser tab does.

    A server without keep-alive disconnects it with the response. `on_idle_change` is called with 1 for each client that
    has its response and stays connected, and with -1 when it is gone.
    """

    target: str
    authority: str
    on_idle_change: Callable[[int], None] = _ignore

    def script(self, connect: Connector) -> Script:
        """Send one request, and stay connected until the server ends the connection."""
        connection = yield from connect()
        yield from connection.send(browser_head(self.target, self.authority))
        response = yield from connection.read_response()
        if response.announces_close or response.framing is Framing.CLOSE:
            raise ServerDisconnected("FIN", response.status or 0)
        self.on_idle_change(1)
        try:
            yield from connection.idle(math.inf)
        finally:
            self.on_idle_change(-1)


class ClientMix:
    """Slow clients of several kinds in equal parts: the first client is of the first kind, and so on in turn.

    A client keeps its kind when it reconnects. With a new kind each time, the kinds that a server disconnects soon
    would become more frequent, or disappear.
    """

    def __init__(self, kinds: Sequence[ClientBehaviour]) -> None:
        self.kinds = tuple(kinds)

    def behaviour_of(self, number: int) -> ClientBehaviour:
        """Return the kind of the client with this number, counted from 0."""
        return self.kinds[number % len(self.kinds)]

    def script(self, connect: Connector) -> Script:
        """Return the script of the first kind, for a caller that has only one client."""
        return self.behaviour_of(0).script(connect)


def browser_head(target: str, authority: str, method: str = "GET", more: str = "") -> bytes:
    """Return a request head as the browser of a phone sends it, with the additional lines `more`.

    It is long enough to need several packets on a bad network.
    """
    return (
        f"{method} {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: keep-alive\r\n{more}"
        "User-Agent: Mozilla/5.0 (Linux; Android 14) wsgi-gauntlet\r\n"
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
        "Accept-Encoding: identity\r\nAccept-Language: en-GB,en;q=0.9\r\n\r\n"
    ).encode("latin-1")
