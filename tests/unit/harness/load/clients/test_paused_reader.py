"""Readers that pause, against servers inside the test that send everything, or give up in the pause."""

from __future__ import annotations

import socket
import struct

import pytest
import trio

from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.load.clients.paused_reader import DownloadEnd, PausedReader, download_end
from wsgi_gauntlet.harness.load.clients.transfers import StreamedResponse
from wsgi_gauntlet.suites.testapp.behaviours.pages import page_blocks

from .....helpers.run_behaviour import run_behaviour
from .....helpers.tcp_server import listening

SIZE = 8_000_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE
PAUSE = 1.0
GIVE_UP = 0.1


def page() -> bytes:
    return b"".join(page_blocks(b"paused\n", SIZE))


async def whole(stream: trio.SocketStream) -> None:
    await stream.receive_some(4096)
    await stream.send_all(HEAD + page())
    await stream.receive_some(1)


async def gives_up(stream: trio.SocketStream) -> None:
    await stream.receive_some(4096)
    with trio.move_on_after(GIVE_UP):
        await stream.send_all(HEAD + page())


async def resets(stream: trio.SocketStream) -> None:
    await gives_up(stream)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def garbles(stream: trio.SocketStream) -> None:
    await stream.receive_some(4096)
    await stream.send_all(HEAD + page()[: SIZE // 2] + bytes(SIZE // 2))
    await stream.receive_some(1)


async def refuses(stream: trio.SocketStream) -> None:
    await stream.receive_some(4096)
    await stream.send_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("handler", "end", "early"),
    [
        (whole, DownloadEnd.WHOLE, False),
        (gives_up, DownloadEnd.CUT_BY_FIN, True),
        (resets, DownloadEnd.CUT_BY_RESET, True),
        (garbles, DownloadEnd.WRONG, False),
        (refuses, DownloadEnd.REFUSED, None),
    ],
)
async def test_how_a_paused_download_ends(handler: object, end: DownloadEnd, early: bool | None) -> None:
    async with listening(handler) as address, trio.open_nursery() as nursery:  # type: ignore[arg-type]
        reader = PausedReader("", "h", size=SIZE, seconds=PAUSE)
        nursery.start_soon(run_behaviour, reader, address)
        with trio.fail_after(20):
            while not reader.downloads:  # noqa: ASYNC110 - a script has no event
                await trio.sleep(0.02)
        nursery.cancel_scope.cancel()
    (found,) = reader.downloads
    assert found.end is end
    assert reader.paused == 1
    if early is not None:
        assert found.early is early
    if end is DownloadEnd.WHOLE:
        assert found.received == SIZE
    elif end is DownloadEnd.CUT_BY_FIN:
        assert 0 < found.received < SIZE


@pytest.mark.parametrize(
    ("head", "ended", "right", "end"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ConnectionState.EOF, True, DownloadEnd.CUT_BY_FIN),
        (b"HTTP/1.1 200 OK\r\n\r\n", ConnectionState.RESET, True, DownloadEnd.CUT_BY_RESET),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ConnectionState.EOF, True, DownloadEnd.CUT_BY_FIN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ConnectionState.OPEN, True, DownloadEnd.STALLED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ConnectionState.EOF, False, DownloadEnd.WRONG),
        (b"", ConnectionState.EOF, True, DownloadEnd.CUT_BY_FIN),
    ],
)
def test_a_part_is_never_the_whole(head: bytes, ended: ConnectionState, right: bool, end: DownloadEnd) -> None:
    response = StreamedResponse(lambda _data: None)
    response.feed(head + (b"paused" if head else b""))
    response.eof(ended)
    assert download_end(response, ended, 9, right=right) is end
