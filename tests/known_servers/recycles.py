"""Each worker ends after PAGES pages and another starts. Before its end it takes LOST connections and resets them.

It prints `lost` for each of them. All its other connections have had a response before it ends.

usage: python -m known_servers.recycles HOST PORT WORKERS PAGES LOST MODULE:CALLABLE
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading

from .correct import ClientConnection, ClientDisconnected, Request, Server, run


class Recycles(Server):
    pages = 0
    unanswered = 0
    lock = threading.Condition()

    def serve(self) -> None:
        workers = int(self.arguments[0])
        with socket.create_server(self.address, backlog=1024) as listener:
            listener.setblocking(False)
            for number in range(sys.maxsize):
                if number >= workers:
                    os.wait()
                if not os.fork():
                    self.work(listener)

    def work(self, listener: socket.socket) -> None:
        most, lost = map(int, self.arguments[1:])
        while self.pages < most:
            if (sock := self.next_connection(listener, 0.01)) is not None:
                with self.lock:
                    self.unanswered += 1
                self.accepted(ClientConnection(sock, 0))
        while lost and (sock := self.next_connection(listener, 1.0)) is not None:
            select.select([sock], [], [], 1.0)
            sock.close()  # with unread bytes: a reset
            sys.stdout.write("lost\n")
            sys.stdout.flush()
            lost -= 1
        with self.lock:
            self.lock.wait_for(lambda: not self.unanswered, timeout=5.0)
        os._exit(0)

    def next_connection(self, listener: socket.socket, seconds: float) -> socket.socket | None:
        """Return a connection, None if none comes in time or another worker took it."""
        if not select.select([listener], [], [], seconds)[0]:
            return None
        try:
            sock, _ = listener.accept()
        except BlockingIOError:
            return None
        sock.setblocking(True)
        return sock

    def serve_client(self, client: ClientConnection) -> None:
        waits = True
        try:
            while (request := self.read(client)) and self.answer(client, request):
                waits = waits and self.answered()
        except ClientDisconnected:
            pass
        finally:
            if waits:
                self.answered()
            client.socket.close()

    def answered(self) -> bool:
        """Count one connection as answered and return False."""
        with self.lock:
            self.unanswered -= 1
            self.lock.notify()
        return False

    def answer(self, client: ClientConnection, request: Request) -> bool:
        kept = super().answer(client, request)
        with self.lock:
            self.pages += bool(request.number)
        return kept


if __name__ == "__main__":
    run(Recycles)
