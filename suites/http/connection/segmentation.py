"""TCP segmentation: a request is served wherever it is cut, and only when it is complete."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, from_recipient_semantics
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.segmentation_tolerance import (
    REQUEST_FORMS,
    RequestForm,
    cut_at_every_byte,
    describe_failures,
)
from wsgi_gauntlet.suites.http.assertions import RESPONSE_TIMEOUT_SECONDS, collect_result, post_request
from wsgi_gauntlet.suites.http.references import BODY_LENGTH, SEQUENCE_OF_OCTETS, WHOLE_HEADER_SECTION

EARLY_RESPONSE_WAIT_SECONDS = 0.1
"""Seconds to wait for a response that must not come yet."""


@case(
    MUST,
    SEQUENCE_OF_OCTETS,
    basis=MUST_TEXT,
    segmentable=False,
    deadline=120.0,  # a server that starts a program for each request needs 20 s on a busy machine
    variants=REQUEST_FORMS,
)
async def cut_anywhere(exchange: Exchange, form: RequestForm) -> None:
    """A request is served wherever it is cut into two segments.

    Sends: the same request once for each of its bytes, cut after that byte. The client sends the second part when the
    server has read the first.
    Expects: each request gets 200, and the app reads the whole body.
    Why: Phones, proxies and busy networks cut requests anywhere. A server that needs a request in one piece fails for
    some users at random, and nobody can reproduce the failure.
    """
    if failure := describe_failures(await cut_at_every_byte(exchange, form)):
        assertions.fail_case("the request to be served wherever it is cut", failure)


@case(MUST, WHOLE_HEADER_SECTION, basis=MUST_TEXT, segmentable=False)
async def fragmented_head(exchange: Exchange) -> None:
    """The server waits for the last byte of the headers before it serves the request.

    Sends: a GET without its last byte. 0.1 s later, the missing LF.
    Expects: no response and no call of the app before the last byte. Then one call and its response. Every well-formed
    case is repeated in other segmentations as well.
    Why: The missing header may change the request: its host, its cookie, or a condition for an order.
    """
    data = exchange.request("/echo", headers=[("X-A", "b")])
    connection = await exchange.connect()
    await connection.send(data[:-1])
    early = await connection.receive_some(EARLY_RESPONSE_WAIT_SECONDS)
    called = len(exchange.events("called"))
    await connection.send(data[-1:])
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    assertions.assert_that(
        not early and not called,
        "no response and no call of the app before the last byte",
        early or "the app was called",
    )
    assertions.assert_equal(response.body, f"gauntlet {exchange.token}\n".encode(), "the response")
    result = await collect_result(exchange, response)
    assertions.assert_equal(len(result.calls), 1, "the number of calls of the app")


@case(
    MUST,
    BODY_LENGTH,
    basis=from_recipient_semantics(
        "The body has as many bytes as its length says. It is not complete until the last byte has arrived."
    ),
    segmentable=False,
)
async def fragmented_body(exchange: Exchange) -> None:
    """The server waits for the last byte of the body, and the app reads the whole body.

    Sends: a POST of eight bytes without the last byte. 0.1 s later, that byte.
    Expects: no response, and no end of the body for the app, before the last byte. Then the app reads the eight bytes.
    Every well-formed case is repeated in other segmentations as well.
    Why: Uploads come over slow lines. An app that sees the end of the body too early stores part of a file as the
    whole.
    """
    connection = await exchange.connect()
    await connection.send(post_request(exchange, "Content-Length: 8", body=b"abcdefg"))
    early = await connection.receive_some(EARLY_RESPONSE_WAIT_SECONDS)
    read = len(exchange.events("body"))
    await connection.send(b"h")
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    assertions.assert_that(
        not early and not read, "the server to wait for the last byte", early or "the app read a shorter body"
    )
    assertions.assert_equal(response.status, 200, "the status")
    result = await collect_result(exchange, response)
    assertions.assert_equal([e.detail["data"] for e in result.bodies], ["abcdefgh"], "the bytes that the app read")
