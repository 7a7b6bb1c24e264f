"""Fields behind the last chunk."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, chunked_coding
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9112
from wsgi_gauntlet.suites.http.assertions import (
    assert_body_served,
    assert_response_or_close,
    assert_smuggled_request_not_called,
    send_request,
    smuggled_request,
)
from wsgi_gauntlet.suites.http.chunked.helpers import (
    BARE_CR,
    NEEDS_CHUNKED,
    SECURITY_TAG,
    assert_following_request_served,
    chunked_post,
)

COMPLETE = rfc9112(
    "7.1",
    "The chunked transfer coding is complete when a chunk with a chunk-size of zero is received, possibly followed by "
    "a trailer section, and finally terminated by an empty line.",
)
NOT_MERGED = rfc9112(
    "7.1.2",
    "A recipient MUST NOT merge a received trailer field into the header section unless its corresponding header field "
    "definition explicitly permits and instructs how the trailer field value can be safely merged.",
)


@case(
    MUST,
    COMPLETE,
    basis=chunked_coding(
        "A trailer section may stand before the empty line, so a message with one is a good message and ends behind it."
    ),
    needs=NEEDS_CHUNKED,
)
async def trailer(exchange: Exchange) -> None:
    """Trailer fields belong to the message: it is served, and they are read to their end.

    Sends: a chunked POST that holds `hello`, with the trailer field `X-Trailer: yes` behind the last chunk.
    Expects: the app reads `hello` (or 411 without a call); the next request on the connection is served as itself.
    Why: Clients that sign an upload put the sum behind it. A server that does not know of trailers refuses the upload,
    or takes the sum for the next request.
    """
    assert_body_served(
        await send_request(exchange, chunked_post(exchange, b"5\r\nhello\r\n0\r\nX-Trailer: yes\r\n\r\n")), b"hello"
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
    """A trailer field is no header to the app: served without it, or refused.

    Sends: a chunked POST that holds `hello`, with Content-Length, Host, Transfer-Encoding or X-Trailer behind the last
    chunk.
    Expects: no call of the app that is told of the new value; an answer, be it a refusal, or the connection closed.
    Whether the fields are read to their end is `trailer`'s question.
    Why: A proxy in front does not look for such fields there. Merged into the headers they change the host that the app
    believes in, or the body's end, past every check.
    """
    result = await send_request(exchange, chunked_post(exchange, b"5\r\nhello\r\n0\r\n" + field.encode() + b"\r\n\r\n"))
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
    COMPLETE,
    basis=chunked_coding(
        "The message ends behind the trailer section's empty line, and the next request begins there."
    ),
    needs=NEEDS_CHUNKED,
)
async def trailer_then_next(exchange: Exchange) -> None:
    """The request that follows trailer fields on the connection is read from its beginning.

    Sends: a chunked POST that holds `hello`, with two trailer fields, and a GET behind them, in one piece.
    Expects: the app reads `hello` (or 411 without a call); then the GET is answered as itself, or the connection is
    closed.
    Why: A trailer that is left unread is taken for the next request's first line: another user's request fails, or is
    changed.
    """
    await assert_following_request_served(exchange, b"5\r\nhello\r\n0\r\nX-Trailer: yes\r\nX-Other: yes\r\n\r\n")


@case(
    MUST,
    BARE_CR,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def trailer_hidden(exchange: Exchange) -> None:
    """Lines of a trailer section that end with CR alone end nothing: no request begins behind them.

    Sends: a chunked POST with the trailer field `X-Trailer: a`, two bare CRs, a whole request, and the empty line that
    ends the trailer section. Our sending side stays open.
    Expects: the request in the trailer is never served. The body is served without it, refused, or waited for.
    Whether the trailer is read to its end is `trailer`'s question.
    Why: Where CR ends a line for one of two servers, the trailer section ends there too, and what the proxy took for a
    trailer field is a request that nobody has checked.
    """
    inside = b"X-Trailer: a\r\r" + smuggled_request(exchange).replace(b"\r\n", b"\r") + b"\r\n\r\n"
    result = await send_request(exchange, chunked_post(exchange, b"5\r\nhello\r\n0\r\n" + inside))
    assert_smuggled_request_not_called(result)
    assertions.assert_that(len(result.calls) <= 1, "one call of the app at most", result.describe())
