"""The open loop: every scheduled request is sent, and its latency counts from the intended time."""

from __future__ import annotations

import itertools
import socket
import threading

import pytest

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.open_loop import open_loop

from ..helpers.socket_servers import PAGE, always, answer, requests, serving, silent

pytestmark = pytest.mark.live


async def test_an_open_loop_sends_all_that_is_scheduled() -> None:
    times = [n / 1000 for n in range(200)]
    with serving(always(answer())) as address:
        found = await open_loop(address, PAGE, LoopOptions(20), times)
    assert (found.ok, found.scheduled, found.goodput) == (200, 200, 1.0)
    assert 1 <= found.connects <= 20
    assert found.offered == pytest.approx(200 / 0.199, rel=0.001)
    assert found.lateness is not None
    assert len(found.lateness) == len(found.service) == 200
    assert found.latency.quantile(1.0) * 1.005 >= found.service.quantile(1.0) / 1.005


async def test_an_open_loop_counts_from_the_intended_time() -> None:
    # One connection, answers 20 ms apart, requests 1 ms apart: the k-th waits for k others.
    pause = threading.Event()

    def behave(conn: socket.socket, _number: int) -> None:
        for _ in requests(conn):
            pause.wait(0.02)
            conn.sendall(answer())

    with serving(behave) as address:
        found = await open_loop(address, PAGE, LoopOptions(1), [n / 1000 for n in range(10)])
    assert (found.ok, found.connects) == (10, 1)
    assert found.latency.quantile(1.0) >= 0.99 * (10 * 0.02 - 0.009)
    assert found.service.quantile(0.5) < found.latency.quantile(0.5)


async def test_an_open_loop_without_answers_ends_and_counts_all() -> None:
    with serving(silent) as address:
        found = await open_loop(address, PAGE, LoopOptions(2, timeout=0.5), [n / 100 for n in range(5)])
    assert (found.ok, found.scheduled, found.goodput) == (0, 5, 0.0)
    # Two connections time out; the others' turn came too late, or they had a new connection and timed out there.
    assert found.timeouts + found.never_sent == 5
    assert found.timeouts >= 2
    half = found.quantile(0.5)
    assert half is not None
    assert half[0] >= 0.499
    assert half[1]


async def test_an_open_loop_goes_on_where_connections_close() -> None:
    def behave(conn: socket.socket, number: int) -> None:
        for _ in itertools.islice(requests(conn), 3):
            conn.sendall(answer(head=b"Connection: close\r\n" if number % 2 else b""))

    with serving(behave) as address:
        found = await open_loop(address, PAGE, LoopOptions(10), [n / 500 for n in range(60)])
    assert (found.ok, found.scheduled) == (60, 60), found.error_messages
    assert found.connects >= 60 / 3


async def test_an_open_loop_hears_what_it_did_not_ask_for() -> None:
    def behave(conn: socket.socket, _number: int) -> None:
        for _ in requests(conn):
            conn.sendall(answer())
            conn.sendall(answer(b"gone", status=b"408 Request Timeout"))
            return

    with serving(behave) as address:
        found = await open_loop(address, PAGE, LoopOptions(4), [0.0, 0.05, 0.1])
    assert found.scheduled == 3
    assert found.ok + found.errors == 3
    assert any("without a request" in words or "unexpected bytes" in words for words in found.error_messages or ())


async def test_an_open_loop_of_nothing_ends_at_once() -> None:
    found = await open_loop(Address(port=1), PAGE, LoopOptions(1), [])
    assert (found.scheduled, found.goodput, found.offered) == (0, 1.0, 0.0)


async def test_an_open_loop_nobody_listens_to_counts_errors() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = Address(port=taken.getsockname()[1])
        found = await open_loop(address, PAGE, LoopOptions(5), [0.0, 0.01, 0.02])
    assert (found.errors, found.scheduled) == (3, 3)


async def test_what_is_due_in_a_warm_up_is_sent_and_not_counted() -> None:
    with serving(always(answer())) as address:
        options = LoopOptions(20, warm_up=0.1, window=0.02)
        found = await open_loop(address, PAGE, options, [n / 1000 for n in range(200)])
    assert (found.ok, found.scheduled, found.goodput) == (100, 100, 1.0)
    assert found.lateness is not None
    assert len(found.lateness) == len(found.service) == 100
    assert [each.scheduled for each in found.windows] == [20] * 5
    assert found.offered == pytest.approx(100 / 0.099, rel=0.001)


async def test_a_request_of_the_warm_up_that_gets_no_answer_is_no_time_out() -> None:
    def behave(conn: socket.socket, number: int) -> None:
        for _ in requests(conn):
            if number:
                conn.sendall(answer())

    with serving(behave) as address:
        times = [0.0, *(0.05 + n / 1000 for n in range(20))]
        counted = await open_loop(address, PAGE, LoopOptions(5, timeout=3), times)
    assert (counted.ok, counted.timeouts, counted.scheduled) == (20, 1, 21)
    with serving(behave) as address:
        found = await open_loop(address, PAGE, LoopOptions(5, timeout=3, warm_up=0.04), times)
    assert (found.ok, found.timeouts, found.scheduled, len(found.waiting)) == (20, 0, 20, 0)
