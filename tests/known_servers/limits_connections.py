"""CONNECTIONS at most are open at a time; who comes beyond that waits in the backlog until one has gone.

usage: python -m known_servers.limits_connections HOST PORT CONNECTIONS MODULE:CALLABLE
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .correct import ClientConnection, Server, run


class LimitsConnections(Server):
    def __init__(self, host: str, port: int, application: Callable[..., Any], arguments: list[str]) -> None:
        super().__init__(host, port, application, arguments)
        self.free = threading.Semaphore(int(arguments[0]))

    def accepted(self, client: ClientConnection) -> None:
        self.free.acquire()
        super().accepted(client)

    def serve_client(self, client: ClientConnection) -> None:
        try:
            super().serve_client(client)
        finally:
            self.free.release()


if __name__ == "__main__":
    run(LimitsConnections)
