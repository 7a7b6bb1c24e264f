"""The app breaks when part of its answer is out: nobody may take that for the whole."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, INCOMPLETE_MESSAGE_RULE, definition
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.harness.http.connection import Connection
from wsgi_gauntlet.harness.http.parser import ConnectionState, Framing
from wsgi_gauntlet.suites.pep3333.assertions import (
    ARRIVED_DATA_WAIT_SECONDS,
    HANG_TIMEOUT_SECONDS,
    get_within,
    open_and_send_get,
)

ERRORS = "Error Handling"

TEXT_ONLY = pep3333(
    ERRORS,
    "If a partial response has already been written to the browser when an application error occurs, the server or "
    "gateway may attempt to add an error message to the output, if the already-sent headers indicate a text/* content "
    "type that the server knows how to modify cleanly.",
)


@case(
    SHOULD,
    pep3333(ERRORS, "The server or gateway can then trap this (fatal) exception and abort the response."),
    basis=definition(
        (
            "The server can abort the response, and a client knows of that only by what is missing "
            "at the end. A whole end says that all of the content came."
        ),
        INCOMPLETE_MESSAGE_RULE,
    ),
)
async def mid_body(exchange: Exchange) -> None:
    """An app that raises in the middle of its body does not leave a message that looks whole.

    Sends: A plain request; the app yields one block of binary data, without a length, and raises.
    Expects: A broken end and a connection that closes. A body that lasts until the connection ends cannot say more than
    that.
    Why: A last chunk, or a connection kept open, would tell the client and every cache that half a download is all of
    it.
    """
    connection = await open_and_send_get(exchange, "/fail?when=mid-body")
    await _assert_aborted(connection)


@case(
    SHOULD,
    pep3333(ERRORS, "The server or gateway can then trap this (fatal) exception and abort the response."),
    basis=definition(
        (
            "The server can abort the response, and a client knows of that only by the bytes that "
            "are missing. Made up to the promised length, the answer says that all of the content "
            "came."
        ),
        INCOMPLETE_MESSAGE_RULE,
    ),
    breach=APP,
)
async def mid_body_declared(exchange: Exchange) -> None:
    """Nor does an app that promised a length, and raises before it has given so much.

    Sends: A plain request; the app promises 100 bytes, yields 6 and raises.
    Expects: The 6 bytes at most, and a connection that closes before the promise is kept.
    Why: Kept open, the client waits for the rest; one that is sent an error page takes that for the rest.
    """
    connection = await open_and_send_get(exchange, "/fail?when=mid-body&length=100")
    response = await connection.response(timeout=HANG_TIMEOUT_SECONDS)
    if response.status is None or response.status >= 500:
        return
    assert_that(not response.complete, "no clean end of the message", response.describe())
    assert_that(b"first\n".startswith(response.body), "nothing but the block that the app gave", response.body)
    ending = await connection.ending(timeout=ARRIVED_DATA_WAIT_SECONDS)
    assert_that(ending is not ConnectionState.OPEN, "the connection to close", f"{response.describe()}; it stays open")


@case(
    MUST,
    TEXT_ONLY,
    basis=definition(
        "The permission to add to a body is given under one condition, text/*; without it the "
        "body is what the app yielded."
    ),
)
async def text_appended_only_to_text(exchange: Exchange) -> None:
    """No error text is added to a body that is not text.

    Sends: A plain request; the app yields one block of application/octet-stream, and raises.
    Expects: Nothing in the body but that block. To text an error message may be added.
    Why: Added to an image or an archive, it breaks what was whole.
    """
    response = await get_within(exchange, "/fail?when=mid-body")
    if response.status == 200:
        assert_that(b"first\n".startswith(response.body), "nothing but the block that the app gave", response.body)


@case(
    SHOULD,
    pep3333(ERRORS, "The server or gateway can then trap this (fatal) exception and abort the response."),
    basis=definition(
        (
            "What was written is a part of the body like any other: a whole end behind it says that "
            "all of the content came."
        ),
        INCOMPLETE_MESSAGE_RULE,
    ),
)
async def mid_body_written(exchange: Exchange) -> None:
    """Nor does an app that raises after it has given a block to write().

    Sends: A plain request; the app writes a block of binary data and raises before it has returned anything.
    Expects: An error status where nothing was sent yet; else the block and a broken end, or a connection that closes.
    Why: An export that an older framework writes line by line ends early, and looks complete.
    """
    connection = await open_and_send_get(exchange, "/fail?when=written-body")
    await _assert_aborted(connection)


async def _assert_aborted(connection: Connection) -> None:
    response = await connection.response()
    if response.status is None or response.status >= 500:
        return
    whole = response.complete and response.framing is not Framing.CLOSE
    assert_that(not whole, "no clean end of the message", f"{response.describe()} ({response.framing})")
    ending = await connection.ending(timeout=ARRIVED_DATA_WAIT_SECONDS)
    assert_that(ending is not ConnectionState.OPEN, "the connection to close", "it stays open")
