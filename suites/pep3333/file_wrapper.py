"""wsgi.file_wrapper, if the server has one: its arguments, and the content that it sends."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT, SHOULD_TEXT, from_sender_semantics, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.suites.http.kept_connection import KeptConnection
from wsgi_gauntlet.suites.http.references import BODY_LENGTH
from wsgi_gauntlet.suites.pep3333.assertions import (
    ARRIVED_DATA_WAIT_SECONDS,
    BARRIER_EVENT,
    HANG_TIMEOUT_SECONDS,
    assert_nothing_unread,
    assert_served,
    assert_step_returns,
    expect_event,
    open_and_send_get,
    response_and_ending,
    wait_for_barrier,
)
from wsgi_gauntlet.suites.pep3333.content_length import SHORT_BODY
from wsgi_gauntlet.suites.sizes import BODY_SIZES
from wsgi_gauntlet.suites.testapp.core.pattern import pattern

FILES = "Optional Platform-Specific File Handling"

CONTENT = b"".join(b"line %04d\n" % number for number in range(200))
"""The content of the files of the app."""

SAME_AS_READ = pep3333(
    FILES,
    "Apart from the handling of close(), the semantics of returning a file wrapper from the application should be the "
    "same as if the application had returned iter(filelike.read, '').",
)
PORTABLE = pep3333(
    FILES,
    "Note that even if the object is not suitable for the platform API, the wsgi.file_wrapper must still return an "
    "iterable that wraps read() and close(), so that applications using file wrappers are portable across platforms.",
)
CLOSE_OF_FILE = pep3333(
    FILES,
    "if so, the iterable returned by wsgi.file_wrapper must have a close() method that invokes the original "
    "file-like object's close() method",
)
POSITION = pep3333(
    FILES,
    'transmission should begin at the current position within the "file" at the time that transmission begins, and '
    "continue until the end is reached, or until Content-Length bytes have been written",
)


async def _assert_iterates(exchange: Exchange, what: str) -> None:
    await _get_wrapped(exchange, what)
    await assert_step_returns(exchange, "iterate", "the iteration over the wrapper")
    iterated = await expect_event(exchange, "iterated", "iteration to end")
    assert_that(iterated.detail["whole"], "the complete content", iterated.detail)


async def _get_wrapped(exchange: Exchange, what: str) -> Response:
    response = await exchange.get("/file-wrapper" + query(what=what))
    await expect_event(exchange, "called", "the app to be called")
    _require_file_wrapper(exchange)
    return response


def _require_file_wrapper(exchange: Exchange) -> None:
    if exchange.events("absent"):
        exchange.unsupported("environ has no wsgi.file_wrapper, which the PEP does not require")


@case(
    MUST,
    pep3333(
        FILES,
        "If the server or gateway supplies wsgi.file_wrapper, it must be a callable that accepts one required "
        "positional parameter, and one optional positional parameter.",
    ),
    basis=MUST_TEXT,
    variants={"one": "one", "two": "two"},
)
async def callable(exchange: Exchange, step: str) -> None:  # noqa: A001 - the name is the id of the case
    """wsgi.file_wrapper accepts a file, and a file with a block size.

    Sends: A GET request. The app calls wsgi.file_wrapper with a BytesIO, or with a BytesIO and a block size.
    Expects: The call returns.
    Why: Apps use both forms. Downloads fail on a server that accepts only one.
    """
    await _get_wrapped(exchange, "call")
    await assert_step_returns(exchange, step, "wsgi.file_wrapper")


@case(MUST, pep3333(FILES, "The callable must return an iterable object"), basis=MUST_TEXT)
async def iterable(exchange: Exchange) -> None:
    """wsgi.file_wrapper returns an iterable that yields the content of the file.

    Sends: A GET request. The app wraps a BytesIO and iterates over the wrapper itself, as middleware does.
    Expects: The complete content, in blocks of any size.
    Why: Otherwise every download fails behind middleware that compresses or counts bytes.
    """
    await _assert_iterates(exchange, "iterate")


@case(
    MUST,
    pep3333(
        FILES,
        "must not perform any data transmission until and unless the server/gateway actually receives the iterable as "
        "a return value from the application",
    ),
    basis=MUST_TEXT,
)
async def nothing_sent_early(exchange: Exchange) -> None:
    """The server sends nothing of the file before the app returns the wrapper, and nothing if the app never returns it.

    Sends: A GET request. The app wraps a file, waits at a barrier, and then returns another body.
    Expects: The client receives no byte before the barrier is released, and then only the other body.
    Why: Middleware may reject a download after the app has wrapped the file. Otherwise the file has already been sent.
    """
    connection = await open_and_send_get(exchange, "/file-wrapper?what=unused")
    await expect_event(exchange, "called", "the app to be called")
    if not exchange.events(BARRIER_EVENT):
        response = await connection.response(timeout=ARRIVED_DATA_WAIT_SECONDS)
        _require_file_wrapper(exchange)
        assert_that(exchange.events(BARRIER_EVENT), "the app to wrap its file", response.describe())
    await wait_for_barrier(exchange, "wrapped")
    early = await connection.receive_some(ARRIVED_DATA_WAIT_SECONDS)
    assert_that(not early, "no bytes on the wire while the app waits", early)
    exchange.release("wrapped")
    assert_served(await connection.response(), b"something else\n")


@case(MUST, CLOSE_OF_FILE, basis=MUST_TEXT)
async def close(exchange: Exchange) -> None:
    """The server calls close() of the file after the response.

    Sends: A GET request. The app wraps a file-like object that reports its close(), and returns the wrapper.
    Expects: The complete content, and the call.
    Why: Otherwise each download leaves a descriptor open. After some thousand downloads the server cannot open any file
    or connection.
    """
    assert_served(await _get_wrapped(exchange, "close"), CONTENT)
    await expect_event(exchange, "closed", "close() of the file to be called")


@case(MUST, PORTABLE, basis=MUST_TEXT, variants={"memory": "memory", "read-only": "readable"})
async def non_file(exchange: Exchange, what: str) -> None:
    """The server sends objects that are not files of the operating system.

    Sends: A GET request. The app wraps a BytesIO, whose fileno() raises, or an object that has only read().
    Expects: The complete content.
    Why: Otherwise users cannot download files that the app makes in memory or fetches over the network, such as a PDF
    invoice.
    """
    assert_served(await _get_wrapped(exchange, what), CONTENT)


@case(SHOULD, SAME_AS_READ, basis=SHOULD_TEXT)
async def whole_file(exchange: Exchange) -> None:
    """The server sends a real file completely.

    Sends: A GET request. The app wraps a real file of 2,000 bytes and sets no Content-Length.
    Expects: All 2,000 bytes.
    Why: Otherwise downloads are cut off.
    """
    assert_served(await _get_wrapped(exchange, "file"), CONTENT)


@case(SHOULD, POSITION, basis=SHOULD_TEXT)
async def offset(exchange: Exchange) -> None:
    """The server sends a file from its current position.

    Sends: A GET request. The app wraps a file of 2,000 bytes whose position is 100.
    Expects: The file from byte 100 to its end.
    Why: Otherwise a resumed download, or a video after a skip, gets bytes that it already has.
    """
    assert_served(await _get_wrapped(exchange, "offset"), CONTENT[100:])


@case(SHOULD, POSITION, basis=SHOULD_TEXT)
async def stops_at_content_length(exchange: Exchange) -> None:
    """The server stops at the Content-Length of the app.

    Sends: A GET request. The app sets Content-Length to 50 and wraps a file of 2,000 bytes.
    Expects: The first 50 bytes and nothing after them.
    Why: Byte ranges are served this way. The client reads extra bytes as the next response.
    """
    connection = await open_and_send_get(exchange, "/file-wrapper?what=declared")
    response = await connection.response()
    await expect_event(exchange, "called", "the app to be called")
    _require_file_wrapper(exchange)
    assert_served(response, CONTENT[:50])
    await connection.ending(timeout=ARRIVED_DATA_WAIT_SECONDS)
    assert_nothing_unread(connection, "the 50 bytes")


@case(MUST, PORTABLE, basis=MUST_TEXT)
async def wrapped(exchange: Exchange) -> None:
    """The server treats a file wrapper inside middleware like any other iterable.

    Sends: A GET request. The app wraps a file and returns a generator over the wrapper that changes every block.
    Expects: The changed content, completely.
    Why: A server that bypasses the middleware sends the file uncompressed, uncounted, or although the middleware
    rejected it.
    """
    assert_served(await _get_wrapped(exchange, "wrapped"), CONTENT.upper())


@case(MUST, PORTABLE, basis=MUST_TEXT)
async def iterable_read_only(exchange: Exchange) -> None:
    """The wrapper can be iterated when the object has only read().

    Sends: A GET request. The app wraps such an object and iterates over the wrapper itself, as middleware does.
    Expects: The complete content, in blocks of any size.
    Why: Files from archives and cloud storage are such objects. Otherwise their downloads fail behind compressing
    middleware.
    """
    await _assert_iterates(exchange, "iterate-readable")


@case(MUST, CLOSE_OF_FILE, basis=MUST_TEXT)
async def close_passed_on(exchange: Exchange) -> None:
    """close() of the wrapper calls close() of the file.

    Sends: A GET request. The app wraps an object with close(), calls close() of the wrapper, and returns another body.
    Expects: The call returns, and it called close() of the object.
    Why: Middleware that discards the file has no other way to close it. Otherwise each such response leaves a
    descriptor open.
    """
    await _get_wrapped(exchange, "close-it")
    await assert_step_returns(exchange, "close", "close() of the wrapper")
    await expect_event(exchange, "closed", "close() of the file to be called")


@case(SHOULD, POSITION, basis=SHOULD_TEXT)
async def offset_when_sent(exchange: Exchange) -> None:
    """The server sends a file from its position at the time of sending, not from its position at the time of wrapping.

    Sends: A GET request. The app wraps a file of 2,000 bytes, moves its position to 100, and returns the wrapper.
    Expects: The file from byte 100 to its end.
    Why: Middleware for byte ranges moves the position after the app has wrapped the file. Otherwise a video resumes at
    the wrong place.
    """
    assert_served(await _get_wrapped(exchange, "moved"), CONTENT[100:])


RANGES = {
    "file": "position=100&length=50&kind=file",
    "memory": "position=100&length=50&kind=memory",
    "file-first-byte": "position=0&length=1&kind=file",
    "file-last-byte": "position=1998&length=1&kind=file",
    "file-nothing": "position=100&length=0&kind=file",
    "memory-nothing": "position=100&length=0&kind=memory",
}
"""Parts of a file: its position, and the Content-Length that ends before the file does."""


async def _get_range(exchange: Exchange, part: str) -> tuple[Response, bytes, bytes]:
    """Return the response, the bytes of the part, and what the server sent after the response until it closed."""
    values = dict(each.split("=") for each in part.split("&"))
    position, length = int(values["position"]), int(values["length"])
    connection = await exchange.connect()
    await connection.send(exchange.request(f"/file-wrapper?what=slice&{part}", headers=[("Connection", "close")]))
    response = await connection.response()
    await expect_event(exchange, "called", "the app to be called")
    _require_file_wrapper(exchange)
    await connection.ending(timeout=HANG_TIMEOUT_SECONDS)
    return response, CONTENT[position : position + length], connection.unread


@case(
    MUST,
    BODY_LENGTH,
    basis=from_sender_semantics(
        "The Content-Length defines where the body ends. The PEP tells the server to stop there. Further bytes belong "
        "to no message, and the client reads them as the next response."
    ),
    tags=["security"],
    variants=RANGES,
    segmentable=False,
)
async def range_ends(exchange: Exchange, part: str) -> None:
    """The server sends no byte of a file after the Content-Length of the app.

    Sends: A GET request with `Connection: close`. The app moves a file of 2,000 bytes to a position, and sets a
    Content-Length that ends before the file: 50 bytes, the first byte, the byte before the last, or nothing.
    Expects: Nothing between the declared number of bytes and the end of the connection.
    Why: Videos and resumed downloads are served in such parts. The client reads the rest of the file as the next
    response.
    """
    response, _, after = await _get_range(exchange, part)
    assert_that(response.status == 200, "a 200 response", response.describe())
    assert_that(not after, "no bytes after the declared length", after)


@case(SHOULD, POSITION, basis=SHOULD_TEXT, variants=RANGES, segmentable=False)
async def range_content(exchange: Exchange, part: str) -> None:
    """The server sends the part of a file from its position to the Content-Length.

    Sends: A GET request with `Connection: close`. The app moves a file of 2,000 bytes to a position, and sets a
    Content-Length that ends before the file: 50 bytes, the first byte, the byte before the last, or nothing.
    Expects: Exactly these bytes.
    Why: A player that asks for the middle of a video gets its beginning, and cannot play it.
    """
    response, content, _ = await _get_range(exchange, part)
    assert_served(response, content)


@case(
    SHOULD,
    SHORT_BODY,
    basis=SHOULD_TEXT,
    breach=APP,
    variants={
        "file": "position=0&length=3000&kind=file",
        "memory": "position=0&length=3000&kind=memory",
        "behind-offset": "position=1900&length=101&kind=file",
        "at-end": "position=2000&length=1&kind=file",
        "shrunk": "position=0&length=2000&kind=file&left=1000",
        "shrunk-to-nothing": "position=0&length=2000&kind=file&left=0",
        "shrunk-below-offset": "position=1000&length=1000&kind=file&left=500",
    },
    segmentable=False,
)
async def short_file(exchange: Exchange, part: str) -> None:
    """The server closes the connection when a file is shorter than the Content-Length of the app.

    Sends: A GET request. The app sets a Content-Length and wraps a file with fewer bytes after its position. In three
    variants the file is cut after the app has wrapped it.
    Expects: No complete response, and the server closes the connection. A server that knows the size of the file before
    it sends the head may correct the length, or send a 500.
    Why: Log files are rotated and uploads replaced while somebody downloads them. Otherwise the client waits until its
    timeout, or reads the next response as the rest of the file.
    """
    connection = await open_and_send_get(exchange, f"/file-wrapper?what=slice&{part}")
    response, ending = await response_and_ending(connection)
    await expect_event(exchange, "called", "the app to be called")
    _require_file_wrapper(exchange)
    declared = dict(each.split("=") for each in part.split("&"))["length"].encode()
    corrected = response.all("Content-Length") not in ([], [declared])
    if response.complete and (corrected or (response.status is not None and response.status >= 500)):
        return
    assert_that(not response.complete or response.status != 200, "no complete response", response.describe())
    assert_that(ending is not ConnectionState.OPEN, "the connection to close", f"{response.describe()}; it stays open")


@case(SHOULD, SAME_AS_READ, basis=SHOULD_TEXT, variants={"declared": "yes", "unknown": "no"}, segmentable=False)
async def sizes(exchange: Exchange, declared: str) -> None:
    """A file of any size arrives unchanged.

    Sends: some 60 GETs, one after the other. The app wraps a file of 0 bytes to 1 MiB, with or without a
    Content-Length. The sizes are powers of two, usual limits and the numbers next to them.
    Expects: each file arrives complete and unchanged.
    Why: Servers read files in blocks, or let the kernel send them. A file that ends at the edge of a block must not
    lose its last block, and a long one must not be cut.
    """
    client = KeptConnection(exchange)
    before = ""
    for size in BODY_SIZES:
        response = await client.ask(exchange.request("/sized-file" + query(size=size, declared=declared)))
        if response.status == 404:
            exchange.unsupported("environ has no wsgi.file_wrapper, which the PEP does not require")
        good = response.status == 200 and response.complete and response.body == pattern(size)
        assert_that(good, f"a file of {size} bytes unchanged{before}", response.describe())
        before = f", on the connection of one of {size} bytes"
