"""A slow upload: every way in which it may end, against servers inside the test."""

from __future__ import annotations

import hashlib
import socket
import struct

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.clients.slow_upload import CHUNK_BYTES, UploadEnd, slow_upload

from .....helpers.tcp_server import Handler, listening

PIECES = 3
LASTING = 0.3


async def whole(stream: trio.SocketStream) -> bytes:
    """Read the request to its end and return the body."""
    got = b""
    while b"\r\n\r\n" not in got or len(got.partition(b"\r\n\r\n")[2]) < PIECES * CHUNK_BYTES:
        got += await stream.receive_some(4096)
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"POST /sink " in head
    assert b"Content-Length: %d\r\n" % (PIECES * CHUNK_BYTES) in head
    return body


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


async def right(stream: trio.SocketStream) -> None:
    body = await whole(stream)
    await stream.send_all(answer(f"{len(body)} {hashlib.sha256(body).hexdigest()}\n".encode()))


async def wrong(stream: trio.SocketStream) -> None:
    await whole(stream)
    await stream.send_all(answer(b"12 abc\n"))


async def early(stream: trio.SocketStream) -> None:
    await stream.receive_some(100)
    await stream.send_all(answer(b"", b"503 Service Unavailable"))
    await whole(stream)


async def closed(stream: trio.SocketStream) -> None:
    await whole(stream)


async def half(stream: trio.SocketStream) -> None:
    await whole(stream)
    await stream.send_all(answer(b"1536 beginning")[:-3])


async def reset(stream: trio.SocketStream) -> None:
    await stream.receive_some(100)
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()  # without the FIN that a stream's own close sends first


async def mute(stream: trio.SocketStream) -> None:
    await whole(stream)
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("handler", "end", "status"),
    [
        (right, UploadEnd.SURVIVED, 200),
        (wrong, UploadEnd.WRONG, 200),
        (early, UploadEnd.ANSWERED, 503),
        (closed, UploadEnd.CLOSED, 0),
        (half, UploadEnd.CLOSED, 200),
        (reset, UploadEnd.RESET, 0),
        (mute, UploadEnd.UNANSWERED, 0),
    ],
)
async def test_every_end(handler: Handler, end: UploadEnd, status: int) -> None:
    async with listening(handler) as address:
        found = await slow_upload(address, "", LASTING, patience=30 if handler is not mute else 0.2)
    assert (found.end, found.status) == (end, status)
    assert found.after < 30
    assert found.end.value in found.description
    assert ("with 503" in found.description) is (status == 503)


async def test_refused(folder_of_no_server: Address) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(slow_upload, folder_of_no_server, "", LASTING)
        nursery.cancel_scope.cancel()
    assert (await slow_upload(folder_of_no_server, "", LASTING)).end is UploadEnd.REFUSED


@pytest.fixture
def folder_of_no_server(tmp_path: object) -> Address:
    return Address(path=f"{tmp_path}/none")


async def test_it_has_started_once_its_first_piece_is_out() -> None:
    seen = trio.Event()

    async def look(stream: trio.SocketStream) -> None:
        got = b""
        while b"slow" not in got:
            got += await stream.receive_some(4096)
        seen.set()
        await trio.sleep_forever()

    async with listening(look) as address, trio.open_nursery() as nursery:
        await nursery.start(slow_upload, address, "", 60.0)
        with trio.fail_after(20):
            await seen.wait()
        nursery.cancel_scope.cancel()
