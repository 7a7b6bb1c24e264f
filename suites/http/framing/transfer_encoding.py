"""Transfer-Encoding: chunked at the end of the list, by its own name, or refused."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, from_recipient_semantics
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.suites.http.assertions import (
    READ_TO_END_TARGET,
    UNKNOWN_LENGTH_STATUSES,
    assert_body_served,
    assert_in_sync,
    assert_not_smuggled,
    assert_rejected,
    closed,
    is_rejected,
    is_rejected_with,
    post,
    send_request,
    smuggled_request,
)

SECURITY_TAG = ["security"]
NEEDS_CHUNKED = ["http/chunked/one-chunk"]
"""How chunked is spelt says nothing of a server that does not know it."""

CHUNKED_HELLO = b"5\r\nhello\r\n0\r\n\r\n"
CONTENT_LENGTH_AND_TRANSFER_ENCODING = rfc9112(
    "6.1",
    "Regardless, the server MUST close the connection after responding to such a request to avoid the potential "
    "attacks.",
)
CHUNKED_NOT_FINAL = rfc9112(
    "6.3",
    "If a Transfer-Encoding header field is present in a request and the chunked transfer coding is not the final "
    "encoding, the message body length cannot be determined reliably; the server MUST respond with the 400 (Bad "
    "Request) status code and then close the connection.",
)
UNKNOWN_CODING = rfc9112(
    "6.1",
    "A server that receives a request message with a transfer coding it does not understand SHOULD respond with 501 "
    "(Not Implemented).",
)


LENGTHS = {"equal": len(CHUNKED_HELLO), "shorter": 4, "longer": len(CHUNKED_HELLO) + 1}


@case(
    MUST,
    CONTENT_LENGTH_AND_TRANSFER_ENCODING,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants=LENGTHS,
)
async def te_and_cl(exchange: Exchange, length: int) -> None:
    """With both Transfer-Encoding and Content-Length, the connection ends with the answer.

    Sends: a POST with both `Transfer-Encoding: chunked` and a Content-Length; the chunks hold `hello`, the length is
    that of the coded body, four bytes, or one byte more than there are.
    Expects: a refusal without a call of the app, or one call. Either way the connection is closed after the answer.
    What the app reads is `te-overrides-cl`'s question.
    Why: The classic of request smuggling: whoever reads the length sees another body than whoever reads the chunks, and
    what lies between is a request that only one of them has checked.
    """
    body = CHUNKED_HELLO.ljust(length, b".")
    result = await send_request(
        exchange,
        post(exchange, f"Content-Length: {length}", "Transfer-Encoding: chunked", body=body, target=READ_TO_END_TARGET),
    )
    assertions.assert_that(len(result.calls) <= 1, "one call of the app at most", result.describe())
    closed(result)


@case(
    MUST,
    rfc9112(
        "6.3",
        "If a message is received with both a Transfer-Encoding and a Content-Length header field, the "
        "Transfer-Encoding overrides the Content-Length.",
    ),
    basis=from_recipient_semantics(
        "The chunks are the body. A server that passes the length on has the app read another one; PEP 3333 lets it "
        "leave CONTENT_LENGTH out."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants=LENGTHS,
)
async def te_overrides_cl(exchange: Exchange, length: int) -> None:
    """With both Transfer-Encoding and Content-Length, a request is refused, or its chunks are the body.

    Sends: a POST with both `Transfer-Encoding: chunked` and a Content-Length; the chunks hold `hello`, the length is
    that of the coded body, four bytes, or one byte more than there are.
    Expects: a refusal without a call of the app, or one call that reads `hello`. The app reads as far as CONTENT_LENGTH
    says, where it is there.
    Why: An app that is told of the wrong length reads a part of the upload, or waits for bytes that never come.
    """
    body = CHUNKED_HELLO.ljust(length, b".")
    result = await send_request(
        exchange,
        post(exchange, f"Content-Length: {length}", "Transfer-Encoding: chunked", body=body, target=READ_TO_END_TARGET),
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
    """Transfer-Encoding in HTTP/1.0 ends the connection, keep-alive or not.

    Sends: a POST in HTTP/1.0 with keep-alive, chunked: either a chunk that holds `hello`, or a whole request in place
    of chunks. Then another request, where the answer allows one.
    Expects: an answer, refusal or not; at most one call of the app, none for the request in the body; and the
    connection closed.
    Why: An old proxy in between does not know chunks and passes them on unread. A server that goes on behind them on
    the same connection takes bytes of one user's body for another one's request.
    """
    fields = ("Transfer-Encoding: chunked", "Connection: keep-alive")
    result = await send_request(
        exchange,
        post(exchange, *fields, body=smuggled_request(exchange) if hide else CHUNKED_HELLO, version="HTTP/1.0"),
    )
    assertions.assert_that(result.response.status is not None, "an answer", result.describe())
    assert_not_smuggled(result)
    assertions.assert_that(len(result.calls) <= 1, "one call of the app at most", result.describe())
    closed(result)


@case(
    MUST,
    CHUNKED_NOT_FINAL,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"identity-last": "chunked, identity", "gzip-last": "chunked, gzip"},
)
async def te_not_final(exchange: Exchange, value: str) -> None:
    """A Transfer-Encoding that does not end with chunked is refused, and the connection is closed.

    Sends: a POST with `Transfer-Encoding: chunked, identity` or `chunked, gzip`, and a chunked body.
    Expects: 400, the app not called, and the connection closed. 501 is taken, too, though 6.3 says 400: 6.1 asks for it
    where a coding is not known, and it refuses as well.
    Why: Where the last coding is not chunked nothing marks the body's end. A server that guesses one can be made to see
    a request where the proxy in front sees a body.
    """
    assert_rejected(
        await send_request(exchange, post(exchange, f"Transfer-Encoding: {value}", body=CHUNKED_HELLO)),
        UNKNOWN_LENGTH_STATUSES,
        closes=True,
    )


@case(SHOULD, UNKNOWN_CODING, basis=SHOULD_TEXT)
async def te_unknown(exchange: Exchange) -> None:
    """A transfer coding that nobody knows gets 501.

    Sends: a POST with `Transfer-Encoding: gauntlet, chunked` and a chunked body.
    Expects: 501, the app not called; the next request on the connection is served as itself, or the connection is
    closed.
    Why: The body's end can be found, but an app that is handed what nobody has decoded stores rubbish as the user's
    upload.
    """
    assert_rejected(
        await send_request(exchange, post(exchange, "Transfer-Encoding: gauntlet, chunked", body=CHUNKED_HELLO)), (501,)
    )


@case(SHOULD, UNKNOWN_CODING, basis=SHOULD_TEXT, breach=CLIENT, tags=SECURITY_TAG)
async def te_chunked_twice(exchange: Exchange) -> None:
    """`chunked, chunked` is refused.

    Sends: a POST with `Transfer-Encoding: chunked, chunked` and a body that is chunked once.
    Expects: 400 or 501, the app not called; the next request on the connection is served as itself, or the connection
    is closed.
    Why: One server unwraps once, the next one twice: two bodies, and a gap between them for a smuggled request.
    """
    assert_rejected(
        await send_request(exchange, post(exchange, "Transfer-Encoding: chunked, chunked", body=CHUNKED_HELLO)),
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
    """Two Transfer-Encoding lines are one list: chunked in the first and something else in the second is refused.

    Sends: a POST with `Transfer-Encoding: chunked` on one line and `identity` or `gzip` on a second, and a chunked
    body.
    Expects: 400, the app not called, and the connection closed: the two lines are the list `chunked, identity`, whose
    end is not chunked. 501 is taken, too, though 6.3 says 400: 6.1 asks for it where a coding is not known.
    Why: A server that looks at the first line alone sees a chunked body where the proxy, which looks at the last, sees
    none. An attacker writes requests into the difference.
    """
    fields = [f"Transfer-Encoding: {value}" for value in values]
    assert_rejected(
        await send_request(exchange, post(exchange, *fields, body=CHUNKED_HELLO)), UNKNOWN_LENGTH_STATUSES, closes=True
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
    Expects: the app reads `hello` (or 411 without a call, from a server that takes no chunks); the next request on the
    connection is served as itself.
    Why: Software that joins and removes members of lists leaves such commas behind. The upload of a user behind it is
    refused for nothing.
    """
    assert_body_served(
        await send_request(
            exchange, post(exchange, f"Transfer-Encoding: {value}", body=CHUNKED_HELLO, target=READ_TO_END_TARGET)
        ),
        b"hello",
    )


@case(
    MUST,
    rfc9112("7", "All transfer-coding names are case-insensitive"),
    basis=from_recipient_semantics(
        "The coding's name means chunked in any case. A server that does not see it reads the chunks as requests."
    ),
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def te_case(exchange: Exchange) -> None:
    """`cHuNkEd` is chunked.

    Sends: a POST with `Transfer-Encoding: cHuNkEd`, and `hello` in a chunk.
    Expects: the app reads `hello` (or 411 without a call); the next request on the connection is served as itself.
    Why: A server that misses the coding takes the chunks for the next request, while the proxy in front takes them for
    a body: a request that nobody has checked.
    """
    assert_body_served(
        await send_request(
            exchange, post(exchange, "Transfer-Encoding: cHuNkEd", body=CHUNKED_HELLO, target=READ_TO_END_TARGET)
        ),
        b"hello",
    )


@case(
    MUST,
    rfc9110(
        "5.5",
        "When a specific version of HTTP allows such whitespace to appear in a message, a field parsing implementation "
        "MUST exclude such whitespace prior to evaluating the field value.",
    ),
    basis=MUST_TEXT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants={"none": "chunked", "tab": "\tchunked", "around": " \t chunked \t "},
)
async def te_whitespace(exchange: Exchange, value: str) -> None:
    """Blanks and tabs around `chunked` change nothing, nor does their absence.

    Sends: a POST with `Transfer-Encoding:chunked`, or with blanks and tabs around the word; `hello` in a chunk.
    Expects: the app reads `hello` (or 411 without a call); the next request on the connection is served as itself.
    Why: A tab is all that an attacker needs where one server knows the coding behind it and the next one does not: the
    chunks are a body to the one and requests to the other.
    """
    assert_body_served(
        await send_request(
            exchange, post(exchange, f"Transfer-Encoding:{value}", body=CHUNKED_HELLO, target=READ_TO_END_TARGET)
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
    },
)
async def te_obfuscated(exchange: Exchange, value: str) -> None:
    """What only resembles chunked is refused, never read as chunked, and the connection is closed.

    Sends: a POST whose Transfer-Encoding only resembles chunked: a control character, a non-breaking space, quotes, a
    letter or a word too many. Its body is chunked.
    Expects: 400, the app not called, and the connection closed. 501 is taken, too, though 6.3 says 400: 6.1 asks for it
    where a coding is not known, and none of these is.
    Why: Attackers look for a spelling that one of two servers in a chain takes for chunked and the other does not.
    Through the difference they send requests in other users' names.
    """
    assert_rejected(
        await send_request(exchange, post(exchange, f"Transfer-Encoding: {value}", body=CHUNKED_HELLO)),
        UNKNOWN_LENGTH_STATUSES,
        closes=True,
    )


@case(
    MUST,
    rfc9112(
        "5.2",
        'A server that receives an obs-fold in a request message that is not within a "message/http" container MUST '
        "either reject the message by sending a 400 (Bad Request), preferably with a representation explaining that "
        "obsolete line folding is unacceptable, or replace each received obs-fold with one or more SP octets prior to "
        "interpreting the field value or forwarding the message downstream.",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def te_folded(exchange: Exchange) -> None:
    """A folded `Transfer-Encoding: chunked` is refused or read as chunked, not overlooked.

    Sends: a POST with `Transfer-Encoding:`, a line break, a blank and `chunked`, and `hello` in a chunk.
    Expects: a refusal without a call of the app, or the app reads `hello`. Either way the next request on the
    connection is served as itself, or the connection is closed.
    Why: One of two servers may see an empty header and so no coding at all. The chunks are then requests to the one and
    a body to the other.
    """
    result = await send_request(
        exchange, post(exchange, "Transfer-Encoding:\r\n chunked", body=CHUNKED_HELLO, target=READ_TO_END_TARGET)
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
    """`chunked;q=1` is refused.

    Sends: a POST with `Transfer-Encoding: chunked;q=1` and `hello` in a chunk.
    Expects: 400 or 501, the app not called; the next request on the connection is served as itself, or the connection
    is closed.
    Why: Whether that is still chunked is what two servers may disagree on, and an attacker needs no more than that.
    """
    assert_rejected(
        await send_request(exchange, post(exchange, "Transfer-Encoding: chunked;q=1", body=CHUNKED_HELLO)),
        UNKNOWN_LENGTH_STATUSES,
    )


@case(SHOULD, UNKNOWN_CODING, basis=SHOULD_TEXT, breach=CLIENT, tags=SECURITY_TAG)
async def te_identity(exchange: Exchange) -> None:
    """`Transfer-Encoding: identity`, which was withdrawn in 2014, is refused.

    Sends: a POST with `Transfer-Encoding: identity`, which was withdrawn in 2014, beside `Content-Length: 5` and five
    bytes.
    Expects: 400 or 501, the app not called; the next request on the connection is served as itself, or the connection
    is closed.
    Why: Servers that know the old coding use the length, others find no end of the body. Where two of them stand in a
    row, the body's end is the attacker's choice.
    """
    assert_rejected(
        await send_request(exchange, post(exchange, "Transfer-Encoding: identity", "Content-Length: 5", body=b"hello")),
        UNKNOWN_LENGTH_STATUSES,
    )
