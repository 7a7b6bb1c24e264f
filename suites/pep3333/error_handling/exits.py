"""The app raises SystemExit, KeyboardInterrupt, GeneratorExit or another exception that is no Exception.

Libraries raise such exceptions: sys.exit(), greenlet.GreenletExit and gevent.Timeout.
"""

from __future__ import annotations

import contextlib

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import (
    INCOMPLETE_MESSAGE_RULE,
    MUST_TEXT,
    SHOULD_TEXT,
    definition,
    pep3333,
)
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.errors import ServerError
from wsgi_gauntlet.harness.http.parser import ConnectionState, Framing, Response
from wsgi_gauntlet.suites.pep3333.assertions import (
    assert_not_success,
    assert_served,
    get_within,
    request_of_version,
    response_and_ending,
)
from wsgi_gauntlet.suites.pep3333.error_handling.after_headers_sent import TEXT_ONLY
from wsgi_gauntlet.suites.pep3333.error_handling.after_the_error import (
    PROCESS_END_WAIT_SECONDS,
    SHUTDOWN_WAIT_SECONDS,
    TRAP_AND_LOG,
)
from wsgi_gauntlet.suites.pep3333.error_handling.before_headers_sent import HEADERS_NOT_SENT_YET

WHOLE = b"first\nsecond\n"
"""What the app yields before it raises."""

MIDDLE = {
    "system-exit-length": ("system-exit", True, "HTTP/1.1"),
    "system-exit": ("system-exit", False, "HTTP/1.1"),
    "keyboard-interrupt-length": ("keyboard-interrupt", True, "HTTP/1.1"),
    "generator-exit": ("generator-exit", False, "HTTP/1.1"),
    "base-exception-length": ("base-exception", True, "HTTP/1.1"),
    "base-exception": ("base-exception", False, "HTTP/1.1"),
    "base-exception-length-http10": ("base-exception", True, "HTTP/1.0"),
    "base-exception-http10": ("base-exception", False, "HTTP/1.0"),
}
"""The exception, whether the app declares 20 bytes, and the version of the request.

Some servers must be restarted after SystemExit and KeyboardInterrupt, so these have few variants.
"""

ENDING_EXITS = ("system-exit", "keyboard-interrupt")
"""The exceptions at which some servers shut down."""


async def _wait_for_shutdown(exchange: Exchange, how: str) -> None:
    """Wait until a server that shuts down because of the exit has ended: the next case must not meet it."""
    if not how.startswith(ENDING_EXITS):
        return
    ended = ConnectionState.EOF
    with contextlib.suppress(ServerError):
        idle = await exchange.connect()
        ended = await idle.ending(timeout=SHUTDOWN_WAIT_SECONDS)
        await idle.close()
    if ended is not ConnectionState.OPEN:
        await exchange.server.wait_for_end(PROCESS_END_WAIT_SECONDS)


async def _get_interrupted(
    exchange: Exchange, interruption: tuple[str, bool, str]
) -> tuple[Response, ConnectionState, bytes]:
    """Return the response, the state of the connection some time later, and the bytes after the response."""
    how, declared, version = interruption
    target = "/exits" + query(how=how, when="middle", **({"length": "20"} if declared else {}))
    connection = await exchange.connect()
    await connection.send(request_of_version(exchange, target, version))
    response, ending = await response_and_ending(connection)
    await _wait_for_shutdown(exchange, how)
    return response, ending, connection.unread


@case(
    MUST,
    TEXT_ONLY,
    basis=definition(
        "The PEP allows a server to add to a body under one condition: the type is text/*. It does not distinguish "
        "errors from exits. For other types the body is exactly the bytes that the app yielded."
    ),
    variants=MIDDLE,
    segmentable=False,
)
async def exit_adds_nothing(exchange: Exchange, interruption: tuple[str, bool, str]) -> None:
    """When the app exits in the middle of its body, the server adds nothing to the body.

    Sends: A GET request of that HTTP version. The app yields 13 bytes of binary data and raises SystemExit,
    KeyboardInterrupt, GeneratorExit or its own BaseException. In some variants it declares 20 bytes.
    Expects: At most the 13 bytes, and nothing after them on the connection.
    Why: An error page in the middle of a body may fill it up to its length. The client then stores the page as a part
    of a picture or an archive.
    """
    response, _, unread_bytes = await _get_interrupted(exchange, interruption)
    if response.status == 200:
        assert_that(WHOLE.startswith(response.body), "only the two blocks of the app", response.body)
        after_head = response.raw.partition(b"\r\n\r\n")[2]
        added = b"HTTP/1." in after_head or unread_bytes
        assert_that(not added, "nothing after the blocks of the app", after_head + unread_bytes)


@case(
    SHOULD,
    pep3333("Error Handling", "The server or gateway can then trap this (fatal) exception and abort the response."),
    basis=definition(
        (
            "The server can abort the response after any exception. A client notices this only if the end of the "
            "body is missing. A complete end says that the content is complete."
        ),
        INCOMPLETE_MESSAGE_RULE,
    ),
    variants=MIDDLE,
    segmentable=False,
)
async def exit_aborts(exchange: Exchange, interruption: tuple[str, bool, str]) -> None:
    """When the app exits in the middle of its body, the response does not look complete.

    Sends: A GET request of that HTTP version. The app yields 13 bytes of binary data and raises SystemExit,
    KeyboardInterrupt, GeneratorExit or its own BaseException. In some variants it declares 20 bytes.
    Expects: A response without a proper end, and a closed connection. For a body that ends with the connection, closing
    it is enough.
    Why: A last chunk, an error page or an open connection makes the client store half a download as a whole one.
    """
    response, ending, _ = await _get_interrupted(exchange, interruption)
    if response.status is not None and response.status >= 500:
        return
    whole = response.complete and response.framing is not Framing.CLOSE
    assert_that(not whole, "an incomplete response", f"{response.describe()} ({response.framing})")
    assert_that(ending is not ConnectionState.OPEN, "the connection to close", f"{response.describe()}; it stays open")


@case(
    MUST,
    HEADERS_NOT_SENT_YET,
    basis=MUST_TEXT,
    variants={
        "system-exit-call": "system-exit&when=call",
        "system-exit-first": "system-exit&when=first",
        "keyboard-interrupt-call": "keyboard-interrupt&when=call",
        "generator-exit-first": "generator-exit&when=first",
        "base-exception-call": "base-exception&when=call",
        "base-exception-first": "base-exception&when=first",
    },
    segmentable=False,
)
async def exit_before_body(exchange: Exchange, how: str) -> None:
    """When the app exits before its first block, the client gets an error and not the 200 of the app.

    Sends: A GET request. The app starts a 200, and raises SystemExit, KeyboardInterrupt, GeneratorExit or its own
    BaseException: before it returns, or in place of its first block.
    Expects: An error status, or a closed connection. The client gets no part of the 200.
    Why: Otherwise users, caches and monitors take an empty page for the response.
    """
    response = await get_within(exchange, f"/exits?how={how}")
    await _wait_for_shutdown(exchange, how)
    assert_not_success(response, "the app ended before its first block")
    assert_that(response.status != 200, "no part of the 200 of the app", response.describe())


@case(
    SHOULD,
    TRAP_AND_LOG,
    basis=SHOULD_TEXT,
    variants={
        "system-exit": "system-exit&when=close",
        "base-exception": "base-exception&when=close",
        "base-exception-length": "base-exception&when=close&length=13",
    },
    segmentable=False,
)
async def exit_in_close(exchange: Exchange, how: str) -> None:
    """An exit in close() of the body does not harm the complete response.

    Sends: A GET request. The app gives two blocks, with or without a Content-Length. Its close() raises SystemExit or
    its own BaseException.
    Expects: Both blocks and a proper end.
    Why: The page is complete. An error in the cleanup must not turn it into a broken download.
    """
    response = await get_within(exchange, f"/exits?how={how}")
    await _wait_for_shutdown(exchange, how)
    assert_served(response, WHOLE)
