"""Expect: 100-continue: a client that asks before it sends its body."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, pep3333, recorded_only, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import MAY, MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.suites.pep3333.assertions import HANG_TIMEOUT_SECONDS, assert_served, bytes_read, step_results

CONTINUE = "HTTP 1.1 Expect/Continue"
CONTINUE_WAIT_SECONDS = 0.3
"""Seconds that the client waits for a 100 response before it sends the body without one. curl waits one second. The
time does not influence the verdict."""

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
    """The server serves a client that asks whether it may send its body.

    Sends: The head of a POST with `Expect: 100-continue`, to an app that reads its body. The client sends the body
    after a 100 response, or after a short wait without one.
    Expects: A 100 response immediately, a 100 response when the app reads, or none: the PEP allows all three. Then the
    app reads the body and the client gets a 200.
    Why: curl sends this header for every upload above a megabyte. Such uploads fail if the server rejects or misreads
    it.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("/reads?do=rest", method="POST", headers=EXPECT_HEADERS))
    interim = await connection.receive_until(b"\r\n\r\n", timeout=CONTINUE_WAIT_SECONDS)
    assert_that(
        not interim or interim.split(b" ", 2)[1:2] == [b"100"], "a 100 response, or nothing, before the body", interim
    )
    await connection.send(b"hello")
    response = await connection.response()
    assert_served(response)
    (part,) = await step_results(exchange, "rest", connection)
    assert_equal(bytes_read(part), b"hello", "the bytes that the app read")


@case(
    MAY,
    pep3333(
        CONTINUE,
        "Proceed with the request normally, but provide the application with a wsgi.input stream that will send the "
        '"100 Continue" response if/when the application first attempts to read from the input stream.',
    ),
    basis=recorded_only("The quoted way is one of three that the PEP allows. The other two are equally valid."),
)
async def no_continue_unread(exchange: Exchange) -> None:
    """The harness records whether the server sends a 100 response when the app does not read the body.

    Sends: The head of a POST with `Expect: 100-continue`, to an app that responds without reading.
    Expects: Either a final response alone, or a 100 response before it. The behaviour is recorded; nothing is required.
    Why: If the server rejects a large upload from its head alone, the client need not send it. This saves mobile data.
    """
    response = await _post_with_expect(exchange, "HTTP/1.1")
    assert_equal(len(response.interim), 0, "the number of interim responses")


@case(
    MUST,
    rfc9110(
        "10.1.1",
        "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that expectation.",
    ),
    basis=MUST_TEXT,
)
async def ignored_on_http10(exchange: Exchange) -> None:
    """An HTTP/1.0 client never gets a 1xx response.

    Sends: The head of an HTTP/1.0 POST with `Expect: 100-continue`, and its body if the server waits for it.
    Expects: One final response and no 1xx response before it.
    Why: An HTTP/1.0 client does not know interim responses. It takes one for the final response and shows an empty
    page.
    """
    response = await _post_with_expect(exchange, "HTTP/1.0")
    assert_equal(len(response.interim), 0, "the number of interim responses")


async def _post_with_expect(exchange: Exchange, version: str) -> Response:
    connection = await exchange.connect()
    await connection.send(exchange.request("/echo", method="POST", headers=EXPECT_HEADERS, version=version))
    response = await connection.response(timeout=CONTINUE_WAIT_SECONDS)
    if response.status is None:
        # Some servers wait for the body first.
        await connection.send(b"hello")
        response = await connection.response(timeout=HANG_TIMEOUT_SECONDS)
    assert_that(response.status is not None, "a final response", response.describe())
    return response
