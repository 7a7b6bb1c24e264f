"""Request bodies, chunks and lines of many sizes and numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from wsgi_gauntlet.harness.conformance.assertions import assert_equal
from wsgi_gauntlet.harness.conformance.basis import input_method, wsgi_variable
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.http.assertions import LAST_CHUNK, NEEDS_CHUNKED
from wsgi_gauntlet.suites.http.kept_connection import KeptConnection, fingerprint_of
from wsgi_gauntlet.suites.pep3333.input.body_delivery import INPUT_STREAM
from wsgi_gauntlet.suites.pep3333.input.stream_methods import SEMANTICS
from wsgi_gauntlet.suites.sizes import BODY_SIZES, LINE_SIZES, MANY
from wsgi_gauntlet.suites.testapp.core.pattern import pattern

CHUNKED = [("Transfer-Encoding", "chunked")]

ODD_CHUNKS = (1, 1, 2, 1, 3, 7, 100, 1000, 4096, 5000)
"""Bytes of the chunks of lines: some end before an LF, after it, and in the middle of a line."""

TOO_LARGE_STATUSES = (411, 413)
"""The statuses that reject a body because of its size, or because it is in chunks (RFC 9110, 15.5.12 and 15.5.14)."""

WAYS_TO_READ = {
    "readline": ["pep3333/input/methods-work/readline"],
    "iterate": ["pep3333/input/methods-work/next"],
    "readlines": ["pep3333/input/eof-at-content-length/readlines", "pep3333/input/methods-work/readline"],
}
"""Ways to read lines, and the cases that must pass. Only readlines() reads to the end."""

FRAMINGS = ("length", "chunks")


def chunked(body: bytes, sizes: Iterator[int]) -> bytes:
    """Return `body` in chunks of `sizes`; what is left is one more chunk."""
    coded, start = [], 0
    for size in sizes:
        if start >= len(body):
            break
        part = body[start : start + size]
        coded.append(b"%x\r\n%b\r\n" % (len(part), part))
        start += size
    if start < len(body):
        coded.append(b"%x\r\n%b\r\n" % (len(body) - start, body[start:]))
    return b"".join(coded) + LAST_CHUNK


def _cycle(sizes: tuple[int, ...]) -> Iterator[int]:
    while True:
        yield from sizes


def _by_length(exchange: Exchange) -> Iterator[tuple[str, bytes, bytes]]:
    for number, size in enumerate(BODY_SIZES):
        body, method = pattern(size, size), ("POST", "PUT")[number % 2]
        yield f"a body of {size} bytes", body, exchange.request("/fingerprint", method=method, body=body)


def _at_once(exchange: Exchange) -> Iterator[tuple[str, bytes, bytes]]:
    for size in BODY_SIZES[1:]:
        body = pattern(size, 2 * size)
        request = exchange.request("/fingerprint?read=once", method="POST", body=body)
        yield f"a body of {size} bytes, in one call of read(),", body, request


def _by_chunks(exchange: Exchange) -> Iterator[tuple[str, bytes, bytes]]:
    for size in BODY_SIZES[1:]:
        body = pattern(size + 1, size)
        data = chunked(body, iter((size, 1)))
        request = exchange.request("/fingerprint?to=end", method="POST", headers=CHUNKED, body=data)
        yield f"a chunk of {size} bytes and one of 1 byte", body, request


def _by_many_chunks(exchange: Exchange) -> Iterator[tuple[str, bytes, bytes]]:
    for sizes in ((1, 2, 3), (255, 256, 257)):
        body = pattern(MANY * sizes[1])
        data = chunked(body, _cycle(sizes))
        request = exchange.request("/fingerprint?to=end", method="POST", headers=CHUNKED, body=data)
        yield f"{MANY} chunks of {sizes[0]} to {sizes[2]} bytes", body, request


@case(
    MUST,
    INPUT_STREAM,
    basis=wsgi_variable(
        "The stream gives the bytes of the body, all of them and no others. No sentence makes an exception for a size "
        "or for a number of chunks."
    ),
    variants={"length": _by_length, "at-once": _at_once, "chunks": _by_chunks, "many-chunks": _by_many_chunks},
    needs={"chunks": NEEDS_CHUNKED, "many-chunks": NEEDS_CHUNKED},
    segmentable=False,
)
async def body_sizes(exchange: Exchange, steps: Callable[[Exchange], Iterator[tuple[str, bytes, bytes]]]) -> None:
    """A body of any size, in any number of chunks, reaches the app unchanged, or the server rejects it.

    Sends: POSTs and PUTs one after the other: bodies of 0 bytes to 1 MiB with a length, which the app reads in blocks
    of 64 KiB or at once; bodies whose first chunk has such a size; or bodies of 1100 chunks. The sizes are powers of
    two, usual limits and the numbers next to them.
    Expects: the app reads exactly the bytes that were sent. The case ends at the first body that the
    server rejects with 413 or 411.
    Why: Servers change from memory to a file, and from one buffer to the next, at such sizes. An upload that is damaged
    there is found only when a user opens it.
    """
    await _assert_bodies_unchanged(exchange, steps(exchange))


async def _assert_bodies_unchanged(exchange: Exchange, steps: Iterator[tuple[str, bytes, bytes]]) -> None:
    client = KeptConnection(exchange)
    for what, body, request in steps:
        response = await client.ask(request)
        if response.status in TOO_LARGE_STATUSES:
            return
        wanted = f"{len(body)} bytes, {hashlib.sha256(body).hexdigest()[:32]}" if body else ""
        assert_equal(fingerprint_of(response)["body"], wanted, f"length and SHA-256 that the app read of {what}")


@case(
    MUST,
    INPUT_STREAM,
    basis=wsgi_variable(
        "The stream gives the bytes of the body. TLS is a way to send them and no part of the body, so it does not "
        "change them."
    ),
    setup=Setup(tls=True),
    segmentable=False,
)
async def body_sizes_tls(exchange: Exchange) -> None:
    """A body of any size reaches the app unchanged over TLS, or the server rejects it.

    Sends: over TLS, POSTs and PUTs one after the other with bodies of 0 bytes to 1 MiB. The sizes are powers of two,
    usual limits and the numbers next to them.
    Expects: the app reads exactly the bytes that were sent. The case ends at the first body that the server rejects
    with 413 or 411.
    Why: TLS sends records of 16 KiB. A server that asks the socket for more data, although TLS has some already, waits
    for ever or loses it.
    """
    await _assert_bodies_unchanged(exchange, _by_length(exchange))


@case(
    MUST,
    SEMANTICS,
    basis=input_method(
        "The library documentation defines a line by its LF. The way in which the body was sent, and the size of a "
        "line, do not change the lines."
    ),
    variants={f"{how}-{framing}": (how, framing == "chunks") for how in WAYS_TO_READ for framing in FRAMINGS},
    needs={
        f"{how}-{framing}": [*needs, *(NEEDS_CHUNKED if framing == "chunks" else [])]
        for how, needs in WAYS_TO_READ.items()
        for framing in FRAMINGS
    },
    segmentable=False,
)
async def line_sizes(exchange: Exchange, how_and_chunked: tuple[str, bool]) -> None:
    """Lines of any size are read unchanged by readline(), iteration and readlines().

    Sends: a POST with 40 lines of 2 bytes to 64 KiB. They have a length, or they come in chunks that end in the middle
    of lines, before an LF and after it. The app reads them by readline(), iteration or readlines().
    Expects: the same lines.
    Why: Forms with files are parsed by lines. A byte that is lost at the edge of a buffer or a chunk damages the file.
    """
    how, in_chunks = how_and_chunked
    body = b"".join(pattern(size - 1, size).replace(b"\n", b"\r") + b"\n" for size in LINE_SIZES)
    headers, data = (CHUNKED, chunked(body, _cycle(ODD_CHUNKS))) if in_chunks else ([], body)
    client = KeptConnection(exchange)
    target = f"/input-lines?how={how}&count={len(LINE_SIZES)}"
    response = await client.ask(exchange.request(target, method="POST", headers=headers, body=data))
    seen = fingerprint_of(response)
    assert_equal(seen["lengths"], list(LINE_SIZES), "the lengths of the lines")
    assert_equal(seen["sha256"], hashlib.sha256(body).hexdigest(), "the SHA-256 of the lines")
