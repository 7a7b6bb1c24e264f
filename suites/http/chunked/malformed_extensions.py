"""Chunk extensions that break their grammar."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import CLIENT, SHOULD_TEXT
from wsgi_gauntlet.harness.conformance.catalog import SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    LAST_CHUNK,
    LONG_DEADLINE_SECONDS,
    NEEDS_CHUNKED,
    assert_body_rejected,
    assert_for_each,
    assert_hello_or_rejected,
    chunked_requests,
)
from wsgi_gauntlet.suites.http.references import MALFORMED_MESSAGE

EXTENSIONS = (
    b";",
    b";;a",
    b";a=",
    b";=b",
    b";a[=b",
    b";a=b]",
    b";a=b=c",
    b";a b",
    b';a="b',
    b';a="b"c',
    b';"a"=b',
    b';a="b\\',
    b";a\0",
    b";a=\x01",
    b";a=\xe9",
)
"""What follows the size of a chunk. Each breaks the grammar of chunk-ext in RFC 9112, section 7.1.1."""


@case(
    SHOULD,
    MALFORMED_MESSAGE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    needs=NEEDS_CHUNKED,
    variants={
        "first": [b"5" + text + b"\r\nhello\r\n" + LAST_CHUNK for text in EXTENSIONS],
        "last": [b"5\r\nhello\r\n0" + text + b"\r\n\r\n" for text in EXTENSIONS],
    },
    deadline=LONG_DEADLINE_SECONDS,
)
async def extension_malformed(exchange: Exchange, bodies: list[bytes]) -> None:
    """A malformed chunk extension makes the body invalid, or it is ignored.

    Sends: several POSTs, each with a chunk with `hello` and the last chunk. The first or the last one has a malformed
    extension: a part is missing, a quote is not closed, or it contains a byte that the grammar does not allow.
    Expects: for each, the app reads `hello`, because a server ignores extensions that it does not know. The next
    request gets its own response. Or the server sends an error status or no response, and closes the connection.
    Why: Nobody uses extensions, so attackers find the least tested code there. A server that looks for a closing quote
    in the data loses the upload, or waits for ever.
    """
    await assert_for_each(exchange, chunked_requests(exchange, bodies), assert_hello_or_rejected)


@case(SHOULD, MALFORMED_MESSAGE, basis=SHOULD_TEXT, breach=CLIENT, needs=NEEDS_CHUNKED)
async def extension_without_semicolon(exchange: Exchange) -> None:
    """A chunk size with anything but a semicolon after it makes the body invalid.

    Sends: several POSTs, each with a chunk with `hello` and the last chunk. One of the two has a word or a number after
    its size, without the semicolon that begins an extension.
    Expects: for each, an error status, or no response. The server closes the connection.
    Why: One server reads only the first digits, and another reads all of them. They disagree where the chunk ends, so
    a request can be hidden from one of them.
    """
    bodies = [b"5" + text + b"\r\nhello\r\n" + LAST_CHUNK for text in (b" a", b" 5", b"=a", b",a", b"\ta")]
    bodies += [b"5\r\nhello\r\n0" + text + b"\r\n\r\n" for text in (b" a", b",a")]
    await assert_for_each(exchange, chunked_requests(exchange, bodies), assert_body_rejected)
