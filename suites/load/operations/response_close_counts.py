"""Test whether the server called close() of every response that it began. The app's processes count these calls."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.parser import Response

CONCURRENT_REQUESTS = 8
"""Simultaneous requests, so that each process of the server gets one."""

HOLD_MS = 20
"""Milliseconds for which each request keeps its process busy."""

TIMEOUT = 2.0
"""Seconds to wait for each response."""


@dataclass(frozen=True)
class ResponseCloseCounts:
    """Responses that were begun, and those whose close() was called, in all processes that responded."""

    opened: int
    closed: int
    processes: int

    @property
    def unclosed(self) -> int:
        """Responses that were begun and never closed."""
        return self.opened - self.closed


async def count_response_closes(
    address: Address, mount: str, min_opened: int, patience: float
) -> ResponseCloseCounts | None:
    """Poll the app's processes until they count at least `min_opened` responses and all of those are closed.

    After `patience` seconds the latest counts are returned. Returns None if they count fewer responses: then not all
    processes responded, or one was replaced.
    """
    counts_by_process: dict[int, tuple[int, int]] = {}
    until = trio.current_time() + patience
    while True:
        async with trio.open_nursery() as nursery:
            for _ in range(CONCURRENT_REQUESTS):
                nursery.start_soon(_ask_one_process, address, mount, counts_by_process)
        found = ResponseCloseCounts(
            sum(opened for opened, _ in counts_by_process.values()),
            sum(closed for _, closed in counts_by_process.values()),
            len(counts_by_process),
        )
        if (found.opened >= min_opened and not found.unclosed) or trio.current_time() > until:
            return found if found.opened >= min_opened else None
        await trio.sleep(0.05)


async def collect_garbage(address: Address, mount: str) -> None:
    """Let the app's processes free objects that nothing reaches any more, as many of them as respond.

    Python frees objects that refer to each other only now and then. Such memory is not lost.
    """
    async with trio.open_nursery() as nursery:
        for _ in range(CONCURRENT_REQUESTS):
            nursery.start_soon(_ask_one_process, address, mount, {}, "&collect=1")


async def _ask_one_process(
    address: Address, mount: str, counts_by_process: dict[int, tuple[int, int]], more: str = ""
) -> None:
    target = f"{mount}/open-answers?wait={HOLD_MS}{more}"
    request = f"GET {target} HTTP/1.1\r\nHost: {address.authority}\r\nConnection: close\r\n\r\n"
    with trio.move_on_after(TIMEOUT):
        try:
            connection = await HttpConnection.open(address)
            try:
                response = await connection.send_request(request.encode("latin-1"))
            finally:
                connection.close()
        except OSError:
            return
        if (counts := parse_counts(response)) is not None:
            pid, opened, closed = counts
            # Responses may overtake each other, and the counts only grow.
            counts_by_process[pid] = max(counts_by_process.get(pid, (0, 0)), (opened, closed))


def parse_counts(response: Response) -> tuple[int, int, int] | None:
    """Return process id, opened and closed responses of /open-answers; None for another response."""
    words = response.body.split()
    if response.status != 200 or not response.complete or len(words) != 3 or not all(word.isdigit() for word in words):
        return None
    pid, opened, closed = (int(word) for word in words)
    return pid, opened, closed
