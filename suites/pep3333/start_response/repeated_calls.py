"""Repeated calls of start_response: in an error handler with exc_info, too late, or by mistake."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT, SHOULD_TEXT, definition, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import Framing
from wsgi_gauntlet.suites.pep3333.assertions import (
    HANG_TIMEOUT_SECONDS,
    NEEDS_WRITE,
    assert_served,
    assert_step_raises,
    assert_step_returns,
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


DID_NOT_RERAISE = "start_response did not raise; see pep3333/start-response/exc-info-reraises"
"""Reason to skip a case about the exception that start_response raises."""


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
    """With exc_info and before the headers are sent, start_response replaces the status, the headers and the length.

    Sends: A GET request. The app starts a 200 with X-First and a Content-Length of 3. Then it starts a 503 with
    exc_info, X-Second and a longer body.
    Expects: The 503 with X-Second and its complete body. Nothing of the first headers remains, in particular not the
    length.
    Why: Otherwise an error page is cut off at the length of the failed page, or sent as a success.
    """
    response = await exchange.get("/replace")
    assert_served(response, b"replaced\n", 503)
    assert_equal((response.all("X-First"), response.all("X-Second")), ([], [b"yes"]), "X-First and X-Second")
    assert_that(
        response.header("Content-Length") != b"3",
        "another Content-Length than the first one",
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
        'The PEP says that the call "will return normally" if the server has sent nothing. The app then gives the '
        "response. No other behaviour is possible."
    ),
)
async def exc_info_first(exchange: Exchange) -> None:
    """The first call of start_response may have exc_info.

    Sends: A GET request. The app fails before it calls start_response. Its error handler calls start_response with
    exc_info.
    Expects: The call returns, and the client gets the 503 with its body.
    Why: Frameworks do this. Otherwise the error page of the framework is replaced by that of the server.
    """
    response = await exchange.get("/start-in-handler")
    await assert_step_returns(exchange, "start_response", "start_response")
    assert_served(response, b"caught\n", 503)


@case(MUST, HEADERS_ALREADY_SENT, basis=MUST_TEXT)
async def exc_info_reraises(exchange: Exchange) -> None:
    """With exc_info and after the headers are sent, start_response raises.

    Sends: A GET request. The app yields a block, and then calls start_response with exc_info.
    Expects: The call raises.
    Why: Otherwise an error page appears in the middle of a download.
    """
    await exchange.get("/replace-too-late")
    await assert_step_raises(exchange, "start_response", "start_response")


@case(MUST, HEADERS_ALREADY_SENT, basis=MUST_TEXT, needs=NEEDS_WRITE)
async def exc_info_reraises_after_write(exchange: Exchange) -> None:
    """With exc_info and after a call of write(), start_response raises.

    Sends: A GET request. The app writes a block, waits at a barrier until the client has received it, and then calls
    start_response with exc_info.
    Expects: The call raises. The case is skipped when the call returns and the client had not received the block. Then
    the server can still replace the headers, and write-delivered reports the delay.
    Why: Otherwise frameworks that use write() put the error page into the middle of the failed page.
    """
    connection = await open_and_send_get(exchange, "/replace-after-write")
    await wait_for_barrier(exchange, "written")
    early = await connection.receive_until(b"first\n", timeout=HANG_TIMEOUT_SECONDS)
    exchange.release("written")
    event = await step_outcome(exchange, "start_response")
    if event.kind != "raised" and b"first\n" not in early:
        exchange.skip(
            "the written block had not reached the client, so the server can still replace the headers; see "
            "pep3333/body/write-delivered"
        )
    assert_that(event.kind == "raised", "start_response to raise", "it returned")


@case(SHOULD, pep3333(START, "and should re-raise using the exc_info tuple"), basis=SHOULD_TEXT)
async def exc_info_same_exception(exchange: Exchange) -> None:
    """start_response raises the exception of the app, with its traceback.

    Sends: A GET request. The app yields a block, and then calls start_response with exc_info.
    Expects: The call raises the exception of the app with its traceback. The case is skipped when the call raises
    nothing.
    Why: The log then shows the error and its place. Another exception only shows that the call was too late.
    """
    await exchange.get("/replace-too-late")
    event = await step_outcome(exchange, "start_response")
    if event.kind != "raised":
        exchange.skip(DID_NOT_RERAISE)
    assert_that(event.detail["same"], "the exception in exc_info", f"{event.detail['type']}: {event.detail['text']}")
    assert_that(event.detail["traceback"], "the traceback in exc_info", "another traceback")


@case(
    MUST,
    pep3333(
        START,
        "it is a fatal error to call start_response without the exc_info argument if start_response has already been "
        "called within the current invocation of the application",
    ),
    basis=definition(
        "The PEP calls this call a fatal error, so the call cannot succeed. The example gateway of the PEP raises an "
        "exception."
    ),
    breach=APP,
)
async def second_call_fatal(exchange: Exchange) -> None:
    """A second call of start_response without exc_info raises.

    Sends: A GET request. The app calls start_response twice without exc_info.
    Expects: The second call raises.
    Why: Otherwise one of two responses wins by chance, and the next server may choose the other one.
    """
    response = await exchange.get("/start-twice")
    event = await step_outcome(exchange, "second")
    assert_that(
        event.kind == "raised", "the second call to raise", f"it returned, and the client got {response.describe()}"
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
    """The server keeps no reference to exc_info after start_response returns.

    Sends: A GET request. The app passes its exception to start_response and then checks with a weak reference whether
    the exception still exists.
    Expects: The exception is gone. The case is skipped when start_response raises.
    Why: A traceback keeps every local variable of its frames alive. Uploads and query results stay in memory, and the
    process grows.
    """
    await exchange.get("/drop-exc-info")
    event = await expect_event_where(
        exchange, lambda event: event.kind in ("reference", "raised"), "start_response with exc_info to return"
    )
    if event.kind == "raised":
        exchange.skip(
            "start_response raised although the server had sent nothing; see pep3333/start-response/exc-info-replaces"
        )
    assert_that(not event.detail["kept"], "no reference to the exception", "the exception still exists")


@case(
    MUST,
    pep3333(START, "This includes the case where the first call to start_response raised an error."),
    basis=definition("The PEP names this case as part of the fatal error, so the call cannot succeed."),
    breach=APP,
)
async def second_call_after_error(exchange: Exchange) -> None:
    """A second call of start_response without exc_info raises, also when the first call raised.

    Sends: A GET request. The app calls start_response with a header value that is not a str and catches the error. Then
    it calls start_response again with valid arguments and without exc_info.
    Expects: The second call raises. The case is skipped when the first call returns, which checks-arguments reports.
    Why: An error handler that works by accident on one server loses the error page on the next one. The developer
    should see this early.
    """
    await exchange.get("/start-again")
    if (await step_outcome(exchange, "first")).kind != "raised":
        exchange.skip(
            "start_response accepted a value that is not a str; see "
            "pep3333/start-response/checks-arguments/value-not-str"
        )
    await assert_step_raises(exchange, "second", "the second call")


@case(
    SHOULD,
    pep3333(
        START,
        "This will re-raise the exception trapped by the application, and in principle should abort the application.",
    ),
    basis=SHOULD_TEXT,
)
async def exc_info_aborts(exchange: Exchange) -> None:
    """When the app calls start_response too late and does not catch the exception, the server visibly aborts the
    response.

    Sends: A GET request. The app yields a block, calls start_response with exc_info, and does not catch the exception.
    Expects: The first block and no proper end: no last chunk, less than the declared length, or a closed connection.
    The case is skipped when start_response raises nothing.
    Why: Otherwise the browser saves half a file as if it were complete, and a proxy stores it for all users.
    """
    response = await exchange.get("/replace-too-late")
    if (await step_outcome(exchange, "start_response")).kind != "raised":
        exchange.skip(DID_NOT_RERAISE)
    looks_complete = response.complete and response.framing is not Framing.CLOSE
    assert_that(
        response.status is None or response.status >= 500 or not looks_complete,
        "an incomplete response",
        response.describe(),
    )
    assert_that(b"second" not in response.body, "no second block in the body", response.body)
