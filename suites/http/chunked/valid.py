"""Good chunks: one, many, none, large, with extensions."""

from __future__ import annotations

import hashlib

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, chunked_coding
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.suites.http.assertions import (
    CLIENT_ERRORS,
    assert_body_served,
    assert_in_sync,
    assert_served,
    is_rejected_with,
    send_request,
)
from wsgi_gauntlet.suites.http.chunked.helpers import (
    LAST_CHUNK,
    NEEDS_CHUNKED,
    SECURITY_TAG,
    assert_following_request_served,
    chunked_post,
)

MUST_DECODE_CHUNKED = rfc9112("7.1", "A recipient MUST be able to parse and decode the chunked transfer coding.")
COMPLETE = rfc9112(
    "7.1",
    "The chunked transfer coding is complete when a chunk with a chunk-size of zero is received, possibly followed by "
    "a trailer section, and finally terminated by an empty line.",
)
UNKNOWN_EXTENSIONS_IGNORED = rfc9112("7.1.1", "A recipient MUST ignore unrecognized chunk extensions.")


@case(MUST, MUST_DECODE_CHUNKED, basis=MUST_TEXT)
async def one_chunk(exchange: Exchange) -> None:
    """A body of one chunk reaches the app decoded.

    Sends: a POST with `hello` in one chunk, and the last chunk.
    Expects: the app reads `hello` (or 411 without a call: a server need not take chunks); the next request on the
    connection is served as itself. A server that answers in HTTP/1.0 need not know of chunks.
    Why: Browsers, curl and phones send uploads of unknown length in chunks. On a server that does not decode them the
    upload is lost or arrives as rubbish.
    """
    result = await send_request(exchange, chunked_post(exchange, b"5\r\nhello\r\n" + LAST_CHUNK))
    decoded = [each.detail["data"] for each in result.bodies] == ["hello"]
    if result.calls and not decoded and (await exchange.get("/echo")).version == b"HTTP/1.0":
        # RFC 9112, 6.1: "implementations advertising only HTTP/1.0 support will not understand" transfer codings.
        exchange.unsupported("the server speaks HTTP/1.0, which has no chunks")
    assert_body_served(result, b"hello")


@case(MUST, MUST_DECODE_CHUNKED, basis=MUST_TEXT, needs=NEEDS_CHUNKED)
async def many_chunks(exchange: Exchange) -> None:
    """A body of many chunks of many sizes reaches the app in one piece.

    Sends: a POST with 59 chunks of 1 to 177 bytes.
    Expects: the app reads all of the data in one piece (or 411 without a call); the next request on the connection is
    served as itself.
    Why: A reader that loses count at a buffer's edge corrupts uploads now and then, and nobody can tell why.
    """
    parts = [b"%d;" % number * number for number in range(1, 60)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    result = await send_request(exchange, chunked_post(exchange, body + LAST_CHUNK))
    if is_rejected_with(result, (411,)):
        assert_in_sync(result)
    else:
        assert_served(result)
        lengths = [each.detail["length"] for each in result.bodies]
        assertions.assert_equal(lengths, [sum(map(len, parts))], "the length that the app read")
        assertions.assert_equal(
            result.bodies[0].detail["data"].encode("latin-1"), b"".join(parts)[:4096], "what the app read"
        )


@case(MUST, MUST_DECODE_CHUNKED, basis=MUST_TEXT, needs=NEEDS_CHUNKED)
async def large_chunk(exchange: Exchange) -> None:
    """A chunk of 256 KiB, more than a server reads at once, reaches the app whole.

    Sends: a POST with one chunk of 256 KiB, and the last chunk.
    Expects: the app reads all of it, byte by byte the same (or 411 or 413 without a call); the next request on the
    connection is served as itself.
    Why: Clients that send a file send chunks as large as their buffers. A server that takes what it reads at once for
    the chunk cuts the file.
    """
    part = bytes(range(256)) * 1024
    result = await send_request(exchange, chunked_post(exchange, b"%x\r\n%b\r\n" % (len(part), part) + LAST_CHUNK))
    if is_rejected_with(result, (411, 413)):
        assert_in_sync(result)
    else:
        assert_served(result)
        read = [(each.detail["length"], each.detail["sha256"]) for each in result.bodies]
        assertions.assert_equal(
            read, [(len(part), hashlib.sha256(part).hexdigest())], "length and SHA-256 of what the app read"
        )


@case(
    MUST,
    COMPLETE,
    basis=chunked_coding("The first chunk may be the last, which leaves a body of no bytes."),
    needs=NEEDS_CHUNKED,
)
async def empty(exchange: Exchange) -> None:
    """A chunked body without any data is an empty body.

    Sends: a POST whose body is the last chunk alone.
    Expects: the app reads an empty body (or 411 without a call); the next request on the connection is served as
    itself.
    Why: A client that finds nothing to send ends its body so. A server that waits for more lets it hang; one that
    refuses fails it for nothing.
    """
    assert_body_served(await send_request(exchange, chunked_post(exchange, LAST_CHUNK)), b"")


@case(
    MUST,
    UNKNOWN_EXTENSIONS_IGNORED,
    basis=MUST_TEXT,
    needs=NEEDS_CHUNKED,
    variants={"name": b";a", "value": b";a=b", "two": b";a=b;c", "last": b""},
)
async def extension_token(exchange: Exchange, extension: bytes) -> None:
    """A chunk extension that is not known is ignored.

    Sends: `5;a`, `5;a=b` or `5;a=b;c` as the line of a chunk that holds `hello`, or an extension on the last chunk.
    Expects: the app reads `hello` (or 411 without a call); the next request on the connection is served as itself.
    Why: Proxies and clients that sign their uploads add such extensions. Their users' uploads fail on a server that
    takes them for an error.
    """
    end = LAST_CHUNK if extension else b"0;a=b\r\n\r\n"
    assert_body_served(
        await send_request(exchange, chunked_post(exchange, b"5" + extension + b"\r\nhello\r\n" + end)), b"hello"
    )


@case(MUST, UNKNOWN_EXTENSIONS_IGNORED, basis=MUST_TEXT, needs=NEEDS_CHUNKED)
async def extension_quoted(exchange: Exchange) -> None:
    """A chunk extension with a quoted value is ignored, whatever the quotes hold.

    Sends: a chunk that holds `hello`, with an extension whose quoted value holds a semicolon, a comma, an escaped quote
    and a zero.
    Expects: the app reads `hello` (or 411 without a call); the next request on the connection is served as itself.
    Why: A reader that splits at signs within the quotes finds a size or an end that is not there, and loses the upload.
    """
    assert_body_served(
        await send_request(exchange, chunked_post(exchange, b'5;a="b;c, d\\" 0"\r\nhello\r\n' + LAST_CHUNK)), b"hello"
    )


@case(
    SHOULD,
    rfc9112(
        "7.1.1",
        "A server ought to limit the total length of chunk extensions received in a request to an amount reasonable "
        "for the services provided, in the same way that it applies length limitations and timeouts for other parts of "
        "a message, and generate an appropriate 4xx (Client Error) response if that amount is exceeded.",
    ),
    basis=SHOULD_TEXT,
    needs=NEEDS_CHUNKED,
)
async def extension_64k(exchange: Exchange) -> None:
    """A chunk extension of 64 KiB is refused.

    Sends: a chunk that holds `hello`, with 65,536 letters of extension behind its size.
    Expects: a status from 400 to 499; the next request on the connection is served as itself, or the connection is
    closed.
    Why: Without a limit one client has the server read and keep for ever, for no byte of body: memory and time for
    nothing.
    """
    result = await send_request(exchange, chunked_post(exchange, b"5;" + b"a" * 65536 + b"\r\nhello\r\n" + LAST_CHUNK))
    assertions.assert_that(result.response.status in CLIENT_ERRORS, "a status from 400 to 499", result.describe())
    assert_in_sync(result)


@case(
    MUST,
    rfc9110(
        "5.6.3",
        "A recipient MUST parse for such bad whitespace and remove it before interpreting the protocol element.",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    needs=NEEDS_CHUNKED,
    variants={"before": b" ;a", "after": b"; a=b", "tab": b"\t;\ta=b", "around-equals": b';a = "b"'},
)
async def extension_whitespace(exchange: Exchange, extension: bytes) -> None:
    """Blanks and tabs around the signs of a chunk extension are passed over.

    Sends: `5 ;a`, `5; a=b`, `5;a = "b"` and the like as a chunk's line, with `hello` behind it.
    Expects: the app reads `hello` (or 411 without a call); the next request on the connection is served as itself.
    Why: The grammar has such blanks for old senders' sake. Their users' uploads fail on a server that does not know.
    """
    assert_body_served(
        await send_request(exchange, chunked_post(exchange, b"5" + extension + b"\r\nhello\r\n" + LAST_CHUNK)), b"hello"
    )


@case(
    MUST,
    COMPLETE,
    basis=chunked_coding(
        "The coding says to the byte where the body is complete, so the next request begins just behind it."
    ),
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def then_next(exchange: Exchange) -> None:
    """The request that follows the last chunk at once is read from its first byte.

    Sends: a chunked POST that holds `hello` and a GET, in one piece.
    Expects: the app reads `hello` and nothing of the GET (or 411 without a call); then the GET is answered as itself,
    or the connection is closed.
    Why: Proxies send their users' requests in such rows. One byte too many or too few, and every answer that follows on
    the connection goes to the wrong user.
    """
    await assert_following_request_served(exchange, b"5\r\nhello\r\n" + LAST_CHUNK)
