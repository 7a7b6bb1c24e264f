"""WORKERS processes serve from one queue, a request at a time; one that has died is never replaced.

usage: python -m flawed.never_replaces HOST PORT WORKERS MODULE:CALLABLE
"""

from __future__ import annotations

import os
import signal
import socket

from .sound import Client, Request, Server, run


class NeverReplaces(Server):
    def serve(self) -> None:
        with socket.create_server(self.place, backlog=1024) as listener:
            for _ in range(int(self.arguments[0])):
                if not os.fork():
                    while True:
                        sock, _ = listener.accept()
                        self.attend(Client(sock, 0))
            signal.pause()

    def answer(self, client: Client, request: Request) -> bool:
        head, body = self.call(request, keep=False)
        client.send(head + body)
        return False


if __name__ == "__main__":
    run(NeverReplaces)
