"""Pools of slow clients: their size, their reconnects, and how the server disconnected them."""

import math
from dataclasses import dataclass, field

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.clients import slow_client_pool as module
from wsgi_gauntlet.harness.load.clients.behaviours import Connector
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool
from wsgi_gauntlet.harness.load.clients.slow_connection import Script, ServerDisconnected, pause
from wsgi_gauntlet.harness.model import Disconnect


@dataclass(frozen=True)
class Patient:
    def script(self, connect: Connector) -> Script:
        yield from connect()
        yield from pause(math.inf)


@dataclass(frozen=True)
class Unwelcome:
    how: str

    lives: list[float] = field(default_factory=list)

    def script(self, connect: Connector) -> Script:
        yield from connect()
        self.lives.append(trio.current_time())
        raise ServerDisconnected(self.how)


async def listening(nursery: trio.Nursery) -> Address:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            await trio.sleep_forever()

    nursery.start_soon(trio.serve_listeners, handle, listeners)
    return Address(port=listeners[0].socket.getsockname()[1])


async def test_a_pool_grows_shrinks_and_ends() -> None:
    async with trio.open_nursery() as nursery:
        pool = SlowClientPool(await listening(nursery), Patient(), nursery, per_second=1000)
        await pool.scale_to(20, patience=30)
        assert (pool.size, pool.connected_count) == (20, 20)
        await pool.scale_to(5, patience=30)
        assert (pool.size, pool.connected_count) == (5, 5)
        pool.release()
        assert (pool.size, pool.connected_count) == (0, 0)
        assert pool.first_disconnect() == Disconnect("never", None, 20, 0)
        nursery.cancel_scope.cancel()


async def test_clients_arrive_at_their_rate() -> None:
    async with trio.open_nursery() as nursery:
        pool = SlowClientPool(await listening(nursery), Patient(), nursery, per_second=50)
        began = trio.current_time()
        await pool.scale_to(6, patience=30)
        assert trio.current_time() - began >= 5 / 50
        nursery.cancel_scope.cancel()


async def test_who_is_dropped_comes_back_and_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECONNECT_DELAY", 0.01)
    async with trio.open_nursery() as nursery:
        behaviour = Unwelcome("408")
        pool = SlowClientPool(await listening(nursery), behaviour, nursery, per_second=1000)
        await pool.scale_to(3, patience=30)
        with trio.fail_after(30):
            while len(behaviour.lives) < 9:  # noqa: ASYNC110 - a pool has no such event
                await trio.sleep(0.01)
        found = pool.first_disconnect()
        assert (found.how, found.clients, found.dropped) == ("408", 3, 3)
        assert found.after is not None
        nursery.cancel_scope.cancel()


async def test_refused_clients_are_no_held_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECONNECT_DELAY", 0.01)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = Address(port=listeners[0].socket.getsockname()[1])
    await listeners[0].aclose()
    async with trio.open_nursery() as nursery:
        pool = SlowClientPool(address, Patient(), nursery, per_second=1000)
        await pool.scale_to(2, patience=30)
        assert pool.connected_count == 0
        assert pool.refused >= 2
        nursery.cancel_scope.cancel()
