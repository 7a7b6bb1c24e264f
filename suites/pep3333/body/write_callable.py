"""write(): the server treats its bytes like yielded bytes and sends them before the yielded ones."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import APP, definition, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.pep3333.assertions import (
    NEEDS_WRITE,
    assert_not_success,
    assert_served,
    get_within,
    step_outcome,
)
from wsgi_gauntlet.suites.pep3333.body.blocks import BYTES_ONLY, WRITTEN_LIKE_YIELDED

WRITE = "The write() Callable"


@case(
    MUST,
    pep3333(
        WRITE,
        "any bytestrings yielded by the iterable are transmitted after all bytestrings passed to write() have been "
        "sent to the client",
    ),
    basis=definition("The sentence defines the order as a result of the interface. No other order is possible."),
    variants={"then-block": ("", b"one\ntwo\nthree\n"), "then-nothing": ("?then=nothing", b"one\ntwo\n")},
    needs=NEEDS_WRITE,
)
async def write_order(exchange: Exchange, query_and_body: tuple[str, bytes]) -> None:
    """The server sends the written blocks first, then the yielded blocks, if there are any.

    Sends: A GET request. The app writes two blocks and returns one more, or none.
    Expects: The written blocks, then the returned block.
    Why: Otherwise the end of a page comes before its beginning, or the page is lost because the app returned nothing.
    """
    query_text, body = query_and_body
    assert_served(await exchange.get(f"/write-in-order{query_text}"), body)


@case(
    SHOULD,
    BYTES_ONLY,
    basis=definition(
        "The PEP defines the argument of write() as bytes, and only the app has the duty to pass bytes. A server that "
        "guesses an encoding sends a response that the app did not give. No sentence requires a check, so this is not "
        "a must."
    ),
    breach=APP,
    needs=NEEDS_WRITE,
)
async def str_written_is_error(exchange: Exchange) -> None:
    """A str passed to write() is an error: the server must not send a success.

    Sends: A GET request. The app starts a 200 and writes a str.
    Expects: write() raises, or the client gets no complete 2xx response.
    Why: If the server guesses an encoding, the app works until a name contains an accent, and only on some servers.
    """
    response = await get_within(exchange, "/str-written")
    event = await step_outcome(exchange, "write")
    if event.kind != "raised":
        assert_not_success(response, "the app wrote a str")


@case(
    MUST,
    WRITTEN_LIKE_YIELDED,
    basis=definition(
        "A yielded b'' does not end the body, because more blocks may follow it. The server treats written bytes "
        "exactly like yielded bytes."
    ),
    needs=NEEDS_WRITE,
)
async def empty_write(exchange: Exchange) -> None:
    """A b'' passed to write() does not end the body.

    Sends: A GET request. The app writes b'' before, between and after two blocks, and returns an empty list.
    Expects: Both blocks, in a complete response.
    Why: A chunk of size 0 ends a chunked body. If the server sends b'' as such a chunk, the page is cut off and the
    client reads the rest as the next response.
    """
    assert_served(await exchange.get("/write-empty"), b"one\ntwo\n")
