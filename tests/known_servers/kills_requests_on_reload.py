"""SIGHUP ends its worker at once and starts another: what is under way is lost, and nothing else, for it still listens.

Each page takes MILLISECONDS, and no connection is kept, so that no client may repeat what was cut off. At the end of
each worker it prints `cut N`, the number of pages that were under way.

usage: python -m known_servers.kills_requests_on_reload HOST PORT MILLISECONDS MODULE:CALLABLE
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
import struct
import sys
import threading
import time

from .correct import ClientConnection, Request, Server, run


class KillsRequestsOnReload(Server):
    shared = mmap.mmap(-1, 4)
    lock = threading.Lock()

    def serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        with socket.create_server(self.address, backlog=1024) as listener:
            while True:
                self.shared[:4] = struct.pack("i", 0)
                worker = os.fork()
                if not worker:
                    while True:
                        sock, _ = listener.accept()
                        self.accepted(ClientConnection(sock, 0))
                signal.sigwait({signal.SIGHUP})
                # Stopped first, so that none is answered between the counting and the end.
                os.kill(worker, signal.SIGSTOP)
                os.waitpid(worker, os.WUNTRACED)
                sys.stdout.write(f"cut {struct.unpack('i', self.shared[:4])[0]}\n")
                sys.stdout.flush()
                os.kill(worker, signal.SIGKILL)
                os.waitpid(worker, 0)

    def answer(self, client: ClientConnection, request: Request) -> bool:
        self.count(1)
        try:
            if request.number:
                time.sleep(float(self.arguments[0]) / 1000)
            head, body = self.call_app(request, keep=False)
            client.send(head + body)
        finally:
            self.count(-1)
        return False

    def count(self, more: int) -> None:
        with self.lock:
            self.shared[:4] = struct.pack("i", struct.unpack("i", self.shared[:4])[0] + more)


if __name__ == "__main__":
    run(KillsRequestsOnReload)
