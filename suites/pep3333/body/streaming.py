"""Streaming: the server sends each block before the app makes the next one."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.pep3333.assertions import (
    HANG_TIMEOUT_SECONDS,
    NEEDS_WRITE,
    open_and_send_get,
    skip_behind_proxy,
    wait_for_barrier,
)

DETAILS = "Specification Details"

STREAMING = "Buffering and Streaming"

WRITE = "The write() Callable"

DELAY = pep3333(
    STREAMING,
    "WSGI servers, gateways, and middleware must not delay the transmission of any block; they must either fully "
    "transmit the block to the client, or guarantee that they will continue transmission even while the application is "
    "producing its next block.",
)


async def _assert_sent_while_app_waits(
    exchange: Exchange, target: str, barrier: str, block: bytes, next_block: bytes
) -> None:
    skip_behind_proxy(exchange)
    connection = await open_and_send_get(exchange, target)
    await wait_for_barrier(exchange, barrier)
    early = await connection.receive_until(block, timeout=HANG_TIMEOUT_SECONDS)
    assert_that(block in early, f"{block!r} on the wire while the app waits", early)
    exchange.release(barrier)
    late = await connection.receive_until(next_block, timeout=HANG_TIMEOUT_SECONDS)
    assert_that(next_block in late, f"{next_block!r} after the app continues", late)


@case(MUST, DELAY, basis=MUST_TEXT)
async def block_by_block(exchange: Exchange) -> None:
    """The server sends a block before the app makes the next one.

    Sends: A GET request. The app yields a block and waits at a barrier until the client has received the block.
    Expects: The client receives the first block while the app waits, and the second block after that.
    Why: Progress bars, server-sent events and long downloads need this. If the server buffers blocks, the page looks
    dead.
    """
    await _assert_sent_while_app_waits(exchange, "/stream", "second", b"block 1\n", b"block 2\n")


@case(MUST, DELAY, basis=MUST_TEXT)
async def block_by_block_declared(exchange: Exchange) -> None:
    """The server sends a block before the app makes the next one, also when the app sets Content-Length.

    Sends: A GET request. The app sets the Content-Length of two blocks, yields one, and waits at a barrier until the
    client has received it.
    Expects: The client receives the first block while the app waits, and the second block after that.
    Why: If the server waits for the complete body, a live video or a large export of known size starts late.
    """
    await _assert_sent_while_app_waits(exchange, "/stream?declared=yes", "second", b"block 1\n", b"block 2\n")


@case(
    MUST,
    pep3333(
        WRITE,
        "before write() returns, it must guarantee that the passed-in bytestring was either completely sent to the "
        "client, or that it is buffered for transmission while the application proceeds onward",
    ),
    basis=MUST_TEXT,
    needs=NEEDS_WRITE,
)
async def write_delivered(exchange: Exchange) -> None:
    """The server sends a block that the app passed to write() while the app continues.

    Sends: A GET request. The app writes a block and waits at a barrier until the client has received the block.
    Expects: The client receives the written block while the app waits, and then the returned block.
    Why: Older frameworks report progress through write(). Otherwise users see nothing until the work is finished.
    """
    await _assert_sent_while_app_waits(exchange, "/write-and-hold", "written", b"written\n", b"returned\n")


@case(
    MUST,
    pep3333(
        WRITE,
        "if it does yield non-empty bytestrings, that output must be treated normally by the server or gateway (i.e., "
        "it must be sent or queued immediately)",
    ),
    basis=MUST_TEXT,
    needs=NEEDS_WRITE,
)
async def block_by_block_after_write(exchange: Exchange) -> None:
    """The server sends a block before the app makes the next one, also after a call of write().

    Sends: A GET request. The app writes a block, yields another, and waits at a barrier before the third.
    Expects: The client receives the second block while the app waits.
    Why: Otherwise a page that shows its progress stands still until the work is finished.
    """
    await _assert_sent_while_app_waits(exchange, "/write-then-stream", "second", b"block 1\n", b"block 2\n")
