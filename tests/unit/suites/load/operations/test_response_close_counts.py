"""What the app's processes say of their answers, and when that is enough."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.suites.load.operations.response_close_counts import count_response_closes, parse_counts

from .....helpers.tcp_server import listening


@asynccontextmanager
async def saying(*words: str) -> AsyncIterator[Address]:
    """A server whose processes answer by turns."""
    asked = 0

    async def handle(stream: trio.SocketStream) -> None:
        nonlocal asked
        async with stream:
            head = await stream.receive_some(4096)
            assert head.startswith(b"GET /m/open-answers?wait=20 ")
            said = words[asked % len(words)].encode()
            asked += 1
            await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))

    async with listening(handle) as address:
        yield address


async def test_all_processes_count() -> None:
    async with saying("11 5 5\n", "12 7 7\n") as address:
        found = await count_response_closes(address, "/m", 12, 5)
    assert found is not None
    assert (found.opened, found.unclosed, found.processes) == (12, 0, 2)


async def test_responses_without_close_are_counted_after_a_wait() -> None:
    async with saying("11 5 3\n") as address:
        found = await count_response_closes(address, "/m", 5, 0.1)
    assert found is not None
    assert found.unclosed == 2


async def test_nobody_knows_where_a_process_was_not_heard() -> None:
    async with saying("11 5 5\n") as address:
        assert await count_response_closes(address, "/m", 6, 0.1) is None


@pytest.mark.parametrize("body", [b"", b"gauntlet\n", b"1 2\n", b"1 2 x\n"])
def test_other_answers_say_nothing(body: bytes) -> None:
    parser = ResponseParser()
    parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    assert parse_counts(parser.response()) is None
