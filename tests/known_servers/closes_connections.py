"""No connection is kept: `said` in each answer, or `silent`ly, behind an answer that promises to keep it.

usage: python -m known_servers.closes_connections HOST PORT said|silent MODULE:CALLABLE
"""

from __future__ import annotations

from .correct import ClientConnection, Request, Server, run


class ClosesConnections(Server):
    def answer(self, client: ClientConnection, request: Request) -> bool:
        head, body = self.call_app(request, keep=False if self.arguments[0] == "said" else None)
        client.send(head + body)
        return False


if __name__ == "__main__":
    run(ClosesConnections)
