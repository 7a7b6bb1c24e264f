"""Every kind of client over TLS, against a page server inside the test."""

from __future__ import annotations

import functools
import socket
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.client_tls import TlsSocket
from wsgi_gauntlet.harness.load.arrivals import Uniform, schedule
from wsgi_gauntlet.harness.load.clients.behaviours import SilentConnection, SlowHandshake, StalledHandshake
from wsgi_gauntlet.harness.load.clients.connection_churn import CloseMode, ConnectionChurn
from wsgi_gauntlet.harness.load.clients.healthy_users import HealthyUsers, PageView, warm_up
from wsgi_gauntlet.harness.load.clients.pipelining import PipelineEnd, send_pipeline
from wsgi_gauntlet.harness.load.clients.scheduler import Scheduler
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.open_loop import open_loop
from wsgi_gauntlet.harness.load.workload import ReferencePage, VerifiedRequest, verify_request
from wsgi_gauntlet.harness.model import Outcome
from wsgi_gauntlet.harness.server.certificates import identity_files, write_identity_files
from wsgi_gauntlet.suites.load.operations.stop_clients import (
    KeptConnection,
    NewConnections,
    RequestEnd,
    RequestInFlight,
    RequestKind,
    StopTimes,
)

from .conftest import Toy

SIZE = 2000


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    files = identity_files(tmp_path)
    write_identity_files(files)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(files.certificate, files.key)
    return made


@asynccontextmanager
async def secured(context: ssl.SSLContext, toy: Toy) -> AsyncIterator[Address]:
    """Serve the toy's pages over TLS. `toy.connections` counts only those whose handshake was completed."""

    async def handle(plain: trio.SocketStream) -> None:
        stream = trio.SSLStream(plain, context, server_side=True, https_compatible=True)
        try:
            await stream.do_handshake()
            await toy.serve(stream)  # type: ignore[arg-type]  # it uses what both streams have
            await stream.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(plain)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(functools.partial(trio.serve_listeners, handle, listeners))
        yield Address(port=listeners[0].socket.getsockname()[1], tls=True)
        nursery.cancel_scope.cancel()


async def test_healthy_users_are_served_on_new_and_on_kept_connections(context: ssl.SSLContext) -> None:
    toy = Toy()
    async with secured(context, toy) as address:
        assert await warm_up(address) > 0
        users = HealthyUsers(address, PageView())
        await users.run(Uniform(50), 0.4)
    assert set(Counter(each.outcome for each in users.samples)) == {Outcome.OK}
    assert users.reused_connection_responses > 0


async def test_clients_that_come_once_are_counted(context: ssl.SSLContext) -> None:
    toy = Toy()
    async with secured(context, toy) as address, trio.open_nursery() as nursery:
        scheduler = Scheduler()
        nursery.start_soon(scheduler.run)
        churn = ConnectionChurn(address, ReferencePage(), scheduler)
        found = [await churn.run(Uniform(100), 0.1, close_mode) for close_mode in CloseMode]
        nursery.cancel_scope.cancel()
    assert [(each.lost, each.first_error) for each in found] == [(0, "")] * 2
    assert sum(each.ok for each in found) == sum(each.due for each in found) == toy.connections > 0


@pytest.mark.parametrize("keep", [True, False])
async def test_both_loops_check_every_response(keep: bool, context: ssl.SSLContext) -> None:
    async with secured(context, Toy(keep=keep)) as address:
        page = await verify_request(address, ReferencePage(), "5f0c", SIZE)
        closed = await closed_loop(address, page, LoopOptions(3), 0.3)
        times = schedule(Uniform(50), 0.3)
        opened = await open_loop(address, page, LoopOptions(3), times)
    for found in (closed, opened):
        assert found.ok > 0
        assert (found.wrong, found.errors, found.timeouts, found.error_messages) == (0, 0, 0, {})
    assert closed.connects == 3 if keep else closed.connects >= closed.ok


async def test_a_response_longer_than_a_record_is_compared_whole(context: ssl.SSLContext) -> None:
    async with secured(context, Toy()) as address:
        page = await verify_request(address, ReferencePage(), "5f0c", 300_000)
        found = await closed_loop(address, page, LoopOptions(2), 0.3)
    assert found.ok > 0
    assert (found.wrong, found.errors) == (0, 0)


async def test_the_time_for_tls_counts_as_the_generators_own(
    context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator that needs its core for TLS says so, see `health`: it does not blame the server."""
    burnt = 0.002
    encrypt = TlsSocket.send

    def slow_encryption(self: TlsSocket, data: bytes | bytearray | memoryview) -> int:
        until = time.thread_time() + burnt
        while time.thread_time() < until:
            pass
        return encrypt(self, data)

    monkeypatch.setattr(TlsSocket, "send", slow_encryption)
    async with secured(context, Toy()) as address:
        page = await verify_request(address, ReferencePage(), "5f0c", SIZE)
        found = await closed_loop(address, page, LoopOptions(4), 0.3)
    assert found.cpu_seconds >= burnt * found.ok


async def test_a_server_without_tls_is_an_error_that_names_tls() -> None:
    async def plain(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some(4096)
            await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, plain, listeners)
        address = Address(port=listeners[0].socket.getsockname()[1], tls=True)
        page = ReferencePage().request(address, "5f0c", SIZE, keep=True)
        found = await closed_loop(address, VerifiedRequest(page, b"5f0c"), LoopOptions(1), 0.1)
        nursery.cancel_scope.cancel()
    assert found.refused > 0
    assert all(each.startswith("TLS: ") and each.endswith(" at connect") for each in found.error_messages or {})


async def test_pipelined_requests_are_answered_in_order(context: ssl.SSLContext) -> None:
    async with secured(context, Toy()) as address:
        found = await send_pipeline(address, "", ["a1", "a2", "a3"], ["a1", "a2", "a3"], size=50, wait=0, patience=5)
    assert (found.right, found.ended) == (3, PipelineEnd.ALL)


async def test_slow_clients_stall_where_they_say(context: ssl.SSLContext) -> None:
    toy = Toy()
    async with secured(context, toy) as address, trio.open_nursery() as nursery:
        for behaviour, handshakes in (
            (StalledHandshake(address, 0.5), 0),
            (StalledHandshake(address, 0.0), 0),
            (SlowHandshake(address, 0.01), 0),
            (SilentConnection(), 3),
        ):
            pool = SlowClientPool(address, behaviour, nursery, per_second=100)
            await pool.scale_to(3)
            with trio.move_on_after(30):
                while toy.connections < handshakes:  # noqa: ASYNC110 - the server has no event
                    await trio.sleep(0.01)
            assert (pool.connected_count, toy.connections) == (3, handshakes)
            pool.release()
        nursery.cancel_scope.cancel()


async def test_the_clients_of_stop_send_their_requests(context: ssl.SSLContext) -> None:
    arrived, released = trio.Event(), trio.Event()

    async def hold(number: int) -> None:
        if number == 1:
            arrived.set()
            await released.wait()

    async with secured(context, Toy(before=hold)) as address, trio.open_nursery() as nursery:
        client = RequestInFlight(RequestKind.SHORT, address, "", StopTimes(0.0, 0.0, 0.0))
        nursery.start_soon(client.run)
        await client.begun.wait()
        await arrived.wait()  # the request after it must not be the first one of the server
        assert client.port > 0
        assert client.is_in_flight
        kept, new = KeptConnection(), NewConnections(address, "")
        await kept.open(address, "")
        assert kept.is_open
        nursery.start_soon(kept.watch, trio.current_time())
        await trio.testing.wait_all_tasks_blocked()
        kept.close()  # ends the watch, although it waits for bytes
        nursery.start_soon(new.run)
        released.set()
        while client.done_at is None or not new.ends:  # noqa: ASYNC110 - two ends
            await trio.sleep(0.01)
        new.stop()
        nursery.cancel_scope.cancel()
    assert client.result(0.0).end is RequestEnd.ANSWERED
    assert new.ends[0] is RequestEnd.ANSWERED


async def test_a_client_of_stop_gives_up_a_handshake_that_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(port=listener.getsockname()[1], tls=True)
        client = RequestInFlight(RequestKind.SHORT, address, "", StopTimes(0.0, 0.0, 0.0))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.run)
            await trio.testing.wait_all_tasks_blocked()
            assert (client.port, client.is_in_flight) == (0, False)
            client.close()
        assert client.begun.is_set()
