"""Calling start_response in an error handler, again, or too late: exc_info."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT, SHOULD_TEXT, definition
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.harness.http.parser import Framing
from wsgi_gauntlet.suites.pep3333.assertions import (
    HANG_TIMEOUT_SECONDS,
    NEEDS_WRITE,
    assert_served,
    expect_event_where,
    open_and_send_get,
    step_outcome,
    wait_for_barrier,
)

START = "The start_response() Callable"

HEADERS_ALREADY_SENT = pep3333(
    START,
    "However, if exc_info is provided, and the HTTP headers have already been sent, start_response must raise an error",
)


@case(
    SHOULD,
    pep3333(
        START,
        "If exc_info is supplied, and no HTTP headers have been output yet, start_response should replace the "
        "currently-stored HTTP response headers with the newly-supplied ones",
    ),
    basis=SHOULD_TEXT,
)
async def exc_info_replaces(exchange: Exchange) -> None:
    """With exc_info and before anything was sent, status, headers and length are all replaced.

    Sends: A plain request; the app starts a 200 with X-First and a Content-Length of 3, then, with exc_info, a 503 with
    X-Second and a longer body.
    Expects: The 503 with X-Second and its whole body; nothing of the first headers, its length least of all.
    Why: Error pages are cut off at the length of the page that failed, or sent as a success.
    """
    response = await exchange.get("/replace")
    assert_served(response, b"replaced\n", 503)
    assert_equal((response.all("X-First"), response.all("X-Second")), ([], [b"yes"]), "X-First and X-Second")
    assert_that(
        response.header("Content-Length") != b"3",
        "the first Content-Length to be gone",
        response.header("Content-Length"),
    )


@case(
    MUST,
    pep3333(
        "Error Handling",
        "If no output has been written when an exception occurs, the call to start_response will return normally, and "
        "the application will return an error body to be sent to the browser.",
    ),
    basis=definition(
        'The call "will return normally" where nothing was sent, and the answer is what the app '
        "gives then; the PEP leaves no other course."
    ),
)
async def exc_info_first(exchange: Exchange) -> None:
    """With exc_info, start_response may also be called for the first time.

    Sends: A plain request; the app fails before it has called start_response, and calls it in its error handler, with
    exc_info.
    Expects: The call is taken, and the client gets the 503 with its body.
    Why: Frameworks do just that; their own error page would become the server's bare one.
    """
    response = await exchange.get("/start-in-handler")
    event = await step_outcome(exchange, "start_response")
    assert_that(event.kind == "returned", "the call to be taken", event.detail.get("text"))
    assert_served(response, b"caught\n", 503)


@case(
    MUST,
    HEADERS_ALREADY_SENT,
    basis=MUST_TEXT,
)
async def exc_info_reraises(exchange: Exchange) -> None:
    """With exc_info and after the headers were sent, start_response raises.

    Sends: A plain request; the app yields a block, and then calls start_response with exc_info.
    Expects: The call raises.
    Why: Nothing else keeps an error page out of the middle of a download.
    """
    await exchange.get("/replace-too-late")
    event = await step_outcome(exchange, "start_response")
    assert_equal(event.kind, "raised", "what start_response did")


@case(
    MUST,
    HEADERS_ALREADY_SENT,
    basis=MUST_TEXT,
    needs=NEEDS_WRITE,
)
async def exc_info_reraises_after_write(exchange: Exchange) -> None:
    """With exc_info and after a block went through write(), start_response raises.

    Sends: A plain request; the app writes a block, waits at a barrier until the client has it, and then calls
    start_response with exc_info.
    Expects: The call raises. Where it does not, and the block had not come while the app waited, the case is skipped:
    what was not sent yet can still be replaced, and write-delivered tells of the delay.
    Why: Frameworks that write their pages would put the error page into the middle of the page that failed.
    """
    connection = await open_and_send_get(exchange, "/replace-after-write")
    await wait_for_barrier(exchange, "written")
    early = await connection.receive_until(b"first\n", timeout=HANG_TIMEOUT_SECONDS)
    exchange.release("written")
    event = await step_outcome(exchange, "start_response")
    if event.kind != "raised" and b"first\n" not in early:
        exchange.skip(
            "what went through write() had not reached the client yet, so it can still be replaced (write-delivered)"
        )
    assert_equal(event.kind, "raised", "what start_response did")


@case(SHOULD, pep3333(START, "and should re-raise using the exc_info tuple"), basis=SHOULD_TEXT)
async def exc_info_same_exception(exchange: Exchange) -> None:
    """What start_response then raises is the app's own exception, with its traceback.

    Sends: A plain request; the app yields a block, and then calls start_response with exc_info.
    Expects: What is raised is the app's own exception with its traceback. Where nothing is raised, the case is skipped.
    Why: The log shows what went wrong and where; another exception tells the author only that it was too late.
    """
    await exchange.get("/replace-too-late")
    event = await step_outcome(exchange, "start_response")
    if event.kind != "raised":
        exchange.skip("start_response raised nothing (exc-info-reraises)")
    assert_that(
        event.detail["same"], "the exception of exc_info itself", f"{event.detail['type']}: {event.detail['text']}"
    )
    assert_that(event.detail["traceback"], "its own traceback", "another one")


@case(
    MUST,
    pep3333(
        START,
        "it is a fatal error to call start_response without the exc_info argument if start_response has already been "
        "called within the current invocation of the application",
    ),
    basis=definition(
        "What the PEP calls a fatal error of the call cannot pass as a good call; its own gateway raises."
    ),
    breach=APP,
)
async def second_call_fatal(exchange: Exchange) -> None:
    """A second call without exc_info raises.

    Sends: A plain request; the app calls start_response twice without exc_info.
    Expects: The second call raises.
    Why: Otherwise one of two answers wins by chance, and on the next server the other one.
    """
    response = await exchange.get("/start-twice")
    event = await step_outcome(exchange, "second")
    assert_that(
        event.kind == "raised", "the second call to raise", f"it returned; the client got {response.describe()}"
    )


@case(
    SHOULD,
    pep3333(
        START,
        "should ensure that no reference is held to the exc_info parameter beyond the duration of the function's "
        "execution",
    ),
    basis=SHOULD_TEXT,
)
async def no_reference_kept(exchange: Exchange) -> None:
    """exc_info is let go when start_response returns.

    Sends: A plain request; the app gives its exception to start_response and then looks, by a weak reference, whether
    it is still there.
    Expects: It is gone. Where start_response raises, the case is skipped.
    Why: Kept, it holds every local variable of every frame below: uploads and query results stay in memory, and the
    process grows.
    """
    await exchange.get("/drop-exc-info")
    event = await expect_event_where(
        exchange, lambda e: e.kind in ("reference", "raised"), "start_response with exc_info to return"
    )
    if event.kind == "raised":
        exchange.skip("start_response raised, though nothing had been sent (exc-info-replaces)")
    assert_that(not event.detail["kept"], "nobody to hold the exception any more", "the server still does")


@case(
    MUST,
    pep3333(START, "This includes the case where the first call to start_response raised an error."),
    basis=definition("The fatal error includes this case by name, so the call cannot pass as a good one."),
    breach=APP,
)
async def second_call_after_error(exchange: Exchange) -> None:
    """A second call without exc_info raises also where the first one raised.

    Sends: A plain request; the app calls start_response with a value that is no text, traps the error, and calls it
    again with good arguments, but without exc_info.
    Expects: The second call raises. Where the first call takes the value, that is checks-arguments' affair, and this
    case is skipped.
    Why: An error handler that works by accident here loses the error page on the next server; the author should hear of
    it at home.
    """
    await exchange.get("/start-again")
    if (await step_outcome(exchange, "first")).kind != "raised":
        exchange.skip("start_response took a value that is no text (checks-arguments)")
    event = await step_outcome(exchange, "second")
    assert_equal(event.kind, "raised", "what the second call did")


@case(
    SHOULD,
    pep3333(
        START,
        "This will re-raise the exception trapped by the application, and in principle should abort the application.",
    ),
    basis=SHOULD_TEXT,
)
async def exc_info_aborts(exchange: Exchange) -> None:
    """What start_response raises for an app that comes too late ends the answer, visibly.

    Sends: A plain request; the app yields a block, calls start_response with exc_info, and lets out what that raises.
    Expects: The first block and a broken end: no last chunk, no complete length, or a connection that closes. An answer
    that lasts until the connection closes cannot say more. Where start_response raises nothing, the case is skipped.
    Why: The browser saves half a file as if it were whole, and a proxy keeps it for everybody.
    """
    response = await exchange.get("/replace-too-late")
    if (await step_outcome(exchange, "start_response")).kind != "raised":
        exchange.skip("start_response raised nothing (exc-info-reraises)")
    whole = response.complete and response.framing is not Framing.CLOSE
    assert_that(
        response.status is None or response.status >= 500 or not whole,
        "no clean end of the message",
        response.describe(),
    )
    assert_that(b"second" not in response.body, "nothing of what the app would have sent next", response.body)
