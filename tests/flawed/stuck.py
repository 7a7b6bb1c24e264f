"""Once CONNECTIONS are open at the same time it never answers anybody again.

usage: python -m flawed.stuck HOST PORT CONNECTIONS MODULE:CALLABLE
"""

from __future__ import annotations

import threading

from .sound import Client, Request, Server, run


class Stuck(Server):
    turn = threading.Lock()
    open = 0
    stuck = False

    def attend(self, client: Client) -> None:
        with self.turn:
            self.open += 1
            self.stuck = self.stuck or self.open >= int(self.arguments[0])
        try:
            super().attend(client)
        finally:
            with self.turn:
                self.open -= 1

    def answer(self, client: Client, request: Request) -> bool:
        while self.stuck:
            client.more()  # until the client goes
        return super().answer(client, request)


if __name__ == "__main__":
    run(Stuck)
