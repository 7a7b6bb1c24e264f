"""Content-Length: what the server does when the app's is too small, too large or missing."""

from __future__ import annotations

from ...harness.catalog import MUST, SHOULD, case
from ...harness.exchange import Exchange
from ...harness.expect import equal, lacks, that
from ...harness.references import pep3333
from ...harness.response import Ending
from .asking import GLANCE, HANG, direct, outcome, sent, served, told

LENGTH = "Handling the Content-Length Header"

EXCEEDED = pep3333(
    LENGTH,
    "If the application supplies a Content-Length header, the server should not transmit more bytes to the client than "
    "the header allows, and should stop iterating over the response when enough data has been sent, or raise an error "
    "if the application tries to write() past that point.",
)


@case(SHOULD, EXCEEDED, tags=["security"], variants={"list": "list", "blocks": "blocks", "write": "write"})
async def never_exceeded(x: Exchange, what: str) -> None:
    """No byte goes out beyond the app's Content-Length.

    The app promises 5 bytes and gives 10 and more. On a connection that is kept, the rest would be the beginning of the
    next answer, and somebody else's behind a proxy.
    """
    wire = await sent(x, f"/too-long?what={what}")
    answer = await wire.response()
    if what == "write" and answer.status != 200:
        return
    served(answer, b"hello")
    await wire.ending(timeout=GLANCE)
    that(not wire.leftover, "nothing behind the 5 bytes", wire.leftover)


@case(SHOULD, EXCEEDED)
async def stops_iterating(x: Exchange) -> None:
    """The server stops asking for blocks when Content-Length is reached.

    21 blocks, of which the first is as long as was promised. Asking once more, to see whether it was the last, is
    forgiven.
    """
    direct(x)
    # Our end stays open meanwhile: whoever stops because nobody listens any more has not counted.
    await sent(x, "/too-long?what=blocks")
    await told(x, "closed", "close() of the body to be called")
    blocks = len(x.events("block"))
    that(blocks <= 2, "at most 2 blocks to be asked for", f"{blocks} blocks")


@case(SHOULD, EXCEEDED)
async def write_past_it_raises(x: Exchange) -> None:
    """write() raises where it is given more than Content-Length allows.

    The app writes the 5 bytes that it promised, and then 5 more.
    """
    direct(x)
    await sent(x, "/too-long?what=write")
    event = await outcome(x, "write")
    equal(event.kind, "raised", "what the second write() did")


@case(
    SHOULD,
    pep3333(
        LENGTH,
        "if the application does not provide enough data to meet its stated Content-Length, the server should close "
        "the connection and log or otherwise report the error",
    ),
)
async def short_body_closes(x: Exchange) -> None:
    """Where the app gives less than its Content-Length, the connection closes.

    10 bytes promised, 5 given. Kept open, the client waits for the rest, and takes the next answer for it.
    """
    wire = await sent(x, "/too-short")
    answer = await wire.response(timeout=HANG)
    that(not answer.complete or answer.status != 200, "no complete answer", answer.describe())
    ending = await wire.ending(timeout=GLANCE)
    that(ending is not Ending.OPEN, "the connection to close", f"{answer.describe()}; it stays open")


@case(
    MUST,
    pep3333(
        LENGTH,
        "Note that the server must comply fully with RFC 2616 when doing this, or else fall back to one of the other "
        "strategies for dealing with the absence of Content-Length.",
    ),
    variants={"http11": "HTTP/1.1", "http10": "HTTP/1.0"},
)
async def unknown_length_legal(x: Exchange, version: str) -> None:
    """Where the app gives no length, the answer is framed as the client's version of HTTP allows.

    Two blocks from a generator: in chunks to HTTP/1.1, or until the connection closes; to HTTP/1.0 never in chunks.
    """
    answer = await x.get("/unknown-length", version=version)
    served(answer, b"one\ntwo\n")
    if version == "HTTP/1.0":
        lacks(answer.options("Transfer-Encoding"), "chunked", "Transfer-Encoding")
