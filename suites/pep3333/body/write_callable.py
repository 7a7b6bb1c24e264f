"""What goes through write(): treated as what the iterable yields, and before it."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import APP, definition
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.suites.pep3333.assertions import (
    NEEDS_WRITE,
    assert_not_success,
    assert_served,
    get_within,
    step_outcome,
)

WRITE = "The write() Callable"


@case(
    MUST,
    pep3333(
        WRITE,
        "any bytestrings yielded by the iterable are transmitted after all bytestrings passed to write() have been "
        "sent to the client",
    ),
    basis=definition("The sentence states an order as a consequence of the interface, and leaves no other."),
    variants={"then-block": ("", b"one\ntwo\nthree\n"), "then-nothing": ("?then=nothing", b"one\ntwo\n")},
    needs=NEEDS_WRITE,
)
async def write_order(exchange: Exchange, response: tuple[str, bytes]) -> None:
    """What went through write() comes first, then what the iterable yields; which may be nothing.

    Sends: A plain request; the app writes two blocks and returns one more, or none.
    Expects: What was written first, then what was returned.
    Why: A page whose head comes behind its end, or that is lost because nothing was returned.
    """
    parameters, body = response
    assert_served(await exchange.get(f"/write-in-order{parameters}"), body)


@case(
    SHOULD,
    pep3333(
        "Unicode Issues",
        "(i.e., values read from wsgi.input, passed to write() or yielded by the application), the value must be of "
        "type bytes under Python 3",
    ),
    basis=definition(
        "What write() takes is defined as bytes, and the duty to give them is the app's. A "
        "server that encodes text by a guess answers what the app never said; no sentence tells "
        "it to look."
    ),
    breach=APP,
    needs=NEEDS_WRITE,
)
async def str_written_is_error(exchange: Exchange) -> None:
    """Text passed to write() is an error, and never passes for a success.

    Sends: A plain request; the app starts a 200 and writes a str.
    Expects: write() raises, or no whole 2xx comes of it.
    Why: Encoded by guess, it works until the first name with an accent, and then only on some servers.
    """
    response = await get_within(exchange, "/str-written")
    event = await step_outcome(exchange, "write")
    if event.kind != "raised":
        assert_not_success(response, "the app wrote a str")


@case(
    MUST,
    pep3333(
        WRITE,
        "a bytestring to be written as part of the HTTP response body, that is treated exactly as though it had been "
        "yielded by the output iterable",
    ),
    basis=definition(
        "A yielded b'' ends nothing, since more may follow it, and what is written is treated "
        "exactly as though it had been yielded."
    ),
    needs=NEEDS_WRITE,
)
async def empty_write(exchange: Exchange) -> None:
    """A b'' given to write() does not end the body.

    Sends: A plain request; the app writes b'' before, between and after two blocks, and returns an empty list.
    Expects: Both blocks, and a whole answer.
    Why: Written as a chunk of size 0, it is the end of a chunked body: the page is cut off, and the rest of it is read
    as the next answer.
    """
    assert_served(await exchange.get("/write-empty"), b"one\ntwo\n")
