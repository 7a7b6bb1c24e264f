"""What the app returns: any iterable of bytes, sent block by block and unchanged."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT, SHOULD_TEXT, definition
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.suites.pep3333.assertions import NEEDS_WRITE, assert_not_success, assert_served, get_within

DETAILS = "Specification Details"

EVERY_BYTE = bytes(range(256)) + b"\r\n-\n-\r-\n\r-\r\r\n\n"
"""What the behaviour /every-byte sends."""

LARGE_BLOCK = bytes(range(256)) * 16384
"""What the behaviour /large-block sends: 4 MiB."""

ALLOWED_ATTRIBUTES = {"__class__", "__iter__", "__next__", "__len__", "__length_hint__", "__getitem__", "close"}
"""What the PEP lets a server use of the iterable, and what Python itself looks at for isinstance() and list()."""

TRANSMITS = pep3333(
    DETAILS,
    "The server or gateway must transmit the yielded bytestrings to the client in an unbuffered fashion, completing "
    "the transmission of each bytestring before requesting another one.",
)


@case(
    SHOULD,
    pep3333(
        DETAILS,
        "The server or gateway should treat the yielded bytestrings as binary byte sequences: in particular, it should "
        "ensure that line endings are not altered.",
    ),
    basis=SHOULD_TEXT,
)
async def binary_exact(exchange: Exchange) -> None:
    """Every byte value and every kind of line end arrives as it was yielded.

    Sends: A plain request; the app yields all 256 byte values, and CR and LF in all orders, with their length.
    Expects: Those bytes, and no others.
    Why: Images, archives and signatures are broken by one byte that was changed.
    """
    assert_served(await exchange.get("/every-byte"), EVERY_BYTE)


@case(
    MUST,
    TRANSMITS,
    basis=MUST_TEXT,
)
async def large_block(exchange: Exchange) -> None:
    """A block of 4 MiB arrives whole.

    Sends: A plain request; the app yields one block of 4 MiB and gives no length.
    Expects: All of it. A socket takes it in parts, and tells how much it took.
    Why: Large pages and exports arrive cut off wherever the network is slower than the server.
    """
    response = await exchange.get("/large-block")
    assert_that(response.status == 200 and response.complete, "a complete 200 answer", response.describe())
    assert_equal(response.length, len(LARGE_BLOCK), "the body's length")
    assert_that(response.body == LARGE_BLOCK, "the bytes that were yielded", "as many others")


@case(
    MUST,
    pep3333(
        DETAILS,
        "Finally, servers and gateways must not directly use any other attributes of the iterable returned by the "
        "application",
    ),
    basis=MUST_TEXT,
)
async def no_foreign_attributes(exchange: Exchange) -> None:
    """Of the iterable only len(), iteration and close() are used.

    Sends: A plain request; the app returns an object that reports each attribute looked up on it.
    Expects: Nothing but what len(), iteration and close() look up, and both blocks.
    Why: Bodies that open a file or ask a database when they are touched fail, or do their work twice, on this server
    alone.
    """
    assert_served(await exchange.get("/watched"), b"one\ntwo\n")
    await exchange.send_sync_request()
    names = {event.detail["name"] for event in exchange.events("attribute")}
    assert_equal(sorted(names - ALLOWED_ATTRIBUTES), [], "the other attributes that were looked up")


@case(
    MUST,
    TRANSMITS,
    basis=MUST_TEXT,
    variants={
        each: each for each in ("list-1", "list-2", "tuple-1", "tuple-2", "object-1", "object-2", "written-then-list")
    },
    needs={"written-then-list": NEEDS_WRITE},
)
async def len_used_right(exchange: Exchange, what: str) -> None:
    """Whatever the server makes of len(), the body arrives whole and its end is certain.

    Sends: A plain request; the app returns one or two blocks, as a list, a tuple or an object with a length, and no
    Content-Length. In one variant it has written a block before.
    Expects: The whole body and a certain end. The one block's length may be given as the body's, but not where
    something was written before.
    Why: A wrong guess cuts the page off, or leaves the browser waiting for what never comes.
    """
    if what == "written-then-list":
        assert_served(await exchange.get("/written-then-list"), b"written\nreturned\n")
    else:
        assert_served(
            await exchange.get("/sized" + query(what=what)), b"one\n" if what.endswith("1") else b"one\ntwo\n"
        )


@case(MUST, TRANSMITS, basis=MUST_TEXT)
async def empty_block_in_chunked(exchange: Exchange) -> None:
    """A b'' among the blocks does not end the body.

    Sends: A plain request; the app yields b'' before, between and after two blocks.
    Expects: Both blocks, and a whole answer.
    Why: Written as a chunk of size 0, b'' is the end of a chunked body: the page is cut off, and the rest of it read as
    the next answer.
    """
    assert_served(await exchange.get("/empty-blocks"), b"one\ntwo\n")


@case(
    SHOULD,
    pep3333(
        "Unicode Issues",
        "(i.e., values read from wsgi.input, passed to write() or yielded by the application), the value must be of "
        "type bytes under Python 3",
    ),
    basis=definition(
        "A block is defined as bytes, and the duty to yield them is the app's. A server that "
        "encodes text by a guess answers what the app never said; no sentence tells it to look."
    ),
    breach=APP,
)
async def str_block_is_error(exchange: Exchange) -> None:
    """A block of text is an error, and never passes for a success.

    Sends: A plain request; the app starts a 200 and returns a str.
    Expects: An error status, or an answer that is broken off.
    Why: Encoded by guess, it works until the first name with an accent, and then only on some servers.
    """
    assert_not_success(await get_within(exchange, "/str-block"), "the app yielded a str")


@case(
    MUST,
    TRANSMITS,
    basis=MUST_TEXT,
    variants={each: each for each in ("list", "tuple", "generator", "iterator-class", "iterable-object", "file-like")},
)
async def all_iterables(exchange: Exchange, what: str) -> None:
    """Every kind of iterable is served alike.

    Sends: A plain request; the app returns two blocks as a list, a tuple, a generator, an iterator class, an object
    with `__iter__`, or a BytesIO.
    Expects: The same body each time.
    Why: An app that was written on one server shows empty pages on another.
    """
    assert_served(await exchange.get("/kinds" + query(what=what)), b"one\ntwo\n")


@case(
    SHOULD,
    pep3333(
        "The write() Callable",
        "a bytestring to be written as part of the HTTP response body, that is treated exactly as though it had been "
        "yielded by the output iterable",
    ),
    basis=definition(
        "What is written is treated as what is yielded, of which the PEP says that a server "
        "should keep it byte by byte."
    ),
    needs=NEEDS_WRITE,
)
async def binary_exact_written(exchange: Exchange) -> None:
    """Every byte value and every kind of line end arrives as it was given to write().

    Sends: A plain request; the app writes all 256 values, and CR and LF in all orders, in one call.
    Expects: Those bytes, and no others.
    Why: Images, archives and signatures that an older framework writes so are broken by one byte that was changed.
    """
    assert_served(await exchange.get("/every-byte?how=write"), EVERY_BYTE)
