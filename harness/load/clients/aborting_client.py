"""Clients that vanish, by RST, in the middle of what they began: a closed laptop, a tunnel, a proxy that gave up."""

from __future__ import annotations

import enum
import itertools
from collections import Counter
from collections.abc import Sequence

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.load.clients.behaviours import Connector, browser_head
from wsgi_gauntlet.harness.load.clients.slow_connection import Script, ServerDisconnected, SlowConnection, pause

DECLARED_BODY_BYTES = 8000
"""Bytes of body that a client declares; it sends half of them."""

ABORT_DELAY = 0.02
"""Seconds between what a client sent last and its end: the server has begun to read it, or it waits for its turn."""

WINDOW = 16 * 1024
"""Bytes of receive buffer: the server is still sending when the client has read half of a page that is a few times as
long as what the kernel takes on its side."""

RECEIVE_BYTES = 64 * 1024


class AbortPoint(enum.StrEnum):
    """Where in its request or its answer a client vanishes."""

    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"


class AbortingClient:
    """Vanishes in each of `places` by turns, `interval` seconds after the last time, and so on.

    One of these stands for all clients of a crowd: `gone` counts them all, `met` the answers whose body had begun to
    arrive, and after `most` of them in all nobody vanishes any more.
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
            raise ConfigurationError("clients that vanish need a place to do it: head, body or answer")
        self.aborted: Counter[AbortPoint] = Counter()
        self.body_started = 0
        self._mount, self._authority = mount, authority
        self._abort_points = itertools.cycle(abort_points)
        self._interval = interval
        self._size = size
        self._max_aborts = max_aborts
        self._started = 0

    def script(self, connect: Connector) -> Script:
        """Begin something and vanish, again and again."""
        while self._max_aborts is None or self._started < self._max_aborts:
            place = next(self._abort_points)
            self._started += 1
            whole = False
            try:
                connection = yield from connect(WINDOW if place is AbortPoint.ANSWER else None)
                yield from self._start_request(connection, place)
                connection.reset()
                self.aborted[place] += 1
                whole = True
            finally:
                # One whom the server dropped did not vanish: somebody else, or the same one later, is to do it.
                self._started -= not whole
            yield from pause(self._interval)
        yield from pause(float("inf"))

    def _start_request(self, connection: SlowConnection, place: AbortPoint) -> Script:
        if place is AbortPoint.HEAD:
            head = browser_head(f"{self._mount}/page?n=gone", self._authority)
            yield from connection.send(head[: len(head) // 2])
            yield from connection.wait_mid_request(ABORT_DELAY)
        elif place is AbortPoint.BODY:
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
