"""A pool of slow clients of one kind against one server. One task runs all of them.

A client that the server disconnects returns after a moment, as people do. So all clients keep pressing until they are
released.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.admission import wait_for_admission
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour, ClientMix, ConnectScript
from wsgi_gauntlet.harness.load.clients.scheduler import ScheduledClient, Scheduler
from wsgi_gauntlet.harness.load.clients.slow_connection import Script, ServerDisconnected, SlowConnection
from wsgi_gauntlet.harness.model import Disconnect

RECONNECT_DELAY = 1.0
"""Seconds until a client that was disconnected or refused reconnects."""

MAX_RECONNECTS = 1000
"""The limit of reconnects per client."""

ARRIVAL_INTERVAL = 0.005
"""Seconds between two groups of arrivals. At 2,000 per second a group is ten connects, about 0.5 ms of work."""


class _SlowClient:
    """One slow client. `first_disconnect` is how, and after how many seconds, the server first disconnected it."""

    __slots__ = ("connect_done", "connected", "connections", "first_disconnect", "scheduled_client")

    def __init__(self) -> None:
        self.connected = False
        self.connect_done = False
        self.first_disconnect: tuple[str, float] | None = None
        self.connections: list[SlowConnection] = []
        self.scheduled_client: ScheduledClient | None = None


def most_common_disconnect(disconnects: Sequence[tuple[str, float]], clients: int) -> Disconnect:
    """Return how the server disconnected most of so many clients, and the median seconds until then."""
    if not disconnects:
        return Disconnect("never", None, clients, 0)
    how = Counter(how for how, _ in disconnects).most_common(1)[0][0]
    return Disconnect(how, statistics.median(after for _, after in disconnects), clients, len(disconnects))


class SlowClientPool:
    """Slow clients that stay until they are released, run by a task in `nursery`. `per_second` clients arrive.

    While `should_pause` returns True, no client does anything.
    """

    def __init__(
        self,
        address: Address,
        behaviour: ClientBehaviour,
        nursery: trio.Nursery,
        *,
        per_second: float,
        should_pause: Callable[[], bool] = lambda: False,
    ) -> None:
        self.address = address
        self.refused = 0
        self.connected_count = 0
        """The number of clients with a connection. It may still wait in the backlog of the server."""
        self._behaviour = behaviour
        self._per_second = per_second
        self._scheduler = Scheduler(should_pause)
        self._clients: list[_SlowClient] = []
        self.total_clients = 0
        """The number of clients until now, with former ones."""
        self.disconnects: list[tuple[str, float]] = []
        """How, and after how many seconds, the server first disconnected each client that it disconnected."""
        self._pending_connects = 0
        self._all_connects_done = trio.Event()
        nursery.start_soon(self._scheduler.run)

    @property
    def size(self) -> int:
        """The number of clients, connected or not."""
        return len(self._clients)

    async def scale_to(self, size: int, patience: float = 1.0) -> None:
        """Add or remove clients until there are `size` of them.

        Returns when each client is connected or refused, or `patience` seconds later: a server with a full backlog
        answers no client.
        """
        while len(self._clients) > size:
            self._remove_client(self._clients.pop())
        begin, before = trio.current_time(), len(self._clients)
        while len(self._clients) < size:
            due = before + max(1, int((trio.current_time() - begin) * self._per_second))
            while len(self._clients) < min(due, size):
                self._add_client()
            await trio.sleep(ARRIVAL_INTERVAL)
        with trio.move_on_after(patience):
            while self._pending_connects:
                self._all_connects_done = trio.Event()
                await self._all_connects_done.wait()

    def release(self) -> None:
        """Remove all clients at once."""
        while self._clients:
            self._remove_client(self._clients.pop())

    def first_disconnect(self) -> Disconnect:
        """Return how the server disconnected most clients, and the median time until then. Former clients count too."""
        return most_common_disconnect(self.disconnects, self.total_clients)

    def _add_client(self) -> None:
        client = _SlowClient()
        self._clients.append(client)
        self.total_clients += 1
        self._pending_connects += 1
        behaviour = (
            self._behaviour.behaviour_of(len(self._clients) - 1)
            if isinstance(self._behaviour, ClientMix)
            else self._behaviour
        )
        client.scheduled_client = self._scheduler.start(self._client_script(client, behaviour))

    def _remove_client(self, client: _SlowClient) -> None:
        if client.scheduled_client is not None:
            self._scheduler.stop(client.scheduled_client)
        self._finish_connect(client)

    def _finish_connect(self, client: _SlowClient) -> None:
        if not client.connect_done:
            client.connect_done = True
            self._pending_connects -= 1
            if not self._pending_connects:
                self._all_connects_done.set()

    def _client_script(self, client: _SlowClient, behaviour: ClientBehaviour) -> Script:
        for _ in range(MAX_RECONNECTS):
            began = trio.current_time()
            try:
                yield from behaviour.script(lambda window=None, *, tls=True: self._connect(client, window, tls=tls))
            except ServerDisconnected as disconnected:
                if client.first_disconnect is None:
                    client.first_disconnect = (disconnected.how, trio.current_time() - began)
                    self.disconnects.append(client.first_disconnect)
            except OSError:
                self.refused += 1
            finally:
                self.connected_count -= client.connected
                client.connected = False
                for connection in client.connections:
                    connection.close()
                client.connections.clear()
            self._finish_connect(client)
            yield RECONNECT_DELAY, None

    def _connect(self, client: _SlowClient, window: int | None, *, tls: bool) -> ConnectScript:
        yield from wait_for_admission(self.address)
        connection = SlowConnection.start_connect(self.address, window, tls=tls)
        client.connections.append(connection)
        self._scheduler.watch(connection)
        yield from connection.connected()
        self.connected_count += not client.connected
        client.connected = True
        self._finish_connect(client)
        yield from connection.handshake()
        return connection
