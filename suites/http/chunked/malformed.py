"""Chunks that are not what their framing says."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MUST_TEXT,
    chunked_coding,
    from_recipient_semantics,
    security,
)
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9112
from wsgi_gauntlet.suites.http.assertions import (
    assert_body_rejected,
    assert_body_served,
    assert_incomplete_body_rejected,
    assert_no_invented_body,
    send_request,
)
from wsgi_gauntlet.suites.http.chunked.helpers import BARE_CR, LAST_CHUNK, NEEDS_CHUNKED, SECURITY_TAG, chunked_post

COMPLETE = rfc9112(
    "7.1",
    "The chunked transfer coding is complete when a chunk with a chunk-size of zero is received, possibly followed by "
    "a trailer section, and finally terminated by an empty line.",
)
GRAMMAR = rfc9112("7.1", "chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF")
INCOMPLETE = rfc9112(
    "8",
    "A message body that uses the chunked transfer coding is incomplete if the zero-sized chunk that terminates the "
    "encoding has not been received.",
)


@case(
    MUST,
    BARE_CR,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def extension_bad(exchange: Exchange) -> None:
    """A bare CR in a chunk extension does not end the line: the chunk is read as its size says, or refused.

    Sends: `5;a`, a bare CR, `b` and CRLF as a chunk's line, with `hello` behind it, and the last chunk.
    Expects: the app reads `hello`, for the CR ends no line; or an error answer, or none, and the connection closed.
    Why: Where CR ends a line for one of two servers in a chain, the body ends elsewhere for it, and a request can be
    hidden in the difference.
    """
    result = await send_request(exchange, chunked_post(exchange, b"5;a\rb\r\nhello\r\n" + LAST_CHUNK))
    if result.response.status == 200:
        assert_body_served(result, b"hello")
    else:
        assert_body_rejected(result)


@case(
    MUST,
    GRAMMAR,
    basis=security(
        "The bytes behind the announced size are data to one reader and the next request to "
        "another. An attacker puts a request there that the proxy in front never sees."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def spill(exchange: Exchange) -> None:
    """Data longer than its chunk's size spoils the body.

    Sends: a chunk that announces 5 bytes and holds 12, and the last chunk.
    Expects: an error answer, or none; the connection is closed.
    Why: What follows the fifth byte would be read as lines of chunks that the client chose: it decides where the body
    ends for this server alone.
    """
    assert_body_rejected(await send_request(exchange, chunked_post(exchange, b"5\r\nhello, world\r\n" + LAST_CHUNK)))


@case(
    MUST,
    GRAMMAR,
    basis=security(
        "One reader skips two bytes behind the data unseen, another one takes them for the next "
        "size. From there on the two see different requests on a shared connection."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def no_crlf_after_data(exchange: Exchange) -> None:
    """A chunk's data without CRLF behind it spoils the body.

    Sends: a chunk of five bytes with the last chunk right behind its data, no CRLF between.
    Expects: an error answer, or none; the connection is closed.
    Why: A reader that skips two bytes without a look loses its place by two bytes: enough to see another end of the
    body than the proxy in front.
    """
    assert_body_rejected(await send_request(exchange, chunked_post(exchange, b"5\r\nhello" + LAST_CHUNK)))


@case(
    MUST,
    INCOMPLETE,
    basis=from_recipient_semantics(
        "Without its last chunk the body is incomplete by definition; an app that is told of "
        "its end takes half of an upload for the whole."
    ),
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants={"between": b"5\r\nhello\r\n", "within": b"5\r\nhel", "early": b"fffff\r\nhello"},
)
async def no_last_chunk_then_fin(exchange: Exchange, body: bytes) -> None:
    """A chunked body that ends without its last chunk is not taken for a whole one.

    Sends: a chunk, or the first part of one, and no last chunk; then our sending side is closed.
    Expects: an error answer, or none; the app is never told of a whole body, and reads no byte that was not sent; the
    connection is closed.
    Why: An app that is told of a normal end stores half an upload as a whole one: there is no Content-Length by which
    it could know.
    """
    assert_incomplete_body_rejected(await send_request(exchange, chunked_post(exchange, body), half_close_after=True))
    assert_no_invented_body(exchange, b"hello")


@case(
    MUST,
    COMPLETE,
    basis=chunked_coding(
        "The coding is complete only behind the empty line, so until it comes trailer fields "
        "may, and the message has not ended."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def no_final_crlf(exchange: Exchange) -> None:
    """A chunked body without the empty line at its end is not complete.

    Sends: a chunk that holds `hello` and the last chunk's line, without the empty line behind it; then our sending side
    is closed.
    Expects: an error answer, or none; the app is never told of a whole body; the connection is closed.
    Why: Trailer fields may stand there, and what was to come is not known. An app that is told of a normal end acts on
    a request that was cut off.
    """
    assert_incomplete_body_rejected(
        await send_request(exchange, chunked_post(exchange, b"5\r\nhello\r\n0\r\n"), half_close_after=True)
    )


@case(
    MUST,
    rfc9112(
        "2.2",
        "Although the line terminator for the start-line and fields is the sequence CRLF, a recipient MAY recognize a "
        "single LF as a line terminator and ignore any preceding CR.",
    ),
    basis=security(
        "The leave to take LF for CRLF is for start line and fields. A proxy that does not take "
        "it sees the line, and so the request, end elsewhere: room for a smuggled one."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants={
        "size": b"5\nhello\r\n" + LAST_CHUNK,
        "extension": b"5;a\nhello\r\n" + LAST_CHUNK,
        "data": b"5\r\nhello\n" + LAST_CHUNK,
        "last": b"5\r\nhello\r\n0\n\r\n",
    },
)
async def lf_terminators(exchange: Exchange, body: bytes) -> None:
    """LF alone ends no line of the chunked coding: the body is spoilt.

    Sends: a chunked body in which one line ends with LF alone: a size, an extension, the data, or the last chunk's.
    Then our sending side is closed, so that a server which waits for CRLF can tell that none will come.
    Expects: an error answer, or none; the connection is closed. The leave to take LF for CRLF is given for the request
    line and headers only.
    Why: A proxy that reads on to CRLF sees another chunk than a server that stops at LF. What lies between the two is a
    request that only one of them has checked.
    """
    assert_body_rejected(await send_request(exchange, chunked_post(exchange, body), half_close_after=True))
