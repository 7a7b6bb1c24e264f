"""Idle keep-alive clients, and mixes of several kinds of client."""

from collections import Counter

import pytest
import trio

from wsgi_gauntlet.harness.load.clients.behaviours import (
    ClientBehaviour,
    ClientMix,
    IdleKeepAliveClient,
    PartialRequestLine,
    SilentConnection,
)
from wsgi_gauntlet.harness.load.clients.slow_body import SlowBody
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool

from .....helpers.tcp_server import Handler, listening
from .test_behaviours import answer, dropped, reset
from .test_slow_body import head_of

IDLE = IdleKeepAliveClient("/page?n=idle", "host:1")


async def test_one_request_and_then_silence() -> None:
    more: list[bytes] = []

    async def handler(stream: trio.SocketStream) -> None:
        head, _ = await head_of(stream)
        assert head.startswith(b"GET /page?n=idle HTTP/1.1\r\n")
        assert b"\r\nConnection: keep-alive\r\n" in head
        await stream.send_all(answer(100, close=False))
        with trio.move_on_after(0.2):
            more.append(await stream.receive_some(100))

    assert (await dropped(handler, IDLE)).how == "FIN"
    assert more == []


async def test_those_that_sit_are_counted_while_they_do() -> None:
    """One that the server closes comes back, and is one all the same."""
    sitting = 0
    seen: list[int] = []
    thrice = trio.Event()

    def sits(more: int) -> None:
        nonlocal sitting
        sitting += more
        seen.append(sitting)
        if len(seen) == 6:
            thrice.set()

    async def handler(stream: trio.SocketStream) -> None:
        await head_of(stream)
        await stream.send_all(answer(10, close=False))

    client = IdleKeepAliveClient("/", "h", sits)
    async with listening(handler) as address, trio.open_nursery() as nursery:
        await SlowClientPool(address, client, nursery, per_second=1000).scale_to(1)
        with trio.fail_after(30):
            await thrice.wait()
        nursery.cancel_scope.cancel()
    assert seen[:6] == [1, 0, 1, 0, 1, 0]


async def test_who_keeps_no_connection_has_dropped_it_with_the_answer() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await head_of(stream)
        await stream.send_all(answer(100, close=True))
        await stream.receive_some(100)  # it is the client that closes

    end = await dropped(handler, IDLE)
    assert (end.how, end.status) == ("FIN", 200)


async def breaks_off(stream: trio.SocketStream) -> None:
    await head_of(stream)
    await stream.send_all(answer(100, close=False)[:-1])
    reset(stream)


async def says_nothing(stream: trio.SocketStream) -> None:
    await head_of(stream)


@pytest.mark.parametrize(("handler", "how"), [(breaks_off, "RST"), (says_nothing, "FIN")])
async def test_an_answer_that_never_is_whole(handler: Handler, how: str) -> None:
    assert (await dropped(handler, IDLE)).how == how


def test_a_client_stays_of_its_kind() -> None:
    kinds: list[ClientBehaviour] = [IDLE, SilentConnection(), PartialRequestLine("/", "h")]
    mixture = ClientMix(kinds)
    assert [mixture.behaviour_of(number) for number in range(7)] == [*kinds, *kinds, IDLE]


async def test_a_pool_has_equal_parts_however_often_some_are_disconnected() -> None:
    """A kind that is dropped at once is there no more often than one that is borne."""
    firsts: Counter[bytes] = Counter()
    back = trio.Event()

    async def handler(stream: trio.SocketStream) -> None:
        first = (await stream.receive_some(1))[:1]
        firsts[first] += 1
        if firsts[b"G"] == 12:  # those that were dropped have come back
            back.set()
        if first == b"P":
            await trio.sleep_forever()

    upload = SlowBody("/sink", "h", 60, 100)
    async with listening(handler) as address, trio.open_nursery() as nursery:
        pool = SlowClientPool(address, ClientMix([IDLE, upload]), nursery, per_second=1000)
        await pool.scale_to(8)
        with trio.fail_after(30):
            await back.wait()
        nursery.cancel_scope.cancel()
    assert firsts[b"P"] == 4


async def test_a_mixture_of_one_client_is_its_first_kind() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        assert await stream.receive_some(10) == b"G"

    end = await dropped(handler, ClientMix([PartialRequestLine("/", "h"), IDLE]))
    assert end.how == "FIN"
