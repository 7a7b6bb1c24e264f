"""When blocks go out: each before the app makes the next."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
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
    exchange: Exchange, target: str, barrier: str, block: bytes, rest: bytes
) -> None:
    skip_behind_proxy(exchange)
    connection = await open_and_send_get(exchange, target)
    await wait_for_barrier(exchange, barrier)
    early = await connection.receive_until(block, timeout=HANG_TIMEOUT_SECONDS)
    assert_that(block in early, f"{block!r} on the wire while the app does nothing", early)
    exchange.release(barrier)
    late = await connection.receive_until(rest, timeout=HANG_TIMEOUT_SECONDS)
    assert_that(rest in late, f"{rest!r} after that", late)


@case(MUST, DELAY, basis=MUST_TEXT)
async def block_by_block(exchange: Exchange) -> None:
    """A block is on the wire before the next one has been made.

    Sends: A plain request; the app yields a block and waits at a barrier, which is let go when the client has the
    block.
    Expects: The block on the wire while the app waits, and the second one after that.
    Why: Progress bars, server-sent events and long downloads live on this; held back, the page looks dead.
    """
    await _assert_sent_while_app_waits(exchange, "/stream", "second", b"block 1\n", b"block 2\n")


@case(MUST, DELAY, basis=MUST_TEXT)
async def block_by_block_declared(exchange: Exchange) -> None:
    """A block is on the wire before the next one has been made, also where the app gives their length.

    Sends: A plain request; the app gives the length of two blocks, yields one, and waits at a barrier until the client
    has it.
    Expects: The first block on the wire while the app waits, and the second one after that.
    Why: A film that is made while it is watched, or a large export with a known size, does not begin before all of it
    is there.
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
    """What write() was given is on the wire while the app goes on.

    Sends: A plain request; the app writes a block and waits at a barrier, which is let go when the client has the
    block.
    Expects: The block on the wire while the app waits, and then the one that it returns.
    Why: Older frameworks send their progress through write(); users would see nothing until the work is over.
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
    """A block is on the wire before the next one has been made, also behind what went through write().

    Sends: A plain request; the app writes a block, yields another, and waits at a barrier before the third.
    Expects: The second block reaches the client while the app waits.
    Why: A page that shows its progress stands still until the work is over.
    """
    await _assert_sent_while_app_waits(exchange, "/write-then-stream", "second", b"block 1\n", b"block 2\n")
