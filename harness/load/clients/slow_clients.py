"""What an experiment needs of slow clients, wherever they are."""

from __future__ import annotations

from typing import Protocol

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.model import Disconnect


class SlowClients(Protocol):
    """Slow clients of one kind against one server: a SlowClientPool, or clients on other machines."""

    address: Address

    @property
    def refused(self) -> int:
        """The number of refused connections."""

    @property
    def connected_count(self) -> int:
        """The number of clients with a connection. It may still wait in the backlog of the server."""

    @property
    def size(self) -> int:
        """The number of clients, connected or not."""

    async def scale_to(self, size: int, patience: float = 1.0) -> None:
        """Add or remove clients until there are `size` of them.

        Returns when each client is connected or refused, or `patience` seconds later: a server with a full backlog
        answers no client.
        """

    def release(self) -> None:
        """Remove all clients at once."""

    def first_disconnect(self) -> Disconnect:
        """Return how the server disconnected most clients, and the median time until then. Former clients count too."""
