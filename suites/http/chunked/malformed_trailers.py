"""Trailer sections that break their grammar, or that are too large."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    CLIENT_ERRORS,
    NEEDS_CHUNKED,
    assert_body_rejected,
    assert_body_served,
    assert_decoded_or_rejected,
    chunked_request,
    send_request,
)
from wsgi_gauntlet.suites.http.references import MALFORMED_MESSAGE, TOO_LARGE

NEEDS_TRAILERS = [*NEEDS_CHUNKED, "http/chunked/trailer"]


@case(
    SHOULD,
    MALFORMED_MESSAGE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    needs=NEEDS_TRAILERS,
    variants={
        "no-colon": b"X-Trailer\r\n",
        "no-name": b": yes\r\n",
        "space-before-colon": b"X-Trailer : yes\r\n",
        "space-in-name": b"X Trailer: yes\r\n",
        "control-in-name": b"X\x01Trailer: yes\r\n",
        "fold": b"X-Trailer: yes\r\n and no\r\n",
        "fold-first": b" X-Trailer: yes\r\n",
        "nul": b"X-Trailer: y\0s\r\n",
        "control": b"X-Trailer: y\x01s\r\n",
        "cr": b"X-Trailer: y\rs\r\n",
        "second": b"X-Trailer: yes\r\nX-Other\r\n",
    },
)
async def trailer_malformed(exchange: Exchange, lines: bytes) -> None:
    """A malformed trailer field makes the body invalid, or it is ignored.

    Sends: a chunked POST with `hello` and a malformed line in the trailer section: no colon, no name, a space before
    the colon, a folded line, or a control character.
    Expects: the app reads `hello`, and the next request gets its own response or the server closes the connection. Or
    the server sends an error status or no response, and closes the connection.
    Why: The body was already complete. A server that gives the app less than that loses an upload, and one that stops
    in the middle of the trailer section reads the rest as a request.
    """
    await assert_decoded_or_rejected(exchange, b"5\r\nhello\r\n0\r\n" + lines + b"\r\n")


@case(
    SHOULD,
    MALFORMED_MESSAGE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    needs=NEEDS_TRAILERS,
    variants={
        "line": b"X-Trailer: yes\n\r\n",
        "end": b"X-Trailer: yes\r\n\n",
        "both": b"X-Trailer: yes\n\n",
        "end-without-fields": b"\n",
    },
)
async def trailer_lf(exchange: Exchange, lines: bytes) -> None:
    """A trailer section whose lines end with LF alone is read to its end, or it makes the body invalid.

    Sends: a chunked POST with `hello` and a trailer section in which a line, or the empty line at its end, ends with LF
    alone. Then the client closes its sending side, so that a server that waits for CRLF knows that none will come.
    Expects: the app reads `hello`. Or the server sends an error status or no response, and closes the connection.
    Why: RFC 9112 lets a server accept LF after a field. A server that accepts it only in some places loses the upload,
    or reads the rest as a request.
    """
    data = chunked_request(exchange, b"5\r\nhello\r\n0\r\n" + lines)
    result = await send_request(exchange, data, half_close_after=True)
    if result.response.status == 200:
        assertions.assert_equal(
            [each.detail["data"] for each in result.bodies], ["hello"], "the bytes that the app read"
        )
    else:
        assert_body_rejected(result)


@case(
    MUST,
    TOO_LARGE,
    basis=MUST_TEXT,
    needs=NEEDS_TRAILERS,
    variants={"value": b"X-Trailer: " + b"a" * 262144 + b"\r\n", "fields": b"X-Trailer: a\r\n" * 20000},
)
async def trailer_too_large(exchange: Exchange, lines: bytes) -> None:
    """A trailer section of 256 KiB or of 20,000 fields is read to its end, or gets a 4xx.

    Sends: a chunked POST with `hello` and a trailer section with one field of 256 KiB, or with 20,000 fields.
    Expects: the app reads `hello`, and the next request gets its own response or the server closes the connection. Or a
    status from 400 to 499. If the app has begun to read, any error status or a broken connection is allowed. After an
    error, the server closes the connection.
    Why: Servers limit headers and forget trailers. Without a limit one client fills the memory, and a server that stops
    in the middle reads the rest of the trailer section as a request.
    """
    result = await send_request(exchange, chunked_request(exchange, b"5\r\nhello\r\n0\r\n" + lines + b"\r\n"))
    if result.response.status == 200:
        assert_body_served(result, b"hello")
        return
    assert_body_rejected(result)
    if not result.calls:
        assertions.assert_that(
            result.response.status in CLIENT_ERRORS, "the body served, or a status from 400 to 499", result.describe()
        )
