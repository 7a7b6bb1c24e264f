"""Who goes in the middle of a request or of its answer leaves a descriptor behind.

usage: python -m known_servers.leaks_descriptors HOST PORT MODULE:CALLABLE
"""

from __future__ import annotations

from .correct import ClientConnection, Server, run


class LeaksDescriptors(Server):
    lost: list[ClientConnection] = []  # noqa: RUF012 - one server a process

    def gone(self, client: ClientConnection) -> None:
        self.lost.append(client)


if __name__ == "__main__":
    run(LeaksDescriptors)
