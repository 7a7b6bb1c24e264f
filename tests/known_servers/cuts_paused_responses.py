"""Who reads nothing for SECONDS gets only what was sent so far, and then FIN, as if it were everything.

With `reset` it gets RST instead. With SECONDS above the pause nobody is cut off.

usage: python -m known_servers.cuts_paused_responses HOST PORT SECONDS fin|reset MODULE:CALLABLE
"""

from __future__ import annotations

import socket
import struct

from .correct import ClientConnection, ClientDisconnected, Request, Server, run


class CutsPausedResponses(Server):
    def answer(self, client: ClientConnection, request: Request) -> bool:
        seconds, how = self.arguments
        client.socket.settimeout(float(seconds))
        head, body = self.call_app(request)
        left = memoryview(head + body)
        while left:
            try:
                left = left[client.socket.send(left[:65536]) :]
            except TimeoutError:
                if how == "reset":
                    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            except OSError as error:
                raise ClientDisconnected from error
        client.socket.settimeout(None)
        return request.keep


if __name__ == "__main__":
    run(CutsPausedResponses)
