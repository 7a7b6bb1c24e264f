"""When blocks go out: each before the app makes the next."""

from __future__ import annotations

from ....harness.attempts.exchange import Exchange
from ....harness.basis import MUST_TEXT
from ....harness.catalog import MUST, case
from ....harness.expect import that
from ....harness.references import pep3333
from ..asking import HANG, WRITES, direct, held, sent

DETAILS = "Specification Details"

STREAMING = "Buffering and Streaming"

WRITE = "The write() Callable"

DELAY = pep3333(
    STREAMING,
    "WSGI servers, gateways, and middleware must not delay the transmission of any block; they must either fully "
    "transmit the block to the client, or guarantee that they will continue transmission even while the application is "
    "producing its next block.",
)


async def _reaches_client_while_held(x: Exchange, target: str, barrier: str, block: bytes, rest: bytes) -> None:
    direct(x)
    wire = await sent(x, target)
    await held(x, barrier)
    early = await wire.receive_until(block, timeout=HANG)
    that(block in early, f"{block!r} on the wire while the app does nothing", early)
    x.release(barrier)
    late = await wire.receive_until(rest, timeout=HANG)
    that(rest in late, f"{rest!r} after that", late)


@case(MUST, DELAY, basis=MUST_TEXT)
async def block_by_block(x: Exchange) -> None:
    """A block is on the wire before the next one has been made.

    Sends: A plain request; the app yields a block and waits at a barrier, which is let go when the client has the
    block.
    Expects: The block on the wire while the app waits, and the second one after that.
    Why: Progress bars, server-sent events and long downloads live on this; held back, the page looks dead.
    """
    await _reaches_client_while_held(x, "/stream", "second", b"block 1\n", b"block 2\n")


@case(MUST, DELAY, basis=MUST_TEXT)
async def block_by_block_declared(x: Exchange) -> None:
    """A block is on the wire before the next one has been made, also where the app gives their length.

    Sends: A plain request; the app gives the length of two blocks, yields one, and waits at a barrier until the client
    has it.
    Expects: The first block on the wire while the app waits, and the second one after that.
    Why: A film that is made while it is watched, or a large export with a known size, does not begin before all of it
    is there.
    """
    await _reaches_client_while_held(x, "/stream?declared=yes", "second", b"block 1\n", b"block 2\n")


@case(
    MUST,
    pep3333(
        WRITE,
        "before write() returns, it must guarantee that the passed-in bytestring was either completely sent to the "
        "client, or that it is buffered for transmission while the application proceeds onward",
    ),
    basis=MUST_TEXT,
    needs=WRITES,
)
async def write_delivered(x: Exchange) -> None:
    """What write() was given is on the wire while the app goes on.

    Sends: A plain request; the app writes a block and waits at a barrier, which is let go when the client has the
    block.
    Expects: The block on the wire while the app waits, and then the one that it returns.
    Why: Older frameworks send their progress through write(); users would see nothing until the work is over.
    """
    await _reaches_client_while_held(x, "/write-and-hold", "written", b"written\n", b"returned\n")


@case(
    MUST,
    pep3333(
        WRITE,
        "if it does yield non-empty bytestrings, that output must be treated normally by the server or gateway (i.e., "
        "it must be sent or queued immediately)",
    ),
    basis=MUST_TEXT,
    needs=WRITES,
)
async def block_by_block_after_write(x: Exchange) -> None:
    """A block is on the wire before the next one has been made, also behind what went through write().

    Sends: A plain request; the app writes a block, yields another, and waits at a barrier before the third.
    Expects: The second block reaches the client while the app waits.
    Why: A page that shows its progress stands still until the work is over.
    """
    await _reaches_client_while_held(x, "/write-then-stream", "second", b"block 1\n", b"block 2\n")
