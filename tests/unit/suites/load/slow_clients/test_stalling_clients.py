"""Clients that stop, against servers inside the test whose patience is known."""

import contextlib
import math
import socket
import struct
from dataclasses import replace

import pytest
import trio

from wsgi_gauntlet.suites.load.slow_clients.stalling_clients import Stall, run_stalling_clients
from wsgi_gauntlet.suites.load.slow_clients.timeout_analysis import StallPoint, StallResult

from .....helpers.tcp_server import Handler, listening
from ....harness.load.clients.test_behaviours import answer
from ....harness.load.clients.test_slow_body import head_of

PATIENCE = 0.4
REQUESTS = (StallPoint.HEAD, StallPoint.BODY, StallPoint.IDLE)
LONG = 30.0
"""Seconds that nothing here takes, however busy the machine is."""
STALLS = [Stall(place, gap, limit) for place in REQUESTS for gap, limit in ((0.1, 1.5), (math.inf, LONG))]


async def run_stalls(handler: Handler, stalls: list[Stall]) -> dict[tuple[StallPoint, float], StallResult]:
    all_stalled = trio.Event()
    async with listening(handler) as address:
        edges = await run_stalling_clients(address, "", stalls, all_stalled)
    assert all_stalled.is_set()
    return {(each.place, each.gap): each for each in edges}


async def per_gap(stream: trio.SocketStream) -> None:
    """Give each gap PATIENCE by itself."""
    buffer = b""
    while True:
        with trio.move_on_after(PATIENCE) as gap:
            buffer += await stream.receive_some(4096)
        if gap.cancelled_caught:
            return
        if buffer.startswith(b"GET /page?n=stop") and buffer.endswith(b"\r\n\r\n"):
            buffer = b""
            await stream.send_all(answer(10, close=False))


async def in_all(stream: trio.SocketStream) -> None:
    """Give a connection PATIENCE for all of it."""
    with trio.move_on_after(PATIENCE):
        await per_gap(stream)
    await stream.send_all(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")


async def for_ever(stream: trio.SocketStream) -> None:
    while await stream.receive_some(4096):
        pass


async def test_a_time_out_per_gap_frees_only_the_silent() -> None:
    found = await run_stalls(per_gap, STALLS)
    for place in REQUESTS:
        assert found[place, 0.1].how in {"", "FIN"}  # a busy machine may make a gap of 0.1 s one of 0.4 s
        assert found[place, math.inf].how == "FIN"
        assert 0.3 < found[place, math.inf].lasted < LONG


async def test_a_time_out_in_all_frees_everybody() -> None:
    found = await run_stalls(in_all, [replace(each, seconds=LONG) for each in STALLS])
    assert len(found) == 6
    assert {each.how for each in found.values()} <= {"408", "FIN", "RST"}
    assert found[StallPoint.HEAD, math.inf].how == "408"
    assert found[StallPoint.BODY, 0.1].lasted < LONG


async def test_who_is_never_freed_is_looked_at_to_the_end() -> None:
    found = await run_stalls(for_ever, [Stall(StallPoint.HEAD, math.inf, 0.2), Stall(StallPoint.BODY, 0.05, 0.2)])
    assert {each.how for each in found.values()} == {""}
    assert [each.lasted for each in found.values()] == [pytest.approx(0.2)] * 2


async def test_what_each_place_looks_like() -> None:
    heads: list[bytes] = []

    async def handler(stream: trio.SocketStream) -> None:
        got = b""
        while piece := await stream.receive_some(4096):
            got += piece
        heads.append(got)

    await run_stalls(handler, [Stall(StallPoint.HEAD, 0.05, 0.2), Stall(StallPoint.BODY, 0.05, 0.2)])
    head, body = sorted(heads)
    assert head.startswith(b"GET /page HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\n\r\n" not in head
    assert head.endswith(b"\r\nX-Slow: " + b"x" * head.count(b"x"))
    assert body.startswith(b"POST /sink HTTP/1.1\r\n")
    assert body.partition(b"\r\n\r\n")[2].startswith(b"x")


async def test_a_server_that_keeps_nothing_alive_frees_the_idle_at_once() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await head_of(stream)
        await stream.send_all(answer(10, close=True))
        await stream.receive_some(1)

    found = await run_stalls(handler, [Stall(StallPoint.IDLE, math.inf, LONG)])
    assert found[StallPoint.IDLE, math.inf].how == "FIN"
    assert found[StallPoint.IDLE, math.inf].lasted < LONG


async def test_who_was_never_answered_is_not_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.suites.load.slow_clients.stalling_clients.CONNECT_GRACE_SECONDS", 0.0)
    monkeypatch.setattr("wsgi_gauntlet.suites.load.slow_clients.stalling_clients.DRAIN_TIMEOUT", 0.2)
    assert await run_stalls(for_ever, [Stall(StallPoint.IDLE, math.inf, 0.1)]) == {}


async def test_nobody_is_looked_at_where_nobody_listens() -> None:
    async with listening(for_ever) as address:
        pass
    all_stalled = trio.Event()
    assert await run_stalling_clients(address, "", [Stall(StallPoint.HEAD, 1, 1)], all_stalled) == []
    assert all_stalled.is_set()


async def sends(stream: trio.SocketStream, patience: float, *, reset: bool = False) -> None:
    """Send a page of the size that is asked for. Give each part that the client must read first `patience`."""
    head, _ = await head_of(stream)
    size = int(head.split(b"size=")[1].split()[0])
    with trio.move_on_after(patience) as gap:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(0, size, 65536):
            await stream.send_all(bytes(65536))
            gap.deadline = trio.current_time() + patience
    if reset:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(("reset", "how"), [(False, "FIN"), (True, "RST")])
async def test_a_time_out_in_the_response_is_seen_although_nothing_is_read(reset: bool, how: str) -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await sends(stream, PATIENCE, reset=reset)

    found = await run_stalls(handler, [Stall(StallPoint.RESPONSE, math.inf, LONG)])
    assert found[StallPoint.RESPONSE, math.inf].how == how
    # Before the client stops, the buffers of the kernel take a part of the page.
    assert PATIENCE - 0.1 < found[StallPoint.RESPONSE, math.inf].lasted < LONG


async def test_who_reads_a_part_now_and_then_is_borne_by_a_time_out_per_gap() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):  # the client leaves at the end of its watch
            await sends(stream, 2.0)

    found = await run_stalls(handler, [Stall(StallPoint.RESPONSE, 0.2, 1.0), Stall(StallPoint.RESPONSE, math.inf, 0.5)])
    assert {each.how for each in found.values()} == {""}


async def test_a_response_that_was_sent_whole_is_no_disconnect() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await head_of(stream)
        await stream.send_all(answer(10, close=True))

    found = await run_stalls(handler, [Stall(StallPoint.RESPONSE, math.inf, 0.5)])
    assert found[StallPoint.RESPONSE, math.inf].how == ""
