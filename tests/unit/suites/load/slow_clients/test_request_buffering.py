"""Whether an app is called before the body is there, by what it says itself."""

import time

import pytest
import trio

from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.harness.http.response import ConnectionState
from wsgi_gauntlet.harness.load.clients.slow_body import BodyFraming
from wsgi_gauntlet.suites.load.slow_clients import request_buffering as module
from wsgi_gauntlet.suites.load.slow_clients.request_buffering import buffering_measure, request_buffering

from .....helpers.tcp_server import Handler, listening
from ....harness.load.clients.test_slow_body import head_of


def answer(body: str, waited: str | None, status: str = "200 OK") -> bytes:
    buffering_measure = f"X-Gauntlet-Waited: {waited}\r\n" if waited is not None else ""
    return f"HTTP/1.1 {status}\r\n{buffering_measure}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def sink(eager: bool) -> Handler:
    async def handler(stream: trio.SocketStream) -> None:
        began = time.perf_counter()
        _, body = await head_of(stream)
        while len(body) < 32:
            body += await stream.receive_some(4096)
        waited = time.perf_counter() - began if eager else 0.0
        await stream.send_all(answer("32 abc", f"{waited:.6f}"))

    return handler


@pytest.mark.parametrize("eager", [True, False])
async def test_a_body_held_back_tells_them_apart(eager: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WITHHOLD_SECONDS", 0.1)
    async with listening(sink(eager)) as address:
        found = await request_buffering(address, "", BodyFraming.LENGTH)
    assert found.value == float(eager)


async def test_an_answer_without_the_body_came_early() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await head_of(stream)
        await stream.send_all(answer("0 abc", "0.000001"))

    async with listening(handler) as address:
        found = await request_buffering(address, "", BodyFraming.CHUNKED)
    assert (found.value, found.note) == (1.0, "the server gave the app no body, and the app responded without it")


async def test_a_server_that_says_nothing_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WITHHOLD_SECONDS", 0.05)

    async def handler(stream: trio.SocketStream) -> None:
        await head_of(stream)

    async with listening(handler) as address:
        assert (await request_buffering(address, "", BodyFraming.LENGTH)).value is None
    found = await request_buffering(address, "", BodyFraming.LENGTH)  # nobody listens there now
    assert found.value is None
    assert "refused" in found.note


@pytest.mark.parametrize(
    ("raw", "ahead", "value", "note"),
    [
        (answer("32 x", "0.49"), False, 1.0, "the app read for 490 ms; the body was delayed by 500 ms"),
        (answer("32 x", "0.001"), False, 0.0, "1.0 ms"),
        (answer("0 x", "0.001"), False, None, "gave the app no body"),
        (answer("0 x", "0.001"), True, 1.0, "responded without it"),
        (answer("32 x", None), False, None, "does not say"),
        (answer("32 x", "soon"), False, None, "does not say"),
        (answer("no", "0", "411 Length Required"), False, None, "411"),
        (b"", False, None, "the response to such a request is"),
    ],
)
def test_the_metric_of_a_response(raw: bytes, ahead: bool, value: float | None, note: str) -> None:
    parser = ResponseParser()
    parser.feed(raw)
    if not parser.done:
        parser.eof(ConnectionState.EOF)
    found = buffering_measure(parser.response(), ahead=ahead)
    assert (found.label, found.value) == (module.MEASURE_NAME, value)
    assert note in found.note
