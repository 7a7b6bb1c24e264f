"""The counters of the closed loop: stalls, endless responses, missing responses, and jobs that it refuses."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.errors import OutOfResources, TargetRefused
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator import connections, loop, request_marks, source_addresses
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.open_loop import open_loop
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop
from wsgi_gauntlet.harness.load.generator.request_marks import MarkedRequests

from ..helpers.socket_servers import PAGE, always, answer, closed, measure_closed_loop, once, requests, serving, silent

pytestmark = pytest.mark.live


async def test_a_stall_is_a_time_out_and_a_lower_bound() -> None:
    def behave(conn: socket.socket, number: int) -> None:
        for _ in requests(conn):
            if number:
                conn.sendall(answer())

    found = await closed(
        behave, seconds=0.5, timeout=0.2, enough=lambda found: found.timeouts > 0 and found.ok > 10 * found.timeouts
    )
    assert found.timeouts >= 1
    assert found.ok > 10 * found.timeouts
    assert found.goodput == found.ok / (found.ok + found.timeouts + found.overdue)
    half, last = found.quantile(0.5), found.quantile(1.0)
    assert half is not None
    assert not half[1]
    assert last is not None
    assert last[0] >= 0.199
    assert last[1]


async def test_what_nobody_answers_until_the_end_is_a_lower_bound_too() -> None:
    arrived: list[float] = []

    def behave(conn: socket.socket, _number: int) -> None:
        arrived.extend(time.monotonic() for _ in requests(conn))

    with serving(behave) as address:
        found = await closed_loop(address, PAGE, LoopOptions(2), 0.15)
    assert (found.ok, found.requests, found.unfinished, found.overdue) == (0, 0, 2, 2)
    assert found.goodput == 0
    half = found.quantile(0.5)
    assert half is not None
    # The server got both after they had been sent. A histogram is exact to 1 %.
    assert 0.99 * (found.began + found.seconds - min(arrived)) - 0.01 <= half[0] <= 1.01 * found.seconds
    assert half[1]


async def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_marks, "HEAD_LIMIT", 10_000)

    def behave(conn: socket.socket, _number: int) -> None:
        next(requests(conn))
        conn.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            conn.sendall(b"x" * 10_000)

    found = await closed(behave)
    assert found.wrong == found.requests > 0
    assert list(found.error_messages or ()) == ["a response is far longer than the correct one"]


async def test_error_messages_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MAX_ERROR_MESSAGES", 3)
    bodies = itertools.count(100)

    def behave(conn: socket.socket, _number: int) -> None:
        next(requests(conn))
        conn.sendall(answer(b"x" * next(bodies)))

    found = await closed(behave, clients=8, enough=lambda found: found.wrong > 3)
    assert found.wrong > 3
    assert len(found.error_messages or ()) == 3


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await closed_loop(Address(port=taken.getsockname()[1]), PAGE, LoopOptions(3), 0.1)
    assert found.ok == 0
    assert 0 < found.refused == found.errors <= 20
    assert list(found.error_messages or ()) == ["ECONNREFUSED (Connection refused) at connect"]


async def test_over_a_unix_socket(tmp_path: Path) -> None:
    with serving(always(answer()), tmp_path / "s") as address:
        found = await measure_closed_loop(address, PAGE, LoopOptions(2), 0.1)
    assert found.ok == found.requests > 0


async def test_cancelling_ends_a_loop_at_once() -> None:
    for behave in (always(answer()), silent):
        with serving(behave) as address, trio.move_on_after(0.05) as scope:
            await closed_loop(address, PAGE, LoopOptions(2), 60)
        assert scope.cancelled_caught


async def test_other_tasks_run_while_a_loop_is_busy() -> None:
    passes = 0

    async def count() -> None:
        nonlocal passes
        while True:
            await trio.sleep(0.001)
            passes += 1

    with serving(always(answer())) as address:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            await closed_loop(address, PAGE, LoopOptions(4), 0.3)
            nursery.cancel_scope.cancel()
    assert passes


async def test_an_address_outside_this_machine_is_refused() -> None:
    with pytest.raises(TargetRefused, match="loopback"):
        await closed_loop(Address("192.0.2.1", 80), PAGE, LoopOptions(1), 1)
    with pytest.raises(TargetRefused, match="loopback"):
        await open_loop(Address("192.0.2.1", 80), PAGE, LoopOptions(1), [0.0])


@pytest.mark.parametrize(("connections_", "seconds", "timeout"), [(0, 1, 1), (1, float("inf"), 1), (1, 1, -1)])
async def test_impossible_numbers_are_refused(connections_: int, seconds: float, timeout: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        await closed_loop(Address(port=1), PAGE, LoopOptions(connections_, timeout), seconds)


async def test_no_descriptor_left_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    pool = connections.ConnectionPool(Address(port=1), MarkedRequests(PAGE.request, PAGE.body, PAGE.mark))
    monkeypatch.setattr(socket, "socket", none_left)
    with pytest.raises(OutOfResources, match="ulimit -n"):
        pool.connect(0)
    pool.close()


async def test_ports_that_run_out_make_the_measurement_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoPort(socket.socket):
        def connect_ex(self, _address: object) -> int:
            return 99  # EADDRNOTAVAIL

    monkeypatch.setattr(socket, "socket", NoPort)
    found = await closed_loop(Address(port=1), PAGE, LoopOptions(1), 0.05)
    assert found.out_of_ports == found.errors > 0
    assert "local ports" in found.health().why


async def test_many_connects_use_many_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_addresses, "CONNECTS_PER_SOURCE", 2)
    seen = set()

    def behave(conn: socket.socket, _number: int) -> None:
        seen.add(conn.getpeername()[0])
        once(answer(head=b"Connection: close\r\n"))(conn, 0)

    found = await closed(behave, clients=1, enough=lambda found: found.requests > 6)
    assert found.ok == found.requests > 0
    assert {"127.0.0.1", "127.0.0.2", "127.0.0.3"} <= seen


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_server_that_stops_for_a_while_is_seen_to_be_silent(processes: int) -> None:
    stopped = threading.Lock()

    def behave(conn: socket.socket, _number: int) -> None:
        for _ in requests(conn):
            with stopped:
                if next(seen) == 10:
                    time.sleep(0.5)
            conn.sendall(answer())

    for seconds in (1.0, 5.0, 25.0):  # for longer if the machine was so slow that the end came before that of the stop
        seen = itertools.count()
        with serving(behave) as address:
            found = await parallel_closed_loop(address, PAGE, LoopOptions(4), seconds, processes=processes)
        if found.response_gap >= 0.49:
            break
    assert found.response_gap >= 0.49
    seen = itertools.count()
    with serving(behave) as address:
        found = await open_loop(address, PAGE, LoopOptions(9), [n / 100 for n in range(100)])
    assert found.ok == 100
    assert found.response_gap >= 0.49
