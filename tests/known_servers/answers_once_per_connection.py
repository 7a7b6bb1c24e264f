"""Every K-th connection gets one answer, stays open, and gets no other.

usage: python -m known_servers.answers_once_per_connection HOST PORT K MODULE:CALLABLE
"""

from __future__ import annotations

from .correct import ClientConnection, Request, Server, run


class AnswersOncePerConnection(Server):
    def answer(self, client: ClientConnection, request: Request) -> bool:
        kept = super().answer(client, request)
        while kept and client.number % int(self.arguments[0]) == 0:
            client.read_more()  # until the client goes
        return kept


if __name__ == "__main__":
    run(AnswersOncePerConnection)
