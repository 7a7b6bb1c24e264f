"""Scripts that one task drives: their timers, their links' events, and what ends them."""

import math
import socket

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.clients.scheduler import MAX_IMMEDIATE_RESUMES, Scheduler
from wsgi_gauntlet.harness.load.clients.slow_connection import Script, ServerDisconnected, SlowConnection, pause


@pytest.fixture
def listener() -> socket.socket:
    found = socket.create_server(("127.0.0.1", 0))
    found.settimeout(30)
    return found


def link_to(listener: socket.socket, scheduler: Scheduler) -> SlowConnection:
    connection = SlowConnection.start_connect(Address(port=listener.getsockname()[1]))
    scheduler.watch(connection)
    return connection


async def test_timers_go_off_in_their_order_and_not_before_their_time() -> None:
    fired: list[tuple[str, float]] = []
    over = trio.Event()

    def script(name: str, seconds: float) -> Script:
        began = trio.current_time()
        yield from pause(seconds)
        fired.append((name, trio.current_time() - began - seconds))
        if len(fired) == 3:
            over.set()

    scheduler = Scheduler()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scheduler.run)
        await trio.testing.wait_all_tasks_blocked()
        for name, seconds in (("late", 0.3), ("early", 0.05), ("between", 0.15)):
            scheduler.start(script(name, seconds))
        with trio.fail_after(30):
            await over.wait()
        nursery.cancel_scope.cancel()
    assert [name for name, _ in fired] == ["early", "between", "late"]
    assert all(late >= -0.001 for _, late in fired)


async def test_what_a_server_says_ends_a_silence_at_once(listener: socket.socket) -> None:
    ends: list[ServerDisconnected] = []
    over = trio.Event()
    scheduler = Scheduler()

    def script() -> Script:
        connection = link_to(listener, scheduler)
        try:
            yield from connection.connected()
            yield from connection.wait_mid_request(math.inf)
        except ServerDisconnected as end:
            ends.append(end)
        finally:
            connection.close()
            over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(scheduler.run)
        scheduler.start(script())
        server, _ = listener.accept()
        with server:
            server.sendall(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        with trio.fail_after(30):
            await over.wait()
        nursery.cancel_scope.cancel()
    listener.close()
    assert [(end.how, end.status) for end in ends] == [("408", 408)]


async def test_what_was_read_before_does_not_break_a_silence(listener: socket.socket) -> None:
    over = trio.Event()
    scheduler = Scheduler()

    def script() -> Script:
        connection = link_to(listener, scheduler)
        yield from connection.connected()
        assert (yield from connection.read(100)) == b"hello"
        yield from connection.wait_mid_request(0.05)
        connection.close()
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(scheduler.run)
        scheduler.start(script())
        server, _ = listener.accept()
        server.sendall(b"hello")
        with trio.fail_after(30):
            await over.wait()
        nursery.cancel_scope.cancel()
        server.close()
    listener.close()


async def test_a_full_receiver_holds_a_sender_until_it_reads(listener: socket.socket) -> None:
    size, over = 4_000_000, trio.Event()
    scheduler = Scheduler()

    def script() -> Script:
        connection = link_to(listener, scheduler)
        yield from connection.connected()
        yield from connection.send(b"x" * size)
        connection.reset()
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(scheduler.run)
        scheduler.start(script())
        server, _ = listener.accept()
        await trio.sleep(0.05)
        assert not over.is_set()
        got = 0
        server.setblocking(False)
        with trio.fail_after(30):
            while not over.is_set():
                try:
                    got += len(server.recv(1 << 20))
                except BlockingIOError:
                    await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
        server.close()
    listener.close()
    assert 0 < got <= size


async def test_a_script_that_is_stopped_is_closed_and_one_that_fails_ends_the_drive() -> None:
    closed = []

    def patient() -> Script:
        try:
            yield from pause(math.inf)
        finally:
            closed.append("patient")

    def faulty() -> Script:
        yield from pause(0.01)
        raise ZeroDivisionError

    scheduler = Scheduler()
    scheduled_client = scheduler.start(patient())
    scheduler.stop(scheduled_client)
    scheduler.stop(scheduled_client)
    assert closed == ["patient"]
    scheduler.start(patient())
    with pytest.RaisesGroup(ZeroDivisionError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scheduler.run)
            scheduler.start(faulty())
    assert closed == ["patient", "patient"]


async def test_a_script_that_never_waits_lets_others_have_their_turn(listener: socket.socket) -> None:
    scheduler = Scheduler()
    turns = 0
    over = trio.Event()

    def greedy() -> Script:
        nonlocal turns
        connection = link_to(listener, scheduler)
        try:
            yield from connection.connected()
            while True:
                turns += 1
                connection.wanted = connection.ready = 1
                yield math.inf, connection
        finally:
            connection.close()

    def other() -> Script:
        yield from pause(0.03)
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(scheduler.run)
        scheduler.start(greedy())
        scheduler.start(other())
        with trio.fail_after(30):
            await over.wait()
        nursery.cancel_scope.cancel()
    listener.close()
    assert turns > MAX_IMMEDIATE_RESUMES


async def test_an_unheard_listener_refuses(listener: socket.socket) -> None:
    scheduler = Scheduler()
    port = listener.getsockname()[1]
    listener.close()

    def script() -> Script:
        connection = SlowConnection.start_connect(Address(port=port))
        scheduler.watch(connection)
        try:
            yield from connection.connected()
        finally:
            connection.close()

    with pytest.raises(ConnectionRefusedError):
        scheduler.start(script())


async def test_a_unix_socket_is_dialled_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("s") / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    scheduler, got = Scheduler(), []

    def script() -> Script:
        connection = SlowConnection.start_connect(Address(path=path))
        scheduler.watch(connection)
        yield from connection.connected()
        yield from connection.send(b"G")
        got.append(True)
        connection.close()

    scheduler.start(script())
    assert got
    with pytest.raises(FileNotFoundError):
        SlowConnection.start_connect(Address(path=path + "x"))
    listener.close()


async def test_nothing_is_done_while_somebody_else_is_about_to_act() -> None:
    held, over = True, trio.Event()
    scheduler = Scheduler(lambda: held)

    def script() -> Script:
        yield from pause(0.01)
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(scheduler.run)
        scheduler.start(script())
        await trio.sleep(0.05)
        assert not over.is_set()
        held = False
        with trio.fail_after(30):
            await over.wait()
        nursery.cancel_scope.cancel()
