"""Whoever resets a connection leaves a thread behind that spins for ever.

usage: python -m known_servers.spins_after_disconnect HOST PORT MODULE:CALLABLE
"""

from __future__ import annotations

import threading

from .correct import ClientConnection, Server, run


def spin() -> None:
    while True:
        pass


class SpinsAfterDisconnect(Server):
    spinning = False

    def gone(self, client: ClientConnection) -> None:
        super().gone(client)
        if not self.spinning:
            self.spinning = True
            threading.Thread(target=spin, daemon=True).start()


if __name__ == "__main__":
    run(SpinsAfterDisconnect)
