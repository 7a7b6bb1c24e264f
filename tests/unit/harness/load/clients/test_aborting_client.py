"""Aborting clients against a server inside the test: what it receives, and how each connection ends."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.clients.aborting_client import DECLARED_BODY_BYTES, AbortingClient, AbortPoint
from wsgi_gauntlet.harness.load.clients.slow_connection import ServerDisconnected

from .....helpers.run_behaviour import run_behaviour
from .....helpers.tcp_server import listening

SIZE = 400_000


@asynccontextmanager
async def serving(answer: bytes, got: list[tuple[bytes, str]]) -> AsyncIterator[Address]:
    """Notes of each connection what came and how it ended; a GET is answered once its head is there."""

    async def handle(stream: trio.SocketStream) -> None:
        data, end = b"", "FIN"
        async with stream:
            try:
                while piece := await stream.receive_some(65536):
                    data += piece
                    if data.startswith(b"GET") and data.endswith(b"\r\n\r\n"):
                        await stream.send_all(answer)
            except trio.BrokenResourceError:
                end = "RST"
        got.append((data, end))

    async with listening(handle) as address:
        yield address


def right(size: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)


async def until(done: Callable[[], bool]) -> None:
    with trio.fail_after(10):
        while not done():  # noqa: ASYNC110 - there is no event for the server's side
            await trio.sleep(0.01)


async def aborted(client: AbortingClient, answer: bytes, count: int) -> list[tuple[bytes, str]]:
    """Return what the server received, once `count` clients aborted."""
    got: list[tuple[bytes, str]] = []
    async with serving(answer, got) as address, trio.open_nursery() as nursery:
        nursery.start_soon(run_behaviour, client, address)
        await until(lambda: len(got) == count)
        nursery.cancel_scope.cancel()
    return got


async def test_they_abort_at_each_point_in_turn() -> None:
    client = AbortingClient("/mount", "h", tuple(AbortPoint), interval=0.001, size=SIZE, max_aborts=4)
    got = await aborted(client, right(SIZE), 4)
    assert client.aborted == {AbortPoint.HEAD: 2, AbortPoint.BODY: 1, AbortPoint.RESPONSE: 1}
    assert client.body_started == 1
    head, body, answer, again = got
    assert head[0].startswith(b"GET /mount/page?n=gone HTTP/1.1\r\nHost: h\r\n")
    assert b"\r\n\r\n" not in head[0]
    assert len(body[0].partition(b"\r\n\r\n")[2]) == DECLARED_BODY_BYTES // 2
    assert b"Content-Length: 8000\r\n" in body[0]
    assert answer[0].startswith(b"GET /mount/counted-page?n=gone&size=400000 ")
    assert again[0] == head[0]
    assert {end for _, end in got} == {"RST"}


async def test_an_early_end_by_the_server_does_not_count() -> None:
    client = AbortingClient("", "h", (AbortPoint.RESPONSE,), interval=0, size=SIZE, max_aborts=1)
    got: list[tuple[bytes, str]] = []
    async with serving(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", got) as address:
        behaviour_run = await run_behaviour(client, address)
    assert isinstance(behaviour_run.end, ServerDisconnected)
    assert not client.aborted
    assert client.body_started == 0


def test_an_abort_point_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="head, body or response"):
        AbortingClient("", "h", (), interval=1, size=1)
