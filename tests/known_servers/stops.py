"""What SIGTERM does is known by its argument HOW:

    finishes         no new connection, every request that has begun is answered, idle connections are closed, the end
    drops            the end at once
    never            as `finishes`, and then it runs on
    waits-for-idle   as `finishes`, but it waits until clients have closed their idle connections

usage: python -m known_servers.stops HOST PORT HOW MODULE:CALLABLE
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time

from .correct import ClientConnection, ClientDisconnected, Server, run


class Stops(Server):
    lock = threading.Lock()
    stopping = threading.Event()

    def serve(self) -> None:
        (how,) = self.arguments
        self.busy: set[ClientConnection] = set()
        self.idle: set[ClientConnection] = set()
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0) if how == "drops" else self.stopping.set())
        signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))
        with socket.create_server(self.address, backlog=1024) as listener:
            listener.settimeout(0.01)
            while not self.stopping.is_set():
                try:
                    sock, _ = listener.accept()
                except TimeoutError:
                    continue
                sock.setblocking(True)
                client = ClientConnection(sock, 0)
                with self.lock:
                    self.busy.add(client)
                self.accepted(client)
        while self.busy or (how == "waits-for-idle" and self.idle):
            time.sleep(0.01)
        with self.lock:
            for each in self.idle:
                each.socket.shutdown(socket.SHUT_RDWR)
        while how == "never":
            time.sleep(1)
        sys.stdout.flush()
        os._exit(0)

    def serve_client(self, client: ClientConnection) -> None:
        try:
            while (request := self.read(client)) and self.busy_answer(client, request):
                pass
        except (ClientDisconnected, OSError):
            pass
        finally:
            with self.lock:
                self.busy.discard(client)
                self.idle.discard(client)
            client.socket.close()

    def busy_answer(self, client: ClientConnection, request: object) -> bool:
        with self.lock:
            self.idle.discard(client)
            self.busy.add(client)
        kept = self.answer(client, request)  # type: ignore[arg-type]
        with self.lock:
            self.busy.discard(client)
            if kept:
                self.idle.add(client)
        return kept


if __name__ == "__main__":
    run(Stops)
