"""What is sent in pieces reaches a server in these pieces, however fast it reads and whatever carries them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import pytest
import trio
import trio.testing

from wsgi_gauntlet.harness.http import transports as module
from wsgi_gauntlet.harness.http.segmentation import Segment
from wsgi_gauntlet.harness.http.transports import far_end_watcher, send_pieces, unread_counter, wait_until_read

from ....helpers.requirements import fail_or_skip

MESSAGE = b"GET /echo HTTP/1.1\r\n"


class Peer:
    """The other end: reads what has come, and is closed."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def read(self) -> bytes:
        return os.read(self.descriptor, 4096)

    def close(self) -> None:
        os.close(self.descriptor)


async def _tcp(host: str) -> tuple[trio.abc.Stream, Peer]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        try:
            listening.bind((host, 0))
        except OSError:
            fail_or_skip(f"this machine has no {host}; enable IPv6 on the loopback interface")
        listening.listen()
        stream = await trio.open_tcp_stream(host, listening.getsockname()[1])
        theirs, _ = listening.accept()
    return stream, Peer(theirs.detach())


async def _unix(_host: str) -> tuple[trio.abc.Stream, Peer]:
    own, theirs = socket.socketpair()
    own.setblocking(False)
    return trio.SocketStream(trio.socket.from_stdlib_socket(own)), Peer(theirs.detach())


async def _pipe(_host: str) -> tuple[trio.abc.Stream, Peer]:
    reading, writing = os.pipe()
    other, unused = os.pipe()
    os.close(unused)
    stream = trio.StapledStream(trio.lowlevel.FdStream(writing), trio.lowlevel.FdStream(other))
    return stream, Peer(reading)


@pytest.mark.parametrize(
    ("made", "host"), [(_tcp, "127.0.0.1"), (_tcp, "::1"), (_unix, ""), (_pipe, "")], ids=["v4", "v6", "unix", "pipe"]
)
async def test_each_piece_is_read_alone(
    made: Callable[..., object], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_TIMEOUT_SECONDS", 30.0)
    stream, peer = await made(host)  # type: ignore[misc]
    got: list[bytes] = []

    async def serve() -> None:
        while b"".join(got) != MESSAGE:
            # The server is away now and then: a sender that does not wait would have sent all meanwhile.
            for _ in range(20):
                await trio.lowlevel.checkpoint()
            got.append(await trio.to_thread.run_sync(peer.read))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            await send_pieces(stream, [Segment(bytes([each])) for each in MESSAGE])
    assert got == [bytes([each]) for each in MESSAGE]
    peer.close()
    await stream.aclose()


async def test_a_server_that_does_not_read_gets_the_rest_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_TIMEOUT_SECONDS", 0.05)
    stream, peer = await _tcp("127.0.0.1")
    with trio.fail_after(30):
        await send_pieces(stream, [Segment(bytes([each])) for each in MESSAGE])
    assert peer.read() == MESSAGE
    peer.close()
    await stream.aclose()


async def test_a_server_that_has_closed_has_nothing_unread() -> None:
    own, theirs = socket.socketpair()
    own.setblocking(False)
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(own))
    theirs.close()
    assert await wait_until_read(unread_counter(stream))
    await stream.aclose()


async def test_where_nothing_tells_a_short_pause_stands_in() -> None:
    assert unread_counter(trio.testing.MemorySendStream()) is None  # type: ignore[arg-type]
    assert await wait_until_read(None)


async def test_the_close_of_the_server_shows_before_the_client_reads() -> None:
    stream, peer = await _tcp("127.0.0.1")
    os.write(peer.descriptor, MESSAGE)
    unclosed = far_end_watcher(stream)
    assert unclosed is not None
    assert unclosed()
    peer.close()
    with trio.fail_after(30):
        while unclosed():  # noqa: ASYNC110 - the kernel reports no event
            await trio.sleep(0.01)
    await stream.aclose()


async def test_nothing_shows_the_close_of_a_unix_socket() -> None:
    own, theirs = socket.socketpair()
    own.setblocking(False)
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(own))
    assert far_end_watcher(stream) is None
    theirs.close()
    await stream.aclose()
