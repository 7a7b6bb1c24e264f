"""The complete request body: different ways to send, frame and read it, and a body that the app does not read."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, pep3333, rfc9112, wsgi_variable
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.http.connection import Connection
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.suites.pep3333.assertions import (
    EXTRA_WAIT_SECONDS,
    HANG_TIMEOUT_SECONDS,
    assert_served,
    bytes_read,
    expect_event,
    step_results,
)

INPUT_STREAM = pep3333(
    "environ Variables", "An input stream (file-like object) from which the HTTP request body bytes can be read."
)

BODY = b"\0first\x7f\x80\xff\r\n0\r\n\r\nPOST / HTTP/1.1\r\n\nlast\xfe"
"""Bytes of all kinds, and sequences that a parser could mistake for an end."""


async def _send_in_one_segment(connection: Connection, head: bytes, body: bytes) -> None:
    await connection.send(head + body)


async def _send_byte_by_byte(connection: Connection, head: bytes, body: bytes) -> None:
    await connection.send(head)
    await connection.send_segments(bytes([byte]) for byte in body)


async def _send_split_at_crlf(connection: Connection, head: bytes, body: bytes) -> None:
    parts = (head + body).split(b"\r")
    await connection.send_segments([part + b"\r" for part in parts[:-1]] + [parts[-1]], pause=0.002)


async def _send_with_pauses(connection: Connection, head: bytes, body: bytes) -> None:
    await connection.send_segments([head + body[:7], body[7:30], body[30:]], pause=0.02)


async def _send_head_then_body(connection: Connection, head: bytes, body: bytes) -> None:
    await connection.send_segments([head, body], pause=0.02)


@case(
    MUST,
    INPUT_STREAM,
    basis=wsgi_variable(
        "The stream gives the bytes of the body. Their path through the network is not part of the body, so every way "
        "to send and read them gives the same bytes."
    ),
    variants={
        "one-piece": _send_in_one_segment,
        "byte-by-byte": _send_byte_by_byte,
        "split-at-crlf": _send_split_at_crlf,
        "paused": _send_with_pauses,
        "head-and-body-apart": _send_head_then_body,
    },
    segmentable=False,
)
async def delivery_matrix(exchange: Exchange, deliver: Callable[[Connection, bytes, bytes], Awaitable[None]]) -> None:
    """The body is the same for every way of sending and reading it.

    Sends: A POST with a body of some 40 bytes, sent in one of five ways. It is repeated for four ways of reading:
    everything, in pieces, by lines, and by lines and iteration.
    Expects: The same bytes each time.
    Why: Networks split data anywhere. An upload that arrives in several pieces must not change.
    """
    # The case cuts the body into pieces itself, so other segmentations need only one way of reading.
    ways_to_read = ("rest", "until:7,rest", "readline,rest", "readline,readline,next,rest")
    for steps in ways_to_read if exchange.segmentation is Segmentation.WHOLE else ways_to_read[:1]:
        connection = await exchange.connect()
        length = [("Content-Length", str(len(BODY)))]
        head = exchange.request("/reads" + query(do=steps), method="POST", headers=length)
        before = len(exchange.events("read"))
        await deliver(connection, head, BODY)
        assert_served(await connection.response())
        parts = exchange.events("read")[before:]
        assert_equal(b"".join(bytes_read(each.detail) for each in parts), BODY, f"the body as read by {steps}")
        await connection.close()


@case(
    MUST,
    INPUT_STREAM,
    basis=wsgi_variable(
        "The stream gives all bytes of the body. The PEP does not name a size above which a server may lose bytes."
    ),
)
async def large_body(exchange: Exchange) -> None:
    """A body of 1 MiB reaches the app completely.

    Sends: A POST of 1 MiB with all byte values. The app reads it in pieces of 64 KiB and hashes it.
    Expects: The length and the hash of the sent body.
    Why: Users upload photos and videos. One lost byte makes them unreadable.
    """
    body = bytes(range(256)) * 4096
    assert_served(await exchange.get("/read", method="POST", body=body))
    detail = (await expect_event(exchange, "body", "the app to read the body")).detail
    assert_equal(
        (detail["length"], detail["sha256"]),
        (len(body), hashlib.sha256(body).hexdigest()),
        "the length and SHA-256 of the bytes that the app read",
    )


@case(
    MUST,
    pep3333(
        "Other HTTP Features",
        'WSGI servers must handle any supported inbound "hop-by-hop" headers on their own, such as by decoding any '
        "inbound Transfer-Encoding, including chunked encoding if applicable.",
    ),
    basis=MUST_TEXT,
)
async def chunked_decoded(exchange: Exchange) -> None:
    """The server decodes a chunked body or rejects it with an error status.

    Sends: A POST with `Transfer-Encoding: chunked` in two chunks. The app reads 11 bytes.
    Expects: `hello world`, or an error status without a call of the app. The app never gets the raw chunks or an empty
    body. The case is unsupported when the server speaks HTTP/1.0, which has no chunks.
    Why: Phones and proxies send uploads in chunks. If the server reads no body, the upload is lost although the client
    gets a success.
    """
    connection = await exchange.connect()
    head = exchange.request("/reads" + query(do="until:11"), method="POST", headers=[("Transfer-Encoding", "chunked")])
    await connection.send(head + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    response = await connection.response(timeout=HANG_TIMEOUT_SECONDS)
    if not exchange.events("called"):
        rejected = response.status is not None and 400 <= response.status < 600
        assert_that(rejected, "the app to be called, or an error status", response.describe())
        return
    (part,) = await step_results(exchange, "until:11", connection)
    if response.version == b"HTTP/1.0" and bytes_read(part) != b"hello world":
        exchange.unsupported("the server speaks HTTP/1.0, which has no chunks")
    assert_equal(bytes_read(part), b"hello world", "the bytes that the app read")


@case(
    MUST,
    rfc9112(
        "9.3", "A server MUST read the entire request message body or close the connection after sending its response"
    ),
    basis=MUST_TEXT,
    tags=["security"],
)
async def unread_body(exchange: Exchange) -> None:
    """A body that the app does not read never becomes the next request.

    Sends: A POST whose body is itself a request, to an app that does not read it. Then a real request, if the
    connection is still open.
    Expects: The inner request never reaches the app. The server may close the connection instead of reading the body.
    Why: Otherwise an uploaded file can contain a request that bypasses the checks of the proxy.
    """
    inner = exchange.request("/echo/smuggled")
    connection = await exchange.connect()
    await connection.send(exchange.request("/echo", method="POST", body=inner))
    first = await connection.response()
    assert_that(first.status == 200, "a 200 response to the POST", first.describe())
    await connection.send(exchange.request("/echo/real"))
    await connection.response(timeout=EXTRA_WAIT_SECONDS)
    await connection.close()
    paths = [call.detail["path"] for call in await exchange.calls()]
    assert_that(not any(path.endswith("/smuggled") for path in paths), "no call of the app for the body", paths)
