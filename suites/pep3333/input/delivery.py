"""The body as a whole: however it is sent, framed and read, and where nobody reads it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from ....harness.attempts.exchange import Exchange, query
from ....harness.attempts.patterns import Pattern
from ....harness.basis import MUST_TEXT, wsgi_variable
from ....harness.catalog import MUST, case
from ....harness.expect import equal, that
from ....harness.references import pep3333, rfc9112
from ....harness.wire import Wire
from ..asking import (
    HANG,
    SECOND_LOOK,
    data,
    results,
    served,
    told,
)

BODY = b"\0first\x7f\x80\xff\r\n0\r\n\r\nPOST / HTTP/1.1\r\n\nlast\xfe"
"""Bytes of all kinds, and what a parser might take for the end of something."""


async def _one_piece(wire: Wire, head: bytes, body: bytes) -> None:
    await wire.send(head + body)


async def _byte_by_byte(wire: Wire, head: bytes, body: bytes) -> None:
    await wire.send(head)
    await wire.send_each(bytes([byte]) for byte in body)


async def _split_at_crlf(wire: Wire, head: bytes, body: bytes) -> None:
    whole = (head + body).split(b"\r")
    await wire.send_each([part + b"\r" for part in whole[:-1]] + [whole[-1]], pause=0.002)


async def _paused(wire: Wire, head: bytes, body: bytes) -> None:
    await wire.send_each([head + body[:7], body[7:30], body[30:]], pause=0.02)


async def _apart(wire: Wire, head: bytes, body: bytes) -> None:
    await wire.send_each([head, body], pause=0.02)


@case(
    MUST,
    pep3333(
        "environ Variables", "An input stream (file-like object) from which the HTTP request body bytes can be read."
    ),
    basis=wsgi_variable(
        "The stream gives the bytes of the body. How they travelled is no part of it, so all "
        "ways of sending and reading come to the same bytes."
    ),
    variants={
        "one-piece": _one_piece,
        "byte-by-byte": _byte_by_byte,
        "split-at-crlf": _split_at_crlf,
        "paused": _paused,
        "head-and-body-apart": _apart,
    },
    cut=False,
)
async def delivery_matrix(x: Exchange, deliver: Callable[[Wire, bytes, bytes], Awaitable[None]]) -> None:
    """The body is the same however it arrives and however it is read.

    Sends: A body of some 40 bytes in one way of sending, four times, read in four ways: as a whole, in pieces, by
    lines, by lines and iteration.
    Expects: The same bytes each time.
    Why: Networks cut where they like; an upload that arrives in unlucky pieces must not be another file.
    """
    # What differs here is the reading; in which pieces the bytes come is this case's own affair, once.
    ways = ("rest", "until:7,rest", "readline,rest", "readline,readline,next,rest")
    for do in ways if x.pattern is Pattern.WHOLE else ways[:1]:
        wire = await x.connect()
        head = x.request("/reads" + query(do=do), method="POST", headers=[("Content-Length", str(len(BODY)))])
        before = len(x.events("read"))
        await deliver(wire, head, BODY)
        served(await wire.response())
        parts = x.events("read")[before:]
        equal(b"".join(data(each.detail) for each in parts), BODY, f"the body as read by {do}")
        await wire.close()


@case(
    MUST,
    pep3333(
        "environ Variables", "An input stream (file-like object) from which the HTTP request body bytes can be read."
    ),
    basis=wsgi_variable(
        "The stream gives the bytes of the body, all of them; the PEP names no size beyond which some may be lost."
    ),
)
async def large_body(x: Exchange) -> None:
    """A body of 1 MiB reaches the app whole.

    Sends: A POST of 1 MiB with bytes of every value, which the app reads in pieces of 64 KiB and hashes.
    Expects: Its length and its hash.
    Why: Photos and videos are sent so; a lost byte makes them unreadable.
    """
    body = bytes(range(256)) * 4096
    served(await x.get("/read", method="POST", body=body))
    detail = (await told(x, "body", "the app to read the body")).detail
    equal(
        (detail["length"], detail["sha256"]),
        (len(body), hashlib.sha256(body).hexdigest()),
        "the length and SHA-256 of what the app read",
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
async def chunked_decoded(x: Exchange) -> None:
    """A chunked body reaches the app decoded, or is refused with a status; never raw and never as nothing.

    Sends: A POST with `Transfer-Encoding: chunked` in two chunks; the app reads 11 bytes.
    Expects: `hello world`, or a status that refuses without calling the app. Never the chunks as they came, and never
    nothing. A server that speaks HTTP/1.0 need not know of them.
    Why: Uploads from phones and proxies come like this; taken for empty they are lost, with a friendly answer.
    """
    wire = await x.connect()
    head = x.request("/reads" + query(do="until:11"), method="POST", headers=[("Transfer-Encoding", "chunked")])
    await wire.send(head + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    answer = await wire.response(timeout=HANG)
    if not x.events("called"):
        refused = answer.status is not None and 400 <= answer.status < 600
        that(refused, "the app to be called, or a status that refuses", answer.describe())
        return
    (part,) = await results(x, "until:11", wire)
    if answer.version == b"HTTP/1.0" and data(part) != b"hello world":
        x.unsupported("the server speaks HTTP/1.0, which has no chunks")
    equal(data(part), b"hello world", "what was read")


@case(
    MUST,
    rfc9112(
        "9.3", "A server MUST read the entire request message body or close the connection after sending its response"
    ),
    basis=MUST_TEXT,
    tags=["security"],
)
async def unread_body(x: Exchange) -> None:
    """A body that the app leaves unread never becomes the next request.

    Sends: A POST whose body is itself a request, to an app that does not read it; then, where the connection is still
    open, a real request.
    Expects: The inner request never reaches the app. The connection may be closed instead of read empty.
    Why: Taken for a request, an uploaded file speaks for its sender behind the back of the proxy that checks requests.
    """
    inner = x.request("/echo/smuggled")
    wire = await x.connect()
    await wire.send(x.request("/echo", method="POST", body=inner))
    first = await wire.response()
    that(first.status == 200, "the POST to be answered", first.describe())
    await wire.send(x.request("/echo/real"))
    await wire.response(timeout=SECOND_LOOK)
    await wire.close()
    paths = [call.detail["path"] for call in await x.calls()]
    that(not any(path.endswith("/smuggled") for path in paths), "the body not to be taken for a request", paths)
