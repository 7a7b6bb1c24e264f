"""Servers that run inside the test, on trio, with a behaviour that is known because it is a few lines long."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address


@dataclass
class Toy:
    """A page server. `before` runs before each answer; `turn` may change the answer's bytes."""

    before: Callable[[int], Awaitable[None]] | None = None
    turn: Callable[[int, bytes], bytes] = lambda _number, answer: answer
    keep: bool = True
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                data = await stream.receive_some(65536)
                if not data:
                    return
                buffer += data
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            self.heads.append(head)
            number = len(self.heads)
            if self.before:
                await self.before(number)
            asked = parse_qs(urlsplit(head.split()[1].decode()).query)
            size = int(asked["size"][0])
            body = (asked["n"][0].encode() + b"\n" + b"." * size)[:size]
            close = b"close" in head or not self.keep
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n" % (
                size,
                b"close" if close else b"keep-alive",
            )
            await stream.send_all(self.turn(number, answer + body))
            if close:
                return


async def quietly(toy: Toy, stream: trio.SocketStream) -> None:
    async with stream:
        try:
            await toy.serve(stream)
        except trio.BrokenResourceError:
            return


@asynccontextmanager
async def served(toy: Toy) -> AsyncIterator[Address]:
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(functools.partial(trio.serve_listeners, functools.partial(quietly, toy), listeners))
        yield Address(port=port)
        nursery.cancel_scope.cancel()


@pytest.fixture
def serving() -> Callable[..., AbstractAsyncContextManager[tuple[Address, Toy]]]:
    """`async with serving(before=..., turn=..., keep=...) as (address, toy)`: a page server with that behaviour."""

    @asynccontextmanager
    async def start(**behaviour: Any) -> AsyncIterator[tuple[Address, Toy]]:
        toy = Toy(**behaviour)
        async with served(toy) as address:
            yield address, toy

    return start
