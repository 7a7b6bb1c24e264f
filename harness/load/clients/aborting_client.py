"""Clients that abort a request with RST: a closed laptop, a tunnel, a proxy that gave up."""

from __future__ import annotations

import enum
import itertools
from collections import Counter
from collections.abc import Sequence

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.client_tls import client_hello
from wsgi_gauntlet.harness.load.clients.behaviours import Connector, browser_head
from wsgi_gauntlet.harness.load.clients.slow_connection import (
    RECEIVE_BYTES,
    Script,
    ServerDisconnected,
    SlowConnection,
    pause,
)

DECLARED_BODY_BYTES = 8000
"""Bytes of body that a client announces; it sends half of them."""

ABORT_DELAY = 0.02
"""Seconds from the last bytes of a client to its RST. The server begins to read meanwhile, or the client is queued."""

IDLE_SECONDS = 0.02
"""Seconds between two looks of a client whether it may abort again."""

WINDOW = 16 * 1024
"""Bytes of receive buffer. The page is a few times longer than the buffers of the kernel, so the server still sends
when the client has read half of it."""


class AbortPoint(enum.StrEnum):
    """The point at which a client aborts.

    HANDSHAKE: after half of its first message of TLS. CONNECT: before it has sent a request; over TLS after the
    handshake. REQUEST: right after a whole request. HEAD, BODY and RESPONSE: in the middle of these.
    """

    HANDSHAKE = "handshake"
    CONNECT = "connect"
    HEAD = "head"
    BODY = "body"
    REQUEST = "request"
    RESPONSE = "response"

    @property
    def where(self) -> str:
        """The point for a sentence: `in the head`."""
        after = {AbortPoint.CONNECT: "after the connect", AbortPoint.REQUEST: "right after the request"}
        return after.get(self, f"in the {self}")


def abort_points(address: Address) -> tuple[AbortPoint, ...]:
    """Return the points at which a client of the server at `address` can abort. Only TLS has a handshake."""
    return tuple(each for each in AbortPoint if address.tls or each is not AbortPoint.HANDSHAKE)


class AbortingClient:
    """Aborts at each of `abort_points` in turn, with `interval` seconds between two aborts.

    One object serves all clients of a pool. `aborted` counts their aborts, `body_started` the responses whose body had
    begun to arrive. After `max_aborts` of them no client aborts any more, until `max_aborts` is raised. `size` is that
    of the page, in bytes.
    """

    def __init__(
        self,
        mount: str,
        address: Address,
        abort_points: Sequence[AbortPoint],
        *,
        interval: float,
        size: int,
        max_aborts: int | None = None,
    ) -> None:
        if not abort_points:
            raise ConfigurationError(f"an aborting client needs at least one abort point: {', '.join(AbortPoint)}")
        self.aborted: Counter[AbortPoint] = Counter()
        self.body_started = 0
        self._mount, self._address, self._authority = mount, address, address.authority
        self._abort_points = itertools.cycle(abort_points)
        self._interval = interval
        self._size = size
        self.max_aborts = max_aborts
        self._started = 0

    def script(self, connect: Connector) -> Script:
        """Begin a request and abort it, again and again."""
        while True:
            if self.max_aborts is not None and self._started >= self.max_aborts:
                yield from pause(IDLE_SECONDS)
                continue
            abort_point = next(self._abort_points)
            self._started += 1
            completed = False
            try:
                connection = yield from connect(
                    WINDOW if abort_point is AbortPoint.RESPONSE else None, tls=abort_point is not AbortPoint.HANDSHAKE
                )
                yield from self._start_request(connection, abort_point)
                connection.reset()
                self.aborted[abort_point] += 1
                completed = True
            finally:
                # If the server ended the connection first, another client, or this one later, must abort instead.
                self._started -= not completed
            yield from pause(self._interval)

    def _start_request(self, connection: SlowConnection, abort_point: AbortPoint) -> Script:
        if abort_point is AbortPoint.HANDSHAKE:
            hello = client_hello(self._address)
            yield from connection.send(hello[: len(hello) // 2])
            yield from connection.wait_mid_request(ABORT_DELAY)
        elif abort_point is AbortPoint.CONNECT:
            yield from connection.wait_mid_request(ABORT_DELAY)
        elif abort_point is AbortPoint.REQUEST:
            yield from connection.send(browser_head(f"{self._mount}/page?n=gone", self._authority))
        elif abort_point is AbortPoint.HEAD:
            head = browser_head(f"{self._mount}/page?n=gone", self._authority)
            yield from connection.send(head[: len(head) // 2])
            yield from connection.wait_mid_request(ABORT_DELAY)
        elif abort_point is AbortPoint.BODY:
            length = f"Content-Length: {DECLARED_BODY_BYTES}\r\n"
            head = browser_head(f"{self._mount}/sink", self._authority, "POST", length)
            yield from connection.send(head + bytes(DECLARED_BODY_BYTES // 2))
            yield from connection.wait_mid_request(ABORT_DELAY)
        else:
            target = f"{self._mount}/counted-page?n=gone&size={self._size}"
            yield from connection.send(browser_head(target, self._authority))
            yield from self._read_half(connection)

    def _read_half(self, connection: SlowConnection) -> Script:
        beginning = b""
        while b"\r\n\r\n" not in beginning:
            beginning += yield from connection.read(RECEIVE_BYTES)
        if beginning.split(b" ", 2)[1:2] != [b"200"]:
            raise ServerDisconnected("FIN")
        read = len(beginning.partition(b"\r\n\r\n")[2])
        body_started = False
        while read < self._size // 2:
            if read and not body_started:
                body_started = True
                self.body_started += 1
            read += len((yield from connection.read(RECEIVE_BYTES)))
        self.body_started += not body_started
