"""Wires over pipes to handlers of the test's own, which are called as a server's are that has no socket."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.connection import ConnectFailed, Connection, Transcript
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.http.pipe_server import PipeConnection, serve
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.http.transports import connect_pipes
from wsgi_gauntlet.harness.model import ConnectionEventKind
from wsgi_gauntlet.harness.server import readiness

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
END = b"end\n"

Handler = Callable[[PipeConnection], None]


@contextmanager
def serving(handler: Handler, pipe_socket: Path, *, threaded: bool = False) -> Iterator[Address]:
    """Serve connections through `door` with `handler`, in a thread that ends with the block."""

    def handle(connection: PipeConnection) -> None:
        connection.settimeout(1)
        connection.setsockopt(1, 2, 3)
        first = connection.recv(len(END))
        if first == END:
            raise SystemExit
        connection.sendall(first)
        handler(connection)

    def run() -> None:
        with pytest.raises(SystemExit):
            serve(str(pipe_socket), handle)

    def ask_to_end() -> None:
        trio.run(_end, str(pipe_socket))

    if threaded:
        serving_thread = threading.Thread(target=serve, args=(str(pipe_socket), handler, True), daemon=True)
    else:
        serving_thread = threading.Thread(target=run)
    serving_thread.start()
    yield Address(pipe_socket=str(pipe_socket), port=8000)
    if not threaded:
        ender = threading.Thread(target=ask_to_end)
        ender.start()
        ender.join(30)
        serving_thread.join(30)
        assert not serving_thread.is_alive()


async def _end(pipe_socket: str) -> None:
    pipes = await connect_pipes(pipe_socket)
    await pipes.send_all(END)
    await pipes.receive_some(1)
    await pipes.aclose()


async def opened(
    address: Address, transcript: Transcript, segmentation: Segmentation = Segmentation.WHOLE
) -> Connection:
    with trio.fail_after(30):
        while True:
            try:
                return await Connection.open(address, transcript, segmentation)
            except ConnectFailed:  # the thread does not listen yet
                await trio.sleep(0.001)


async def test_bytes_go_both_ways_and_the_end_is_seen(tmp_path: Path) -> None:
    def handler(connection: PipeConnection) -> None:
        with connection.makefile("rb", -1) as reading, connection.makefile("wb", -1) as writing:
            writing.write(reading.readline())
            writing.flush()
            writing.write(OK if reading.read() == b"rest" else b"")

    with serving(handler, tmp_path / "d") as address:
        transcript = Transcript()
        wire = await opened(address, transcript, Segmentation.BYTES)
        assert await wire.send(b"1234a line\nrest")
        assert await wire.receive_until(b"\n") == b"1234a line\n"
        assert await wire.half_close()
        assert (await wire.response()).status == 200
        assert await wire.ending() is ConnectionState.EOF
        await wire.close()
        kinds = [each.kind for each in transcript.events]
        assert kinds[0] is ConnectionEventKind.OPENED
        assert transcript.events[0].note == "pipes to its handler"
        assert kinds[-3:] == [ConnectionEventKind.RECEIVED, ConnectionEventKind.EOF, ConnectionEventKind.CLOSED]


async def test_a_client_that_goes_is_a_broken_pipe_and_never_a_reset(tmp_path: Path) -> None:
    reported: list[str] = []
    gone, over = threading.Event(), threading.Event()

    def handler(connection: PipeConnection) -> None:
        assert gone.wait(30)
        reported.append(repr(connection.recv(1)))
        with connection.makefile("wb", 0) as writing, pytest.raises(BrokenPipeError):
            writing.write(b"late")
        connection.close()
        connection.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            connection.recv(1)
        over.set()

    with serving(handler, tmp_path / "d") as address:
        transcript = Transcript()
        wire = await opened(address, transcript)
        await wire.send(b"1234")
        assert await wire.receive_some() == b"1234"
        await wire.abort()
        await wire.abort()
        gone.set()
        assert await trio.to_thread.run_sync(over.wait, 30)
    assert reported == ["b''"]
    assert transcript.events[-1].note == "both ways: pipes have no reset"


async def test_a_handler_that_does_not_read_is_not_waited_for_forever(tmp_path: Path) -> None:
    leave = threading.Event()
    with serving(lambda _: assert_(leave.wait(30)), tmp_path / "d") as address:
        wire = await opened(address, Transcript())
        assert not await wire.send(b"x" * 1_000_000, timeout=0.2)
        leave.set()
        assert await wire.ending() is ConnectionState.EOF
        assert not await wire.send(b"x")
        await wire.close()


async def test_threads_take_connections_side_by_side(tmp_path: Path) -> None:
    meeting = threading.Barrier(2)

    def handler(connection: PipeConnection) -> None:
        meeting.wait(30)
        buffer = bytearray(4)
        assert connection.recv_into(buffer) == 4
        assert connection.send(memoryview(buffer)) == 4

    with serving(handler, tmp_path / "d", threaded=True) as address:
        wires = [await opened(address, Transcript()) for _ in range(2)]
        for each in wires:
            await each.send(b"both")
        assert [await each.receive_some() for each in wires] == [b"both", b"both"]
        for each in wires:
            await each.close()


async def test_who_hands_over_nothing_is_passed_over(tmp_path: Path) -> None:
    with serving(lambda _: None, tmp_path / "d") as address:
        (await (await opened(address, Transcript())).close())
        with trio.socket.socket(trio.socket.AF_UNIX) as visitor:
            await visitor.connect(address.pipe_socket)
            await visitor.send(b"\0")
        wire = await opened(address, Transcript())
        await wire.send(b"1234")
        assert await wire.receive_some() == b"1234"
        await wire.close()


async def test_where_nobody_is_there(tmp_path: Path) -> None:
    address = Address(pipe_socket=str(tmp_path / "none"))
    before = descriptors()
    with pytest.raises(ConnectFailed, match=r"nobody takes the pipes to its handler: .*No such file"):
        await Connection.open(address, Transcript())
    assert (await readiness.probe_readiness(address, "/nonce", "n")).state is readiness.ReadinessState.REFUSED
    assert descriptors() == before


@pytest.mark.parametrize("spare", [0, 2, 4])
async def test_without_descriptors_it_is_the_harness_that_lacks_them(tmp_path: Path, spare: int) -> None:
    address = Address(pipe_socket=str(tmp_path / "never asked"))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = descriptors()
    taken = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 1, limits[1]))
    with contextlib.suppress(OSError):
        while True:  # until the numbers below the limit are all taken
            taken.append(os.open(os.devnull, os.O_RDONLY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 1 + spare, limits[1]))
    try:
        with pytest.raises(OutOfResources, match="cannot open a pipe"):
            await Connection.open(address, Transcript())
        assert (
            await readiness.probe_readiness(address, "/nonce", "n")
        ).state is readiness.ReadinessState.OUT_OF_RESOURCES
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for each in taken:
            os.close(each)
    assert descriptors() == before


def test_an_address_without_a_socket() -> None:
    address = Address(port=8000, pipe_socket="/d")
    assert address.loopback
    assert address.tcp_port == 0
    assert address.authority == "127.0.0.1:8000"
    assert address.url == "http://127.0.0.1:8000"
    assert Address(port=8000).tcp_port == 8000
    assert Address(port=8000, path="/s").tcp_port == 0


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def assert_(held: bool) -> None:
    assert held
