"""Once CONNECTIONS are open at the same time it never answers anybody again.

usage: python -m known_servers.hangs_when_full HOST PORT CONNECTIONS MODULE:CALLABLE
"""

from __future__ import annotations

import threading

from .correct import ClientConnection, Request, Server, run


class HangsWhenFull(Server):
    lock = threading.Lock()
    open = 0
    stuck = False

    def serve_client(self, client: ClientConnection) -> None:
        with self.lock:
            self.open += 1
            self.stuck = self.stuck or self.open >= int(self.arguments[0])
        try:
            super().serve_client(client)
        finally:
            with self.lock:
                self.open -= 1

    def answer(self, client: ClientConnection, request: Request) -> bool:
        while self.stuck:
            client.read_more()  # until the client goes
        return super().answer(client, request)


if __name__ == "__main__":
    run(HangsWhenFull)
