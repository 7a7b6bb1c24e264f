"""Every K-th page is lost: `never` leaves the client waiting, `cut` closes the connection in the middle of the answer.

usage: python -m known_servers.loses_pages HOST PORT K never|cut MODULE:CALLABLE
"""

from __future__ import annotations

from .correct import ClientConnection, Request, Server, run


class LosesPages(Server):
    def answer(self, client: ClientConnection, request: Request) -> bool:
        every, how = self.arguments
        if not request.number or request.number % int(every):
            return super().answer(client, request)
        if how == "never":
            while True:
                client.read_more()  # until the client goes
        head, body = self.call_app(request)
        client.send(head + body[: len(body) // 2])
        return False


if __name__ == "__main__":
    run(LosesPages)
