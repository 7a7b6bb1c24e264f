"""Whether the server called close() of every answer that it began, as the app's processes count them."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.parser import Response

CONCURRENT_REQUESTS = 8
"""Requests that ask at the same time, so that the processes of a server that waits in turn all hear one."""

HOLD_MS = 20
"""Milliseconds for which each of them holds what answers it."""

TIMEOUT = 2.0
"""Seconds for which one is waited for."""


@dataclass(frozen=True)
class ResponseCloseCounts:
    """Responses that were begun and those whose close() was called, by all the app's processes that were
    heard."""

    opened: int
    closed: int
    processes: int

    @property
    def unclosed(self) -> int:
        """How many were begun and never closed."""
        return self.opened - self.closed


async def count_response_closes(
    address: Address, mount: str, min_opened: int, patience: float
) -> ResponseCloseCounts | None:
    """Ask the app's processes until they know of at least `begun` answers and all of those are closed.

    Of each process the last word counts. After `patience` seconds what they said then is returned; None where they
    never knew of so many: then not all of them have been heard, or one has been replaced.
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


async def _ask_one_process(address: Address, mount: str, counts_by_process: dict[int, tuple[int, int]]) -> None:
    request = (
        f"GET {mount}/open-answers?wait={HOLD_MS} HTTP/1.1\r\nHost: {address.authority}\r\nConnection: close\r\n\r\n"
    )
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
            # Responses may overtake each other; these numbers only grow.
            counts_by_process[pid] = max(counts_by_process.get(pid, (0, 0)), (opened, closed))


def parse_counts(response: Response) -> tuple[int, int, int] | None:
    """Return process id, answers opened and answers closed as /open-answers says them; None for anything else."""
    words = response.body.split()
    if response.status != 200 or not response.complete or len(words) != 3 or not all(word.isdigit() for word in words):
        return None
    pid, opened, closed = (int(word) for word in words)
    return pid, opened, closed
