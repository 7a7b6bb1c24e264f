"""Many slow clients of one kind, held against one server: as many as are asked for, each a trio task with a timer.

A client that the server drops comes back after a moment, as people do, so that `size` clients keep pressing until they
are released.
"""

from __future__ import annotations

import resource
import statistics
from collections import Counter
from dataclasses import dataclass, field

import trio

from ..address import Address
from ..errors import OutOfResources
from ..model import Reaped
from .personas import Persona
from .slowlink import Dropped, SlowLink

AGAIN = 1.0
"""Seconds until a client that was dropped or refused comes back."""

RETURNS = 1000
"""Times that one client comes back at most."""

SPARE = 256
"""Descriptors that this process keeps for all but the slow clients."""

NEWCOMERS = 0.02
"""Seconds between two arrivals' batches: finer steps would cost more than they smooth."""


@dataclass(eq=False)
class _Client:
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    connected: bool = False
    settled: trio.Event = field(default_factory=trio.Event)
    drops: list[tuple[str, float]] = field(default_factory=list)


class Crowd:
    """Slow clients that live in `nursery` until they are released. `per_second` of them arrive."""

    def __init__(self, address: Address, persona: Persona, nursery: trio.Nursery, *, per_second: float) -> None:
        self.address = address
        self.refused = 0
        self._persona = persona
        self._nursery = nursery
        self._per_second = per_second
        self._clients: list[_Client] = []
        self._gone: list[_Client] = []
        self._began = trio.current_time()

    @property
    def held(self) -> int:
        """How many clients have a connection now, seen from here: it may still wait in the server's backlog."""
        return sum(each.connected for each in self._clients)

    @property
    def size(self) -> int:
        """How many clients there are, connected or trying."""
        return len(self._clients)

    async def become(self, size: int, patience: float = 1.0) -> None:
        """Let clients arrive or leave until there are `size` of them.

        Returns when each has connected or been refused, or after `patience` seconds more: a full backlog answers
        nobody.
        """
        while len(self._clients) > size:
            self._leave(self._clients.pop())
        begin, before = trio.current_time(), len(self._clients)
        while len(self._clients) < size:
            due = before + max(1, int((trio.current_time() - begin) * self._per_second))
            while len(self._clients) < min(due, size):
                client = _Client()
                self._clients.append(client)
                self._nursery.start_soon(self._live, client)
            await trio.sleep(NEWCOMERS)
        with trio.move_on_after(patience):
            for each in self._clients:
                await each.settled.wait()

    def release(self) -> None:
        """Let all of them go at once."""
        while self._clients:
            self._leave(self._clients.pop())

    def reaped(self) -> Reaped:
        """Return how and after how long the server dropped clients for the first time, over all there ever were."""
        everyone = [*self._clients, *self._gone]
        first = [each.drops[0] for each in everyone if each.drops]
        if not first:
            return Reaped("never", None, len(everyone), 0)
        how = Counter(how for how, _ in first).most_common(1)[0][0]
        return Reaped(how, statistics.median(after for _, after in first), len(everyone), len(first))

    def _leave(self, client: _Client) -> None:
        client.scope.cancel()
        client.connected = False
        self._gone.append(client)

    async def _live(self, client: _Client) -> None:
        with client.scope:
            for _ in range(RETURNS):
                await self._visit(client)
                await trio.sleep(AGAIN)

    async def _visit(self, client: _Client) -> None:
        links: list[SlowLink] = []
        began = trio.current_time()

        async def dial(window: int | None) -> SlowLink:
            link = await SlowLink.open(self.address, window)
            links.append(link)
            client.connected = True
            client.settled.set()
            return link

        try:
            await self._persona.live(dial)
        except Dropped as dropped:
            client.drops.append((dropped.how, trio.current_time() - began))
        except OSError:
            self.refused += 1
            client.settled.set()
        finally:
            client.connected = False
            for link in links:
                link.close()


def room_for(clients: int, each: int = 1) -> None:
    """Raise this process's limit of descriptors as far as `clients` with `each` connections need.

    Raises OutOfResources where the machine does not allow so many.
    """
    needed = clients * each + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise OutOfResources(
            f"{clients} slow clients need {needed} open files and this machine allows {hard}: raise `ulimit -Hn`, or "
            f"ask for --clients {max(1, (hard - SPARE) // each)}"
        )
    if needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
