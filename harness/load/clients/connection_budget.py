"""The number of slow clients that the limit on open files allows."""

from __future__ import annotations

from dataclasses import dataclass

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.limits import SLOW_CLIENT_RESERVE, descriptor_limits, raise_descriptor_limit


@dataclass(frozen=True)
class ConnectionBudget:
    """The number of `clients` that are possible of those `requested`.

    `limit` is the hard limit on open files if it is too low for all of them, else 0.
    """

    clients: int
    requested: int
    limit: int = 0

    @property
    def conditions(self) -> dict[str, object]:
        """The conditions of the cell if not all clients are possible, else empty."""
        if not self.limit:
            return {}
        return {"clients": self.clients, "clients asked for": self.requested, "hard limit on open files": self.limit}

    @property
    def note(self) -> str:
        """The note of the cell if not all clients are possible, else ''."""
        if not self.limit:
            return ""
        return (
            f"{self.requested} slow clients were requested, but the hard limit on open files, {self.limit}, allows "
            f"{self.clients} (`ulimit -Hn` raises it)."
        )


def reserve_connections(clients: int, each: int = 1) -> ConnectionBudget:
    """Raise the soft limit of this process for `clients` with `each` connections, as far as the hard limit allows.

    Raises OutOfResources if not even one client is possible.
    """
    needed, (_, hard) = clients * each + SLOW_CLIENT_RESERVE, descriptor_limits()
    possible = (hard - SLOW_CLIENT_RESERVE) // each
    if needed > hard and possible < 1:
        raise OutOfResources(
            f"one slow client needs {SLOW_CLIENT_RESERVE + each} open files, but this machine allows {hard}: raise "
            "`ulimit -Hn`"
        )
    raise_descriptor_limit(needed)
    return ConnectionBudget(possible, clients, hard) if needed > hard else ConnectionBudget(clients, clients)
