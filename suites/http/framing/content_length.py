"""Content-Length: digits, once, and exactly as many bytes."""

from __future__ import annotations

from ....harness import expect
from ....harness.catalog import MAY, MUST, case
from ....harness.exchange import Exchange
from ....harness.references import rfc9110, rfc9112
from ....harness.response import Ending
from ..verbs import (
    PATIENCE,
    ask,
    post,
    refused,
    seen,
    served_body,
    was_rejected,
)

SECURITY = ["security"]
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


@case(MUST, INVALID_LENGTH, tags=SECURITY, variants={"larger-last": (5, 6), "larger-first": (6, 5), "zero": (0, 5)})
async def cl_duplicate_different(x: Exchange, lengths: tuple[int, int]) -> None:
    """Two Content-Length headers that differ are refused, and the connection is closed.

    Sends two lengths and as many bytes as the larger. Whoever believes the other length reads the rest as a
    request.
    """
    first, second = lengths
    told = await ask(
        x, post(x, f"Content-Length: {first}", f"Content-Length: {second}", body=b"hello!"[: max(lengths)])
    )
    refused(told, closes=True)


@case(MAY, SAME_LIST, tags=SECURITY, variants={"list": ("5, 5",), "lines": ("5", "5")})
async def cl_list_same(x: Exchange, values: tuple[str, ...]) -> None:
    """Content-Length given twice with one value is read as that value, or refused.

    Sends `5, 5` in one line, or 5 on two lines. Some proxies join or repeat headers.
    """
    told = await ask(x, post(x, *(f"Content-Length: {value}" for value in values), body=b"hello"))
    if not was_rejected(told):
        served_body(told, b"hello")


@case(MUST, INVALID_LENGTH, tags=SECURITY)
async def cl_list_different(x: Exchange) -> None:
    """A list of different lengths in one Content-Length is refused, and the connection is closed.

    Sends `5, 6` and six bytes. A list parser that takes the first or last member picks one of two bodies.
    """
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
    """`010` is ten, never eight: leading zeros are decimal, or refused.

    Sends `Content-Length: 010` and ten bytes. Number parsers that take a leading zero for octal read eight of them.
    """
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


@case(
    MUST,
    rfc9112("6.3", "its decimal value defines the expected message body length in octets."),
    tags=SECURITY,
)
async def cl_zero_then_bytes(x: Exchange) -> None:
    """Bytes after a body of length 0 are no part of it.

    Sends `Content-Length: 0` and `hello` behind the head.
    """
    told = await ask(x, post(x, "Content-Length: 0", body=b"hello\r\n\r\n"), again=False)
    read = [each.detail["length"] for each in told.bodies]
    expect.that(told.answer.status == 200 and read == [0], "the app to read an empty body", told.describe())
