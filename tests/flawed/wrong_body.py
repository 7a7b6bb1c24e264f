"""Every K-th page has the right status and the right length, and begins as another user's does.

usage: python -m flawed.wrong_body HOST PORT K MODULE:CALLABLE
"""

from __future__ import annotations

from .sound import Client, Request, Server, run

OTHERS = b"somebody else's"


class WrongBody(Server):
    def answer(self, client: Client, request: Request) -> bool:
        if not request.number or request.number % int(self.arguments[0]):
            return super().answer(client, request)
        head, body = self.call(request)
        client.send(head + (OTHERS + body[len(OTHERS) :])[: len(body)])
        return request.keep


if __name__ == "__main__":
    run(WrongBody)
