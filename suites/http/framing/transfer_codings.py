"""Transfer-Encoding without a coding, with codings before `chunked`, and with `chunked` on several lines."""

from __future__ import annotations

import gzip
import zlib

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    READ_TO_END_TARGET,
    SECURITY_TAG,
    UNKNOWN_LENGTH_STATUSES,
    RequestResult,
    assert_body_served,
    assert_for_each,
    assert_in_sync,
    assert_rejected,
    assert_smuggled_request_not_called,
    is_rejected_with,
    post_request,
    send_request,
    smuggled_request,
)
from wsgi_gauntlet.suites.http.references import CHUNKED_NOT_FINAL, UNKNOWN_CODING

HELLO_IN_GZIP = gzip.compress(b"hello", mtime=0)
HELLO_IN_ZLIB = zlib.compress(b"hello")


def _in_one_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)


LENGTH = "Content-Length: {length}"

EMPTY_CODINGS = [
    ("Transfer-Encoding:",),
    ("Transfer-Encoding:", LENGTH),
    (LENGTH, "Transfer-Encoding:"),
    ("Transfer-Encoding: \t ",),
    ("Transfer-Encoding: \t ", LENGTH),
    ("Transfer-Encoding: ,",),
    ("Transfer-Encoding: , ,", LENGTH),
    ("Transfer-Encoding:", "Transfer-Encoding:"),
]
"""Header lines without a coding. `{length}` is the length of the body that follows."""

OTHER_CODINGS = [("Transfer-Encoding: identity",), ("Transfer-Encoding: gzip",), ("Transfer-Encoding: gzip", LENGTH)]
"""The same with another coding than chunked."""


@case(
    MUST,
    CHUNKED_NOT_FINAL,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"empty": EMPTY_CODINGS, "other-coding": OTHER_CODINGS},
)
async def te_without_chunked(exchange: Exchange, headers: list[tuple[str, ...]]) -> None:
    """A Transfer-Encoding that is empty or names no chunked coding is rejected, and the server closes the connection.

    Sends: several POSTs whose Transfer-Encoding is empty, has only commas, or names another coding than chunked. Some
    also have a Content-Length. The body of each is a whole request.
    Expects: the server answers 400 to each and does not call the app, also not for the request in the body. The server
    closes the connection. 501 is also accepted: RFC 9112, 6.1 asks for it if a coding is unknown.
    Why: One server ignores the empty header and finds no body, so it serves the hidden request. A proxy that reads up
    to the end of the connection, or by the length, forwarded it as a body.
    """
    body = smuggled_request(exchange)
    requests = {}
    for fields in headers:
        lines = [each.format(length=len(body)) for each in fields]
        requests[" and ".join(lines)] = post_request(exchange, *lines, body=body)
    await assert_for_each(exchange, requests, _assert_rejected_with_its_body)


def _assert_rejected_with_its_body(result: RequestResult) -> None:
    assert_smuggled_request_not_called(result)
    assert_rejected(result, UNKNOWN_LENGTH_STATUSES, closes=True)


@case(
    SHOULD,
    UNKNOWN_CODING,
    basis=SHOULD_TEXT,
    variants={
        "gzip": (["Transfer-Encoding: gzip, chunked"], HELLO_IN_GZIP),
        "x-gzip": (["Transfer-Encoding: x-gzip, chunked"], HELLO_IN_GZIP),
        "deflate": (["Transfer-Encoding: deflate, chunked"], HELLO_IN_ZLIB),
        "two-lines": (["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"], HELLO_IN_GZIP),
        "two-codings": (["Transfer-Encoding: gzip, gzip, chunked"], gzip.compress(HELLO_IN_GZIP, mtime=0)),
    },
)
async def te_compressed(exchange: Exchange, what: tuple[list[str], bytes]) -> None:
    """A compressed and chunked body is decompressed for the app, or the request gets 501.

    Sends: a POST with `Transfer-Encoding: gzip, chunked`, or with `x-gzip`, `deflate` or two codings before chunked.
    The chunk contains `hello`, compressed so.
    Expects: the server answers 501 and does not call the app, or the app reads `hello`. For codings on two lines, 400
    is also accepted. The next request gets its own response, or the server closes the connection.
    Why: The app cannot know the coding of the transfer. If the server removes only the chunks, the app stores
    compressed bytes as the user's upload.
    """
    fields, data = what
    result = await send_request(
        exchange, post_request(exchange, *fields, body=_in_one_chunk(data), target=READ_TO_END_TARGET)
    )
    # nginx answers 400 to a second line of any header that it knows, before it looks at the codings.
    if is_rejected_with(result, (501,) if len(fields) == 1 else UNKNOWN_LENGTH_STATUSES):
        assert_in_sync(result)
        return
    assertions.assert_that(
        result.response.status == 200 and [each.detail["data"] for each in result.bodies] == ["hello"],
        "501 and the app not called, or the app to read b'hello'",
        result.describe(),
    )
    assert_body_served(result, b"hello")


@case(
    SHOULD,
    UNKNOWN_CODING,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "next-to-each-other": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        "apart": ["Transfer-Encoding: chunked", "X-Other: yes", "Transfer-Encoding: chunked"],
        "other-case": ["Transfer-Encoding: chunked", "transfer-encoding: Chunked"],
        "three": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked, chunked"],
    },
)
async def te_chunked_two_lines(exchange: Exchange, fields: list[str]) -> None:
    """Two lines with `Transfer-Encoding: chunked` are rejected: together they apply the coding twice.

    Sends: a POST with `Transfer-Encoding: chunked` on two lines, also in other letters or with another header between
    them, and a body that is chunked once.
    Expects: the server answers 400 or 501 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: One server decodes once, and the next server decodes twice. They see two different bodies, and a smuggled
    request fits into the difference.
    """
    assert_rejected(
        await send_request(exchange, post_request(exchange, *fields, body=_in_one_chunk(b"hello"))),
        UNKNOWN_LENGTH_STATUSES,
    )
