"""Closing with an unread request body: the client must still get the whole response."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import INCOMPLETE_MESSAGE_RULE, definition, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.suites.http.assertions import RESPONSE_TIMEOUT_SECONDS, post_request
from wsgi_gauntlet.suites.pep3333.assertions import BARRIER_EVENT, skip_behind_proxy

CALL_WAIT_SECONDS = 0.3
"""Seconds to wait for the call of the app. A server that reads bodies first calls it later, and reads the body."""

CLOSE_WAIT_SECONDS = 1.0
"""Seconds in which the server closes after a request that demands it. The client reads nothing meanwhile."""

KEEP_WAIT_SECONDS = 0.2
"""The same if the server may keep the connection. A server that closes then does so within milliseconds."""

RESPONSE_BYTES = 1 << 18
"""The length of the response of the behaviour /held-file."""


ONE_READ_BYTES = 4096
"""A server reads a body of this size together with the head, if it arrived with it."""


@dataclass(frozen=True)
class Unread:
    """A request with a body that the app does not read: the part of the body in the first segment, and the rest."""

    fields: tuple[str, ...]
    early: bytes
    late: bytes
    version: str = "HTTP/1.1"
    status: str = "200 OK"

    @property
    def closes(self) -> bool:
        """Whether the server must close the connection after its response."""
        return self.version == "HTTP/1.0" or "Connection: close" in self.fields


CLOSE = "Connection: close"
CHUNKED = "Transfer-Encoding: chunked"

UNREAD = {
    "length": Unread(("Content-Length: 3",), b"", b"555"),
    "length-close": Unread(("Content-Length: 3", CLOSE), b"", b"555"),
    "length-http10": Unread(("Content-Length: 3",), b"", b"555", "HTTP/1.0"),
    "half-close": Unread(("Content-Length: 6", CLOSE), b"555", b"555"),
    "large-close": Unread(("Content-Length: 100000", CLOSE), b"5" * 60000, b"5" * 40000),
    "unfinished-close": Unread(("Content-Length: 100000", CLOSE), b"", b"5" * 1000),
    "chunks": Unread((CHUNKED,), b"3\r\n555\r\n", b"3\r\n555\r\n0\r\n\r\n"),
    "chunks-close": Unread((CHUNKED, CLOSE), b"3\r\n555\r\n", b"3\r\n555\r\n0\r\n\r\n"),
    "error-close": Unread(("Content-Length: 3", CLOSE), b"", b"555", status="413 Content Too Large"),
}


@case(
    SHOULD,
    rfc9112("9.6", "To avoid the TCP reset problem, servers typically close a connection in stages."),
    basis=definition(
        (
            "HTTP describes the way to close a connection so that the client gets the whole response. A server that "
            "closes otherwise resets the connection if it has not read the whole request. The reset destroys bytes "
            "that it has already sent. The text says `typically`, so this is not a must."
        ),
        INCOMPLETE_MESSAGE_RULE,
    ),
    variants=UNREAD,
    segmentable=False,
)
async def close_in_stages(exchange: Exchange, request: Unread) -> None:
    """A client that reads slowly gets the whole response, although the app did not read its request.

    Sends: a POST with a body to an app that waits. The rest of the body follows. Then the app responds with 256 KiB,
    without reading. The client reads nothing before the server has closed the connection or kept it for a moment. The
    body has a length or chunks. In most variants the client asks the server to close.
    Expects: the complete response. If the server rejects the request, the case is skipped; so is the largest body
    behind a proxy.
    Why: An app refuses an upload, or redirects to a login page. With a reset, the browser shows an error, or half a
    page.
    """
    if len(request.early) > ONE_READ_BYTES:
        skip_behind_proxy(exchange)  # it reads the response at once, so its own speed decides what a reset destroys
    connection = await exchange.connect()
    target = "/held-file" + query(status=request.status)
    head = post_request(exchange, *request.fields, body=request.early, target=target, version=request.version)
    await connection.send(head, reading=False)
    with contextlib.suppress(trio.TooSlowError):  # the server may read the body before it calls the app
        await exchange.event(BARRIER_EVENT, timeout=CALL_WAIT_SECONDS)
    await connection.send(request.late, reading=False)
    exchange.release("answer")
    await connection.wait_for_server_to_close(CLOSE_WAIT_SECONDS if request.closes else KEEP_WAIT_SECONDS)
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await exchange.server.channel.read_pending()
    called = exchange.events("called")  # before the close: some servers then call the app with an incomplete body
    await connection.close()
    if response.length != RESPONSE_BYTES and response.complete:
        exchange.skip(f"the server rejected the request: {response.describe()}")
    if not called:
        exchange.skip(f"the app was not called; the response was {response.describe()}")
    assert_that(response.complete, f"all {RESPONSE_BYTES} bytes of the response", response.describe())
