"""The body that the app returns: any iterable of bytes, sent block by block and unchanged."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT, SHOULD_TEXT, definition, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.suites.pep3333.assertions import NEEDS_WRITE, assert_not_success, assert_served, get_within

DETAILS = "Specification Details"

EVERY_BYTE = bytes(range(256)) + b"\r\n-\n-\r-\n\r-\r\r\n\n"
"""The body of the behaviour /every-byte."""

LARGE_BLOCK = bytes(range(256)) * 16384
"""The body of the behaviour /large-block: 4 MiB."""

ALLOWED_ATTRIBUTES = {"__class__", "__iter__", "__next__", "__len__", "__length_hint__", "__getitem__", "close"}
"""Attributes that the PEP lets a server use, and those that Python uses for isinstance() and list()."""

BYTES_ONLY = pep3333(
    "Unicode Issues",
    "(i.e., values read from wsgi.input, passed to write() or yielded by the application), the value must be of "
    "type bytes under Python 3",
)

WRITTEN_LIKE_YIELDED = pep3333(
    "The write() Callable",
    "a bytestring to be written as part of the HTTP response body, that is treated exactly as though it had been "
    "yielded by the output iterable",
)

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
    """Every byte value and every kind of line ending arrives unchanged.

    Sends: A GET request. The app sets a Content-Length and yields all 256 byte values, and CR and LF in all orders.
    Expects: The same bytes and no others.
    Why: One changed byte breaks images, archives and signatures.
    """
    assert_served(await exchange.get("/every-byte"), EVERY_BYTE)


@case(MUST, TRANSMITS, basis=MUST_TEXT)
async def large_block(exchange: Exchange) -> None:
    """A block of 4 MiB arrives complete.

    Sends: A GET request. The app yields one block of 4 MiB and sets no Content-Length.
    Expects: The complete block. A socket accepts only a part of it at a time and reports how much it accepted.
    Why: Large pages and exports are cut off when the network is slower than the server.
    """
    response = await exchange.get("/large-block")
    assert_served(response)
    assert_equal(response.length, len(LARGE_BLOCK), "the length of the body")
    assert_that(response.body == LARGE_BLOCK, "the yielded bytes", "other bytes of the same number")


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
    """The server uses only len(), iteration and close() of the iterable.

    Sends: A GET request. The app returns an object that reports each attribute lookup.
    Expects: Only the attributes that len(), iteration and close() use are looked up, and both blocks arrive.
    Why: Some bodies open a file or query a database when an attribute is read. They fail or work twice on such a
    server.
    """
    assert_served(await exchange.get("/watched"), b"one\ntwo\n")
    await exchange.send_sync_request()
    other_names = {event.detail["name"] for event in exchange.events("attribute")} - ALLOWED_ATTRIBUTES
    assert_that(not other_names, "no lookups of other attributes", sorted(other_names))


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
    """The body arrives complete and with a clear end, however the server uses len().

    Sends: A GET request. The app returns one or two blocks and no Content-Length. The blocks are in a list, a tuple or
    an object with a length. In one variant the app writes a block first.
    Expects: The complete body and a clear end. The server may use the length of a single block as Content-Length, but
    not after a write().
    Why: A wrong length cuts the page off, or the browser waits for data that never comes.
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

    Sends: A GET request. The app yields b'' before, between and after two blocks.
    Expects: Both blocks, in a complete response.
    Why: A chunk of size 0 ends a chunked body. If the server sends b'' as such a chunk, the page is cut off and the
    client reads the rest as the next response.
    """
    assert_served(await exchange.get("/empty-blocks"), b"one\ntwo\n")


@case(
    SHOULD,
    BYTES_ONLY,
    basis=definition(
        "The PEP defines a block as bytes, and only the app has the duty to yield bytes. A server that guesses an "
        "encoding sends a response that the app did not give. No sentence requires a check, so this is not a must."
    ),
    breach=APP,
)
async def str_block_is_error(exchange: Exchange) -> None:
    """A str in the body is an error: the server must not send a success.

    Sends: A GET request. The app starts a 200 and returns a str.
    Expects: An error status, or an aborted response.
    Why: If the server guesses an encoding, the app works until a name contains an accent, and only on some servers.
    """
    assert_not_success(await get_within(exchange, "/str-block"), "the app yielded a str")


@case(
    MUST,
    TRANSMITS,
    basis=MUST_TEXT,
    variants={each: each for each in ("list", "tuple", "generator", "iterator-class", "iterable-object", "file-like")},
)
async def all_iterables(exchange: Exchange, what: str) -> None:
    """The server sends the same body for every kind of iterable.

    Sends: A GET request. The app returns two blocks as a list, a tuple, a generator, an iterator class, an object with
    `__iter__`, or a BytesIO.
    Expects: The same body each time.
    Why: An app that was developed on one server shows empty pages on another.
    """
    assert_served(await exchange.get("/kinds" + query(what=what)), b"one\ntwo\n")


@case(
    SHOULD,
    WRITTEN_LIKE_YIELDED,
    basis=definition(
        "The server treats written bytes like yielded bytes. The PEP says that a server should not change any yielded "
        "byte."
    ),
    needs=NEEDS_WRITE,
)
async def binary_exact_written(exchange: Exchange) -> None:
    """Every byte value and every kind of line ending that the app passes to write() arrives unchanged.

    Sends: A GET request. The app writes all 256 byte values, and CR and LF in all orders, in one call.
    Expects: The same bytes and no others.
    Why: Older frameworks send images and archives through write(). One changed byte breaks them.
    """
    assert_served(await exchange.get("/every-byte?how=write"), EVERY_BYTE)
