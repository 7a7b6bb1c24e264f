"""Whether the server called close() of every answer that it began, as the app's processes count them."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from ...address import Address
from ...response import Response
from ..clients.link import Link

AT_ONCE = 8
"""Requests that ask at the same time, so that the processes of a server that waits in turn all hear one."""

HELD = 20
"""Milliseconds for which each of them holds what answers it."""

TIMEOUT = 2.0
"""Seconds for which one is waited for."""


@dataclass(frozen=True)
class Answers:
    """Answers that were begun and those whose close() was called, by all the app's processes that were heard."""

    opened: int
    closed: int
    processes: int

    @property
    def unclosed(self) -> int:
        """How many were begun and never closed."""
        return self.opened - self.closed


async def answers(address: Address, mount: str, begun: int, patience: float) -> Answers | None:
    """Ask the app's processes until they know of at least `begun` answers and all of those are closed.

    Of each process the last word counts. After `patience` seconds what they said then is returned; None where they
    never knew of so many: then not all of them have been heard, or one has been replaced.
    """
    heard: dict[int, tuple[int, int]] = {}
    until = trio.current_time() + patience
    while True:
        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(_ask, address, mount, heard)
        found = Answers(
            sum(opened for opened, _ in heard.values()), sum(closed for _, closed in heard.values()), len(heard)
        )
        if (found.opened >= begun and not found.unclosed) or trio.current_time() > until:
            return found if found.opened >= begun else None
        await trio.sleep(0.05)


async def _ask(address: Address, mount: str, heard: dict[int, tuple[int, int]]) -> None:
    request = f"GET {mount}/open-answers?wait={HELD} HTTP/1.1\r\nHost: {address.authority}\r\nConnection: close\r\n\r\n"
    with trio.move_on_after(TIMEOUT):
        try:
            link = await Link.open(address)
            try:
                answer = await link.ask(request.encode("latin-1"))
            finally:
                link.close()
        except OSError:
            return
        if (said := counted(answer)) is not None:
            pid, opened, closed = said
            # Answers may overtake each other; these numbers only grow.
            heard[pid] = max(heard.get(pid, (0, 0)), (opened, closed))


def counted(answer: Response) -> tuple[int, int, int] | None:
    """Return process id, answers opened and answers closed as /open-answers says them; None for anything else."""
    words = answer.body.split()
    if answer.status != 200 or not answer.complete or len(words) != 3 or not all(word.isdigit() for word in words):
        return None
    pid, opened, closed = (int(word) for word in words)
    return pid, opened, closed
