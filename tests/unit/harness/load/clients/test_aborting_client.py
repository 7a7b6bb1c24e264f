"""Aborting clients against a server inside the test: what it receives, and how each connection ends."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.client_tls import client_hello
from wsgi_gauntlet.harness.load.clients.aborting_client import (
    DECLARED_BODY_BYTES,
    AbortingClient,
    AbortPoint,
    abort_points,
)
from wsgi_gauntlet.harness.load.clients.slow_connection import ServerDisconnected

from .....helpers.run_behaviour import run_behaviour
from .....helpers.tcp_server import listening

SIZE = 400_000

SERVER = Address(path="/socket")
"""Only its authority matters."""


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
    client = AbortingClient("/mount", SERVER, abort_points(SERVER), interval=0.001, size=SIZE, max_aborts=6)
    got = await aborted(client, right(SIZE), 6)
    assert client.aborted == {
        AbortPoint.CONNECT: 2,
        AbortPoint.HEAD: 1,
        AbortPoint.BODY: 1,
        AbortPoint.REQUEST: 1,
        AbortPoint.RESPONSE: 1,
    }
    assert client.body_started == 1
    nothing, head, body, request, answer, again = got
    assert nothing == again == (b"", "RST")
    # The kernel drops bytes that were not read before the reset.
    assert b"GET /mount/page?n=gone HTTP/1.1\r\n".startswith(request[0][:20])
    assert head[0].startswith(b"GET /mount/page?n=gone HTTP/1.1\r\nHost: localhost\r\n")
    assert b"\r\n\r\n" not in head[0]
    assert len(body[0].partition(b"\r\n\r\n")[2]) == DECLARED_BODY_BYTES // 2
    assert b"Content-Length: 8000\r\n" in body[0]
    assert answer[0].startswith(b"GET /mount/counted-page?n=gone&size=400000 ")
    assert {end for _, end in got} == {"RST"}


async def test_an_early_end_by_the_server_does_not_count() -> None:
    client = AbortingClient("", SERVER, (AbortPoint.RESPONSE,), interval=0, size=SIZE, max_aborts=1)
    got: list[tuple[bytes, str]] = []
    async with serving(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", got) as address:
        behaviour_run = await run_behaviour(client, address)
    assert isinstance(behaviour_run.end, ServerDisconnected)
    assert not client.aborted
    assert client.body_started == 0


def test_an_abort_point_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="handshake, connect, head, body, request, response"):
        AbortingClient("", SERVER, (), interval=1, size=1)


def test_only_tls_has_a_handshake() -> None:
    assert AbortPoint.HANDSHAKE not in abort_points(Address())
    assert abort_points(Address(tls=True)) == tuple(AbortPoint)
    assert [each.where for each in AbortPoint] == [
        "in the handshake",
        "after the connect",
        "in the head",
        "in the body",
        "right after the request",
        "in the response",
    ]


async def test_they_go_on_when_more_aborts_are_allowed() -> None:
    client = AbortingClient("", SERVER, (AbortPoint.HEAD,), interval=0, size=SIZE, max_aborts=1)
    got: list[tuple[bytes, str]] = []
    async with serving(right(SIZE), got) as address, trio.open_nursery() as nursery:
        nursery.start_soon(run_behaviour, client, address)
        await until(lambda: len(got) == 1)
        client.max_aborts = 3
        await until(lambda: len(got) == 3)
        nursery.cancel_scope.cancel()
    assert client.aborted == {AbortPoint.HEAD: 3}


async def test_half_of_the_first_message_is_all_of_a_handshake() -> None:
    got: list[tuple[bytes, str]] = []
    async with serving(b"", got) as address, trio.open_nursery() as nursery:
        secure = replace(address, tls=True)
        client = AbortingClient("", secure, (AbortPoint.HANDSHAKE,), interval=0, size=SIZE, max_aborts=1)
        nursery.start_soon(run_behaviour, client, secure)
        await until(lambda: len(got) == 1)
        nursery.cancel_scope.cancel()
    (sent, end), size = got[0], len(client_hello(secure))
    assert end == "RST"
    assert sent[0] == 22  # a record of the handshake (RFC 8446, 5.1)
    assert len(sent) == size // 2
