"""Who goes in the middle of a request or of its answer leaves a descriptor behind.

usage: python -m flawed.leaks HOST PORT MODULE:CALLABLE
"""

from __future__ import annotations

from .sound import Client, Server, run


class Leaks(Server):
    lost: list[Client] = []  # noqa: RUF012 - one server a process

    def gone(self, client: Client) -> None:
        self.lost.append(client)


if __name__ == "__main__":
    run(Leaks)
