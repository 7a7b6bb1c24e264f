"""Chunked bodies that no app reads: their trailer section, and chunks that break the coding.

These cases need no server that decodes chunks for the app.
"""

from __future__ import annotations

from collections.abc import Iterable

from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, security
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    LONG_DEADLINE_SECONDS,
    NEEDS_UNREAD_CHUNKS,
    SECURITY_TAG,
    RequestResult,
    assert_called_at_most_once,
    assert_for_each,
    assert_in_sync,
    assert_response_or_close,
    assert_smuggled_request_not_called,
    post_request,
    send_request,
    smuggled_request,
)
from wsgi_gauntlet.suites.http.references import CHUNKED_COMPLETE, READ_OR_CLOSE

CHUNKED = "Transfer-Encoding: chunked"


@case(
    MUST,
    READ_OR_CLOSE,
    basis=MUST_TEXT,
    tags=SECURITY_TAG,
    needs=NEEDS_UNREAD_CHUNKS,
    variants={
        "one": b"5\r\nhello\r\n0\r\nX-Trailer: yes\r\n\r\n",
        "two": b"5\r\nhello\r\n0\r\nX-Trailer: yes\r\nX-Other: yes\r\n\r\n",
        "no-chunk": b"0\r\nX-Trailer: yes\r\nX-Other: yes\r\n\r\n",
        "extension": b"5\r\nhello\r\n0;a=b\r\nX-Trailer: yes\r\nX-Other: yes\r\n\r\n",
    },
)
async def unread_trailer(exchange: Exchange, body: bytes) -> None:
    """The trailer section of a body that the app does not read never becomes a request.

    Sends: a chunked POST with one or two trailer fields, to an app that responds without reading. Then another request.
    Expects: a response, or the server closes the connection. The next request gets its own response, or the server
    closes the connection.
    Why: A server that stops after the last chunk, or after the first trailer field, reads the next field as a request.
    The next user of the connection gets an error, or a response to a request that an attacker wrote.
    """
    result = await send_request(exchange, post_request(exchange, CHUNKED, body=body, target="/echo"))
    assert_response_or_close(result)
    assert_called_at_most_once(result)
    assert_in_sync(result)


HIDDEN_AFTER = (
    b"0\r\n",
    b"0\r\nX-Trailer: yes\r\n",
    b"0\r\nX-Trailer: yes\r\nX-Other: yes\r\n",
    b"5\r\nhello\r\n0\r\nX-Trailer: yes\r\n",
    b"0\r\nX-Trailer\r\n",
    b"0;a\r\nX-Trailer: yes\r\n",
    b"0\r\nXX",
    b"0\r\n\r",
)
"""Chunked bodies that are not complete: no empty line ends their trailer section."""


def _unread_requests(exchange: Exchange, bodies: Iterable[bytes]) -> dict[str, bytes]:
    hidden = smuggled_request(exchange)
    return {repr(body)[1:]: post_request(exchange, CHUNKED, body=body + hidden, target="/echo") for body in bodies}


def _assert_hidden_not_served(result: RequestResult) -> None:
    assert_smuggled_request_not_called(result)
    assert_called_at_most_once(result)


@case(
    MUST,
    CHUNKED_COMPLETE,
    basis=security(
        "One reader stops before the empty line and serves what follows as a request. For the proxy in front, these "
        "bytes belong to the trailer section, so nobody checked the request."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    deadline=LONG_DEADLINE_SECONDS,
)
async def hidden_in_trailer(exchange: Exchange) -> None:
    """A trailer section ends with an empty line: no request begins before it.

    Sends: several chunked POSTs whose trailer section has no field, one field or two. A whole request follows in place
    of the empty line. The app does not read.
    Expects: the server never serves that request. It ignores it with the trailer section, rejects the body, closes the
    connection, or waits for more.
    Why: For a proxy that reads up to the empty line, the hidden request is a trailer field. An attacker gets it served
    past the proxy's rules, and the response goes to the next user of the connection.
    """
    await assert_for_each(exchange, _unread_requests(exchange, HIDDEN_AFTER), _assert_hidden_not_served)


@case(
    MUST,
    READ_OR_CLOSE,
    basis=security(
        "One reader repairs the chunks and finds an end of the body. Another reader finds a different end or none, and "
        "the request in between is one that nobody checked."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "size": [
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"-5\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"0_5\r\nhello\r\n0\r\n\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"5g\r\nhello\r\n0\r\n\r\n",
            b";a\r\n5\r\nhello\r\n0\r\n\r\n",
            b"100000005\r\nhello\r\n0\r\n\r\n",
            b"10000000000000005\r\nhello\r\n0\r\n\r\n",
        ],
        "after-data": [
            b"5\r\nhello, world\r\n0\r\n\r\n",
            b"5\r\nhelloXX0\r\n\r\n",
            b"5\r\nhello\rX0\r\n\r\n",
            b"5\r\nhello\r\r0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
        ],
        "blank-line": [b"5\r\nhello\r\n\r\n0\r\n\r\n", b"\r\n5\r\nhello\r\n0\r\n\r\n", b"\r\n\r\n"],
        "last": [b"+0\r\n\r\n", b"-0\r\n\r\n", b"0x0\r\n\r\n", b"stop\r\n\r\n"],
        "lf": [
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"0\n\r\n",
            b"5\nhello\n0\n\n",
        ],
    },
    deadline=LONG_DEADLINE_SECONDS,
)
async def unread_malformed(exchange: Exchange, bodies: list[bytes]) -> None:
    """After a malformed chunked body that the app does not read, the server serves nothing more on the connection.

    Sends: several chunked POSTs, to an app that responds without reading. In each a size, the bytes after the data, or
    a line end is invalid. A whole request follows. The client keeps its sending side open.
    Expects: for each, the app is called at most once, and never for the request that follows. The server rejects the
    body, closes the connection, or waits for more.
    Why: No app reads such a body, so the server throws it away with a simpler reader. That reader must be as strict as
    the other one: it alone decides where the next request begins.
    """
    await assert_for_each(exchange, _unread_requests(exchange, bodies), _assert_hidden_not_served)
