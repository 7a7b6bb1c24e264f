"""The app fails after the server has sent a part of the response: the response must not look complete."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, INCOMPLETE_MESSAGE_RULE, definition, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
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
            "The server can abort the response. A client notices this only if the end of the body is missing. A "
            "complete end says that the content is complete."
        ),
        INCOMPLETE_MESSAGE_RULE,
    ),
)
async def mid_body(exchange: Exchange) -> None:
    """When the app raises in the middle of its body, the response does not look complete.

    Sends: A GET request. The app yields one block of binary data, without a Content-Length, and raises.
    Expects: A response without a proper end, and a closed connection. For a body that ends with the connection, closing
    it is enough.
    Why: A last chunk or an open connection tells the client and every cache that half a download is complete.
    """
    connection = await open_and_send_get(exchange, "/fail?when=mid-body")
    await _assert_aborted(connection)


@case(
    SHOULD,
    pep3333(ERRORS, "The server or gateway can then trap this (fatal) exception and abort the response."),
    basis=definition(
        (
            "The server can abort the response. A client notices this only if bytes are missing. If the server "
            "fills the body up to the promised length, the response says that the content is complete."
        ),
        INCOMPLETE_MESSAGE_RULE,
    ),
    breach=APP,
)
async def mid_body_declared(exchange: Exchange) -> None:
    """When the app raises before it has given its Content-Length, the response does not look complete.

    Sends: A GET request. The app declares 100 bytes, yields 6 and raises.
    Expects: At most the 6 bytes. The connection closes before the declared length is reached.
    Why: If the connection stays open, the client waits for the rest. If the server adds an error page, the client takes
    it for the rest.
    """
    connection = await open_and_send_get(exchange, "/fail?when=mid-body&length=100")
    response = await connection.response(timeout=HANG_TIMEOUT_SECONDS)
    if response.status is None or response.status >= 500:
        return
    assert_that(not response.complete, "an incomplete response", response.describe())
    assert_that(b"first\n".startswith(response.body), "only the block of the app", response.body)
    ending = await connection.ending(timeout=ARRIVED_DATA_WAIT_SECONDS)
    assert_that(ending is not ConnectionState.OPEN, "the connection to close", f"{response.describe()}; it stays open")


@case(
    MUST,
    TEXT_ONLY,
    basis=definition(
        "The PEP allows a server to add to a body under one condition: the type is text/*. For other types the body "
        "is exactly the bytes that the app yielded."
    ),
)
async def text_appended_only_to_text(exchange: Exchange) -> None:
    """The server adds no error text to a body that is not text.

    Sends: A GET request. The app yields one block of application/octet-stream and raises.
    Expects: The body contains only that block. The server may add an error message only to text.
    Why: An added message damages an image or an archive.
    """
    response = await get_within(exchange, "/fail?when=mid-body")
    if response.status == 200:
        assert_that(b"first\n".startswith(response.body), "only the block of the app", response.body)


@case(
    SHOULD,
    pep3333(ERRORS, "The server or gateway can then trap this (fatal) exception and abort the response."),
    basis=definition(
        (
            "Written bytes are part of the body like any others. If the server sends a complete end after them, the "
            "response says that the content is complete."
        ),
        INCOMPLETE_MESSAGE_RULE,
    ),
)
async def mid_body_written(exchange: Exchange) -> None:
    """When the app raises after a call of write(), the response does not look complete.

    Sends: A GET request. The app writes a block of binary data and raises before it returns.
    Expects: An error status if the server has sent nothing. Otherwise the block, a response without a proper end, and a
    closed connection.
    Why: Older frameworks write exports line by line. Otherwise an aborted export looks complete.
    """
    connection = await open_and_send_get(exchange, "/fail?when=written-body")
    await _assert_aborted(connection)


async def _assert_aborted(connection: Connection) -> None:
    response = await connection.response()
    if response.status is None or response.status >= 500:
        return
    looks_complete = response.complete and response.framing is not Framing.CLOSE
    assert_that(not looks_complete, "an incomplete response", f"{response.describe()} ({response.framing})")
    ending = await connection.ending(timeout=ARRIVED_DATA_WAIT_SECONDS)
    assert_that(ending is not ConnectionState.OPEN, "the connection to close", "it stays open")
