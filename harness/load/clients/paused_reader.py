"""Clients that pause in the middle of a big response, and then read the rest: a phone in a tunnel, a paused download.

    request --> first bytes --> pause: the receive buffer is full, the server cannot send --> the rest

A sound server waits, and the response arrives whole. A server that gives up must not look as if it had sent everything.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.load.clients.behaviours import Connector, browser_head
from wsgi_gauntlet.harness.load.clients.slow_connection import (
    RECEIVE_BYTES,
    Script,
    ServerDisconnected,
    SlowConnection,
    pause,
)
from wsgi_gauntlet.harness.load.clients.transfers import StreamedResponse

WINDOW = 16 * 1024
"""Bytes of receive buffer."""

STALL_SECONDS = 10.0
"""Seconds without a byte after the pause, after which a client gives up."""


class DownloadEnd(enum.StrEnum):
    """How the response of a paused reader ended."""

    WHOLE = "whole"
    CUT_BY_FIN = "cut short by FIN"
    CUT_BY_RESET = "cut short by RST"
    WRONG = "wrong bytes"
    REFUSED = "another response"
    STALLED = "never finished"


@dataclass(frozen=True)
class PausedDownload:
    """One response of `size` bytes, of which `received` bytes arrived. `early`: the server gave up in the pause."""

    end: DownloadEnd
    received: int
    size: int
    early: bool = False


class PausedReader:
    """Requests a page of `size` bytes, reads its first bytes, pauses for `seconds`, and reads the rest at full speed.

    One object serves all clients of a pool. Each client downloads the page once. `downloads` has their results, and
    `paused` counts the clients that have begun their pause. `on_paused` is called for each of them.
    """

    def __init__(
        self,
        mount: str,
        authority: str,
        *,
        size: int,
        seconds: float,
        on_paused: Callable[[], None] = lambda: None,
    ) -> None:
        self.downloads: list[PausedDownload] = []
        self.paused = 0
        self._head = browser_head(f"{mount}/page?n=paused&size={size}", authority)
        self._size, self._seconds = size, seconds
        self._on_paused = on_paused

    @property
    def ends(self) -> Counter[DownloadEnd]:
        """The number of downloads by their end."""
        return Counter(each.end for each in self.downloads)

    def script(self, connect: Connector) -> Script:
        """Download the page once, and stay away then."""
        connection = yield from connect(WINDOW)
        yield from connection.send(self._head)
        yield from self._download(connection)
        connection.close()
        yield from pause(float("inf"))

    def _download(self, connection: SlowConnection) -> Script:
        check = _PageCheck(b"paused\n")
        response = StreamedResponse(check.take)
        ended, early = ConnectionState.OPEN, False
        try:
            response.feed((yield from connection.read(RECEIVE_BYTES)))
            self.paused += 1
            self._on_paused()
            yield from pause(self._seconds)
            early = connection.server_closed()
            while not response.done:
                data = yield from connection.read(RECEIVE_BYTES, STALL_SECONDS)
                if not data:
                    break
                response.feed(data)
        except ServerDisconnected as disconnected:
            ended = ConnectionState.RESET if disconnected.how == "RST" else ConnectionState.EOF
            response.eof(ended)
        end = download_end(response, ended, self._size, right=check.right)
        self.downloads.append(PausedDownload(end, check.length, self._size, early and end is not DownloadEnd.WHOLE))


class _PageCheck:
    """Checks the bytes of a page as they arrive. Every line of it is the same, after the first."""

    def __init__(self, start: bytes) -> None:
        self.length = 0
        self.right = True
        self._start = start

    def take(self, data: bytes) -> None:
        """Check the next bytes: the first line, and only bytes that a page has."""
        head = self._start[self.length : self.length + len(data)]
        self.right = self.right and data.startswith(head) and not data[len(head) :].translate(None, PAGE_BYTES)
        self.length += len(data)


PAGE_BYTES = b"wsgi-gauntlet \n"
"""The bytes that a page has after its first line, pages.py of the test app."""


def download_end(response: StreamedResponse, ended: ConnectionState, size: int, *, right: bool) -> DownloadEnd:
    """Return how a download of `size` bytes ended. `right` says that all bytes that arrived were correct."""
    found = response.response()
    if found.status != 200:
        return DownloadEnd.REFUSED if found.status else _cut(ended)
    if not right or found.length > size:
        return DownloadEnd.WRONG
    if found.length == size and found.complete:
        return DownloadEnd.WHOLE
    return _cut(ended)


def _cut(ended: ConnectionState) -> DownloadEnd:
    if ended is ConnectionState.OPEN:
        return DownloadEnd.STALLED
    return DownloadEnd.CUT_BY_RESET if ended is ConnectionState.RESET else DownloadEnd.CUT_BY_FIN
