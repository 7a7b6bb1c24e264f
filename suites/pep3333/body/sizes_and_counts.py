"""Responses whose blocks have many sizes, come in large numbers, or come after a pause."""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.http.connection.pauses import PAUSE_SECONDS
from wsgi_gauntlet.suites.http.kept_connection import KeptConnection
from wsgi_gauntlet.suites.pep3333.assertions import NEEDS_WRITE
from wsgi_gauntlet.suites.pep3333.body.blocks import TRANSMITS
from wsgi_gauntlet.suites.pep3333.body.streaming import DELAY
from wsgi_gauntlet.suites.sizes import BODY_SIZES, MANY
from wsgi_gauntlet.suites.testapp.core.pattern import pattern

SIZES = BODY_SIZES[1:]

BLOCK_SIZES = tuple(size for size in SIZES if size < 600_000 or size == SIZES[-1])
"""The blocks of one response: 6 MiB, and the harness keeps 8."""

STREAMED = b"block 1\nblock 2\n"


def _assert_pattern(response: Response, size: int, subject: str) -> None:
    wanted = pattern(size)
    assert_that(response.status == 200 and response.complete, f"{subject} complete", response.describe())
    assert_equal(response.length, size, f"the length of {subject}")
    if response.body != wanted:
        place = next((at for at in range(size) if response.body[at : at + 1] != wanted[at : at + 1]), size)
        assert_that(False, f"{subject} unchanged", f"other bytes from byte {place} on")


@case(MUST, TRANSMITS, basis=MUST_TEXT, segmentable=False)
async def sizes_declared(exchange: Exchange) -> None:
    """A response of any size arrives unchanged.

    Sends: some 60 GETs. Each response has a Content-Length and one block of 1 byte to 1 MiB. The sizes are powers of
    two, usual limits and the numbers next to them.
    Expects: each response arrives complete, and every byte is the one that the app yielded.
    Why: Servers fill buffers of such sizes. A byte that is wrong at the edge of a buffer breaks an image or an archive.
    """
    await _assert_responses_unchanged(exchange)


async def _assert_responses_unchanged(exchange: Exchange) -> None:
    client = KeptConnection(exchange)
    for size in SIZES:
        response = await client.ask(exchange.request("/sized-blocks" + query(how="declared", sizes=size)))
        _assert_pattern(response, size, f"a body of {size} bytes")


@case(MUST, TRANSMITS, basis=MUST_TEXT, setup=Setup(tls=True), segmentable=False)
async def sizes_declared_tls(exchange: Exchange) -> None:
    """A response of any size arrives unchanged over TLS.

    Sends: over TLS, some 60 GETs. Each response has a Content-Length and one block of 1 byte to 1 MiB. The sizes are
    powers of two, usual limits and the numbers next to them.
    Expects: each response arrives complete, and every byte is the one that the app yielded.
    Why: A TLS socket takes a part of a large block, or asks to be called again. A server that ignores this damages
    large pages alone.
    """
    await _assert_responses_unchanged(exchange)


@case(
    MUST,
    TRANSMITS,
    basis=MUST_TEXT,
    variants={"yielded": ("yield", "HTTP/1.1"), "written": ("write", "HTTP/1.1"), "http10": ("yield", "HTTP/1.0")},
    needs={"written": NEEDS_WRITE},
    segmentable=False,
)
async def block_sizes(exchange: Exchange, how_and_version: tuple[str, str]) -> None:
    """Blocks of any size arrive unchanged in a response without a length.

    Sends: a GET. The app gives some 60 blocks of 1 byte to 1 MiB without a Content-Length: it yields them or passes
    them to write().
    Expects: the whole body, and every byte is the one that the app gave.
    Why: A server that writes the size of a chunk in too few digits, or cuts a block at a buffer, damages large pages
    alone: tests with small ones pass.
    """
    how, version = how_and_version
    sizes = ",".join(map(str, BLOCK_SIZES))
    response = await exchange.get("/sized-blocks" + query(how=how, sizes=sizes), version=version)
    _assert_pattern(response, sum(BLOCK_SIZES), "the body of blocks of many sizes")


@case(
    MUST,
    TRANSMITS,
    basis=MUST_TEXT,
    variants={"yielded": "yield", "written": "write"},
    needs={"written": NEEDS_WRITE},
    segmentable=False,
)
async def many_blocks(exchange: Exchange, how: str) -> None:
    """All of 1100 blocks arrive.

    Sends: a GET. The app gives 1100 blocks of 1 to 3 bytes without a Content-Length: it yields them or passes them to
    write().
    Expects: the whole body.
    Why: Exports yield a block for each row. A test has three rows, a customer has thousands.
    """
    response = await exchange.get("/sized-blocks" + query(how=how, count=MANY))
    _assert_pattern(response, sum(1 + number % 3 for number in range(MANY)), f"the body of {MANY} blocks")


@case(MUST, DELAY, basis=MUST_TEXT, segmentable=False)
async def pause_between_blocks(exchange: Exchange) -> None:
    """If the app needs 1.25 s for a block, the block still arrives.

    Sends: two GETs side by side. The app pauses for 1.25 s between two blocks, with a Content-Length and without one.
    Expects: each body arrives complete.
    Why: A report that needs a second for its next row must not end before it.
    """
    targets = ("/stream", "/stream?declared=yes")
    connections = {}
    for target in targets:
        connections[target] = await exchange.connect()
        await connections[target].send(exchange.request(target))
    await trio.sleep(PAUSE_SECONDS)
    exchange.release("second")
    for target in targets:
        response = await connections[target].response()
        await connections[target].close()  # a server may wait for this before it serves the other connection
        good = response.status == 200 and response.complete and response.body == STREAMED
        assert_that(good, f"the body {STREAMED!r} of {target}", f"{response.describe()} {response.body!r}")
