"""Scripts that one task drives: their timers, their links' events, and what ends them."""

import math
import socket

import pytest
import trio

from wsgi_gauntlet.harness.address import Address
from wsgi_gauntlet.harness.load.clients.drive import AT_ONCE, Drive
from wsgi_gauntlet.harness.load.clients.slowlink import Dropped, Script, SlowLink, pause


@pytest.fixture
def listener() -> socket.socket:
    found = socket.create_server(("127.0.0.1", 0))
    found.settimeout(30)
    return found


def link_to(listener: socket.socket, drive: Drive) -> SlowLink:
    link = SlowLink.dialled(Address(port=listener.getsockname()[1]))
    drive.watch(link)
    return link


async def test_timers_go_off_in_their_order_and_not_before_their_time() -> None:
    told: list[tuple[str, float]] = []
    over = trio.Event()

    def script(name: str, seconds: float) -> Script:
        began = trio.current_time()
        yield from pause(seconds)
        told.append((name, trio.current_time() - began - seconds))
        if len(told) == 3:
            over.set()

    drive = Drive()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(drive.run)
        await trio.testing.wait_all_tasks_blocked()
        for name, seconds in (("late", 0.3), ("early", 0.05), ("between", 0.15)):
            drive.start(script(name, seconds))
        with trio.fail_after(30):
            await over.wait()
        nursery.cancel_scope.cancel()
    assert [name for name, _ in told] == ["early", "between", "late"]
    assert all(late >= -0.001 for _, late in told)


async def test_what_a_server_says_ends_a_silence_at_once(listener: socket.socket) -> None:
    ends: list[Dropped] = []
    over = trio.Event()
    drive = Drive()

    def script() -> Script:
        link = link_to(listener, drive)
        try:
            yield from link.connected()
            yield from link.silence(math.inf)
        except Dropped as end:
            ends.append(end)
        finally:
            link.close()
            over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drive.run)
        drive.start(script())
        server, _ = listener.accept()
        with server:
            server.sendall(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        with trio.fail_after(30):
            await over.wait()
        nursery.cancel_scope.cancel()
    listener.close()
    assert [(end.how, end.said) for end in ends] == [("408", 408)]


async def test_what_was_read_before_does_not_break_a_silence(listener: socket.socket) -> None:
    over = trio.Event()
    drive = Drive()

    def script() -> Script:
        link = link_to(listener, drive)
        yield from link.connected()
        assert (yield from link.read(100)) == b"hello"
        yield from link.silence(0.05)
        link.close()
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drive.run)
        drive.start(script())
        server, _ = listener.accept()
        server.sendall(b"hello")
        with trio.fail_after(30):
            await over.wait()
        nursery.cancel_scope.cancel()
        server.close()
    listener.close()


async def test_a_full_receiver_holds_a_sender_until_it_reads(listener: socket.socket) -> None:
    size, over = 4_000_000, trio.Event()
    drive = Drive()

    def script() -> Script:
        link = link_to(listener, drive)
        yield from link.connected()
        yield from link.send(b"x" * size)
        link.reset()
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drive.run)
        drive.start(script())
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

    drive = Drive()
    ride = drive.start(patient())
    drive.stop(ride)
    drive.stop(ride)
    assert closed == ["patient"]
    drive.start(patient())
    with pytest.RaisesGroup(ZeroDivisionError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drive.run)
            drive.start(faulty())
    assert closed == ["patient", "patient"]


async def test_a_script_that_never_waits_lets_others_have_their_turn(listener: socket.socket) -> None:
    drive = Drive()
    turns = 0
    over = trio.Event()

    def greedy() -> Script:
        nonlocal turns
        link = link_to(listener, drive)
        try:
            yield from link.connected()
            while True:
                turns += 1
                link.wanted = link.ready = 1
                yield math.inf, link
        finally:
            link.close()

    def other() -> Script:
        yield from pause(0.03)
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drive.run)
        drive.start(greedy())
        drive.start(other())
        with trio.fail_after(30):
            await over.wait()
        nursery.cancel_scope.cancel()
    listener.close()
    assert turns > AT_ONCE


async def test_an_unheard_listener_refuses(listener: socket.socket) -> None:
    drive = Drive()
    port = listener.getsockname()[1]
    listener.close()

    def script() -> Script:
        link = SlowLink.dialled(Address(port=port))
        drive.watch(link)
        try:
            yield from link.connected()
        finally:
            link.close()

    with pytest.raises(ConnectionRefusedError):
        drive.start(script())


async def test_a_unix_socket_is_dialled_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("s") / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    drive, got = Drive(), []

    def script() -> Script:
        link = SlowLink.dialled(Address(path=path))
        drive.watch(link)
        yield from link.connected()
        yield from link.send(b"G")
        got.append(True)
        link.close()

    drive.start(script())
    assert got
    with pytest.raises(FileNotFoundError):
        SlowLink.dialled(Address(path=path + "x"))
    listener.close()


async def test_nothing_is_done_while_somebody_else_is_about_to_act() -> None:
    held, over = True, trio.Event()
    drive = Drive(lambda: held)

    def script() -> Script:
        yield from pause(0.01)
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drive.run)
        drive.start(script())
        await trio.sleep(0.05)
        assert not over.is_set()
        held = False
        with trio.fail_after(30):
            await over.wait()
        nursery.cancel_scope.cancel()
