"""Every K-th page has the right status and the right length, and begins as another user's does.

usage: python -m known_servers.corrupts_pages HOST PORT K MODULE:CALLABLE
"""

from __future__ import annotations

from .correct import ClientConnection, Request, Server, run

WRONG_BODY = b"somebody else's"


class CorruptsPages(Server):
    def answer(self, client: ClientConnection, request: Request) -> bool:
        if not request.number or request.number % int(self.arguments[0]):
            return super().answer(client, request)
        head, body = self.call_app(request)
        client.send(head + (WRONG_BODY + body[len(WRONG_BODY) :])[: len(body)])
        return request.keep


if __name__ == "__main__":
    run(CorruptsPages)
