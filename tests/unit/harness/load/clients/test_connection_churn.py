"""Clients that come once, against servers inside the test."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.arrivals import Uniform
from wsgi_gauntlet.harness.load.clients import connection_churn
from wsgi_gauntlet.harness.load.clients.connection_churn import ChurnResult, CloseMode, ConnectionChurn
from wsgi_gauntlet.harness.load.clients.scheduler import Scheduler
from wsgi_gauntlet.harness.load.workload import ReferencePage

from .....helpers.tcp_server import listening

Serving = Callable[..., object]


@asynccontextmanager
async def churn(address: Address) -> AsyncIterator[ConnectionChurn]:
    async with trio.open_nursery() as nursery:
        scheduler = Scheduler()
        nursery.start_soon(scheduler.run)
        yield ConnectionChurn(address, ReferencePage(), scheduler)
        nursery.cancel_scope.cancel()


async def test_each_comes_over_a_connection_of_its_own_and_all_are_counted(serving) -> None:  # type: ignore[no-untyped-def]
    async with serving() as (address, toy), churn(address) as clients:
        for close_mode in CloseMode:
            found = await clients.run(Uniform(400), 0.1, close_mode)
            assert found.due == found.started == found.ok == len(found.connect) == len(found.response) == 39
            assert found.lost == 0
            assert 0 < found.per_second <= 400
    assert toy.connections == len(toy.heads) == 78
    assert not any(b"close" in head for head in toy.heads)


@pytest.mark.parametrize("close_mode", CloseMode)
async def test_a_server_sees_the_end_that_was_asked_for(close_mode: CloseMode) -> None:
    ends: list[object] = []

    async def handler(stream: trio.SocketStream) -> None:
        head = await stream.receive_some(4096)
        nonce = head.split(b"n=")[1].split(b"&")[0]
        body = (nonce + b"\n").ljust(connection_churn.PAGE_BYTES, b".")
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        try:
            ends.append(await stream.receive_some(10))
        except trio.BrokenResourceError:
            ends.append("reset")

    async with listening(handler) as address, churn(address) as clients:
        found = await clients.run(Uniform(100), 0.025, close_mode)
        with trio.fail_after(30):
            while len(ends) < found.ok:  # noqa: ASYNC110 - there is no event for the server's side
                await trio.sleep(0.01)
    assert ends == [b"" if close_mode is CloseMode.ORDERLY else "reset"] * 2


async def test_what_goes_wrong_is_counted_by_kind(monkeypatch: pytest.MonkeyPatch, serving) -> None:  # type: ignore[no-untyped-def]
    def turn(number: int, response: bytes) -> bytes:
        return response if number % 2 else response.replace(b"churn", b"other")

    async with serving(turn=turn) as (address, _), churn(address) as clients:
        found = await clients.run(Uniform(100), 0.105, CloseMode.ORDERLY)
        assert (found.ok, found.failed) == (5, 5)
        assert found.first_error.startswith("wrong body: 200 OK, 2000 bytes")

    async def never(_stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with listening(never) as address, churn(address) as clients:
        with monkeypatch.context() as patch:
            patch.setattr(connection_churn, "TIMEOUT", 1.0)
            found = await clients.run(Uniform(100), 0.105, CloseMode.RESET)
        assert (found.timed_out, found.lost, len(found.connect)) == (10, 10, 10)

    async def cut(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\nhalf")

    async with listening(cut) as address, churn(address) as clients:
        found = await clients.run(Uniform(100), 0.105, CloseMode.RESET)
        assert (found.failed, found.lost) == (10, 10)


async def test_refused_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(port=listener.getsockname()[1])
    async with churn(address) as clients:
        found = await clients.run(Uniform(100), 0.105, CloseMode.ORDERLY)
    assert (found.refused, found.lost, len(found.connect)) == (10, 10, 0)


async def test_what_this_machine_lacks_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_ports(_self: object) -> tuple[socket.socket, int]:
        return socket.socket(), 99  # EADDRNOTAVAIL

    monkeypatch.setattr("wsgi_gauntlet.harness.load.generator.source_addresses.SourceAddresses.connect", without_ports)
    with pytest.RaisesGroup(OutOfResources):
        async with churn(Address(port=9)) as clients:
            await clients.run(Uniform(100), 0.1, CloseMode.ORDERLY)


def test_a_generator_that_was_late_or_slow_says_so() -> None:
    assert not ChurnResult(CloseMode.ORDERLY, due=100, seconds=1, lateness=[0.001] * 100).generator_problem
    assert "late" in ChurnResult(CloseMode.ORDERLY, due=100, seconds=1, lateness=[0.1] * 100).generator_problem
    assert (
        "sent 50 of 100 requests"
        in ChurnResult(CloseMode.ORDERLY, due=100, seconds=1, lateness=[0.001] * 50).generator_problem
    )
