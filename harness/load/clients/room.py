"""How many clients the limit on open files leaves room for."""

from __future__ import annotations

import resource
from dataclasses import dataclass

from ...errors import OutOfResources
from .crowd import SPARE


@dataclass(frozen=True)
class Room:
    """`clients` find room of those `asked` for. `limit` is the hard limit on open files where it is too low, else 0."""

    clients: int
    asked: int
    limit: int = 0

    @property
    def told(self) -> dict[str, object]:
        """What stands among the conditions where some find no room."""
        if not self.limit:
            return {}
        return {"clients": self.clients, "clients asked for": self.asked, "hard limit on open files": self.limit}

    @property
    def note(self) -> str:
        """What stands in the note there."""
        if not self.limit:
            return ""
        return (
            f"Asked for were {self.asked} slow clients; the hard limit on open files, {self.limit}, leaves room for "
            f"{self.clients} (`ulimit -Hn` raises it)."
        )


def room_at_most(clients: int, each: int = 1) -> Room:
    """Raise this process's soft limit as far as `clients` with `each` connections need, or as far as it goes.

    Raises OutOfResources where not even one client finds room.
    """
    needed = clients * each + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = hard != resource.RLIM_INFINITY and needed > hard
    if low and (hard - SPARE) // each < 1:
        raise OutOfResources(
            f"one slow client needs {SPARE + each} open files and this machine allows {hard}: raise `ulimit -Hn`"
        )
    wanted = hard if low else needed
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return Room((hard - SPARE) // each, clients, hard) if low else Room(clients, clients)
