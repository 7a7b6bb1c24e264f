"""close() of the iterable: the server calls it exactly once, however the request ends."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT, definition, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.suites.pep3333.assertions import (
    HANG_TIMEOUT_SECONDS,
    assert_served,
    expect_event,
    get_within,
    open_and_send_get,
)

CLOSE = pep3333(
    "Specification Details",
    "If the iterable returned by the application has a close() method, the server or gateway must call that method "
    "upon completion of the current request, whether the request was completed normally, or terminated early due to an "
    "application error during iteration or an early disconnect of the browser.",
)

CLOSE_AFTER_RESET_TIMEOUT_SECONDS = 10.0
"""Seconds between a reset by the client and the call of close(). No text requires a number. A sending server notices a
reset immediately."""


async def _assert_closed_once(exchange: Exchange) -> None:
    await expect_event(exchange, "closed", "close() to be called")
    # A second call would come at the end of this request, before the response to the sync request.
    await exchange.send_sync_request()
    assert_equal(len(exchange.events("closed")), 1, "the number of calls of close()")


async def _assert_closed_without_body(exchange: Exchange, target: str, method: str = "GET") -> None:
    # The client closes last: otherwise a server that wrongly sends a body sees a disconnect, which is another case.
    connection = await exchange.connect()
    await connection.send(exchange.request(target, method=method))
    await expect_event(exchange, "closed", "close() to be called")
    await connection.close()
    await _assert_closed_once(exchange)


@case(MUST, CLOSE, basis=MUST_TEXT)
async def once_on_success(exchange: Exchange) -> None:
    """The server calls close() exactly once, after the last block.

    Sends: A GET request. The body has two blocks and a close() that reports each call.
    Expects: One call, after the server requested the last block.
    Why: Frameworks return database connections to their pool here. Without the call the pool runs empty; an early call
    cuts the page off.
    """
    assert_served(await exchange.get("/closing"), b"one\ntwo\n")
    await _assert_closed_once(exchange)
    order = [event.kind for event in exchange.events() if event.kind in ("block", "exhausted", "closed")]
    assert_that(order[:2] == ["block", "block"] and order[-1] == "closed", "close() after the last block", order)


@case(MUST, CLOSE, basis=MUST_TEXT)
async def on_iteration_error(exchange: Exchange) -> None:
    """The server calls close() when iteration raises.

    Sends: A GET request. The body yields one block and raises.
    Expects: One call of close().
    Why: A failed page must release its resources. Otherwise a few errors stop the whole site.
    """
    await get_within(exchange, "/closing-after-error")
    await _assert_closed_once(exchange)


@case(MUST, CLOSE, basis=MUST_TEXT, deadline=20.0)
async def on_client_gone(exchange: Exchange) -> None:
    """The server calls close() when the client disconnects in the middle of the body.

    Sends: A GET request for 64 MiB. The client reads the beginning and resets the connection.
    Expects: A call of close() within ten seconds. No text requires a number.
    Why: Otherwise each aborted download leaves a file open, until the server cannot open any more.
    """
    connection = await open_and_send_get(exchange, "/endless")
    first = await connection.receive_some()
    assert_that(first.startswith(b"HTTP/1."), "the start of a response", first[:100])
    await connection.abort()
    event = await expect_event(
        exchange, "closed", "close() to be called after the disconnect", timeout=CLOSE_AFTER_RESET_TIMEOUT_SECONDS
    )
    assert_that(event.detail["blocks"] <= event.detail["all"], "no more blocks than the body has", event.detail)


@case(MUST, CLOSE, basis=MUST_TEXT)
async def on_client_gone_late(exchange: Exchange) -> None:
    """The server calls close() when the client disconnects after the complete body but before the app has finished.

    Sends: A GET request. The app sets Content-Length, yields a body of 4 bytes, and continues to work before the
    iteration ends. The client resets the connection meanwhile.
    Expects: One call of close(), within a second of the end of the iteration.
    Why: Phones drop connections at any time. Without close(), the resources of the page stay open until there are none
    left.
    """
    connection = await open_and_send_get(exchange, "/closing-held")
    await connection.receive_until(b"one\n", timeout=HANG_TIMEOUT_SECONDS)
    await connection.abort()
    exchange.release("last")
    await _assert_closed_once(exchange)


@case(MUST, CLOSE, basis=MUST_TEXT, breach=APP)
async def on_start_error(exchange: Exchange) -> None:
    """The server calls close() when start_response raises during the first iteration.

    Sends: A GET request. The first step of the body calls start_response twice without exc_info, which is an error, and
    does not catch the exception.
    Expects: One call of close(). The case is skipped when the second call raises nothing.
    Why: Otherwise each such error in the app also loses a database connection.
    """
    await get_within(exchange, "/closing-after-start-error")
    if not any(event.detail.get("where") == "iteration" for event in exchange.events("raised")):
        exchange.skip("the second call of start_response did not raise; see pep3333/start-response/second-call-fatal")
    await _assert_closed_once(exchange)


@case(MUST, CLOSE, basis=MUST_TEXT)
async def on_head(exchange: Exchange) -> None:
    """The server calls close() for a HEAD request, whose response has no body.

    Sends: A HEAD request. The body has two blocks and a close() that reports each call.
    Expects: One call of close(). The server may request the blocks or not.
    Why: Link checkers and monitors send HEAD all day. Otherwise each request leaves a resource open.
    """
    await _assert_closed_without_body(exchange, "/closing", method="HEAD")


@case(MUST, CLOSE, basis=MUST_TEXT)
async def on_iter_error(exchange: Exchange) -> None:
    """The server calls close() when the body cannot be iterated.

    Sends: A GET request. The app returns an object whose __iter__ raises.
    Expects: One call of close().
    Why: Otherwise each such error loses the database connection of the page, until the pool is empty.
    """
    await get_within(exchange, "/closing-without-iteration")
    if not any(event.detail.get("where") == "iter" for event in exchange.events("raised")):
        exchange.skip("the server did not call __iter__ of the body")
    await _assert_closed_once(exchange)


@case(MUST, CLOSE, basis=MUST_TEXT, breach=APP)
async def on_no_start(exchange: Exchange) -> None:
    """The server calls close() when the app never called start_response.

    Sends: A GET request. The app returns a body with close() and sets no status.
    Expects: One call of close(), whether the server requested a block or not.
    Why: Otherwise an error in one rarely used page leaves a file open on each visit.
    """
    await get_within(exchange, "/closing-unstarted")
    await _assert_closed_once(exchange)


@case(MUST, CLOSE, basis=MUST_TEXT, breach=APP, variants={"204": "204 No Content", "304": "304 Not Modified"})
async def on_bodiless(exchange: Exchange, status: str) -> None:
    """The server calls close() when the status does not allow a body.

    Sends: A GET request. The app responds with 204 or 304 and a body that has close().
    Expects: One call of close(). The server may request blocks or not.
    Why: Such responses are the most frequent: browsers revalidate pages and scripts call APIs. Otherwise each leaves a
    resource open.
    """
    await _assert_closed_without_body(exchange, "/closing" + query(status=status))


@case(MUST, CLOSE, basis=MUST_TEXT, breach=APP)
async def when_length_reached(exchange: Exchange) -> None:
    """The server calls close() when it stops iterating because Content-Length is reached.

    Sends: A GET request. The app sets Content-Length to 5 and has 21 blocks of 5 bytes.
    Expects: One call of close(), however many blocks the server requested.
    Why: The server has all the data that it needs, but the file or lock of the body is still open.
    """
    # The client keeps its connection open: a disconnect is the subject of another case.
    connection = await open_and_send_get(exchange, "/too-long?what=blocks")
    await expect_event(exchange, "closed", "close() to be called")
    await connection.close()
    await _assert_closed_once(exchange)


@case(
    MUST,
    CLOSE,
    basis=MUST_TEXT,
    breach=APP,
    variants={
        "str-first": "what=str&at=first",
        "int-first": "what=int&at=first",
        "none-first": "what=none&at=first",
        "str-later": "what=str&at=later",
        "int-later": "what=int&at=later",
        "none-later": "what=none&at=later",
        "list-later": "what=list&at=later",
        "str-later-length": "what=str&at=later&length=yes",
    },
    needs=["pep3333/close/once-on-success"],
    segmentable=False,
)
async def on_invalid_block(exchange: Exchange, block: str) -> None:
    """The server calls close() when the body yields something that is not bytes.

    Sends: A GET request. The only block, or the second of three, is a str, an int, None or a list.
    Expects: One call of close(), whether the server rejects the block or not.
    Why: The error is raised by the server itself and not by the app. Otherwise each such page loses its database
    connection.
    """
    await get_within(exchange, f"/invalid-block?{block}&reported=yes")
    await _assert_closed_once(exchange)


@case(
    SHOULD,
    pep3333(
        "Specification Details",
        "The server or gateway must transmit the yielded bytestrings to the client in an unbuffered fashion, "
        "completing the transmission of each bytestring before requesting another one.",
    ),
    basis=definition(
        "After the client has gone, no block can be transmitted, so no other may be requested. The PEP does not say "
        "how soon a server must notice. Therefore this is not a must."
    ),
    needs=["pep3333/close/on-client-gone"],
    deadline=20.0,
)
async def stops_when_client_gone(exchange: Exchange) -> None:
    """The server stops requesting blocks some time after the client has gone.

    Sends: A GET request for 64 MiB in 2048 blocks. The client reads the beginning and resets the connection. The app
    waits for this after the first blocks.
    Expects: close() is called before the app has given all blocks: all buffers together are much smaller.
    Why: Users leave a slow page and load it again. A server that computes each abandoned page to its end is busy with
    pages that nobody reads.
    """
    connection = await open_and_send_get(exchange, "/endless?hold=gone")
    await connection.receive_some()
    await connection.abort()
    exchange.release("gone")
    event = await expect_event(
        exchange, "closed", "close() to be called after the disconnect", timeout=CLOSE_AFTER_RESET_TIMEOUT_SECONDS
    )
    given, total = event.detail["blocks"], event.detail["all"]
    assert_that(given < total, f"fewer than all {total} blocks of 32 KiB requested", f"all {given} blocks")
