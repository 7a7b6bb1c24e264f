"""Valid chunks: one, many, none, large, and with extensions."""

from __future__ import annotations

import hashlib

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, chunked_coding, rfc9110, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    CLIENT_ERRORS,
    LAST_CHUNK,
    NEEDS_CHUNKED,
    SECURITY_TAG,
    assert_body_served,
    assert_chunked_and_get_served,
    assert_in_sync,
    assert_served,
    chunked_request,
    is_rejected_with,
    send_request,
)
from wsgi_gauntlet.suites.http.references import CHUNKED_COMPLETE

MUST_DECODE_CHUNKED = rfc9112("7.1", "A recipient MUST be able to parse and decode the chunked transfer coding.")

UNKNOWN_EXTENSIONS_IGNORED = rfc9112("7.1.1", "A recipient MUST ignore unrecognized chunk extensions.")


@case(MUST, MUST_DECODE_CHUNKED, basis=MUST_TEXT)
async def one_chunk(exchange: Exchange) -> None:
    """A body of one chunk reaches the app decoded.

    Sends: a POST with `hello` in one chunk, and the last chunk.
    Expects: the app reads `hello`, or the server answers 411 without calling the app. The next request gets its own
    response, or the server closes the connection. A server that responds in HTTP/1.0 need not support chunks.
    Why: Browsers, curl and phones send uploads of unknown length in chunks. If the server does not decode them, the
    upload is lost or damaged.
    """
    result = await send_request(exchange, chunked_request(exchange, b"5\r\nhello\r\n" + LAST_CHUNK))
    decoded = [each.detail["data"] for each in result.bodies] == ["hello"]
    if result.calls and not decoded and (await exchange.get("/echo")).version == b"HTTP/1.0":
        # RFC 9112, 6.1: "implementations advertising only HTTP/1.0 support will not understand" transfer codings.
        exchange.unsupported("the server speaks HTTP/1.0, which has no chunks")
    assert_body_served(result, b"hello")


@case(MUST, MUST_DECODE_CHUNKED, basis=MUST_TEXT, needs=NEEDS_CHUNKED)
async def many_chunks(exchange: Exchange) -> None:
    """A body of many chunks of different sizes reaches the app complete.

    Sends: a POST with 59 chunks of 1 to 177 bytes.
    Expects: the app reads all the data as one body. The server may also answer 411 without calling the app. The next
    request gets its own response, or the server closes the connection.
    Why: A reader that loses count at the end of a buffer damages uploads at random, and nobody can find the reason.
    """
    parts = [b"%d;" % number * number for number in range(1, 60)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    result = await send_request(exchange, chunked_request(exchange, body + LAST_CHUNK))
    if is_rejected_with(result, (411,)):
        assert_in_sync(result)
    else:
        assert_served(result)
        lengths = [each.detail["length"] for each in result.bodies]
        assertions.assert_equal(lengths, [sum(map(len, parts))], "the length that the app read")
        assertions.assert_equal(
            result.bodies[0].detail["data"].encode("latin-1"), b"".join(parts)[:4096], "the bytes that the app read"
        )


@case(MUST, MUST_DECODE_CHUNKED, basis=MUST_TEXT, needs=NEEDS_CHUNKED)
async def large_chunk(exchange: Exchange) -> None:
    """A chunk of 256 KiB, more than a server reads at once, reaches the app complete.

    Sends: a POST with one chunk of 256 KiB, and the last chunk.
    Expects: the app reads exactly these bytes. 411 or 413 without a call of the app is also allowed. The next request
    gets its own response, or the server closes the connection.
    Why: Clients send files in chunks as large as their buffers. A server that treats one read as the whole chunk
    truncates the file.
    """
    part = bytes(range(256)) * 1024
    result = await send_request(exchange, chunked_request(exchange, b"%x\r\n%b\r\n" % (len(part), part) + LAST_CHUNK))
    if is_rejected_with(result, (411, 413)):
        assert_in_sync(result)
    else:
        assert_served(result)
        read = [(each.detail["length"], each.detail["sha256"]) for each in result.bodies]
        assertions.assert_equal(
            read, [(len(part), hashlib.sha256(part).hexdigest())], "length and SHA-256 of the bytes that the app read"
        )


@case(
    MUST,
    CHUNKED_COMPLETE,
    basis=chunked_coding("The first chunk may be the last one. Then the body is empty."),
    needs=NEEDS_CHUNKED,
)
async def empty(exchange: Exchange) -> None:
    """A chunked body without data is an empty body.

    Sends: a POST whose body is only the last chunk.
    Expects: the app reads an empty body. The server may also answer 411 without calling the app. The next request gets
    its own response, or the server closes the connection.
    Why: A client with nothing to send ends its body in this way. A server that waits for more blocks the client, and a
    server that rejects it fails the client without reason.
    """
    assert_body_served(await send_request(exchange, chunked_request(exchange, LAST_CHUNK)), b"")


@case(
    MUST,
    UNKNOWN_EXTENSIONS_IGNORED,
    basis=MUST_TEXT,
    needs=NEEDS_CHUNKED,
    variants={"name": b";a", "value": b";a=b", "two": b";a=b;c", "last": b""},
)
async def extension_token(exchange: Exchange, extension: bytes) -> None:
    """An unknown chunk extension is ignored.

    Sends: `5;a`, `5;a=b` or `5;a=b;c` as the line of a chunk with `hello`, or an extension on the last chunk.
    Expects: the app reads `hello`, or the server answers 411 without calling the app. The next request gets its own
    response, or the server closes the connection.
    Why: Proxies and clients that sign their uploads add such extensions. If the server treats them as errors, these
    uploads fail.
    """
    end = LAST_CHUNK if extension else b"0;a=b\r\n\r\n"
    assert_body_served(
        await send_request(exchange, chunked_request(exchange, b"5" + extension + b"\r\nhello\r\n" + end)), b"hello"
    )


@case(MUST, UNKNOWN_EXTENSIONS_IGNORED, basis=MUST_TEXT, needs=NEEDS_CHUNKED)
async def extension_quoted(exchange: Exchange) -> None:
    """A chunk extension with a quoted value is ignored, whatever the quotes contain.

    Sends: a chunk with `hello` and an extension. The quoted value contains a semicolon, a comma, an escaped quote and a
    zero.
    Expects: the app reads `hello`, or the server answers 411 without calling the app. The next request gets its own
    response, or the server closes the connection.
    Why: A reader that splits inside the quotes finds a size or an end that does not exist, and loses the upload.
    """
    assert_body_served(
        await send_request(exchange, chunked_request(exchange, b'5;a="b;c, d\\" 0"\r\nhello\r\n' + LAST_CHUNK)),
        b"hello",
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
    """A chunk extension of 64 KiB is rejected.

    Sends: a chunk with `hello` and 65,536 letters of extension after its size.
    Expects: a status from 400 to 499. The next request gets its own response, or the server closes the connection.
    Why: Without a limit, one client can make the server read and store extensions for ever, without one byte of body.
    """
    result = await send_request(
        exchange, chunked_request(exchange, b"5;" + b"a" * 65536 + b"\r\nhello\r\n" + LAST_CHUNK)
    )
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
    """Spaces and tabs around the delimiters of a chunk extension are ignored.

    Sends: a chunk's line such as `5 ;a`, `5; a=b` or `5;a = "b"`, then `hello` and the last chunk.
    Expects: the app reads `hello`, or the server answers 411 without calling the app. The next request gets its own
    response, or the server closes the connection.
    Why: The grammar allows such spaces because old senders use them. Their users' uploads fail on a server that does
    not accept them.
    """
    assert_body_served(
        await send_request(exchange, chunked_request(exchange, b"5" + extension + b"\r\nhello\r\n" + LAST_CHUNK)),
        b"hello",
    )


@case(
    MUST,
    CHUNKED_COMPLETE,
    basis=chunked_coding(
        "The coding defines the exact byte at which the body is complete. The next request begins with the byte after "
        "it."
    ),
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def then_next(exchange: Exchange) -> None:
    """A request that directly follows the last chunk is read from its first byte.

    Sends: a chunked POST with `hello` and a GET, in one piece.
    Expects: the app reads `hello` and nothing of the GET. The server may also answer 411 without calling the app. Then
    the GET gets its own response, or the first response says that the connection closes.
    Why: Proxies send their users' requests in such sequences. With one byte too many or too few, every later response
    on the connection goes to the wrong user.
    """
    await assert_chunked_and_get_served(exchange, b"5\r\nhello\r\n" + LAST_CHUNK)
