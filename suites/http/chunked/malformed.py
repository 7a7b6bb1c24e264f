"""Chunks that do not match their framing."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MUST_TEXT,
    chunked_coding,
    from_recipient_semantics,
    rfc9112,
    security,
)
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    LAST_CHUNK,
    NEEDS_CHUNKED,
    SECURITY_TAG,
    HalfClose,
    assert_body_rejected,
    assert_decoded_or_rejected,
    assert_for_each,
    assert_incomplete_body_rejected,
    assert_no_invented_body,
    chunked_request,
    chunked_requests,
    send_request,
)
from wsgi_gauntlet.suites.http.references import BARE_CR, CHUNKED_COMPLETE

GRAMMAR = rfc9112("7.1", "chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF")
INCOMPLETE = rfc9112(
    "8",
    "A message body that uses the chunked transfer coding is incomplete if the zero-sized chunk that terminates the "
    "encoding has not been received.",
)

WRONG_AFTER_DATA = (
    b"5\r\nhelloXX",
    b"5\r\nhello\rX",
    b"5\r\nhelloX\n",
    b"5\r\nhelloX\r",
    b"5\r\nhello\r\r",
    b"5\r\nhello\n\r",
    b"5\r\nhello\n\n",
    b"5\r\nhello  ",
    b"5\r\nhello\0\0",
    b"5\r\nhello00",
    b"5\r\nhelloXX5\r\nworld\r\n",
    b"5\r\nhello\r\n5\r\nworldXX",
)
"""Chunks without the last one. After the data of one of them are two bytes that are not CRLF."""

WITH_BLANK_LINE = (
    b"5\r\nhello\r\n\r\n" + LAST_CHUNK,
    b"5\r\nhello\r\n\r\n\r\n\r\n" + LAST_CHUNK,
    b"5\r\nhello\r\n\r\n5\r\nworld\r\n" + LAST_CHUNK,
    b"\r\n5\r\nhello\r\n" + LAST_CHUNK,
    b"5\r\nhello\r\n\n" + LAST_CHUNK,
    b"\n5\r\nhello\r\n" + LAST_CHUNK,
    b"5\r\nhello\r\n \r\n" + LAST_CHUNK,
)
"""Chunked bodies with a blank line in place of a chunk size."""


@case(MUST, BARE_CR, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG, needs=NEEDS_CHUNKED)
async def extension_bad(exchange: Exchange) -> None:
    """A bare CR in a chunk extension does not end the line: the chunk is read with its size, or rejected.

    Sends: `5;a`, a bare CR, `b` and CRLF as a chunk's line, then `hello` and the last chunk.
    Expects: the app reads `hello`, because the CR ends no line. Or the server sends an error status or no response, and
    closes the connection.
    Why: If CR ends a line only for one of two servers in a chain, they see different ends of the body. An attacker can
    hide a request in the difference.
    """
    await assert_decoded_or_rejected(exchange, b"5;a\rb\r\nhello\r\n" + LAST_CHUNK)


@case(
    MUST,
    GRAMMAR,
    basis=security(
        "One reader takes the bytes after the announced size as data, and another takes them as the next request. An "
        "attacker puts a request there, and the proxy in front never sees it."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def spill(exchange: Exchange) -> None:
    """A chunk with more data than its size makes the body invalid.

    Sends: a chunk that announces 5 bytes and contains 12, and the last chunk.
    Expects: an error status, or no response. The server closes the connection.
    Why: A lenient server reads the bytes after the fifth as chunk lines that the client chose. The client then decides
    where the body ends for this server alone.
    """
    assert_body_rejected(await send_request(exchange, chunked_request(exchange, b"5\r\nhello, world\r\n" + LAST_CHUNK)))


@case(
    MUST,
    GRAMMAR,
    basis=security(
        "One reader skips two bytes after the data without a check, and another takes them as the next size. After "
        "that the two see different requests on a shared connection."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def no_crlf_after_data(exchange: Exchange) -> None:
    """Chunk data without a CRLF after it makes the body invalid.

    Sends: a chunk of five bytes, directly followed by the last chunk without a CRLF between them.
    Expects: an error status, or no response. The server closes the connection.
    Why: A reader that skips two bytes without checking them loses its place. It sees another end of the body than the
    proxy in front.
    """
    assert_body_rejected(await send_request(exchange, chunked_request(exchange, b"5\r\nhello" + LAST_CHUNK)))


@case(
    MUST,
    GRAMMAR,
    basis=security(
        "One reader skips two bytes after the data without a check, and another rejects the body. After that the two "
        "see different requests on a shared connection."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def wrong_bytes_after_data(exchange: Exchange) -> None:
    """Chunk data with two other bytes in place of the CRLF after it make the body invalid.

    Sends: several chunked POSTs: each has a chunk of five bytes, two bytes that are not CRLF, and the last chunk. Or it
    has two chunks with two such bytes after the first or the second one.
    Expects: for each, an error status, or no response. The server closes the connection.
    Why: A reader that skips two bytes without a look at them reads on after any bytes. A proxy that looks for CRLF sees
    another body, and an attacker can hide a request in the difference.
    """
    bodies = [chunks + LAST_CHUNK for chunks in WRONG_AFTER_DATA]
    await assert_for_each(exchange, chunked_requests(exchange, bodies), assert_body_rejected)


@case(
    MUST,
    GRAMMAR,
    basis=security(
        "One reader skips the empty line, another takes it as a size of 0 and ends the body there. The chunks after it "
        "are then a request that the proxy in front never checked."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def blank_line(exchange: Exchange) -> None:
    """An empty line in place of a chunk size makes the body invalid.

    Sends: several chunked POSTs, each with an empty line, or several, before the first chunk, between two chunks or
    before the last chunk. The line ends with CRLF or LF, or it has only a space.
    Expects: for each, an error status, or no response. The server closes the connection.
    Why: An empty line has no digits, so it is no size. Servers that skip it and servers that read it as the end of the
    body see different requests on one connection.
    """
    await assert_for_each(exchange, chunked_requests(exchange, WITH_BLANK_LINE), assert_body_rejected)


@case(
    MUST,
    INCOMPLETE,
    basis=from_recipient_semantics(
        "By definition the body is incomplete without its last chunk. An app that reads an end of the body takes half "
        "of an upload for all of it."
    ),
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants={"between": b"5\r\nhello\r\n", "within": b"5\r\nhel", "early": b"fffff\r\nhello"},
)
async def no_last_chunk_then_fin(exchange: Exchange, body: bytes) -> None:
    """A chunked body without its last chunk is not accepted as complete.

    Sends: a chunk, or the first part of one, and no last chunk. Then the client closes its sending side.
    Expects: an error status, or no response. The app sees no normal end of the body and reads no byte that the client
    did not send. The server closes the connection.
    Why: An app that sees a normal end stores half an upload as a whole one. There is no Content-Length that could show
    the difference.
    """
    assert_incomplete_body_rejected(
        await send_request(exchange, chunked_request(exchange, body), half_close=HalfClose.AT_ONCE)
    )
    assert_no_invented_body(exchange, b"hello")


@case(
    MUST,
    CHUNKED_COMPLETE,
    basis=chunked_coding(
        "The coding is complete only after the empty line. Trailer fields may still arrive before it, so the message "
        "has not ended."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def no_final_crlf(exchange: Exchange) -> None:
    """A chunked body without the empty line at its end is not complete.

    Sends: a chunk with `hello` and the line of the last chunk, without the empty line after it. Then the client closes
    its sending side.
    Expects: an error status, or no response. The app sees no normal end of the body. The server closes the connection.
    Why: Trailer fields could follow there, and nobody knows what is missing. An app that sees a normal end acts on an
    incomplete request.
    """
    assert_incomplete_body_rejected(
        await send_request(exchange, chunked_request(exchange, b"5\r\nhello\r\n0\r\n"), half_close=HalfClose.AT_ONCE)
    )


@case(
    MUST,
    rfc9112(
        "2.2",
        "Although the line terminator for the start-line and fields is the sequence CRLF, a recipient MAY recognize a "
        "single LF as a line terminator and ignore any preceding CR.",
    ),
    basis=security(
        "The specification allows a single LF only in the start line and the fields. A proxy that rejects it in "
        "chunks sees another end of the request, so an attacker can smuggle a request."
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
    """A line of the chunked coding that ends with LF alone makes the body invalid.

    Sends: a chunked body in which one line ends with LF alone: a size, an extension, the data, or the last chunk. After
    a response, or 1.5 s of silence, the client closes its sending side, so that a server that waits for CRLF knows that
    none will come. nginx takes an earlier close for a disconnect: version 1.22 dropped the response of a body that it
    had accepted.
    Expects: an error status, or no response. The server closes the connection. The RFC allows LF in place of CRLF only
    for the request line and headers.
    Why: A proxy that reads up to CRLF sees another chunk than a server that stops at LF. The bytes between the two ends
    are a request that only one of them checked.
    """
    assert_body_rejected(await send_request(exchange, chunked_request(exchange, body), half_close=HalfClose.LATE))
