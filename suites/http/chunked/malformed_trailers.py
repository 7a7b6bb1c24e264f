"""Trailer sections that break their grammar, or that are too large."""

from __future__ import annotations

from collections.abc import Iterable

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    CLIENT_ERRORS,
    LONG_DEADLINE_SECONDS,
    NEEDS_CHUNKED,
    HalfClose,
    RequestResult,
    assert_body_rejected,
    assert_body_served,
    assert_for_each,
    assert_hello_or_rejected,
    chunked_request,
    chunked_requests,
    send_request,
)
from wsgi_gauntlet.suites.http.references import MALFORMED_MESSAGE, TOO_LARGE

NEEDS_TRAILERS = [*NEEDS_CHUNKED, "http/chunked/trailer"]


MALFORMED = (
    b"X-Trailer\r\n",
    b": yes\r\n",
    b"X-Trailer : yes\r\n",
    b"X Trailer: yes\r\n",
    b"X\x01Trailer: yes\r\n",
    b"X-Trailer: yes\r\n and no\r\n",
    b" X-Trailer: yes\r\n",
    b"X-Trailer: y\0s\r\n",
    b"X-Trailer: y\x01s\r\n",
    b"X-Trailer: y\rs\r\n",
    b"X-Trailer: yes\r\nX-Other\r\n",
)
"""Trailer sections without the empty line at their end. Each has a malformed line."""

WITH_LF = (b"X-Trailer: yes\n\r\n", b"X-Trailer: yes\r\n\n", b"X-Trailer: yes\n\n", b"\n")
"""Trailer sections in which a line, or the empty line at the end, ends with LF alone."""


def _requests(exchange: Exchange, trailers: Iterable[bytes]) -> dict[str, bytes]:
    return chunked_requests(exchange, [b"5\r\nhello\r\n0\r\n" + each for each in trailers])


@case(
    SHOULD,
    MALFORMED_MESSAGE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    needs=NEEDS_TRAILERS,
    deadline=LONG_DEADLINE_SECONDS,
)
async def trailer_malformed(exchange: Exchange) -> None:
    """A malformed trailer field makes the body invalid, or it is ignored.

    Sends: several chunked POSTs, each with `hello` and a malformed line in the trailer section: no colon, no name, a
    space before the colon, a folded line, or a control character.
    Expects: for each, the app reads `hello`, and the next request gets its own response or the server closes the
    connection. Or the server sends an error status or no response, and closes the connection.
    Why: The body was already complete. A server that gives the app less than that loses an upload, and one that stops
    in the middle of the trailer section reads the rest as a request.
    """
    requests = _requests(exchange, [lines + b"\r\n" for lines in MALFORMED])
    await assert_for_each(exchange, requests, assert_hello_or_rejected)


@case(SHOULD, MALFORMED_MESSAGE, basis=SHOULD_TEXT, breach=CLIENT, needs=NEEDS_TRAILERS)
async def trailer_lf(exchange: Exchange) -> None:
    """A trailer section whose lines end with LF alone is read to its end, or it makes the body invalid.

    Sends: several chunked POSTs, each with `hello` and a trailer section in which a line, or the empty line at its end,
    ends with LF alone. Then the client closes its sending side, so that a server that waits for CRLF knows that none
    will come.
    Expects: for each, the app reads `hello`. Or the server sends an error status or no response, and closes the
    connection.
    Why: RFC 9112 lets a server accept LF after a field. A server that accepts it only in some places loses the upload,
    or reads the rest as a request.
    """
    await assert_for_each(
        exchange, _requests(exchange, WITH_LF), _assert_read_or_rejected, half_close=HalfClose.AT_ONCE
    )


def _assert_read_or_rejected(result: RequestResult) -> None:
    if result.response.status == 200:
        read = [each.detail["data"] for each in result.bodies]
        assertions.assert_that(read == ["hello"], "the app to read b'hello'", result.describe())
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
