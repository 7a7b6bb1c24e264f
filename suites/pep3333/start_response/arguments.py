"""start_response(): its arguments, its return value, and values that it must reject."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_that, fail_case
from wsgi_gauntlet.harness.conformance.basis import (
    APP,
    MUST_TEXT,
    SENDER_GRAMMAR_RULE,
    SHOULD_TEXT,
    definition,
    pep3333,
)
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.pep3333.assertions import (
    EXTRA_WAIT_SECONDS,
    assert_served,
    assert_step_returns,
    open_and_send_get,
    step_outcome,
)

START = "The start_response() Callable"
DETAILS = "Specification Details"

CHECKS = pep3333(
    START,
    "Servers should check for errors in the headers at the time start_response is called, so that an error can be "
    "raised while the application is still running.",
)
HOP_BY_HOP = pep3333(
    START,
    "a server or gateway should consider it a fatal error for an application to attempt sending them, and raise an "
    "error if they are supplied to start_response()",
)


@case(
    MUST,
    pep3333(
        DETAILS,
        "The start_response parameter is a callable accepting two required positional arguments, and one optional "
        "argument.",
    ),
    basis=definition(
        "The definition describes exactly these two calls. A server that rejects one of them has another interface."
    ),
    variants={"two": "", "none-third": "?third=none"},
)
async def signature(exchange: Exchange, query_text: str) -> None:
    """start_response accepts two positional arguments, and a third that may be None.

    Sends: A GET request. The app calls start_response with two positional arguments, or with None as a third.
    Expects: The call returns, and the client gets the response.
    Why: Middleware passes its own exc_info=None on. Otherwise every page behind it is an error.
    """
    response = await exchange.get(f"/start{query_text}")
    await assert_step_returns(exchange, "start_response", "start_response")
    assert_served(response, b"plain\n")


@case(
    MUST,
    pep3333(
        DETAILS,
        "The start_response callable must return a write(body_data) callable that takes one positional parameter: a "
        "bytestring to be written as part of the HTTP response body.",
    ),
    basis=MUST_TEXT,
)
async def returns_write(exchange: Exchange) -> None:
    """start_response returns a callable that accepts bytes and sends them.

    Sends: A GET request. The app writes its body with the return value of start_response, and returns an empty list.
    Expects: A callable that accepts bytes, and those bytes in the response.
    Why: Older frameworks send all their pages this way. Otherwise the pages are empty.
    """
    response = await exchange.get("/write-returned")
    assert_that(
        (await step_outcome(exchange, "start_response")).detail.get("callable"),
        "start_response to return a callable",
        "an object that is not callable",
    )
    await assert_step_returns(exchange, "write", "write()")
    assert_served(response, b"written\n")


async def _assert_arguments_rejected(exchange: Exchange, what: str, expected: str) -> None:
    connection = await open_and_send_get(exchange, f"/start-wrongly?what={what}")
    event = await step_outcome(exchange, "start_response")
    if event.kind != "raised":
        response = await connection.response(timeout=EXTRA_WAIT_SECONDS)
        fail_case(expected, f"the call returned, and the client got {response.describe()}")


@case(
    SHOULD,
    CHECKS,
    basis=SHOULD_TEXT,
    breach=APP,
    variants={
        each: each
        for each in (
            "status-not-str",
            "status-bytes",
            "status-control",
            "status-without-number",
            "status-line-break",
            "name-not-str",
            "name-with-colon",
            "name-with-space",
            "name-empty",
            "value-not-str",
            "value-line-break",
            "value-control",
            "header-not-pair",
            "headers-not-list",
        )
    },
)
async def checks_arguments(exchange: Exchange, what: str) -> None:
    """start_response raises when the status or the headers are invalid.

    Sends: A GET request. The app calls start_response with one mistake in the status or the headers, and reports the
    result of the call.
    Expects: The call raises.
    Why: The traceback then shows the developer the wrong line. Otherwise the server finds the mistake later or never,
    and the user gets a broken response.
    """
    await _assert_arguments_rejected(exchange, what, f"start_response to raise ({what})")


@case(
    SHOULD,
    HOP_BY_HOP,
    basis=SHOULD_TEXT,
    breach=APP,
    variants={
        each: each
        for each in ("connection", "keep-alive", "proxy-authenticate", "trailers", "transfer-encoding", "upgrade")
    },
)
async def hop_by_hop(exchange: Exchange, what: str) -> None:
    """start_response raises when the app sets a hop-by-hop header.

    Sends: A GET request. The app responds with 200 and one hop-by-hop header beside Content-Type, and reports the
    result of the call.
    Expects: The call raises.
    Why: The server controls the connection. If an app sets these headers, browsers and proxies wait for data that never
    comes.
    """
    await _assert_arguments_rejected(exchange, what, f"start_response to raise ({what} is a hop-by-hop header)")


@case(
    MUST,
    SENDER_GRAMMAR_RULE,
    basis=MUST_TEXT,
    breach=APP,
    tags=["security"],
    variants={each: each for each in ("crlf", "lf", "cr", "nul", "status", "name")},
)
async def no_injection(exchange: Exchange, what: str) -> None:
    """CR, LF or NUL in a header value, a header name or the status never reaches the client.

    Sends: A GET request. The app puts a line break or NUL into a header value, a header name or the status. Apps that
    copy user input do this: `value<CR LF>X-Injected: yes`.
    Expects: An error, or a response without those characters. The response never has a header X-Injected, or a bare CR,
    LF or NUL in its head.
    Why: Otherwise the author of a link can add a header, such as a cookie, or a second response. A cache may store this
    response for all users.
    """
    response = await exchange.get(f"/inject?what={what}")
    head = response.raw.partition(b"\r\n\r\n")[0]
    lines = head.split(b"\r\n")
    injected = [line for line in lines if line.lower().startswith(b"x-injected")]
    assert_that(not injected, "no header that the app did not set", injected)
    with_control = [line for line in lines if any(byte in line for byte in (b"\r", b"\n", b"\0"))]
    assert_that(not with_control, "no bare CR, LF or NUL in the head", with_control)
