"""Transfer-Encoding: chunked at the end of the list, by its own name, or refused."""

from __future__ import annotations

from ....harness import expect
from ....harness.catalog import MUST, SHOULD, case
from ....harness.exchange import Exchange
from ....harness.references import rfc9110, rfc9112
from ..verbs import (
    UNDELIMITED,
    ask,
    closed,
    hidden,
    never_hidden,
    post,
    refused,
    served_body,
    was_refused,
    was_rejected,
)

SECURITY = ["security"]
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
BOTH = rfc9112(
    "6.1",
    "Regardless, the server MUST close the connection after responding to such a request to avoid the potential "
    "attacks.",
)
NOT_FINAL = rfc9112(
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


@case(MUST, BOTH, tags=SECURITY, variants={"equal": len(HELLO), "shorter": 4, "longer": len(HELLO) + 1})
async def te_and_cl(x: Exchange, length: int) -> None:
    """With both Transfer-Encoding and Content-Length, a request is refused or read as chunked, and the connection ends.

    The classic of request smuggling: whoever reads the length sees another body than whoever reads the chunks.
    """
    body = HELLO.ljust(length, b".")
    told = await ask(x, post(x, f"Content-Length: {length}", "Transfer-Encoding: chunked", body=body))
    if not was_rejected(told):
        served_body(told, b"hello")
    closed(told)


@case(
    MUST,
    rfc9112(
        "6.1",
        "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header field MUST treat "
        "the message as if the framing is faulty, even if a Content-Length is present, and close the connection after "
        "processing the message.",
    ),
    tags=SECURITY,
    variants={"chunks": False, "hidden-request": True},
)
async def te_on_http10(x: Exchange, hide: bool) -> None:
    """Transfer-Encoding in HTTP/1.0 ends the connection, keep-alive or not.

    Sends a body under `chunked` in HTTP/1.0 with keep-alive, then another request. An old proxy in between may have
    passed the body on unread, and a server that overlooks the coding takes the body for the next request.
    """
    fields = ("Transfer-Encoding: chunked", "Connection: keep-alive")
    told = await ask(x, post(x, *fields, body=hidden(x) if hide else HELLO, version="HTTP/1.0"))
    expect.that(told.answer.status is not None, "an answer", told.describe())
    never_hidden(told)
    closed(told)


@case(MUST, NOT_FINAL, tags=SECURITY, variants={"identity-last": "chunked, identity", "gzip-last": "chunked, gzip"})
async def te_not_final(x: Exchange, value: str) -> None:
    """A Transfer-Encoding that does not end with chunked is refused, and the connection is closed.

    Sends `chunked, identity` or `chunked, gzip`. Where the last coding is not chunked, nothing marks the body's
    end.
    """
    refused(await ask(x, post(x, f"Transfer-Encoding: {value}", body=HELLO)), UNDELIMITED, closes=True)


@case(SHOULD, UNKNOWN_CODING)
async def te_unknown(x: Exchange) -> None:
    """A transfer coding that nobody knows gets 501.

    Sends `gauntlet, chunked`. The body's end can be found, but an app would be handed what it cannot read.
    """
    refused(await ask(x, post(x, "Transfer-Encoding: gauntlet, chunked", body=HELLO)), (501,))


@case(SHOULD, UNKNOWN_CODING, tags=SECURITY)
async def te_chunked_twice(x: Exchange) -> None:
    """`chunked, chunked` is refused.

    Sends a body that is chunked once under `chunked, chunked`. One server unwraps once, the next twice.
    """
    refused(await ask(x, post(x, "Transfer-Encoding: chunked, chunked", body=HELLO)), UNDELIMITED)


@case(
    MUST,
    NOT_FINAL,
    tags=SECURITY,
    variants={"chunked-first": ("chunked", "identity"), "gzip-last": ("chunked", "gzip")},
)
async def te_two_lines(x: Exchange, values: tuple[str, str]) -> None:
    """Two Transfer-Encoding lines are one list: chunked in the first and something else in the second is refused.

    Sends `chunked` and another coding on two lines. A server that looks at one line alone sees a chunked body.
    """
    fields = [f"Transfer-Encoding: {value}" for value in values]
    refused(await ask(x, post(x, *fields, body=HELLO)), UNDELIMITED, closes=True)


@case(
    MUST,
    rfc9110("5.6.1.2", "A recipient MUST parse and ignore a reasonable number of empty list elements"),
    variants={"before": ", chunked", "after": "chunked,"},
)
async def te_empty_elements(x: Exchange, value: str) -> None:
    """Empty members of the Transfer-Encoding list are ignored.

    Sends `, chunked` or `chunked,`. Software that joins and removes list members leaves such commas behind.
    """
    served_body(await ask(x, post(x, f"Transfer-Encoding: {value}", body=HELLO)), b"hello")


@case(MUST, rfc9112("7", "All transfer-coding names are case-insensitive"), tags=SECURITY)
async def te_case(x: Exchange) -> None:
    """`cHuNkEd` is chunked.

    Sends `cHuNkEd`. A server that misses it reads the chunks as the next request.
    """
    served_body(await ask(x, post(x, "Transfer-Encoding: cHuNkEd", body=HELLO)), b"hello")


@case(
    MUST,
    NOT_FINAL,
    tags=SECURITY,
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
async def te_obfuscated(x: Exchange, value: str) -> None:
    """What only resembles chunked is refused, never read as chunked, and the connection is closed.

    Attackers look for a spelling that one of two servers in a chain takes for chunked.
    """
    refused(await ask(x, post(x, f"Transfer-Encoding: {value}", body=HELLO)), UNDELIMITED, closes=True)


@case(
    MUST,
    rfc9112(
        "5.2",
        "or replace each received obs-fold with one or more SP octets prior to interpreting the field value or "
        "forwarding the message downstream.",
    ),
    tags=SECURITY,
)
async def te_folded(x: Exchange) -> None:
    """A folded `Transfer-Encoding: chunked` is refused or read as chunked, not overlooked.

    Sends `Transfer-Encoding:` with `chunked` on a continuation line. One of two servers may see no coding at all.
    """
    told = await ask(x, post(x, "Transfer-Encoding:\r\n chunked", body=HELLO))
    if not was_refused(told):
        served_body(told, b"hello")


@case(
    SHOULD,
    rfc9112("7.1", "The chunked coding does not define any parameters. Their presence SHOULD be treated as an error."),
    tags=SECURITY,
)
async def te_parameters(x: Exchange) -> None:
    """`chunked;q=1` is refused.

    Sends `chunked;q=1`. Whether that is still chunked is what two servers may disagree on.
    """
    refused(await ask(x, post(x, "Transfer-Encoding: chunked;q=1", body=HELLO)), UNDELIMITED)


@case(SHOULD, UNKNOWN_CODING, tags=SECURITY)
async def te_identity(x: Exchange) -> None:
    """`Transfer-Encoding: identity`, which was withdrawn in 2014, is refused.

    Sends `identity` beside a Content-Length. Servers that know the old coding use the length; others must not
    guess.
    """
    refused(await ask(x, post(x, "Transfer-Encoding: identity", "Content-Length: 5", body=b"hello")), UNDELIMITED)
