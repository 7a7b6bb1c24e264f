"""Expect: 100-continue: a client that asks before it sends its body."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, recorded_only
from wsgi_gauntlet.harness.conformance.catalog import MAY, MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333, rfc9110
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.suites.pep3333.assertions import HANG_TIMEOUT_SECONDS, assert_served, bytes_read, step_results

CONTINUE = "HTTP 1.1 Expect/Continue"
CONTINUE_WAIT_SECONDS = 0.3
"""Seconds that our client waits for a 100 before it goes on without one. curl waits one; nothing is concluded from "
"it."""

EXPECT_HEADERS = [("Expect", "100-continue"), ("Content-Length", "5")]


@case(
    MUST,
    pep3333(
        CONTINUE,
        "Servers and gateways that implement HTTP 1.1 must provide transparent support for HTTP 1.1's "
        '"expect/continue" '
        "mechanism.",
    ),
    basis=MUST_TEXT,
)
async def continue_on_read(exchange: Exchange) -> None:
    """A client that asks whether it may send its body is served.

    Sends: The head of a POST that says `Expect: 100-continue`, to an app that reads its body. The body follows on a 100
    or, where none comes, after a while.
    Expects: A 100 at once, or when the app reads, or none at all, as the PEP's three ways have it; then the app reads
    the body and a 200 comes.
    Why: curl asks so for every upload beyond a megabyte; refused or misunderstood, such uploads fail.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("/reads?do=rest", method="POST", headers=EXPECT_HEADERS))
    interim = await connection.receive_until(b"\r\n\r\n", timeout=CONTINUE_WAIT_SECONDS)
    assert_that(
        not interim or interim.split(b" ", 2)[1:2] == [b"100"], "100, or nothing, before the body is sent", interim
    )
    await connection.send(b"hello")
    response = await connection.response()
    assert_served(response)
    (part,) = await step_results(exchange, "rest", connection)
    assert_equal(bytes_read(part), b"hello", "what the app read")


@case(
    MAY,
    pep3333(
        CONTINUE,
        "Proceed with the request normally, but provide the application with a wsgi.input stream that will send the "
        '"100 Continue" response if/when the application first attempts to read from the input stream.',
    ),
    basis=recorded_only("The quoted way is one of three that the PEP offers; the other two are as good."),
)
async def no_continue_unread(exchange: Exchange) -> None:
    """Where the app answers without reading, no 100 asks for the body first; told, and nobody blamed.

    Sends: The head of a POST that says `Expect: 100-continue`, to an app that answers without reading.
    Expects: Either: a final answer alone, or behind a 100. What was seen is told, and nobody blamed.
    Why: A large upload that is refused by its head alone need not be sent, on a phone's paid connection.
    """
    response = await _post_with_expect(exchange, "HTTP/1.1")
    assert_equal(len(response.interim), 0, "the number of interim answers")


@case(
    MUST,
    rfc9110(
        "10.1.1",
        "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that expectation.",
    ),
    basis=MUST_TEXT,
)
async def ignored_on_http10(exchange: Exchange) -> None:
    """An HTTP/1.0 client never gets a 1xx.

    Sends: The head of a POST of HTTP/1.0 that says `Expect: 100-continue`, and its body where the server waits for
    that.
    Expects: One final answer and no 1xx before it.
    Why: A client of HTTP/1.0 does not know of interim answers and takes one for the final: it shows an empty page.
    """
    response = await _post_with_expect(exchange, "HTTP/1.0")
    assert_equal(len(response.interim), 0, "the number of interim answers")


async def _post_with_expect(exchange: Exchange, version: str) -> Response:
    connection = await exchange.connect()
    await connection.send(exchange.request("/echo", method="POST", headers=EXPECT_HEADERS, version=version))
    response = await connection.response(timeout=CONTINUE_WAIT_SECONDS)
    if response.status is None:
        # Some wait for the body before they do anything; then it is time to send it.
        await connection.send(b"hello")
        response = await connection.response(timeout=HANG_TIMEOUT_SECONDS)
    assert_that(response.status is not None, "a final answer", response.describe())
    return response
