"""Every K-th page is lost: `never` leaves the client waiting, `cut` closes the connection in the middle of the answer.

usage: python -m flawed.loses HOST PORT K never|cut MODULE:CALLABLE
"""

from __future__ import annotations

from .sound import Client, Request, Server, run


class Loses(Server):
    def answer(self, client: Client, request: Request) -> bool:
        every, how = self.arguments
        if not request.number or request.number % int(every):
            return super().answer(client, request)
        if how == "never":
            while True:
                client.more()  # until the client goes
        head, body = self.call(request)
        client.send(head + body[: len(body) // 2])
        return False


if __name__ == "__main__":
    run(Loses)
