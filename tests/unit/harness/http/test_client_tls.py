"""TLS of clients with a non-blocking socket, against a server of TLS in another thread."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from select import POLLIN, POLLOUT, poll

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.client_tls import TlsFailed, TlsSocket, client_hello
from wsgi_gauntlet.harness.http.http_connection import HttpConnection, has_input
from wsgi_gauntlet.harness.server.certificates import identity_files, write_identity_files

BIG = b"0123456789abcdef" * 100_000
PATIENCE_MS = 10_000

Serve = Callable[[ssl.SSLSocket], None]


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    files = identity_files(tmp_path)
    write_identity_files(files)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(files.certificate, files.key)
    return made


@contextmanager
def served(context: ssl.SSLContext, serve: Serve) -> Iterator[Address]:
    """Serve one connection after another in a thread, until the end of the block."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as secure:
                    serve(secure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield Address(port=listener.getsockname()[1], tls=True)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@contextmanager
def connected(address: Address) -> Iterator[TlsSocket]:
    plain = socket.create_connection((address.host, address.port))
    plain.setblocking(False)
    with TlsSocket(plain, address) as tls:
        yield tls


def wait(tls: TlsSocket, call: Callable[[], bytes | int | None]) -> bytes | int | None:
    """Return the result of `call`, repeated until it need not wait."""
    while True:
        try:
            return call()
        except BlockingIOError:
            watch = poll()
            watch.register(tls.fileno(), POLLOUT if tls.wants_write else POLLIN)
            assert watch.poll(PATIENCE_MS)


def read_all(tls: TlsSocket, size: int) -> bytes:
    got = b""
    while piece := wait(tls, lambda: tls.recv(size)):
        assert isinstance(piece, bytes)
        got += piece
    return got


def echo(secure: ssl.SSLSocket) -> None:
    while data := secure.recv(65536):
        secure.sendall(data)


def test_bytes_arrive_in_both_directions_and_a_peek_takes_none(context: ssl.SSLContext) -> None:
    with served(context, echo) as address, connected(address) as tls:
        wait(tls, tls.handshake)
        assert wait(tls, lambda: tls.send(b"hello")) == 5
        assert wait(tls, lambda: tls.recv(1, socket.MSG_PEEK)) == b"h"
        assert wait(tls, lambda: tls.recv(2)) == b"he"
        assert tls.recv(100) == b"llo"
        with pytest.raises(BlockingIOError):
            tls.recv(1)
        assert not tls.wants_write


def test_more_than_the_buffers_hold_is_sent_whole(context: ssl.SSLContext) -> None:
    received: list[bytes] = []

    def take(secure: ssl.SSLSocket) -> None:
        left = len(BIG)
        while left:
            received.append(secure.recv(65536))
            left -= len(received[-1])

    with served(context, take) as address, connected(address) as tls:
        assert wait(tls, lambda: tls.send(BIG)) == len(BIG)
        assert read_all(tls, 100) == b""
    assert b"".join(received) == BIG


def test_the_end_is_seen_with_and_without_an_alert(context: ssl.SSLContext) -> None:
    def with_alert(secure: ssl.SSLSocket) -> None:
        secure.sendall(b"x")
        with contextlib.suppress(OSError):
            secure.unwrap()

    def without_alert(secure: ssl.SSLSocket) -> None:
        secure.sendall(b"x")

    for serve in (with_alert, without_alert):
        with served(context, serve) as address, connected(address) as tls:
            assert read_all(tls, 100) == b"x"


def test_all_that_arrived_is_there_at_once(context: ssl.SSLContext) -> None:
    with served(context, lambda secure: secure.sendall(BIG)) as address, connected(address) as tls:
        got = b""
        while piece := wait(tls, tls.recv_available):
            assert isinstance(piece, bytes)
            got += piece
    assert got == BIG


def test_a_client_sends_the_alert_when_it_closes(context: ssl.SSLContext) -> None:
    ends: list[str] = []

    def listen(secure: ssl.SSLSocket) -> None:
        secure.suppress_ragged_eofs = False  # type: ignore[attr-defined]  # it is an attribute of ssl.SSLSocket
        try:
            secure.recv(1)
        except ssl.SSLEOFError:
            ends.append("no alert")
        else:
            ends.append("alert")

    with served(context, listen) as address, connected(address) as tls:
        wait(tls, tls.handshake)
    assert ends == ["alert"]


def test_a_server_without_tls_is_no_mystery() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(port=listener.getsockname()[1], tls=True)
        for answer, words in ((b"HTTP/1.1 400 Bad Request\r\n\r\n", "TLS: "), (b"", "ended within the handshake")):
            with connected(address) as tls:
                plain, _ = listener.accept()
                with pytest.raises(BlockingIOError):
                    tls.handshake()
                plain.recv(4096)
                plain.sendall(answer)
                plain.close()
                with pytest.raises(TlsFailed, match=words):
                    wait(tls, tls.handshake)


def test_the_first_message_of_a_handshake() -> None:
    hello = client_hello(Address(port=1, tls=True))
    assert hello[0] == 22  # a record of the handshake (RFC 8446, 5.1)
    assert len(hello) > 100


async def test_a_session_ticket_is_no_input(context: ssl.SSLContext) -> None:
    def answer(secure: ssl.SSLSocket) -> None:
        while secure.recv(65536):
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with served(context, answer) as address:
        connection = await HttpConnection.open(address)
        # The tickets of TLS 1.3 arrive before the first response, and make the socket readable.
        assert not has_input(connection._sock)
        for _ in range(2):
            response = await connection.send_request(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (response.status, response.body) == (200, b"ok")
            assert connection.is_idle
        connection.close()


async def test_a_failed_handshake_closes_the_socket() -> None:
    async def plain(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, plain, listeners)
        with pytest.raises(TlsFailed):
            await HttpConnection.open(Address(port=listeners[0].socket.getsockname()[1], tls=True))
        nursery.cancel_scope.cancel()
