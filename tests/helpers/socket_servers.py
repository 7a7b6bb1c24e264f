"""Small servers that do exactly what a test of the generators needs."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.workload import VerifiedRequest

REQUEST = b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b"what every response must have"
PAGE = VerifiedRequest(REQUEST, BODY)

Behaviour = Callable[[socket.socket, int], None]
"""What a server does with its n-th connection (from 0); it returns to have the connection closed."""


def answer(body: bytes = BODY, head: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, head, len(body), body)


def requests(conn: socket.socket) -> Iterator[bytes]:
    """Yield each whole request without a body that comes, until the client goes."""
    data = b""
    while True:
        head, end, rest = data.partition(b"\r\n\r\n")
        if end:
            data = rest
            yield head + end
        elif piece := conn.recv(65536):
            data += piece
        else:
            return


def always(*pieces: bytes) -> Behaviour:
    """Answer every request with `pieces`, each in a segment of its own."""

    def behave(conn: socket.socket, _number: int) -> None:
        for _ in requests(conn):
            for piece in pieces:
                conn.sendall(piece)

    return behave


def silent(conn: socket.socket, _number: int) -> None:
    """Read every request and answer none."""
    for _ in requests(conn):
        pass


def once(data: bytes) -> Behaviour:
    """Send `data` for the first request of a connection and close it."""

    def behave(conn: socket.socket, _number: int) -> None:
        next(requests(conn))
        conn.sendall(data)

    return behave


@contextmanager
def serving(behave: Behaviour, path: Path | None = None) -> Iterator[Address]:
    """Serve on the loopback interface, or at the Unix socket `path`, with a thread for each connection."""
    listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    listener.bind(str(path) if path else ("127.0.0.1", 0))
    listener.listen(128)
    open_ones: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def handle(conn: socket.socket, number: int) -> None:
        with conn:
            try:
                if not path:
                    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                behave(conn, number)
            except (OSError, StopIteration):
                pass  # the generator closed its connections at its end

    def accept() -> None:
        for number in itertools.count():
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            open_ones.append(conn)
            threads.append(threading.Thread(target=handle, args=(conn, number)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield Address(path=str(path)) if path else Address(port=listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        acceptor.join()
        listener.close()
        for conn in open_ones:
            with suppress(OSError):  # closed already
                conn.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


Enough = Callable[[GeneratorResult], bool]
"""Returns whether so much happened that a test can judge it."""


def any_request(found: GeneratorResult) -> bool:
    return found.requests > 0


async def measure_closed_loop(
    address: Address, page: VerifiedRequest, options: LoopOptions, seconds: float, enough: Enough = any_request
) -> GeneratorResult:
    """Run a closed loop, for ten times as long if the machine was stopped and too little happened for the test."""
    for longer in (1, 10, 100):
        found = await closed_loop(address, page, options, seconds * longer)
        if enough(found):
            break
    return found


async def closed(
    behave: Behaviour, *, clients: int = 2, seconds: float = 0.15, timeout: float = 5.0, enough: Enough = any_request
) -> GeneratorResult:
    with serving(behave) as address:
        return await measure_closed_loop(address, PAGE, LoopOptions(clients, timeout), seconds, enough)
