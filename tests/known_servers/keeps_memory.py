"""Whoever resets a connection leaves BYTES of memory behind.

They are mapped: an allocator would take them from what other requests have released, and the process would not grow.

usage: python -m known_servers.keeps_memory HOST PORT BYTES MODULE:CALLABLE
"""

from __future__ import annotations

import mmap

from .correct import ClientConnection, Server, run


class KeepsMemory(Server):
    kept: list[mmap.mmap] = []  # noqa: RUF012 - one server a process

    def gone(self, client: ClientConnection) -> None:
        self.kept.append(mmap.mmap(-1, int(self.arguments[0])))
        self.kept[-1].write(b"x" * len(self.kept[-1]))
        super().gone(client)


if __name__ == "__main__":
    run(KeepsMemory)
