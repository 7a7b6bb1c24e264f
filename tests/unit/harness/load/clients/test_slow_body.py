"""Requests whose body drips: framed as they say, slowly, and ended as a good client ends them."""

import pytest
import trio

from wsgi_gauntlet.harness.load.clients.slow_body import BodyFraming, SlowBody, upload_body
from wsgi_gauntlet.harness.load.clients.slow_connection import ServerDisconnected

from .....helpers.run_behaviour import run_behaviour
from .....helpers.tcp_server import Handler, listening

LENGTHS = [BodyFraming.LENGTH, BodyFraming.EXPECT]
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def behaviour(framing: BodyFraming, size: int = 8, interval: float = 0.01) -> SlowBody:
    return SlowBody("/sink", "host:1", interval, size, bytes_per_interval=3, framing=framing)


async def head_of(stream: trio.SocketStream) -> tuple[bytes, bytes]:
    head = b""
    while b"\r\n\r\n" not in head:
        head += await stream.receive_some(4096)
    first, _, rest = head.partition(b"\r\n\r\n")
    return first, rest


def test_a_body_in_pieces() -> None:
    assert list(upload_body(BodyFraming.LENGTH, 8, 3)) == [b"xxx", b"xxx", b"xx"]
    assert list(upload_body(BodyFraming.CHUNKED, 4, 3)) == [b"3\r\nxxx\r\n", b"1\r\nx\r\n", b"0\r\n\r\n"]


@pytest.mark.parametrize("framing", list(BodyFraming))
async def test_a_body_drips_and_its_answer_is_read(framing: BodyFraming) -> None:
    heads, pieces = [], []

    async def handler(stream: trio.SocketStream) -> None:
        head, rest = await head_of(stream)
        heads.append(head)
        if framing is BodyFraming.EXPECT:
            assert rest == b""
            await stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\n")
        whole = b"".join(upload_body(framing, 8, 3))
        while len(rest) < len(whole):
            piece = await stream.receive_some(4096)
            pieces.append(piece)
            rest += piece
        assert rest == whole
        await stream.send_all(DONE)

    async with listening(handler) as address:
        behaviour_run = await run_behaviour(behaviour(framing, interval=0.05), address)
    assert behaviour_run.end is None
    assert len(pieces) >= 2
    assert heads[0].startswith(b"POST /sink HTTP/1.1\r\nHost: host:1\r\n")
    assert (b"\r\nContent-Length: 8\r\n" in heads[0]) == (framing in LENGTHS)
    assert (b"\r\nTransfer-Encoding: chunked\r\n" in heads[0]) == (framing is BodyFraming.CHUNKED)
    assert (b"\r\nExpect: 100-continue\r\n" in heads[0]) == (framing is BodyFraming.EXPECT)


async def test_without_an_invitation_it_sends_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.load.clients.slow_body.CONTINUE_TIMEOUT", 0.05)

    async def handler(stream: trio.SocketStream) -> None:
        _, body = await head_of(stream)
        while len(body) < 8:
            body += await stream.receive_some(4096)
        await stream.send_all(DONE)

    async with listening(handler) as address:
        assert (await run_behaviour(behaviour(BodyFraming.EXPECT), address)).end is None


async def test_one_invitation_too_many_is_no_answer() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await head_of(stream)
        await stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        body = b""
        while len(body) < 8:
            body += await stream.receive_some(4096)
        await stream.send_all(DONE)

    async with listening(handler) as address:
        assert (await run_behaviour(behaviour(BodyFraming.EXPECT), address)).end is None


@pytest.mark.parametrize(
    ("answer", "how", "said"),
    [
        (b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", "FIN", 417),
        (b"HTTP/1.1 408 Request Timeout\r\n\r\n", "408", 408),
        (b"HTTP", "FIN", 0),
        (b"", "FIN", 0),
    ],
)
async def test_a_final_answer_in_place_of_an_invitation_ends_it(answer: bytes, how: str, said: int) -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await head_of(stream)
        if answer:
            await stream.send_all(answer)

    async with listening(handler) as address:
        end = (await run_behaviour(behaviour(BodyFraming.EXPECT), address)).end
    assert isinstance(end, ServerDisconnected)
    assert (end.how, end.status) == (how, said)


async def dropped_after(framing: BodyFraming, handler: Handler) -> ServerDisconnected:
    async with listening(handler) as address:
        end = (await run_behaviour(behaviour(framing), address)).end
    assert isinstance(end, ServerDisconnected)
    return end


async def test_an_answer_before_the_body_ends_it() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await head_of(stream)
        await stream.send_all(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")

    assert (await dropped_after(BodyFraming.CHUNKED, handler)).how == "408"


async def test_an_answer_that_breaks_off_ends_it() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        _, body = await head_of(stream)
        while len(body) < 8:
            body += await stream.receive_some(4096)
        await stream.send_all(DONE[:-1])

    assert (await dropped_after(BodyFraming.LENGTH, handler)).how == "FIN"


async def test_an_answer_may_end_with_the_connection() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        _, body = await head_of(stream)
        while len(body) < 8:
            body += await stream.receive_some(4096)
        await stream.send_all(b"HTTP/1.0 200 OK\r\n\r\nok")

    async with listening(handler) as address:
        assert (await run_behaviour(behaviour(BodyFraming.LENGTH), address)).end is None
