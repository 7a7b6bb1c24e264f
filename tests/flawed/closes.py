"""No connection is kept: `said` in each answer, or `silent`ly, behind an answer that promises to keep it.

usage: python -m flawed.closes HOST PORT said|silent MODULE:CALLABLE
"""

from __future__ import annotations

from .sound import Client, Request, Server, run


class Closes(Server):
    def answer(self, client: Client, request: Request) -> bool:
        head, body = self.call(request, keep=False if self.arguments[0] == "said" else None)
        client.send(head + body)
        return False


if __name__ == "__main__":
    run(Closes)
