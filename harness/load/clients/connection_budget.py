"""How many clients the limit on open files leaves room for."""

from __future__ import annotations

import resource
from dataclasses import dataclass

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.load.clients.slow_client_pool import RESERVED_DESCRIPTORS


@dataclass(frozen=True)
class ConnectionBudget:
    """`clients` find room of those `asked` for. `limit` is the hard limit on open files where it is too low, else 0."""

    clients: int
    requested: int
    limit: int = 0

    @property
    def conditions(self) -> dict[str, object]:
        """What stands among the conditions where some find no room."""
        if not self.limit:
            return {}
        return {"clients": self.clients, "clients asked for": self.requested, "hard limit on open files": self.limit}

    @property
    def note(self) -> str:
        """What stands in the note there."""
        if not self.limit:
            return ""
        return (
            f"Asked for were {self.requested} slow clients; the hard limit on open files, {self.limit}, leaves room "
            f"for "
            f"{self.clients} (`ulimit -Hn` raises it)."
        )


def reserve_connections(clients: int, each: int = 1) -> ConnectionBudget:
    """Raise this process's soft limit as far as `clients` with `each` connections need, or as far as it goes.

    Raises OutOfResources where not even one client finds room.
    """
    needed = clients * each + RESERVED_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = hard != resource.RLIM_INFINITY and needed > hard
    if low and (hard - RESERVED_DESCRIPTORS) // each < 1:
        raise OutOfResources(
            f"one slow client needs {RESERVED_DESCRIPTORS + each} open files and this machine allows {hard}: raise "
            f"`ulimit -Hn`"
        )
    wanted = hard if low else needed
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return (
        ConnectionBudget((hard - RESERVED_DESCRIPTORS) // each, clients, hard)
        if low
        else ConnectionBudget(clients, clients)
    )
