"""The chunk size: hexadecimal digits and nothing else."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, chunked_coding, recorded_only, rfc9112, security
from wsgi_gauntlet.harness.conformance.catalog import MAY, MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    LAST_CHUNK,
    NEEDS_CHUNKED,
    SECURITY_TAG,
    HalfClose,
    assert_body_rejected,
    assert_body_served,
    assert_decoded_or_rejected,
    assert_for_each,
    chunked_request,
    chunked_requests,
    send_request,
)

SIZE = rfc9112("7.1", "The chunk-size field is a string of hex digits indicating the size of the chunk-data in octets.")
LARGE = rfc9112(
    "7.1",
    "recipients MUST anticipate potentially large hexadecimal numerals and prevent parsing errors due to integer "
    "conversion overflows or precision loss due to integer representation.",
)

INVALID_LAST_SIZES = (b"+0", b"-0", b"0x0", b"0_0", b" 0", b"\t0", b" ", b"0g", b"0\0", b"stop", b";a")
"""Sizes that number parsers read as 0, or that have no digit."""


@case(
    MUST,
    SIZE,
    basis=chunked_coding("Hexadecimal digits may be upper or lower case. Both give the same number of octets."),
    needs=NEEDS_CHUNKED,
    variants={"upper": b"A", "lower": b"a"},
)
async def hex_case(exchange: Exchange, size: bytes) -> None:
    """The hexadecimal digits of a chunk size may be in upper or lower case.

    Sends: a chunk of ten bytes whose size is `A` or `a`, and the last chunk.
    Expects: the app reads the ten bytes. The server may also answer 411 without calling the app. The next request gets
    its own response, or the server closes the connection.
    Why: About half of all clients use upper case and half use lower case. Half of all uploads would fail.
    """
    assert_body_served(
        await send_request(exchange, chunked_request(exchange, size + b"\r\nhellohello\r\n" + LAST_CHUNK)),
        b"hellohello",
    )


@case(
    MUST,
    SIZE,
    basis=chunked_coding("The size is a string of digits of any length. Leading zeros do not change the number."),
    needs=NEEDS_CHUNKED,
    variants={"one": b"05", "many": b"0000000005", "last": b"5"},
)
async def zero_padded(exchange: Exchange, size: bytes) -> None:
    """Leading zeros do not change a chunk size, not even that of the last chunk.

    Sends: `hello` in a chunk of the size `05`, `0000000005` or `5`. The last chunk is `0`, or `000` after the size `5`.
    Expects: the app reads `hello`, or the server answers 411 without calling the app. The next request gets its own
    response, or the server closes the connection.
    Why: Some clients write sizes with a fixed number of digits and fill them in later. Their uploads would fail.
    """
    end = b"000\r\n\r\n" if size == b"5" else LAST_CHUNK
    assert_body_served(await send_request(exchange, chunked_request(exchange, size + b"\r\nhello\r\n" + end)), b"hello")


@case(
    MUST,
    SIZE,
    basis=security(
        "One reader takes the invalid size as 5, and another takes it as 0 or as an error. With the difference an "
        "attacker hides a request from the proxy in front."
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
    """An invalid chunk size makes the body invalid: the server must not answer 2xx and must close the connection.

    Sends: a chunk with an invalid size: `0x5`, `5_0`, `+5`, `-5`, a space before it, nothing, or a letter or NUL after
    it. The data has the length that a lenient reader would use.
    Expects: an error status, or no response. The server closes the connection.
    Why: The number parsers of programming languages accept prefixes, signs, spaces and underscores. The next server
    does not. If two servers read one chunk differently, an attacker can smuggle a request.
    """
    text, length = size
    assert_body_rejected(
        await send_request(exchange, chunked_request(exchange, text + b"\r\n" + b"h" * length + b"\r\n" + LAST_CHUNK))
    )


@case(
    MUST,
    SIZE,
    basis=security(
        "One reader takes the invalid size as 0 and ends the body, and another rejects it. The bytes after it are then "
        "a request that the proxy in front never checked."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
)
async def last_size_syntax(exchange: Exchange) -> None:
    """A last chunk whose size is not only zeros does not end the body.

    Sends: several chunked POSTs, each with a chunk with `hello`, and a last chunk with an invalid size: a sign, a
    prefix, an underscore, a space, a letter or NUL beside the zero, or no digit at all.
    Expects: for each, an error status, or no response. The server closes the connection.
    Why: Number parsers turn such a size into 0, and many servers check only the number. If a proxy waits for the real
    end of the body, the next user's request begins there for this server alone.
    """
    bodies = [b"5\r\nhello\r\n" + size + b"\r\n\r\n" for size in INVALID_LAST_SIZES]
    await assert_for_each(exchange, chunked_requests(exchange, bodies), assert_body_rejected)


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
    """A chunk size that is too large for a machine word is never cut to its low bits.

    Sends: a chunk with five bytes of data and a size of 65 bits or of 2,000 digits. Then the client closes its sending
    side, so that a server that waits for the rest knows that none will come.
    Expects: an error status or no response, and the server closes the connection. Or the app reads all bytes that came,
    which proves that the size was not cut. The case `no-last-chunk-then-fin` checks whether the end of the connection
    may complete a body.
    Why: If the size is cut to a machine word, the chunk ends after a few bytes and the rest is served as a request. A
    server that waits on a closed connection blocks a worker for ever.
    """
    data = b"hello\r\n" + LAST_CHUNK
    result = await send_request(
        exchange, chunked_request(exchange, size + b"\r\n" + data), half_close=HalfClose.AT_ONCE
    )
    # A server that accepts it answers 200 or 400 by chance: the app is running when the server finds the error.
    if [each.detail["data"].encode("latin-1") for each in result.bodies] != [data]:
        assert_body_rejected(result)


@case(MUST, LARGE, basis=MUST_TEXT, tags=SECURITY_TAG, needs=NEEDS_CHUNKED, variants={"40": 40, "3000": 3000})
async def size_zeros(exchange: Exchange, zeros: int) -> None:
    """A chunk size with many leading zeros is read correctly, or the body is rejected.

    Sends: a chunk with `hello` whose size is 40 or 3,000 zeros and a 5, and the last chunk.
    Expects: the app reads `hello`. Or the server sends an error status or no response, and closes the connection.
    Why: A reader that keeps only the first digits reads a last chunk, and reads the data as the next request. The proxy
    in front forwarded this data as part of a body.
    """
    result = await send_request(exchange, chunked_request(exchange, b"0" * zeros + b"5\r\nhello\r\n" + LAST_CHUNK))
    if result.response.status == 200:
        assert_body_served(result, b"hello")
    else:
        assert_body_rejected(result)


@case(
    MAY,
    SIZE,
    basis=recorded_only("The grammar does not allow a blank there, but a recipient may ignore it."),
    breach=CLIENT,
    tags=SECURITY_TAG,
    needs=NEEDS_CHUNKED,
    variants={"space": b"5 ", "tab": b"5\t"},
)
async def size_space_behind(exchange: Exchange, size: bytes) -> None:
    """A space after a chunk size is ignored, or it makes the body invalid.

    Sends: a chunk with `hello` whose size is `5` and a space or a tab, and the last chunk.
    Expects: the app reads `hello`, or the server rejects the body and closes the connection. The grammar allows spaces
    there only before an extension, but some old servers padded their sizes with spaces.
    Why: If two servers read a chunk's line differently, they disagree about every request that follows.
    """
    await assert_decoded_or_rejected(exchange, size + b"\r\nhello\r\n" + LAST_CHUNK)
