"""Slow clients against servers inside the test: what arrives, how slowly, and how each end is distinguished."""

import socket

import pytest
import trio

from wsgi_gauntlet.harness.load.clients.behaviours import (
    BadWifi,
    ClientBehaviour,
    PartialRequestLine,
    SilentConnection,
    SlowHeaderBytes,
    SlowHeaderLines,
    SlowReader,
)
from wsgi_gauntlet.harness.load.clients.slow_connection import ServerDisconnected

from .....helpers.run_behaviour import run_behaviour
from .....helpers.tcp_server import Handler, listening


def reset(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


async def dropped(handler: Handler, behaviour: ClientBehaviour) -> ServerDisconnected:
    """Return how a server with this `handler` disconnects a client."""
    async with listening(handler) as address:
        end = (await run_behaviour(behaviour, address)).end
    assert isinstance(end, ServerDisconnected)
    return end


HEAD = SlowHeaderBytes("/page", "127.0.0.1:1", 0.01)


async def test_a_head_comes_a_byte_at_a_time_and_never_ends() -> None:
    got: list[bytes] = []

    async def handler(stream: trio.SocketStream) -> None:
        while len(got) < 12:
            got.append(await stream.receive_some(4096))

    await dropped(handler, HEAD)
    assert b"".join(got).startswith(b"GET /page ")
    # Nothing but the machine's own pauses can have put two of them together.
    assert sum(len(each) == 1 for each in got) >= 6


async def test_a_head_comes_a_line_at_a_time_and_is_a_good_request() -> None:
    got: list[bytes] = []

    async def handler(stream: trio.SocketStream) -> None:
        while len(got) < 6:
            got.append(await stream.receive_some(4096))

    await dropped(handler, SlowHeaderLines("/page", "host:1", 0.01))
    lines = b"".join(got).split(b"\r\n")
    assert lines[:3] == [b"GET /page HTTP/1.1", b"Host: host:1", b"X-Slow-1: patience"]
    assert b"" not in lines[:-1]
    assert sum(each.count(b"\r\n") == 1 for each in got) >= 3


@pytest.mark.parametrize(("behaviour", "first"), [(SilentConnection(), b""), (PartialRequestLine("/", "h"), b"G")])
async def test_who_says_next_to_nothing(behaviour: ClientBehaviour, first: bytes) -> None:
    got: list[bytes] = []

    async def handler(stream: trio.SocketStream) -> None:
        while len(got) < len(first):
            got.append(await stream.receive_some(1))
        with trio.move_on_after(0.2):
            got.append(await stream.receive_some(4096))

    assert (await dropped(handler, behaviour)).how == "FIN"
    assert b"".join(got) == first


@pytest.mark.parametrize(
    ("answer", "how", "said"),
    [
        (b"HTTP/1.1 408 Request Timeout\r\n\r\n", "408", 408),
        (b"HTTP/1.0 400 Bad Request\r\n\r\n", "FIN", 400),
        (b"", "FIN", 0),
        (b"nonsense", "FIN", 0),
    ],
)
async def test_the_ways_of_disconnecting_a_client_are_distinguished(answer: bytes, how: str, said: int) -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)
        if answer:
            await stream.send_all(answer)

    end = await dropped(handler, SlowHeaderBytes("/", "h", 60))
    assert (end.how, end.status) == (how, said)


async def test_a_reset_is_a_reset() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)
        reset(stream)

    assert (await dropped(handler, HEAD)).how == "RST"


async def test_a_reader_with_a_shut_window_stops_its_server() -> None:
    sent = 0
    stuck = trio.Event()

    async def handler(stream: trio.SocketStream) -> None:
        nonlocal sent
        await stream.receive_some(4096)
        while True:
            with trio.move_on_after(0.5) as patience:
                await stream.send_all(b"x" * 1000)
            if patience.cancelled_caught:
                break
            sent += 1000
        stuck.set()
        reset(stream)

    end = await dropped(handler, SlowReader("/page?size=1000000", "h", interval=0.05))
    assert stuck.is_set()
    # Less than the answer of the smoke run: the server's side cannot put it into the kernel's buffers.
    assert sent < 500_000
    assert end.how == "RST"


async def test_a_reader_notices_an_orderly_end() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)

    assert (await dropped(handler, SlowReader("/", "h", interval=0.01))).how == "FIN"


def answer(size: int, close: bool) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: {'close' if close else 'keep-alive'}\r\n\r\n"
    return head.encode() + b"x" * size


@pytest.mark.parametrize("close", [True, False])
async def test_a_phone_opens_page_after_page_and_keeps_a_spare_connection(close: bool) -> None:
    heads: list[bytes] = []
    silent = 0
    enough = trio.Event()

    async def handler(stream: trio.SocketStream) -> None:
        nonlocal silent
        while True:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = await stream.receive_some(4096)
                if not piece:
                    silent += not head
                    return
                head += piece
            heads.append(head)
            if len(heads) == 3:
                enough.set()
                reset(stream)
                return
            await stream.send_all(answer(300, close))
            if close:
                return

    phone = BadWifi("/page", "h", head_segments=3, pause=0.01, bytes_per_second=100_000, think_time=0.01)
    async with listening(handler) as address:
        behaviour_run = await run_behaviour(phone, address)
        assert isinstance(behaviour_run.end, ServerDisconnected)
        # One spare connection; and one for each page, or one for all.
        assert len(behaviour_run.connections) == (4 if close else 2)
    assert enough.is_set()
    assert all(head.startswith(b"GET /page HTTP/1.1\r\nHost: h\r\n") for head in heads)


async def test_a_phone_whose_page_breaks_off_was_dropped() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive_some(4096) or b"\r\n\r\n"
        await stream.send_all(answer(300, close=True)[:-1])

    end = await dropped(
        handler, BadWifi("/", "h", head_segments=2, pause=0, bytes_per_second=100_000, preconnect=False)
    )
    assert end.how == "FIN"
