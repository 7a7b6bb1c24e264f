"""Clients that abort a request with RST: a closed laptop, a tunnel, a proxy that gave up."""

from __future__ import annotations

import enum
import itertools
from collections import Counter
from collections.abc import Sequence

from wsgi_gauntlet.harness.errors import ConfigurationError
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

WINDOW = 16 * 1024
"""Bytes of receive buffer. The page is a few times longer than the buffers of the kernel, so the server still sends
when the client has read half of it."""


class AbortPoint(enum.StrEnum):
    """The part of the request or response in which a client aborts."""

    HEAD = "head"
    BODY = "body"
    RESPONSE = "response"


class AbortingClient:
    """Aborts at each of `abort_points` in turn, with `interval` seconds between two aborts.

    One object serves all clients of a pool. `aborted` counts their aborts, `body_started` the responses whose body had
    begun to arrive. After `max_aborts` of them no client aborts any more. `size` is that of the page, in bytes.
    """

    def __init__(
        self,
        mount: str,
        authority: str,
        abort_points: Sequence[AbortPoint],
        *,
        interval: float,
        size: int,
        max_aborts: int | None = None,
    ) -> None:
        if not abort_points:
            raise ConfigurationError("an aborting client needs at least one abort point: head, body or response")
        self.aborted: Counter[AbortPoint] = Counter()
        self.body_started = 0
        self._mount, self._authority = mount, authority
        self._abort_points = itertools.cycle(abort_points)
        self._interval = interval
        self._size = size
        self._max_aborts = max_aborts
        self._started = 0

    def script(self, connect: Connector) -> Script:
        """Begin a request and abort it, again and again."""
        while self._max_aborts is None or self._started < self._max_aborts:
            abort_point = next(self._abort_points)
            self._started += 1
            completed = False
            try:
                connection = yield from connect(WINDOW if abort_point is AbortPoint.RESPONSE else None)
                yield from self._start_request(connection, abort_point)
                connection.reset()
                self.aborted[abort_point] += 1
                completed = True
            finally:
                # If the server ended the connection first, another client, or this one later, must abort instead.
                self._started -= not completed
            yield from pause(self._interval)
        yield from pause(float("inf"))

    def _start_request(self, connection: SlowConnection, abort_point: AbortPoint) -> Script:
        if abort_point is AbortPoint.HEAD:
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
