"""Transfer-Encoding: `chunked` at the end of the list and spelled exactly, or the request is rejected."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MUST_TEXT,
    SHOULD_TEXT,
    from_recipient_semantics,
    rfc9110,
    rfc9112,
)
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    NEEDS_CHUNKED,
    READ_TO_END_TARGET,
    SECURITY_TAG,
    UNKNOWN_LENGTH_STATUSES,
    assert_body_served,
    assert_called_at_most_once,
    assert_closed,
    assert_in_sync,
    assert_not_smuggled,
    assert_rejected,
    assert_response,
    is_rejected,
    is_rejected_with,
    post_request,
    send_request,
    smuggled_request,
)
from wsgi_gauntlet.suites.http.references import CHUNKED_NOT_FINAL, OBS_FOLD, UNKNOWN_CODING, WHITESPACE_EXCLUDED

CHUNKED_HELLO = b"5\r\nhello\r\n0\r\n\r\n"
CONTENT_LENGTH_AND_TRANSFER_ENCODING = rfc9112(
    "6.1",
    "Regardless, the server MUST close the connection after responding to such a request to avoid the potential "
    "attacks.",
)

LENGTHS = {"equal": len(CHUNKED_HELLO), "shorter": 4, "longer": len(CHUNKED_HELLO) + 1}


@case(MUST, CONTENT_LENGTH_AND_TRANSFER_ENCODING, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG, variants=LENGTHS)
async def te_and_cl(exchange: Exchange, length: int) -> None:
    """After a request with both Transfer-Encoding and Content-Length, the server closes the connection.

    Sends: a POST with both `Transfer-Encoding: chunked` and a Content-Length. The chunks contain `hello`. The length is
    that of the chunked body, four bytes, or one byte more than the body has.
    Expects: the server rejects the request without calling the app, or calls the app once. In both cases it closes the
    connection after the response. The case `te-overrides-cl` checks the bytes that the app reads.
    Why: This is the classic form of request smuggling. A reader of the length and a reader of the chunks see different
    bodies. The bytes between the two ends are a request that only one of them checked.
    """
    body = CHUNKED_HELLO.ljust(length, b".")
    result = await send_request(
        exchange,
        post_request(
            exchange, f"Content-Length: {length}", "Transfer-Encoding: chunked", body=body, target=READ_TO_END_TARGET
        ),
    )
    assert_called_at_most_once(result)
    assert_closed(result)


@case(
    MUST,
    rfc9112(
        "6.3",
        "If a message is received with both a Transfer-Encoding and a Content-Length header field, the "
        "Transfer-Encoding overrides the Content-Length.",
    ),
    basis=from_recipient_semantics(
        "The chunks are the body. A server that also gives the length to the app makes the app read another body. PEP "
        "3333 allows the server to omit CONTENT_LENGTH."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants=LENGTHS,
)
async def te_overrides_cl(exchange: Exchange, length: int) -> None:
    """If a request has both Transfer-Encoding and Content-Length, it is rejected, or the chunks are the body.

    Sends: a POST with both `Transfer-Encoding: chunked` and a Content-Length. The chunks contain `hello`. The length is
    that of the chunked body, four bytes, or one byte more than the body has.
    Expects: the server rejects the request without calling the app, or calls the app once and the app reads `hello`.
    The app reads up to CONTENT_LENGTH if environ has it.
    Why: With the wrong length, an app reads only part of the upload, or waits for bytes that never come.
    """
    body = CHUNKED_HELLO.ljust(length, b".")
    result = await send_request(
        exchange,
        post_request(
            exchange, f"Content-Length: {length}", "Transfer-Encoding: chunked", body=body, target=READ_TO_END_TARGET
        ),
    )
    if not is_rejected(result):
        assertions.assert_that(len(result.calls) == 1, "one call of the app", result.describe())
        got = [each.detail["data"].encode("latin-1") for each in result.bodies]
        assertions.assert_that(got == [b"hello"], "the app to read b'hello'", result.describe())


@case(
    MUST,
    rfc9112(
        "6.1",
        "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header field MUST treat "
        "the message as if the framing is faulty, even if a Content-Length is present, and close the connection after "
        "processing the message.",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"chunks": False, "hidden-request": True},
)
async def te_on_http10(exchange: Exchange, hide: bool) -> None:
    """After an HTTP/1.0 request with Transfer-Encoding the server closes the connection, even with keep-alive.

    Sends: a chunked POST in HTTP/1.0 with keep-alive. The body is a chunk with `hello`, or a whole request instead of
    chunks. Then another request, if the response allows one.
    Expects: a response, which may be a rejection. The app is called at most once, and never for the request in the
    body. The server closes the connection.
    Why: An old proxy does not know chunks and forwards them unread. A server that continues on the same connection
    reads one user's body as another user's request.
    """
    fields = ("Transfer-Encoding: chunked", "Connection: keep-alive")
    result = await send_request(
        exchange,
        post_request(exchange, *fields, body=smuggled_request(exchange) if hide else CHUNKED_HELLO, version="HTTP/1.0"),
    )
    assert_response(result)
    assert_not_smuggled(result)
    assert_called_at_most_once(result)
    assert_closed(result)


@case(
    MUST,
    CHUNKED_NOT_FINAL,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"identity-last": "chunked, identity", "gzip-last": "chunked, gzip"},
)
async def te_not_final(exchange: Exchange, value: str) -> None:
    """A Transfer-Encoding that does not end with `chunked` is rejected, and the server closes the connection.

    Sends: a POST with `Transfer-Encoding: chunked, identity` or `chunked, gzip`, and a chunked body.
    Expects: the server answers 400 and does not call the app. The server closes the connection. 501 is also accepted:
    RFC 9112, 6.1 asks for it if a coding is unknown, and it rejects the request too.
    Why: If the last coding is not chunked, nothing marks the end of the body. A server that guesses the end can be made
    to see a request inside a body that the proxy forwarded.
    """
    assert_rejected(
        await send_request(exchange, post_request(exchange, f"Transfer-Encoding: {value}", body=CHUNKED_HELLO)),
        UNKNOWN_LENGTH_STATUSES,
        closes=True,
    )


@case(SHOULD, UNKNOWN_CODING, basis=SHOULD_TEXT)
async def te_unknown(exchange: Exchange) -> None:
    """An unknown transfer coding gets 501.

    Sends: a POST with `Transfer-Encoding: gauntlet, chunked` and a chunked body.
    Expects: the server answers 501 and does not call the app. The next request gets its own response, or the server
    closes the connection.
    Why: The server can find the end of this body, but cannot decode it. An app that receives undecoded bytes stores
    them as the user's upload.
    """
    assert_rejected(
        await send_request(
            exchange, post_request(exchange, "Transfer-Encoding: gauntlet, chunked", body=CHUNKED_HELLO)
        ),
        (501,),
    )


@case(SHOULD, UNKNOWN_CODING, basis=SHOULD_TEXT, breach=CLIENT, tags=SECURITY_TAG)
async def te_chunked_twice(exchange: Exchange) -> None:
    """`Transfer-Encoding: chunked, chunked` is rejected.

    Sends: a POST with `Transfer-Encoding: chunked, chunked` and a body that is chunked once.
    Expects: the server answers 400 or 501 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: One server decodes once, and the next server decodes twice. They see two different bodies, and a smuggled
    request fits into the difference.
    """
    assert_rejected(
        await send_request(exchange, post_request(exchange, "Transfer-Encoding: chunked, chunked", body=CHUNKED_HELLO)),
        UNKNOWN_LENGTH_STATUSES,
    )


@case(
    MUST,
    CHUNKED_NOT_FINAL,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"chunked-first": ("chunked", "identity"), "gzip-last": ("chunked", "gzip")},
)
async def te_two_lines(exchange: Exchange, values: tuple[str, str]) -> None:
    """Two Transfer-Encoding lines are one list: `chunked` followed by another coding is rejected.

    Sends: a POST with `Transfer-Encoding: chunked` on one line and `identity` or `gzip` on a second line, and a chunked
    body.
    Expects: the server answers 400 and does not call the app. The server closes the connection. The two lines form one
    list, which does not end with chunked. 501 is also accepted: RFC 9112, 6.1 asks for it if a coding is unknown.
    Why: One server uses the first line and sees a chunked body. A proxy that uses the last line sees none. An attacker
    writes requests into the difference.
    """
    fields = [f"Transfer-Encoding: {value}" for value in values]
    assert_rejected(
        await send_request(exchange, post_request(exchange, *fields, body=CHUNKED_HELLO)),
        UNKNOWN_LENGTH_STATUSES,
        closes=True,
    )


@case(
    MUST,
    rfc9110("5.6.1.2", "A recipient MUST parse and ignore a reasonable number of empty list elements"),
    basis=MUST_TEXT,
    breach=CLIENT,
    needs=NEEDS_CHUNKED,
    variants={"before": ", chunked", "after": "chunked,"},
)
async def te_empty_elements(exchange: Exchange, value: str) -> None:
    """Empty members of the Transfer-Encoding list are ignored.

    Sends: a POST with `Transfer-Encoding: , chunked` or `chunked,`, and `hello` in a chunk.
    Expects: the app reads `hello`, or a server that accepts no chunks answers 411 without calling the app. The next
    request gets its own response, or the server closes the connection.
    Why: Software that joins and removes list members leaves such commas. A user behind such software would lose a
    correct upload.
    """
    assert_body_served(
        await send_request(
            exchange,
            post_request(exchange, f"Transfer-Encoding: {value}", body=CHUNKED_HELLO, target=READ_TO_END_TARGET),
        ),
        b"hello",
    )


@case(
    MUST,
    rfc9112("7", "All transfer-coding names are case-insensitive"),
    basis=from_recipient_semantics(
        "The name means chunked in both upper and lower case. A server that does not recognize it reads the chunks as "
        "requests."
    ),
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def te_case(exchange: Exchange) -> None:
    """`cHuNkEd` means chunked.

    Sends: a POST with `Transfer-Encoding: cHuNkEd`, and `hello` in a chunk.
    Expects: the app reads `hello`, or the server answers 411 without calling the app. The next request gets its own
    response, or the server closes the connection.
    Why: A server that misses the coding reads the chunks as the next request. A proxy forwards the same chunks as a
    body, so nobody checked that request.
    """
    assert_body_served(
        await send_request(
            exchange,
            post_request(exchange, "Transfer-Encoding: cHuNkEd", body=CHUNKED_HELLO, target=READ_TO_END_TARGET),
        ),
        b"hello",
    )


@case(
    MUST,
    WHITESPACE_EXCLUDED,
    basis=MUST_TEXT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants={"none": "chunked", "tab": "\tchunked", "around": " \t chunked \t "},
)
async def te_whitespace(exchange: Exchange, value: str) -> None:
    """Spaces and tabs around `chunked` do not change its meaning.

    Sends: a POST with `Transfer-Encoding:chunked`, or with spaces and tabs around the word, and `hello` in a chunk.
    Expects: the app reads `hello`, or the server answers 411 without calling the app. The next request gets its own
    response, or the server closes the connection.
    Why: If one server knows the coding after a tab and the next server does not, a tab is enough for an attack. The
    chunks are a body for one server and requests for the other.
    """
    assert_body_served(
        await send_request(
            exchange,
            post_request(exchange, f"Transfer-Encoding:{value}", body=CHUNKED_HELLO, target=READ_TO_END_TARGET),
        ),
        b"hello",
    )


@case(
    MUST,
    CHUNKED_NOT_FINAL,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "vt": "\x0bchunked",
        "ff": "\x0cchunked",
        "nul": "chunked\0",
        "nel": "\x85chunked",
        "nbsp": "chunked\xa0",
        "quotes": '"chunked"',
        "prefix": "xchunked",
        "semicolon": ";chunked",
        "two-words": "x chunked",
        "fs": "\x1cchunked",
        "us-behind": "chunked\x1f",
        "vt-behind": "chunked\x0b",
        "nbsp-before": "\xa0chunked",
        "tab-inside": "chun\tked",
    },
)
async def te_obfuscated(exchange: Exchange, value: str) -> None:
    """A value that only resembles `chunked` is rejected, never read as chunked, and the server closes the connection.

    Sends: a POST with a chunked body. Its Transfer-Encoding only resembles chunked: it has an extra control character,
    non-breaking space, quotes, letter or word.
    Expects: the server answers 400 and does not call the app. The server closes the connection. 501 is also accepted:
    RFC 9112, 6.1 asks for it if a coding is unknown, and all these codings are.
    Why: Attackers look for a spelling that only one of two servers in a chain reads as chunked. The difference lets
    them send requests in other users' names.
    """
    assert_rejected(
        await send_request(exchange, post_request(exchange, f"Transfer-Encoding: {value}", body=CHUNKED_HELLO)),
        UNKNOWN_LENGTH_STATUSES,
        closes=True,
    )


@case(MUST, OBS_FOLD, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG, needs=NEEDS_CHUNKED)
async def te_folded(exchange: Exchange) -> None:
    """A folded `Transfer-Encoding: chunked` is rejected or read as chunked, not ignored.

    Sends: a POST with `Transfer-Encoding:`, a line break, a space and `chunked`, and `hello` in a chunk.
    Expects: the server rejects the request without calling the app, or the app reads `hello`. The next request gets its
    own response, or the server closes the connection.
    Why: One of two servers may see an empty header and therefore no coding. The chunks are then requests for one server
    and a body for the other.
    """
    result = await send_request(
        exchange,
        post_request(exchange, "Transfer-Encoding:\r\n chunked", body=CHUNKED_HELLO, target=READ_TO_END_TARGET),
    )
    if is_rejected_with(result):
        assert_in_sync(result)
    else:
        assert_body_served(result, b"hello")


@case(
    SHOULD,
    rfc9112("7.1", "The chunked coding does not define any parameters. Their presence SHOULD be treated as an error."),
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
)
async def te_parameters(exchange: Exchange) -> None:
    """`Transfer-Encoding: chunked;q=1` is rejected.

    Sends: a POST with `Transfer-Encoding: chunked;q=1`, and `hello` in a chunk.
    Expects: the server answers 400 or 501 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: Two servers may disagree whether this is still chunked. An attacker needs nothing more.
    """
    assert_rejected(
        await send_request(exchange, post_request(exchange, "Transfer-Encoding: chunked;q=1", body=CHUNKED_HELLO)),
        UNKNOWN_LENGTH_STATUSES,
    )


@case(SHOULD, UNKNOWN_CODING, basis=SHOULD_TEXT, breach=CLIENT, tags=SECURITY_TAG)
async def te_identity(exchange: Exchange) -> None:
    """`Transfer-Encoding: identity`, which was withdrawn in 2014, is rejected.

    Sends: a POST with `Transfer-Encoding: identity`, `Content-Length: 5` and five bytes of body.
    Expects: the server answers 400 or 501 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: Servers that know the old coding use the length. Other servers find no end of the body. In a chain of both, the
    attacker chooses the end of the body.
    """
    assert_rejected(
        await send_request(
            exchange, post_request(exchange, "Transfer-Encoding: identity", "Content-Length: 5", body=b"hello")
        ),
        UNKNOWN_LENGTH_STATUSES,
    )
