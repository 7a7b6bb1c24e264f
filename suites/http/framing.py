"""Where a request's body ends: Content-Length, Transfer-Encoding, and what must never be guessed.

Two servers in a chain that disagree on it let one client put words into another client's mouth (request smuggling).
"""

from __future__ import annotations

from collections.abc import Callable

from ...harness import expect
from ...harness.catalog import MAY, MUST, SHOULD, case
from ...harness.exchange import Exchange
from ...harness.references import rfc9110, rfc9112
from ...harness.response import Ending
from .verbs import (
    PATIENCE,
    UNDELIMITED,
    Seen,
    ask,
    closed,
    hidden,
    never_hidden,
    post,
    raw,
    refused,
    seen,
    served,
    served_body,
    was_refused,
    was_rejected,
)

SECURITY = ["security"]
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
INVALID_LENGTH = rfc9112(
    "6.3",
    "If the unrecoverable error is in a request message, the server MUST respond with a 400 (Bad Request) status code "
    "and then close the connection.",
)
SAME_LIST = rfc9110(
    "8.6",
    "MAY either reject the message as invalid or replace that invalid field value with a single instance of the "
    "decimal value",
)
OVERFLOW = rfc9110(
    "8.6",
    "a recipient MUST anticipate potentially large decimal numerals and prevent parsing errors due to integer "
    "conversion overflows or precision loss due to integer conversion",
)
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
READ_OR_CLOSE = rfc9112(
    "9.3",
    "A server MUST read the entire request message body or close the connection after sending its response; otherwise, "
    "the remaining data on a persistent connection would be misinterpreted as the next request.",
)


@case(MUST, INVALID_LENGTH, tags=SECURITY, variants={"larger-last": (5, 6), "larger-first": (6, 5), "zero": (0, 5)})
async def cl_duplicate_different(x: Exchange, lengths: tuple[int, int]) -> None:
    """Two Content-Length headers that differ are refused, and the connection is closed."""
    first, second = lengths
    told = await ask(
        x, post(x, f"Content-Length: {first}", f"Content-Length: {second}", body=b"hello!"[: max(lengths)])
    )
    refused(told, closes=True)


@case(MAY, SAME_LIST, tags=SECURITY, variants={"list": ("5, 5",), "lines": ("5", "5")})
async def cl_list_same(x: Exchange, values: tuple[str, ...]) -> None:
    """Content-Length given twice with one value is read as that value, or refused."""
    told = await ask(x, post(x, *(f"Content-Length: {value}" for value in values), body=b"hello"))
    if not was_rejected(told):
        served_body(told, b"hello")


@case(MUST, INVALID_LENGTH, tags=SECURITY)
async def cl_list_different(x: Exchange) -> None:
    """A list of different lengths in one Content-Length is refused, and the connection is closed."""
    refused(await ask(x, post(x, "Content-Length: 5, 6", body=b"hello!")), closes=True)


@case(
    MUST,
    INVALID_LENGTH,
    tags=SECURITY,
    variants={
        "plus": "+5",
        "minus": "-5",
        "minus-zero": "-0",
        "underscore": "1_0",
        "hex": "0x5",
        "two-numbers": "5 5",
        "empty": "",
        "letters": "abc",
        "fraction": "5.0",
        "superscript": "\xb2",
    },
)
async def cl_syntax(x: Exchange, value: str) -> None:
    """A Content-Length that is no row of digits is refused, and the connection is closed.

    The usual number parsers of programming languages take more than digits: a sign, an underscore, a prefix.
    """
    refused(await ask(x, post(x, f"Content-Length: {value}", body=b"hellohello")), closes=True)


@case(MUST, rfc9112("6.3", "its decimal value defines the expected message body length in octets."), tags=SECURITY)
async def cl_leading_zeros(x: Exchange) -> None:
    """`010` is ten, never eight: leading zeros are decimal, or refused."""
    told = await ask(x, post(x, "Content-Length: 010", body=b"hellohello"))
    if not was_rejected(told):
        served_body(told, b"hellohello")


@case(
    MUST,
    OVERFLOW,
    tags=SECURITY,
    variants={"64-bits": str(2**64 + 5), "32-bits": str(2**32 + 5), "digits": "9" * 5000},
)
async def cl_overflow(x: Exchange, value: str) -> None:
    """A length too large for a machine word is refused or waited for, never cut to its low bits.

    Sends 5 bytes of body. A server that answers as if it had read all of them took the length modulo 2**32 or 2**64;
    one that answers 500 failed in converting it.
    """
    wire = await x.connect()
    await wire.send(post(x, f"Content-Length: {value}", body=b"hello"))
    answer = await wire.response(timeout=0.5)
    await wire.close()
    told = await seen(x, answer)
    bad = answer.status is not None and not 400 <= answer.status < 500
    expect.that(not bad, "400, 413, or waiting for the rest", told.describe())


@case(
    MUST,
    rfc9112(
        "6.3",
        "If the sender closes the connection or the recipient times out before the indicated number of octets are "
        "received, the recipient MUST consider the message to be incomplete and close the connection.",
    ),
    tags=SECURITY,
)
async def cl_short_then_fin(x: Exchange) -> None:
    """A body that ends before its length ends the connection too.

    Sends 5 of 10 bytes and closes the sending side. Whatever is answered, if anything is, the connection ends.
    """
    wire = await x.connect()
    await wire.send(post(x, "Content-Length: 10", body=b"hello"))
    await wire.half_close()
    ending = await wire.ending(PATIENCE)
    await wire.close()
    expect.that(ending is not Ending.OPEN, "the connection closed", f"still open after {PATIENCE:g} s")
    await seen(x, await wire.response())


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
)
async def te_on_http10(x: Exchange) -> None:
    """Transfer-Encoding in HTTP/1.0 ends the connection, keep-alive or not."""
    fields = ("Transfer-Encoding: chunked", "Connection: keep-alive")
    told = await ask(x, post(x, *fields, body=HELLO, version="HTTP/1.0"))
    expect.that(told.answer.status is not None, "an answer", told.describe())
    closed(told)


@case(MUST, NOT_FINAL, tags=SECURITY, variants={"identity-last": "chunked, identity", "gzip-last": "chunked, gzip"})
async def te_not_final(x: Exchange, value: str) -> None:
    """A Transfer-Encoding that does not end with chunked is refused, and the connection is closed."""
    refused(await ask(x, post(x, f"Transfer-Encoding: {value}", body=HELLO)), UNDELIMITED, closes=True)


@case(SHOULD, UNKNOWN_CODING)
async def te_unknown(x: Exchange) -> None:
    """A transfer coding that nobody knows gets 501."""
    refused(await ask(x, post(x, "Transfer-Encoding: gauntlet, chunked", body=HELLO)), (501,))


@case(
    SHOULD,
    rfc9112(
        "6.1",
        "A sender MUST NOT apply the chunked transfer coding more than once to a message body (i.e., chunking an "
        "already chunked message is not allowed).",
    ),
    tags=SECURITY,
)
async def te_chunked_twice(x: Exchange) -> None:
    """`chunked, chunked` is refused."""
    refused(await ask(x, post(x, "Transfer-Encoding: chunked, chunked", body=HELLO)), UNDELIMITED)


@case(
    MUST,
    NOT_FINAL,
    tags=SECURITY,
    variants={"chunked-first": ("chunked", "identity"), "gzip-last": ("chunked", "gzip")},
)
async def te_two_lines(x: Exchange, values: tuple[str, str]) -> None:
    """Two Transfer-Encoding lines are one list: chunked in the first and something else in the second is refused."""
    fields = [f"Transfer-Encoding: {value}" for value in values]
    refused(await ask(x, post(x, *fields, body=HELLO)), UNDELIMITED, closes=True)


@case(
    MUST,
    rfc9110("5.6.1.2", "A recipient MUST parse and ignore a reasonable number of empty list elements"),
    variants={"before": ", chunked", "after": "chunked,"},
)
async def te_empty_elements(x: Exchange, value: str) -> None:
    """Empty members of the Transfer-Encoding list are ignored."""
    served_body(await ask(x, post(x, f"Transfer-Encoding: {value}", body=HELLO)), b"hello")


@case(MUST, rfc9112("7", "All transfer-coding names are case-insensitive"), tags=SECURITY)
async def te_case(x: Exchange) -> None:
    """`cHuNkEd` is chunked."""
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
    """A folded `Transfer-Encoding: chunked` is refused or read as chunked, not overlooked."""
    told = await ask(x, post(x, "Transfer-Encoding:\r\n chunked", body=HELLO))
    if not was_refused(told):
        served_body(told, b"hello")


@case(
    SHOULD,
    rfc9112("7.1", "The chunked coding does not define any parameters. Their presence SHOULD be treated as an error."),
    tags=SECURITY,
)
async def te_parameters(x: Exchange) -> None:
    """`chunked;q=1` is refused."""
    refused(await ask(x, post(x, "Transfer-Encoding: chunked;q=1", body=HELLO)), UNDELIMITED)


@case(SHOULD, UNKNOWN_CODING, tags=SECURITY)
async def te_identity(x: Exchange) -> None:
    """`Transfer-Encoding: identity`, which was withdrawn in 2014, is refused."""
    refused(await ask(x, post(x, "Transfer-Encoding: identity", "Content-Length: 5", body=b"hello")), UNDELIMITED)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)


def _size_line(data: bytes) -> int:
    return len(b"%x\r\n" % len(data))


Ambiguity = Callable[[bytes], tuple[list[str], bytes]]

CHUNKED = "Transfer-Encoding: chunked"
AMBIGUITIES: dict[str, Ambiguity] = {
    "chunks-end-before-length": lambda h: ([f"Content-Length: {5 + len(h)}", CHUNKED], b"0\r\n\r\n" + h),
    "length-ends-before-chunks": lambda h: ([f"Content-Length: {_size_line(h)}", CHUNKED], _chunk(h)),
    "two-lengths-short-first": lambda h: (["Content-Length: 0", f"Content-Length: {len(h)}"], h),
    "two-lengths-short-last": lambda h: ([f"Content-Length: {len(h)}", "Content-Length: 0"], h),
    "length-list": lambda h: ([f"Content-Length: 0, {len(h)}"], h),
    "length-plus": lambda h: ([f"Content-Length: +{len(h)}"], h),
    "length-minus": lambda h: ([f"Content-Length: -{len(h)}"], h),
    "length-hex": lambda h: ([f"Content-Length: 0x{len(h):x}"], h),
    "length-space-before-colon": lambda h: ([f"Content-Length : {len(h)}"], h),
    "coding-not-final": lambda h: (["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n" + h),
    "coding-two-lines": lambda h: ([CHUNKED, "Transfer-Encoding: identity"], b"0\r\n\r\n" + h),
    "coding-vt": lambda h: (["Transfer-Encoding: \x0bchunked", f"Content-Length: {_size_line(h)}"], _chunk(h)),
    "coding-vt-ends-first": lambda h: (["Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n" + h),
    "coding-nbsp": lambda h: (["Transfer-Encoding: \xa0chunked", f"Content-Length: {_size_line(h)}"], _chunk(h)),
    "coding-space-before-colon": lambda h: (
        ["Transfer-Encoding : chunked", f"Content-Length: {_size_line(h)}"],
        _chunk(h),
    ),
    "coding-folded": lambda h: (["Transfer-Encoding:\r\n chunked", f"Content-Length: {_size_line(h)}"], _chunk(h)),
    "coding-behind-cr": lambda h: (
        [f"X-A: a\rTransfer-Encoding: chunked\r\nContent-Length: {5 + len(h)}"],
        b"0\r\n\r\n" + h,
    ),
}
"""Requests whose end two readers may see in different places, with a whole request where they disagree."""


@case(MUST, READ_OR_CLOSE, tags=SECURITY, variants=AMBIGUITIES)
async def desync(x: Exchange, ambiguity: Ambiguity) -> None:
    """A request hidden where two readers may disagree on the body's end is never served.

    Behind a proxy that reads the other way, the hidden request is answered to the next user of the connection.
    """
    fields, body = ambiguity(hidden(x))
    told = await ask(x, post(x, *fields, body=body, target="/echo"))
    never_hidden(told)
    expect.that(len(told.calls) <= 1, "one call of the app at most", told.describe())


@case(MUST, READ_OR_CLOSE, tags=SECURITY)
async def get_with_body(x: Exchange) -> None:
    """The body of a GET is consumed, or the connection is closed; it never becomes a request."""
    body = hidden(x)
    told = await ask(x, raw(x, f"GET {x.target('/echo')} HTTP/1.1", f"Content-Length: {len(body)}", body=body))
    expect.that(told.answer.status is not None, "an answer", told.describe())
    never_hidden(told)


@case(MUST, READ_OR_CLOSE, tags=SECURITY, needs=["http/responses/head-no-body/length"])
async def head_with_body(x: Exchange) -> None:
    """The body of a HEAD is consumed, or the connection is closed; it never becomes a request."""
    body = hidden(x)
    data = raw(x, f"HEAD {x.target('/echo')} HTTP/1.1", f"Content-Length: {len(body)}", body=body)
    told = await ask(x, data, head=True)
    expect.that(told.answer.status is not None, "an answer", told.describe())
    never_hidden(told)


def _unread(x: Exchange, padding: int) -> bytes:
    body = b"." * padding + hidden(x)
    return post(x, f"Content-Length: {len(body)}", body=body, target="/echo")


@case(MUST, READ_OR_CLOSE, tags=SECURITY)
async def unread_small(x: Exchange) -> None:
    """A small body that the app leaves unread never becomes the next request."""
    told = await ask(x, _unread(x, 0))
    _served_apart(told)


@case(MUST, READ_OR_CLOSE, tags=SECURITY)
async def unread_1mb(x: Exchange) -> None:
    """A body of 1 MiB that the app leaves unread is drained, or the connection is closed."""
    told = await ask(x, _unread(x, 1024 * 1024))
    never_hidden(told)


@case(MUST, READ_OR_CLOSE, tags=SECURITY)
async def unread_chunks(x: Exchange) -> None:
    """A chunked body that the app leaves unread never becomes the next request."""
    told = await ask(x, post(x, CHUNKED, body=_chunk(hidden(x)), target="/echo"))
    never_hidden(told)


@case(
    MUST,
    rfc9112("6.3", "its decimal value defines the expected message body length in octets."),
    tags=SECURITY,
)
async def cl_zero_then_bytes(x: Exchange) -> None:
    """Bytes after a body of length 0 are no part of it."""
    told = await ask(x, post(x, "Content-Length: 0", body=b"hello\r\n\r\n"), again=False)
    read = [each.detail["length"] for each in told.bodies]
    expect.that(told.answer.status == 200 and read == [0], "the app to read an empty body", told.describe())


def _served_apart(told: Seen) -> None:
    served(told)
    never_hidden(told)
