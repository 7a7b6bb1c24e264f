"""Whoever resets a connection leaves BYTES of memory behind.

usage: python -m known_servers.keeps_memory HOST PORT BYTES MODULE:CALLABLE
"""

from __future__ import annotations

from .correct import ClientConnection, Server, run


class KeepsMemory(Server):
    kept: list[bytes] = []  # noqa: RUF012 - one server a process

    def gone(self, client: ClientConnection) -> None:
        super().gone(client)
        self.kept.append(b"x" * int(self.arguments[0]))


if __name__ == "__main__":
    run(KeepsMemory)
