"""Trailer fields: headers after the last chunk."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, chunked_coding, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    NEEDS_CHUNKED,
    SECURITY_TAG,
    assert_body_served,
    assert_called_at_most_once,
    assert_chunked_and_get_served,
    assert_response_or_close,
    assert_smuggled_request_not_called,
    chunked_request,
    send_request,
    smuggled_request,
)
from wsgi_gauntlet.suites.http.references import BARE_CR, CHUNKED_COMPLETE

NOT_MERGED = rfc9112(
    "7.1.2",
    "A recipient MUST NOT merge a received trailer field into the header section unless its corresponding header field "
    "definition explicitly permits and instructs how the trailer field value can be safely merged.",
)


@case(
    MUST,
    CHUNKED_COMPLETE,
    basis=chunked_coding(
        "The definition allows a trailer section before the empty line. Therefore a message with trailer fields is "
        "valid and ends after that line."
    ),
    needs=NEEDS_CHUNKED,
)
async def trailer(exchange: Exchange) -> None:
    """A request with trailer fields is served, and the server reads them to their end.

    Sends: a chunked POST with `hello` and the trailer field `X-Trailer: yes` after the last chunk.
    Expects: the app reads `hello`, or the server answers 411 without calling the app. The next request gets its own
    response, or the server closes the connection.
    Why: Clients that sign an upload send the signature in a trailer. A server without support for trailers rejects the
    upload, or reads the signature as the next request.
    """
    assert_body_served(
        await send_request(exchange, chunked_request(exchange, b"5\r\nhello\r\n0\r\nX-Trailer: yes\r\n\r\n")), b"hello"
    )


@case(
    MUST,
    NOT_MERGED,
    basis=MUST_TEXT,
    breach={"length": CLIENT, "host": CLIENT, "coding": CLIENT},
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants={
        "length": "Content-Length: 100",
        "host": "Host: stranger.example",
        "coding": "Transfer-Encoding: gzip",
        "other": "X-Trailer: yes",
    },
)
async def trailer_forbidden(exchange: Exchange, field: str) -> None:
    """A trailer field does not change the headers that the app gets: it is ignored, or the request is rejected.

    Sends: a chunked POST with `hello` and Content-Length, Host, Transfer-Encoding or X-Trailer after the last chunk.
    Expects: if the app is called, environ does not have the new value. The server responds, possibly with a rejection,
    or closes the connection. The case `trailer` checks whether the server reads the fields to their end.
    Why: A proxy in front does not look for such fields in the trailer. Merged into the headers, they change the host or
    the body's end after every check.
    """
    result = await send_request(
        exchange, chunked_request(exchange, b"5\r\nhello\r\n0\r\n" + field.encode() + b"\r\n\r\n")
    )
    for call in result.calls:
        environ = call.detail["environ"]
        assertions.assert_equal(environ.get("HTTP_HOST"), exchange.server.address.authority, "HTTP_HOST")
        assertions.assert_that(
            environ.get("CONTENT_LENGTH") != "100", "the length unchanged", environ.get("CONTENT_LENGTH")
        )
        codings = environ.get("HTTP_TRANSFER_ENCODING", "")
        assertions.assert_that("gzip" not in codings, "the coding unchanged", codings)
        assertions.assert_equal(environ.get("HTTP_X_TRAILER"), None, "HTTP_X_TRAILER")
    assert_response_or_close(result)


@case(
    MUST,
    CHUNKED_COMPLETE,
    basis=chunked_coding(
        "The message ends after the empty line that follows the trailer section. The next request begins there."
    ),
    needs=NEEDS_CHUNKED,
)
async def trailer_then_next(exchange: Exchange) -> None:
    """A request that follows trailer fields is read from its first byte.

    Sends: a chunked POST with `hello` and two trailer fields, and a GET after them, in one piece.
    Expects: the app reads `hello`, or the server answers 411 without calling the app. Then the GET gets its own
    response, or the first response says that the connection closes.
    Why: An unread trailer becomes the first line of the next request. Another user's request fails or is changed.
    """
    await assert_chunked_and_get_served(exchange, b"5\r\nhello\r\n0\r\nX-Trailer: yes\r\nX-Other: yes\r\n\r\n")


@case(MUST, BARE_CR, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG, needs=NEEDS_CHUNKED)
async def trailer_hidden(exchange: Exchange) -> None:
    """A bare CR does not end a line of a trailer section: no request begins after it.

    Sends: a chunked POST with the trailer field `X-Trailer: a`, two bare CRs, a whole request, and the empty line that
    ends the trailer section. The client keeps its sending side open.
    Expects: the server never serves the request in the trailer. It serves the body without it, rejects it, or waits for
    more. The case `trailer` checks whether the server reads the trailer to its end.
    Why: If CR ends a line for one of two servers, the trailer section ends there too. The proxy forwarded a trailer
    field, but the server sees a request that nobody checked.
    """
    inside = b"X-Trailer: a\r\r" + smuggled_request(exchange).replace(b"\r\n", b"\r") + b"\r\n\r\n"
    result = await send_request(exchange, chunked_request(exchange, b"5\r\nhello\r\n0\r\n" + inside))
    assert_smuggled_request_not_called(result)
    assert_called_at_most_once(result)
