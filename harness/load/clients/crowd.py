"""Many slow clients of one kind, held against one server: as many as are asked for, all of them driven by one task.

A client that the server drops comes back after a moment, as people do, so that `size` clients keep pressing until they
are released.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable

import trio

from ...address import Address
from ...model import Reaped
from ..targets.leave import waiting
from .drive import Drive, Ride
from .mixture import Mixture
from .personas import Dialling, Persona
from .slowlink import Dropped, Script, SlowLink

AGAIN = 1.0
"""Seconds until a client that was dropped or refused comes back."""

RETURNS = 1000
"""Times that one client comes back at most."""

SPARE = 256
"""Descriptors that this process keeps for all but the slow clients."""

NEWCOMERS = 0.005
"""Seconds between two arrivals' batches: at 2,000 a second these are ten connects, some 0.5 ms of work."""


class _Client:
    """One slow client: `first` is how and after how many seconds the server dropped it for the first time."""

    __slots__ = ("connected", "first", "links", "ride", "settled")

    def __init__(self) -> None:
        self.connected = False
        self.settled = False
        self.first: tuple[str, float] | None = None
        self.links: list[SlowLink] = []
        self.ride: Ride | None = None


class Crowd:
    """Slow clients that live until they are released, driven by a task in `nursery`. `per_second` of them arrive.

    While `held_up` says so, none of them does anything.
    """

    def __init__(
        self,
        address: Address,
        persona: Persona,
        nursery: trio.Nursery,
        *,
        per_second: float,
        held_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self.address = address
        self.refused = 0
        self.held = 0
        """How many clients have a connection now, seen from here: it may still wait in the server's backlog."""
        self._persona = persona
        self._per_second = per_second
        self._drive = Drive(held_up)
        self._clients: list[_Client] = []
        self._known = 0
        self._drops: list[tuple[str, float]] = []
        self._unsettled = 0
        self._settled = trio.Event()
        nursery.start_soon(self._drive.run)

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
                self._arrive()
            await trio.sleep(NEWCOMERS)
        with trio.move_on_after(patience):
            while self._unsettled:
                self._settled = trio.Event()
                await self._settled.wait()

    def release(self) -> None:
        """Let all of them go at once."""
        while self._clients:
            self._leave(self._clients.pop())

    def reaped(self) -> Reaped:
        """Return how and after how long the server dropped clients for the first time, over all there ever were."""
        if not self._drops:
            return Reaped("never", None, self._known, 0)
        how = Counter(how for how, _ in self._drops).most_common(1)[0][0]
        return Reaped(how, statistics.median(after for _, after in self._drops), self._known, len(self._drops))

    def _arrive(self) -> None:
        client = _Client()
        self._clients.append(client)
        self._known += 1
        self._unsettled += 1
        persona = self._persona.of(len(self._clients) - 1) if isinstance(self._persona, Mixture) else self._persona
        client.ride = self._drive.start(self._life(client, persona))

    def _leave(self, client: _Client) -> None:
        if client.ride is not None:
            self._drive.stop(client.ride)
        self._settle(client)

    def _settle(self, client: _Client) -> None:
        if not client.settled:
            client.settled = True
            self._unsettled -= 1
            if not self._unsettled:
                self._settled.set()

    def _life(self, client: _Client, persona: Persona) -> Script:
        for _ in range(RETURNS):
            began = trio.current_time()
            try:
                yield from persona.live(lambda window=None: self._dial(client, window))
            except Dropped as dropped:
                if client.first is None:
                    client.first = (dropped.how, trio.current_time() - began)
                    self._drops.append(client.first)
            except OSError:
                self.refused += 1
            finally:
                self.held -= client.connected
                client.connected = False
                for link in client.links:
                    link.close()
                client.links.clear()
            self._settle(client)
            yield AGAIN, None

    def _dial(self, client: _Client, window: int | None) -> Dialling:
        yield from waiting(self.address)
        link = SlowLink.dialled(self.address, window)
        client.links.append(link)
        self._drive.watch(link)
        yield from link.connected()
        self.held += not client.connected
        client.connected = True
        self._settle(client)
        return link
