"""Big bodies against servers inside the test: what is right, wrong, refused and broken, and at what pace."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.clients import transfers
from wsgi_gauntlet.harness.load.clients.transfers import (
    Direction,
    StreamedResponse,
    Transfer,
    TransferOutcome,
    digest,
    download,
    pieces,
    upload,
)

from .....helpers.tcp_server import listening

SIZE = 300_000

Handler = Callable[[trio.SocketStream, bytes], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Address]:
    """Reads a head, and leaves the rest to `handler`, which gets what had come behind it."""

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            got = b""
            while b"\r\n\r\n" not in got:
                got += await stream.receive_some(4096)
            try:
                await handler(stream, got.partition(b"\r\n\r\n")[2])
            except trio.BrokenResourceError:
                return

    async with listening(handle) as address:
        yield address


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def sent_to(handler: Handler, patience: float = 10, throttle: float | None = None) -> Transfer:
    async with serving(handler) as address:
        return await upload(address, "/m", SIZE, digest(SIZE), patience=patience, throttle=throttle)


async def taken_from(body: bytes, size: int = SIZE, throttle: float | None = None, cut: int = 0) -> Transfer:
    async def handler(stream: trio.SocketStream, _rest: bytes) -> None:
        whole = answer(body)
        await stream.send_all(whole[: len(whole) - cut])

    async with serving(handler) as address:
        right = hashlib.sha256(bytes(size)).hexdigest()
        return await download(address, "/m", size, "n", right, patience=10, throttle=throttle)


async def sink(stream: trio.SocketStream, rest: bytes, spoilt: bytes = b"") -> None:
    got = bytearray(rest)
    while len(got) < SIZE:
        got += await stream.receive_some(65536)
    said = f"{len(got)} {hashlib.sha256(bytes(got) + spoilt).hexdigest()}\n"
    await stream.send_all(answer(said.encode()))


def test_pieces_are_as_long_as_asked_and_repeat_nowhere_in_step() -> None:
    every = [bytes(each) for each in pieces(SIZE)]
    assert sum(map(len, every)) == SIZE
    assert every[0] != every[1]
    assert every == [bytes(each) for each in pieces(SIZE)]
    assert digest(SIZE) == hashlib.sha256(b"".join(every)).hexdigest()
    assert digest(SIZE) != digest(SIZE, seed=1)


async def test_an_upload_is_right_where_its_hash_comes_back() -> None:
    found = await sent_to(sink)
    assert (found.outcome, found.direction, found.size) == (TransferOutcome.RIGHT, Direction.UP, SIZE)


async def test_an_upload_that_changed_on_its_way_is_wrong() -> None:
    found = await sent_to(lambda stream, rest: sink(stream, rest, b"more"))
    assert found.outcome is TransferOutcome.WRONG
    assert "SHA-256" in found.detail


async def test_an_early_refusal_is_heard() -> None:
    async def refuse(stream: trio.SocketStream, _rest: bytes) -> None:
        await stream.send_all(answer(b"", b"413 Content Too Large"))

    found = await sent_to(refuse, throttle=500_000)
    assert found.outcome is TransferOutcome.REFUSED


@pytest.mark.parametrize("said", [b"", answer(b"", b"500 Oops"), b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n"])
async def test_an_upload_without_a_right_answer_has_failed(said: bytes) -> None:
    async def fail(stream: trio.SocketStream, rest: bytes) -> None:
        got = len(rest)
        while got < SIZE:
            got += len(await stream.receive_some(65536))
        if said:
            await stream.send_all(said)

    found = await sent_to(fail)
    assert found.outcome is TransferOutcome.FAILED
    assert found.detail


async def test_patience_ends() -> None:
    async def never(_stream: trio.SocketStream, _rest: bytes) -> None:
        await trio.sleep_forever()

    found = await sent_to(never, patience=0.2)
    assert (found.outcome, found.detail) == (TransferOutcome.FAILED, "not finished after 0.2 s")
    refused = await upload(Address(port=1), "", 10, "", patience=1)
    assert refused.outcome is TransferOutcome.FAILED


async def test_a_download_is_checked_to_the_last_byte() -> None:
    assert (await taken_from(bytes(SIZE))).outcome is TransferOutcome.RIGHT
    assert (await taken_from(bytes(SIZE - 1) + b"x")).outcome is TransferOutcome.WRONG
    assert (await taken_from(bytes(SIZE + 1))).outcome is TransferOutcome.WRONG
    assert (await taken_from(bytes(SIZE), cut=1)).outcome is TransferOutcome.FAILED


async def test_a_throttled_one_takes_its_time() -> None:
    found = await taken_from(bytes(SIZE), throttle=SIZE / 0.3)
    assert found.outcome is TransferOutcome.RIGHT
    assert found.seconds >= 0.3
    found = await sent_to(sink, throttle=SIZE / 0.3)
    assert found.outcome is TransferOutcome.RIGHT
    assert found.seconds >= 0.3


def test_a_streamed_answer_keeps_nothing_of_its_body() -> None:
    got = bytearray()
    parser = StreamedResponse(got.extend)
    for piece in (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", b"c\r\n2\r\nde\r\n0\r\n\r\n"):
        parser.feed(piece)
    assert parser.done
    assert bytes(got) == b"abcde"
    assert parser.response().body == b""
    assert (parser.response().length, parser.response().complete) == (5, True)
    assert transfers.CHUNK_BYTES == 65536
