"""The body: which iterables there are, and that each block is sent whole, at once and as it is."""

from __future__ import annotations

from ...harness.catalog import MUST, SHOULD, case
from ...harness.exchange import Exchange, query
from ...harness.expect import equal, that
from ...harness.references import pep3333
from .asking import HANG, asked, direct, held, not_success, outcome, sent, served

DETAILS = "Specification Details"
STREAMING = "Buffering and Streaming"
WRITE = "The write() Callable"

EVERY_BYTE = bytes(range(256)) + b"\r\n-\n-\r-\n\r-\r\r\n\n"
"""What the behaviour /every-byte sends."""

LARGE_BLOCK = bytes(range(256)) * 16384
"""What the behaviour /large-block sends: 4 MiB."""

ALLOWED = {"__class__", "__iter__", "__next__", "__len__", "__length_hint__", "__getitem__", "close"}
"""What the PEP lets a server use of the iterable, and what Python itself looks at for isinstance() and list()."""

ITERABLE = pep3333(
    DETAILS,
    "Regardless of how it is accomplished, the application object must always return an iterable yielding zero or more "
    "bytestrings.",
)


@case(
    SHOULD,
    pep3333(
        DETAILS,
        "The server or gateway should treat the yielded bytestrings as binary byte sequences: in particular, it should "
        "ensure that line endings are not altered.",
    ),
)
async def binary_exact(x: Exchange) -> None:
    """Every byte value and every kind of line end arrives as it was yielded.

    All 256 values and CR, LF in all orders, with their Content-Length.
    """
    served(await x.get("/every-byte"), EVERY_BYTE)


@case(
    MUST,
    pep3333(
        DETAILS,
        "The server or gateway must transmit the yielded bytestrings to the client in an unbuffered fashion, "
        "completing the transmission of each bytestring before requesting another one.",
    ),
)
async def large_block(x: Exchange) -> None:
    """A block of 4 MiB arrives whole.

    One block, with no length of the app's. A socket takes it in parts, and tells how much it took.
    """
    answer = await x.get("/large-block")
    that(answer.status == 200 and answer.complete, "a complete 200 answer", answer.describe())
    equal(answer.length, len(LARGE_BLOCK), "the body's length")
    that(answer.body == LARGE_BLOCK, "the bytes that were yielded", "as many others")


async def _reaches_client_while_held(x: Exchange, target: str, barrier: str, block: bytes, rest: bytes) -> None:
    direct(x)
    wire = await sent(x, target)
    await held(x, barrier)
    early = await wire.receive_until(block, timeout=HANG)
    that(block in early, f"{block!r} on the wire while the app does nothing", early)
    x.release(barrier)
    late = await wire.receive_until(rest, timeout=HANG)
    that(rest in late, f"{rest!r} after that", late)


@case(
    MUST,
    pep3333(
        STREAMING,
        "WSGI servers, gateways, and middleware must not delay the transmission of any block; they must either fully "
        "transmit the block to the client, or guarantee that they will continue transmission even while the "
        "application is producing its next block.",
    ),
)
async def block_by_block(x: Exchange) -> None:
    """A block is on the wire before the next one has been made.

    The app yields a block and then waits at a barrier, which is let go when the client has the block. Progress bars,
    server-sent events and long downloads live on this.
    """
    await _reaches_client_while_held(x, "/stream", "second", b"block 1\n", b"block 2\n")


@case(
    MUST,
    pep3333(
        STREAMING,
        "By providing this guarantee, WSGI allows applications to ensure that transmission will not become stalled at "
        "an arbitrary point in their output data.",
    ),
)
async def block_by_block_declared(x: Exchange) -> None:
    """A block is on the wire before the next one has been made, also where the app gives their length.

    As in block-by-block, with a Content-Length of both blocks.
    """
    await _reaches_client_while_held(x, "/stream?declared=yes", "second", b"block 1\n", b"block 2\n")


@case(
    MUST,
    pep3333(
        DETAILS,
        "Finally, servers and gateways must not directly use any other attributes of the iterable returned by the "
        "application",
    ),
)
async def no_foreign_attributes(x: Exchange) -> None:
    """Of the iterable only len(), iteration and close() are used.

    The app returns an object that reports each attribute looked up on it.
    """
    served(await x.get("/watched"), b"one\ntwo\n")
    await x.fence()
    names = {event.detail["name"] for event in x.events("attribute")}
    equal(sorted(names - ALLOWED), [], "the other attributes that were looked up")


@case(
    MUST,
    pep3333(
        DETAILS, "If a call to len(iterable) succeeds, the server must be able to rely on the result being accurate."
    ),
    variants={
        each: each for each in ("list-1", "list-2", "tuple-1", "tuple-2", "object-1", "object-2", "written-then-list")
    },
)
async def len_used_right(x: Exchange, what: str) -> None:
    """Whatever the server makes of len(), the body arrives whole and its end is certain.

    Iterables of one and two blocks, with no Content-Length of the app's. The length of the one block is the body's only
    if nothing went through write() before, which the last of them does.
    """
    if what == "written-then-list":
        served(await x.get("/written-then-list"), b"written\nreturned\n")
    else:
        served(await x.get("/sized" + query(what=what)), b"one\n" if what.endswith("1") else b"one\ntwo\n")


@case(MUST, ITERABLE)
async def empty_block_in_chunked(x: Exchange) -> None:
    """A b'' among the blocks does not end the body.

    Blocks with b'' before, between and after them. Written as a chunk of size 0, it is the end of a chunked body.
    """
    served(await x.get("/empty-blocks"), b"one\ntwo\n")


@case(
    MUST,
    pep3333(
        WRITE,
        "before write() returns, it must guarantee that the passed-in bytestring was either completely sent to the "
        "client, or that it is buffered for transmission while the application proceeds onward",
    ),
)
async def write_delivered(x: Exchange) -> None:
    """What write() was given is on the wire while the app goes on.

    The app writes a block and waits at a barrier, which is let go when the client has the block.
    """
    await _reaches_client_while_held(x, "/write-and-hold", "written", b"written\n", b"returned\n")


@case(
    MUST,
    pep3333(
        WRITE,
        "any bytestrings yielded by the iterable are transmitted after all bytestrings passed to write() have been "
        "sent to the client",
    ),
    variants={"then-block": ("", b"one\ntwo\nthree\n"), "then-nothing": ("?then=nothing", b"one\ntwo\n")},
)
async def write_order(x: Exchange, answer: tuple[str, bytes]) -> None:
    """What went through write() comes first, then what the iterable yields; which may be nothing.

    Two blocks written, one returned or none.
    """
    parameters, body = answer
    served(await x.get(f"/write-in-order{parameters}"), body)


@case(
    MUST,
    pep3333(
        "Unicode Issues",
        "(i.e., values read from wsgi.input, passed to write() or yielded by the application), the value must be of "
        "type bytes under Python 3",
    ),
)
async def str_block_is_error(x: Exchange) -> None:
    """A block of text is an error, and never passes for a success.

    The app starts a 200 and returns a str. Encoded by guess, it works until the first name with an accent.
    """
    not_success(await asked(x, "/str-block"), "the app yielded a str")


@case(
    MUST,
    pep3333(
        "Unicode Issues",
        "(i.e., values read from wsgi.input, passed to write() or yielded by the application), the value must be of "
        "type bytes under Python 3",
    ),
)
async def str_written_is_error(x: Exchange) -> None:
    """Text passed to write() is an error, and never passes for a success.

    The app starts a 200 and writes a str. Either write() raises, or no whole answer comes of it.
    """
    answer = await asked(x, "/str-written")
    event = await outcome(x, "write")
    if event.kind != "raised":
        not_success(answer, "the app wrote a str")


@case(
    MUST,
    ITERABLE,
    variants={each: each for each in ("list", "tuple", "generator", "iterator-class", "iterable-object", "file-like")},
)
async def all_iterables(x: Exchange, what: str) -> None:
    """Every kind of iterable is served alike.

    The same two blocks from a list, a tuple, a generator, an iterator class, an object with `__iter__`, a BytesIO.
    """
    served(await x.get("/kinds" + query(what=what)), b"one\ntwo\n")
