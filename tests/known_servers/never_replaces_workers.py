"""WORKERS processes serve from one queue, a request at a time; one that has died is never replaced.

usage: python -m known_servers.never_replaces_workers HOST PORT WORKERS MODULE:CALLABLE
"""

from __future__ import annotations

import os
import signal
import socket

from .correct import ClientConnection, Request, Server, run


class NeverReplacesWorkers(Server):
    def serve(self) -> None:
        with socket.create_server(self.address, backlog=1024) as listener:
            for _ in range(int(self.arguments[0])):
                if not os.fork():
                    while True:
                        sock, _ = listener.accept()
                        self.serve_client(ClientConnection(sock, 0))
            signal.pause()

    def answer(self, client: ClientConnection, request: Request) -> bool:
        head, body = self.call_app(request, keep=False)
        client.send(head + body)
        return False


if __name__ == "__main__":
    run(NeverReplacesWorkers)
