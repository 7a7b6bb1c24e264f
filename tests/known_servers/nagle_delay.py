"""Head and body are written apart and TCP_NODELAY is off: the body waits until the client's kernel has acknowledged.

usage: python -m known_servers.nagle_delay HOST PORT MODULE:CALLABLE
"""

from __future__ import annotations

import socket

from .correct import ClientConnection, Request, Server, run


class NagleDelay(Server):
    def answer(self, client: ClientConnection, request: Request) -> bool:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        head, body = self.call_app(request)
        client.send(head)
        client.send(body)
        return request.keep


if __name__ == "__main__":
    run(NagleDelay)
