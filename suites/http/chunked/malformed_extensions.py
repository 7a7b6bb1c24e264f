"""Chunk extensions that break their grammar."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import CLIENT, SHOULD_TEXT
from wsgi_gauntlet.harness.conformance.catalog import SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    LAST_CHUNK,
    NEEDS_CHUNKED,
    assert_body_rejected,
    assert_decoded_or_rejected,
    chunked_request,
    send_request,
)
from wsgi_gauntlet.suites.http.references import MALFORMED_MESSAGE

EXTENSIONS = {
    "nothing": b";",
    "two-semicolons": b";;a",
    "value-missing": b";a=",
    "name-missing": b";=b",
    "name-bracket": b";a[=b",
    "value-bracket": b";a=b]",
    "two-equals": b";a=b=c",
    "two-words": b";a b",
    "quote-open": b';a="b',
    "quote-then-token": b';a="b"c',
    "quoted-name": b';"a"=b',
    "backslash-last": b';a="b\\',
    "nul": b";a\0",
    "control": b";a=\x01",
    "obs-text": b";a=\xe9",
}
"""What follows the size of a chunk. Each breaks the grammar of chunk-ext in RFC 9112, section 7.1.1."""


@case(
    SHOULD,
    MALFORMED_MESSAGE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    needs=NEEDS_CHUNKED,
    variants={
        **{name: b"5" + text + b"\r\nhello\r\n" + LAST_CHUNK for name, text in EXTENSIONS.items()},
        **{f"last-{name}": b"5\r\nhello\r\n0" + text + b"\r\n\r\n" for name, text in EXTENSIONS.items()},
    },
)
async def extension_malformed(exchange: Exchange, body: bytes) -> None:
    """A malformed chunk extension makes the body invalid, or it is ignored.

    Sends: a chunk with `hello` and the last chunk. One of the two has a malformed extension: a part is missing, a quote
    is not closed, or it contains a byte that the grammar does not allow.
    Expects: the app reads `hello`, because a server ignores extensions that it does not know. The next request gets its
    own response. Or the server sends an error status or no response, and closes the connection.
    Why: Nobody uses extensions, so attackers find the least tested code there. A server that looks for a closing quote
    in the data loses the upload, or waits for ever.
    """
    await assert_decoded_or_rejected(exchange, body)


@case(
    SHOULD,
    MALFORMED_MESSAGE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    needs=NEEDS_CHUNKED,
    variants={
        "word": b"5 a\r\nhello\r\n" + LAST_CHUNK,
        "number": b"5 5\r\nhello\r\n" + LAST_CHUNK,
        "equals": b"5=a\r\nhello\r\n" + LAST_CHUNK,
        "comma": b"5,a\r\nhello\r\n" + LAST_CHUNK,
        "tab": b"5\ta\r\nhello\r\n" + LAST_CHUNK,
        "last-word": b"5\r\nhello\r\n0 a\r\n\r\n",
        "last-comma": b"5\r\nhello\r\n0,a\r\n\r\n",
    },
)
async def extension_without_semicolon(exchange: Exchange, body: bytes) -> None:
    """A chunk size with anything but a semicolon after it makes the body invalid.

    Sends: a chunk with `hello` and the last chunk. One of the two has a word or a number after its size, without the
    semicolon that begins an extension.
    Expects: an error status, or no response. The server closes the connection.
    Why: One server reads only the first digits, and another reads all of them. They disagree where the chunk ends, so
    a request can be hidden from one of them.
    """
    assert_body_rejected(await send_request(exchange, chunked_request(exchange, body)))
