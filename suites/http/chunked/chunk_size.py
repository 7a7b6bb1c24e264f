"""A chunk's size: hexadecimal digits and nothing else."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, chunked_coding, recorded_only, security
from wsgi_gauntlet.harness.conformance.catalog import MAY, MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9112
from wsgi_gauntlet.suites.http.assertions import assert_body_rejected, assert_body_served, send_request
from wsgi_gauntlet.suites.http.chunked.helpers import LAST_CHUNK, NEEDS_CHUNKED, SECURITY_TAG, chunked_post

SIZE = rfc9112("7.1", "The chunk-size field is a string of hex digits indicating the size of the chunk-data in octets.")
LARGE = rfc9112(
    "7.1",
    "recipients MUST anticipate potentially large hexadecimal numerals and prevent parsing errors due to integer "
    "conversion overflows or precision loss due to integer representation.",
)


@case(
    MUST,
    SIZE,
    basis=chunked_coding("Hex digits are digits in either case, and both give the same number of octets."),
    needs=NEEDS_CHUNKED,
    variants={"upper": b"A", "lower": b"a"},
)
async def hex_case(exchange: Exchange, size: bytes) -> None:
    """A chunk's size may be written in either case.

    Sends: a chunk of ten bytes whose size is written `A` or `a`, and the last chunk.
    Expects: the app reads the ten bytes (or 411 without a call); the next request on the connection is served as
    itself.
    Why: Half of all clients write the one, half the other. Half of all uploads would fail.
    """
    assert_body_served(
        await send_request(exchange, chunked_post(exchange, size + b"\r\nhellohello\r\n" + LAST_CHUNK)), b"hellohello"
    )


@case(
    MUST,
    SIZE,
    basis=chunked_coding("The field is a string of digits, of any length; zeros in front leave the number what it is."),
    needs=NEEDS_CHUNKED,
    variants={"one": b"05", "many": b"0000000005", "last": b"5"},
)
async def zero_padded(exchange: Exchange, size: bytes) -> None:
    """Leading zeros of a chunk's size change nothing, in the last chunk either.

    Sends: `hello` in a chunk of the size `05`, `0000000005` or `5`, and a last chunk of `0` or, behind the last of
    these, `000`.
    Expects: the app reads `hello` (or 411 without a call); the next request on the connection is served as itself.
    Why: Some clients write sizes with a fixed number of digits, because they fill them in later. Their uploads would
    fail.
    """
    end = b"000\r\n\r\n" if size == b"5" else LAST_CHUNK
    assert_body_served(await send_request(exchange, chunked_post(exchange, size + b"\r\nhello\r\n" + end)), b"hello")


@case(
    MUST,
    SIZE,
    basis=security(
        "What is no row of hex digits is 5 to one reader and 0 or an error to another. Where "
        "they differ an attacker hides a request from the proxy in front."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants={
        "0x": (b"0x5", 5),
        "underscore": (b"5_0", 80),
        "plus": (b"+5", 5),
        "minus": (b"-5", 5),
        "space-before": (b" 5", 5),
        "empty": (b"", 5),
        "letter": (b"5g", 5),
        "nul": (b"5\0", 5),
    },
)
async def size_syntax(exchange: Exchange, size: tuple[bytes, int]) -> None:
    """A chunk's size that is not just hexadecimal digits spoils the body: no good answer, and the connection ends.

    Sends: a chunk whose size is not just hexadecimal digits: `0x5`, `5_0`, `+5`, `-5`, a blank before it, nothing, a
    letter or a NUL behind it. Data of the length that a lenient reader would see follows.
    Expects: an error answer, or none; the connection is closed.
    Why: The number parsers of programming languages take prefixes, signs, blanks and underscores; the next server does
    not. Two readings of one chunk are room for a smuggled request.
    """
    text, length = size
    assert_body_rejected(
        await send_request(exchange, chunked_post(exchange, text + b"\r\n" + b"h" * length + b"\r\n" + LAST_CHUNK))
    )


@case(
    MUST,
    LARGE,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants={"64-bits": b"10000000000000005", "digits": b"f" * 2000},
)
async def size_overflow(exchange: Exchange, size: bytes) -> None:
    """A chunk's size too large for a machine word is refused or waited for, never cut to its low bits.

    Sends: a chunk with a size of 65 bits or of 2,000 digits and five bytes of data; then our sending side is closed, so
    that a server which waits for the rest can tell that none will come.
    Expects: an error answer, or none; the connection is closed. Or the app reads all that came: then the size was not
    cut. Whether the connection's end may complete a body is `no-last-chunk-then-fin`'s question.
    Why: A size that is cut to a machine word ends the chunk after a few bytes, and what follows is served as a request.
    A server that goes on waiting on an ended connection holds a worker for ever.
    """
    data = b"hello\r\n" + LAST_CHUNK
    result = await send_request(exchange, chunked_post(exchange, size + b"\r\n" + data), half_close_after=True)
    # Such a server answers 200 or 400 as chance has it: the app is at work on it when the error is found.
    if [each.detail["data"].encode("latin-1") for each in result.bodies] != [data]:
        assert_body_rejected(result)


@case(
    MUST,
    LARGE,
    basis=MUST_TEXT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants={"40": 40, "3000": 3000},
)
async def size_zeros(exchange: Exchange, zeros: int) -> None:
    """A chunk's size behind a long row of zeros is read as the number that it is, or refused.

    Sends: a chunk whose size is 40 or 3,000 zeros and a 5, with `hello`, and the last chunk.
    Expects: the app reads `hello`; or an error answer, or none, and the connection closed.
    Why: A reader that keeps the first digits alone sees the last chunk in it, and the next request in the data: one
    that the proxy in front has passed on as part of a body.
    """
    result = await send_request(exchange, chunked_post(exchange, b"0" * zeros + b"5\r\nhello\r\n" + LAST_CHUNK))
    if result.response.status == 200:
        assert_body_served(result, b"hello")
    else:
        assert_body_rejected(result)


@case(
    MAY,
    SIZE,
    basis=recorded_only("The grammar has no blank there, and a recipient may pass over it all the same."),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants={"space": b"5 ", "tab": b"5\t"},
)
async def size_space_behind(exchange: Exchange, size: bytes) -> None:
    """A blank between a chunk's size and the line's end is passed over, or spoils the body; it is nothing else.

    Sends: a chunk whose size is `5` and a blank or a tab, with `hello`, and the last chunk.
    Expects: the app reads `hello`, or the body is refused and the connection closed. The grammar has blanks there only
    before an extension; some old servers padded their sizes with them.
    Why: A chunk's line that two servers read differently puts them out of step, and the next user's request with them.
    """
    result = await send_request(exchange, chunked_post(exchange, size + b"\r\nhello\r\n" + LAST_CHUNK))
    if result.response.status == 200:
        assert_body_served(result, b"hello")
    else:
        assert_body_rejected(result)
