"""wsgi.file_wrapper, where the server has one: what it takes, and that nothing of the file is lost or added."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.suites.pep3333.assertions import (
    ARRIVED_DATA_WAIT_SECONDS,
    assert_served,
    expect_event,
    open_and_send_get,
    step_outcome,
    wait_for_barrier,
)

FILES = "Optional Platform-Specific File Handling"

CONTENT = b"".join(b"line %04d\n" % number for number in range(200))
"""What is in the app's files."""

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
POSITION = pep3333(
    FILES,
    'transmission should begin at the current position within the "file" at the time that transmission begins, and '
    "continue until the end is reached, or until Content-Length bytes have been written",
)


async def _assert_iterates(exchange: Exchange, what_to_iterate: str) -> None:
    await _get_wrapped(exchange, what_to_iterate)
    event = await step_outcome(exchange, "iterate")
    assert_that(event.kind == "returned", "iteration to work", event.detail.get("text"))
    iterated = await expect_event(exchange, "iterated", "iteration to end")
    assert_that(iterated.detail["whole"], "the whole content", iterated.detail)


async def _get_wrapped(exchange: Exchange, what: str) -> Response:
    response = await exchange.get("/file-wrapper" + query(what=what))
    await expect_event(exchange, "called", "the app to be called")
    _require_file_wrapper(exchange)
    return response


def _require_file_wrapper(exchange: Exchange) -> None:
    if exchange.events("absent"):
        exchange.unsupported("environ has no wsgi.file_wrapper, which is optional")


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
async def callable(exchange: Exchange, where: str) -> None:  # noqa: A001 - the catalogue's id
    """wsgi.file_wrapper takes a file, and a file and a block size.

    Sends: A plain request; the app calls wsgi.file_wrapper with a BytesIO, and with a BytesIO and a block size.
    Expects: Both calls are taken.
    Why: Apps use either; downloads fail on a server that insists on the other.
    """
    await _get_wrapped(exchange, "call")
    event = await step_outcome(exchange, where)
    assert_that(event.kind == "returned", "the call to be taken", event.detail.get("text"))


@case(MUST, pep3333(FILES, "The callable must return an iterable object"), basis=MUST_TEXT)
async def iterable(exchange: Exchange) -> None:
    """What it returns can be iterated, and gives the file's content.

    Sends: A plain request; the app wraps a BytesIO and iterates over the wrapper itself, as middleware does.
    Expects: The whole content, in blocks of any size.
    Why: Behind a middleware that compresses or counts, every download would be an error.
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
    """Nothing of the file is sent before the app returns the wrapper, nor where it never does.

    Sends: A plain request; the app wraps a file, waits at a barrier while the wire is watched, and returns something
    else.
    Expects: Not a byte before the barrier is let go, and then the other answer alone.
    Why: Middleware that refuses a download after the app has wrapped it would come too late: the file is out.
    """
    connection = await open_and_send_get(exchange, "/file-wrapper?what=unused")
    await expect_event(exchange, "called", "the app to be called")
    if not exchange.events("waiting"):
        response = await connection.response(timeout=ARRIVED_DATA_WAIT_SECONDS)
        _require_file_wrapper(exchange)
        assert_that(exchange.events("waiting"), "the app to wrap its file", response.describe())
    await wait_for_barrier(exchange, "wrapped")
    early = await connection.receive_some(ARRIVED_DATA_WAIT_SECONDS)
    assert_that(not early, "nothing on the wire yet", early)
    exchange.release("wrapped")
    assert_served(await connection.response(), b"something else\n")


@case(
    MUST,
    pep3333(
        FILES,
        "if so, the iterable returned by wsgi.file_wrapper must have a close() method that invokes the original "
        "file-like object's close() method",
    ),
    basis=MUST_TEXT,
)
async def close(exchange: Exchange) -> None:
    """The file's close() is called when the answer is done.

    Sends: A plain request; the app wraps a file-like object that reports its close(), and returns the wrapper.
    Expects: The whole content, and the call.
    Why: Each download would leave a descriptor open, and after some thousand of them the server can open no file or
    connection.
    """
    assert_served(await _get_wrapped(exchange, "close"), CONTENT)
    await expect_event(exchange, "closed", "close() of the file to be called")


@case(MUST, PORTABLE, basis=MUST_TEXT, variants={"memory": "memory", "read-only": "readable"})
async def non_file(exchange: Exchange, what: str) -> None:
    """What is no file of the operating system's is sent as well.

    Sends: A plain request; the app wraps a BytesIO, whose fileno() raises, or an object that has read() and nothing
    else.
    Expects: The whole content.
    Why: Files made in memory or fetched from elsewhere, such as a PDF of an invoice, could not be downloaded.
    """
    assert_served(await _get_wrapped(exchange, what), CONTENT)


@case(SHOULD, SAME_AS_READ, basis=SHOULD_TEXT)
async def whole_file(exchange: Exchange) -> None:
    """A real file is sent whole.

    Sends: A plain request; the app wraps a real file of 2,000 bytes and gives no length.
    Expects: All of it.
    Why: Downloads are cut off.
    """
    assert_served(await _get_wrapped(exchange, "file"), CONTENT)


@case(SHOULD, POSITION, basis=SHOULD_TEXT)
async def offset(exchange: Exchange) -> None:
    """Sending begins where reading had got to.

    Sends: A plain request; the app wraps a file of 2,000 bytes that stands at its byte 100.
    Expects: The file from its byte 100 on.
    Why: A download that is resumed, or a video that is skipped through, gets bytes that it has already.
    """
    assert_served(await _get_wrapped(exchange, "offset"), CONTENT[100:])


@case(SHOULD, POSITION, basis=SHOULD_TEXT)
async def stops_at_content_length(exchange: Exchange) -> None:
    """Sending ends at the app's Content-Length.

    Sends: A plain request; the app promises 50 bytes and wraps a file of 2,000.
    Expects: The first 50 bytes and nothing behind them.
    Why: Byte ranges are served so; what is sent beyond is read as the next answer.
    """
    connection = await open_and_send_get(exchange, "/file-wrapper?what=declared")
    response = await connection.response()
    await expect_event(exchange, "called", "the app to be called")
    _require_file_wrapper(exchange)
    assert_served(response, CONTENT[:50])
    await connection.ending(timeout=ARRIVED_DATA_WAIT_SECONDS)
    assert_that(not connection.unread, "nothing behind the 50 bytes", connection.unread)


@case(MUST, PORTABLE, basis=MUST_TEXT)
async def wrapped(exchange: Exchange) -> None:
    """Wrapped in turn by middleware, it is an iterable like any other.

    Sends: A plain request; the app wraps a file and returns a generator over the wrapper that changes every block.
    Expects: The changed content, all of it.
    Why: A server that looks past the middleware to the file sends it uncompressed, uncounted, or though it was refused.
    """
    assert_served(await _get_wrapped(exchange, "wrapped"), CONTENT.upper())


@case(MUST, PORTABLE, basis=MUST_TEXT)
async def iterable_read_only(exchange: Exchange) -> None:
    """What it returns can be iterated also where the object has read() and nothing else.

    Sends: A plain request; the app wraps such an object and iterates over the wrapper itself, as middleware does.
    Expects: The whole content, in blocks of any size.
    Why: Files from an archive or from cloud storage are such objects; behind a compressing middleware their downloads
    would fail.
    """
    await _assert_iterates(exchange, "iterate-readable")


@case(
    MUST,
    pep3333(
        FILES,
        "if so, the iterable returned by wsgi.file_wrapper must have a close() method that invokes the original "
        "file-like object's close() method",
    ),
    basis=MUST_TEXT,
)
async def close_passed_on(exchange: Exchange) -> None:
    """The wrapper's own close() calls that of the file.

    Sends: A plain request; the app wraps an object with close(), calls close() of the wrapper, and answers something
    else.
    Expects: The call is taken, and the object's close() was called.
    Why: Middleware that decides against the file has no other way to close it; each such answer leaves a descriptor
    open.
    """
    await _get_wrapped(exchange, "close-it")
    event = await step_outcome(exchange, "close")
    assert_that(event.kind == "returned", "close() to work", event.detail.get("text"))
    await expect_event(exchange, "closed", "close() of the file to be called")


@case(SHOULD, POSITION, basis=SHOULD_TEXT)
async def offset_when_sent(exchange: Exchange) -> None:
    """Sending begins where reading has got to when it begins, and not where it was when the file was wrapped.

    Sends: A plain request; the app wraps a file of 2,000 bytes, then moves it to its byte 100, and returns the wrapper.
    Expects: The file from its byte 100 on.
    Why: Middleware for byte ranges moves the file after the app has wrapped it; a video resumes at the wrong place.
    """
    assert_served(await _get_wrapped(exchange, "moved"), CONTENT[100:])
