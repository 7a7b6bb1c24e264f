"""Clients that stop, against servers inside the test whose patience is known."""

import math

import pytest
import trio

from wsgi_gauntlet.harness.load.judging.edges import Edge, Place
from wsgi_gauntlet.harness.load.stopping import Stop, looked_at

from .listening import Handler, listening
from .test_dripped_body import head_of
from .test_personas import answer

PATIENCE = 0.4
STOPS = [Stop(place, gap, 1.5) for place in Place for gap in (0.1, math.inf)]


async def look(handler: Handler, stops: list[Stop]) -> dict[tuple[Place, float], Edge]:
    midway = trio.Event()
    async with listening(handler) as address:
        edges = await looked_at(address, "", stops, midway)
    assert midway.is_set()
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
    found = await look(per_gap, STOPS)
    for place in Place:
        assert found[place, 0.1].how in {"", "FIN"}  # a busy machine may make a gap of 0.1 s one of 0.4 s
        assert found[place, math.inf].how == "FIN"
        assert 0.3 < found[place, math.inf].lived < 1.5


async def test_a_time_out_in_all_frees_everybody() -> None:
    found = await look(in_all, STOPS)
    assert len(found) == 6
    assert {each.how for each in found.values()} <= {"408", "FIN", "RST"}
    assert found[Place.HEAD, math.inf].how == "408"
    assert found[Place.BODY, 0.1].lived < 1.5


async def test_who_is_never_freed_is_looked_at_to_the_end() -> None:
    found = await look(for_ever, [Stop(Place.HEAD, math.inf, 0.2), Stop(Place.BODY, 0.05, 0.2)])
    assert {each.how for each in found.values()} == {""}
    assert [each.lived for each in found.values()] == [pytest.approx(0.2)] * 2


async def test_what_each_place_looks_like() -> None:
    heads: list[bytes] = []

    async def handler(stream: trio.SocketStream) -> None:
        got = b""
        while piece := await stream.receive_some(4096):
            got += piece
        heads.append(got)

    await look(handler, [Stop(Place.HEAD, 0.05, 0.2), Stop(Place.BODY, 0.05, 0.2)])
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

    found = await look(handler, [Stop(Place.IDLE, math.inf, 0.5)])
    assert found[Place.IDLE, math.inf].how == "FIN"
    assert found[Place.IDLE, math.inf].lived < 0.2


async def test_who_was_never_answered_is_not_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.load.stopping.GRACE", 0.0)
    monkeypatch.setattr("wsgi_gauntlet.harness.load.stopping.LAST_WORDS", 0.2)
    assert await look(for_ever, [Stop(Place.IDLE, math.inf, 0.1)]) == {}


async def test_nobody_is_looked_at_where_nobody_listens() -> None:
    async with listening(for_ever) as address:
        pass
    midway = trio.Event()
    assert await looked_at(address, "", [Stop(Place.HEAD, 1, 1)], midway) == []
    assert midway.is_set()
