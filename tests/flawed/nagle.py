"""Head and body are written apart and TCP_NODELAY is off: the body waits until the client's kernel has acknowledged.

usage: python -m flawed.nagle HOST PORT MODULE:CALLABLE
"""

from __future__ import annotations

import socket

from .sound import Client, Request, Server, run


class Nagle(Server):
    def answer(self, client: Client, request: Request) -> bool:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        head, body = self.call(request)
        client.send(head)
        client.send(body)
        return request.keep


if __name__ == "__main__":
    run(Nagle)
