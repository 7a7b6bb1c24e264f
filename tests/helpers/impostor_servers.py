"""Servers that take the place of a target, and count what reaches them."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from wsgi_gauntlet.harness.server.remote.proof import expected_proof

ResponseFunction = Callable[[bytes], bytes | None]
"""What a stranger answers to the head of a request; None for nothing, for ever."""


def page(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def silent(_head: bytes) -> None:
    """Take what comes and say nothing."""


def friendly(_head: bytes) -> bytes:
    """Answer whatever comes with 200."""
    return page(b"ok\n")


def copying(head: bytes) -> bytes:
    """Give the pages of the reference app, and the proof of an earlier challenge."""
    if b"/proof?" in head:
        return page(b"wsgi-gauntlet proof %b\n" % expected_proof("0" * 64, "open-sesame").encode())
    return _right_page(head)


def of_another_token(head: bytes) -> bytes:
    """Be the reference app, with another token."""
    asked = re.search(rb"/proof\?c=([0-9a-f]{64}) ", head)
    if asked:
        return page(b"wsgi-gauntlet proof %b\n" % expected_proof(asked[1].decode(), "another").encode())
    return _right_page(head)


def _right_page(head: bytes) -> bytes:
    asked = re.search(rb"/page\?n=([^&]*)&size=(\d+)", head)
    if asked is None:
        return page(b"ok\n")
    size = int(asked[2])
    return page((asked[1] + b"\n").ljust(size, b".")[:size])


@dataclass
class ImpostorServer:
    """How many connections and whole heads reached it, and when the last thing did (time.monotonic)."""

    respond: ResponseFunction
    connections: int = 0
    heads: int = 0
    began: float = 0.0
    last: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def heard(self, *, connections: int = 0, heads: int = 0) -> None:
        with self.lock:
            self.connections += connections
            self.heads += heads
            self.last = time.monotonic()

    def serve(self, conn: socket.socket) -> None:
        self.heard(connections=1)
        data = b""
        with conn, suppress(OSError):
            while piece := conn.recv(65536):
                data += piece
                self.heard()
                while b"\r\n\r\n" in data:
                    head, _, data = data.partition(b"\r\n\r\n")
                    self.heard(heads=1)
                    if (said := self.respond(head)) is not None:
                        conn.sendall(said)


@contextmanager
def listening(stranger: ImpostorServer, where: tuple[str, int] | Path) -> Iterator[None]:
    """Let `stranger` serve at `where`, which the server before it has just left."""
    if isinstance(where, Path):
        where.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(where))
        listener.listen(1024)
    else:
        listener = socket.create_server(where, backlog=1024)
    stranger.began = stranger.last = time.monotonic()

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=stranger.serve, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
