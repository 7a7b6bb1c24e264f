"""close() of the iterable: called once, whatever becomes of the request."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.conformance.references import pep3333
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
"""Seconds after a client's reset in which close() is to be called. No text names a number. A server that is
sending finds out at once, one that waits for room by the reset."""


async def _assert_closed_once(exchange: Exchange) -> None:
    await expect_event(exchange, "closed", "close() to be called")
    # A second call would come with the end of this request; the fence is behind that.
    await exchange.send_sync_request()
    assert_equal(len(exchange.events("closed")), 1, "the number of calls of close()")


async def _assert_closed_without_body(exchange: Exchange, target: str, method: str = "GET") -> None:
    # Our end stays open until close() was called: a server that sends a body all the same would find that we have gone.
    connection = await exchange.connect()
    await connection.send(exchange.request(target, method=method))
    await expect_event(exchange, "closed", "close() to be called")
    await connection.close()
    await _assert_closed_once(exchange)


@case(MUST, CLOSE, basis=MUST_TEXT)
async def once_on_success(exchange: Exchange) -> None:
    """close() is called exactly once, after the last block.

    Sends: A plain request; the app's body has two blocks and a close() that reports each call.
    Expects: One call, after the last block was asked for.
    Why: Database connections go back to their pool here: never called, the pool runs dry; called early, the page is cut
    off.
    """
    assert_served(await exchange.get("/closing"), b"one\ntwo\n")
    await _assert_closed_once(exchange)
    order = [event.kind for event in exchange.events() if event.kind in ("block", "exhausted", "closed")]
    assert_that(order[:2] == ["block", "block"] and order[-1] == "closed", "close() after the last block", order)


@case(MUST, CLOSE, basis=MUST_TEXT)
async def on_iteration_error(exchange: Exchange) -> None:
    """close() is called also where iteration raises.

    Sends: A plain request; the app's body yields one block and raises.
    Expects: One call of close().
    Why: A page that fails under load must give back what it holds, or a few errors stop the whole site.
    """
    await get_within(exchange, "/closing-after-error")
    await _assert_closed_once(exchange)


@case(MUST, CLOSE, basis=MUST_TEXT, deadline=20.0)
async def on_client_gone(exchange: Exchange) -> None:
    """close() is called also where the client goes away in the middle of the body.

    Sends: A plain request for 64 MiB; the client reads the beginning and resets the connection.
    Expects: A call of close() within ten seconds; no text names a number.
    Why: Every download that a visitor breaks off would leave a file open, until the server can open none.
    """
    connection = await open_and_send_get(exchange, "/endless")
    first = await connection.receive_some()
    assert_that(first.startswith(b"HTTP/1."), "the answer to begin", first[:100])
    await connection.abort()
    event = await expect_event(
        exchange, "closed", "close() to be called after the client has gone", timeout=CLOSE_AFTER_RESET_TIMEOUT_SECONDS
    )
    assert_that(event.detail["blocks"] <= event.detail["all"], "at most all blocks", event.detail)


@case(MUST, CLOSE, basis=MUST_TEXT)
async def on_client_gone_late(exchange: Exchange) -> None:
    """close() is called also where the client goes away when it has all of the body and the app is not done.

    Sends: A plain request; the app gives a body of 4 bytes with its length, and works on before its iteration ends.
    The client resets the connection meanwhile.
    Expects: One call of close(), within a second of the iteration's end.
    Why: Phones drop connections at every moment. Whatever the page had opened stays open, and is missing once enough
    of them have.
    """
    connection = await open_and_send_get(exchange, "/closing-held")
    await connection.receive_until(b"one\n", timeout=HANG_TIMEOUT_SECONDS)
    await connection.abort()
    exchange.release("last")
    await _assert_closed_once(exchange)


@case(MUST, CLOSE, basis=MUST_TEXT, breach=APP)
async def on_start_error(exchange: Exchange) -> None:
    """close() is called also where start_response raises while the iterable is at its first block.

    Sends: A plain request; the body's first step calls start_response twice without exc_info, which is an error, and
    lets that out.
    Expects: One call of close(). Where the second call raises nothing, the case is skipped.
    Why: A mistake in the app costs not only its page but a connection to the database each time.
    """
    await get_within(exchange, "/closing-after-start-error")
    if not any(event.detail.get("where") == "iteration" for event in exchange.events("raised")):
        exchange.skip("the second call of start_response raised nothing (second-call-fatal)")
    await _assert_closed_once(exchange)


@case(MUST, CLOSE, basis=MUST_TEXT)
async def on_head(exchange: Exchange) -> None:
    """close() is called also for HEAD, whose body nobody gets.

    Sends: A HEAD; the app's body has two blocks and a close() that reports each call.
    Expects: One call of close(). Whether the blocks are asked for at all is the server's affair.
    Why: Link checkers and monitors send HEAD all day long; each would leave something open.
    """
    await _assert_closed_without_body(exchange, "/closing", method="HEAD")


@case(MUST, CLOSE, basis=MUST_TEXT)
async def on_iter_error(exchange: Exchange) -> None:
    """close() is called also where the body cannot even be iterated.

    Sends: A plain request; the app returns an object whose __iter__ raises.
    Expects: One call of close().
    Why: The connection to the database that the page had opened is lost to the pool at each such error, until none is
    left.
    """
    await get_within(exchange, "/closing-without-iteration")
    if not any(event.detail.get("where") == "iter" for event in exchange.events("raised")):
        exchange.skip("the body's __iter__ was not called")
    await _assert_closed_once(exchange)


@case(MUST, CLOSE, basis=MUST_TEXT, breach=APP)
async def on_no_start(exchange: Exchange) -> None:
    """close() is called also where the app never called start_response.

    Sends: A plain request; the app returns a body with close() and names no status.
    Expects: One call of close(), whether a block was asked for or not.
    Why: A mistake in one rarely used page must not leave a file open each time that it is visited.
    """
    await get_within(exchange, "/closing-unstarted")
    await _assert_closed_once(exchange)


@case(MUST, CLOSE, basis=MUST_TEXT, breach=APP, variants={"204": "204 No Content", "304": "304 Not Modified"})
async def on_bodiless(exchange: Exchange, status: str) -> None:
    """close() is called also where the status allows no body.

    Sends: A plain request; the app answers 204 or 304 with a body that has close().
    Expects: One call of close(). Whether blocks are asked for is the server's affair.
    Why: Answers to revisited pages and to scripts' calls are the most frequent of all; each would leave something open.
    """
    await _assert_closed_without_body(exchange, "/closing" + query(status=status))


@case(MUST, CLOSE, basis=MUST_TEXT, breach=APP)
async def when_length_reached(exchange: Exchange) -> None:
    """close() is called also where the server stops iterating because Content-Length is reached.

    Sends: A plain request; the app promises 5 bytes and has 21 blocks of as many.
    Expects: One call of close(), however many blocks were asked for.
    Why: The server has all it needs, but the file or the lock behind the body is still held.
    """
    # Our end stays open meanwhile: this is not about a client that has gone.
    connection = await open_and_send_get(exchange, "/too-long?what=blocks")
    await expect_event(exchange, "closed", "close() to be called")
    await connection.close()
    await _assert_closed_once(exchange)
