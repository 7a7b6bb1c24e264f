"""A server with one thread: a connection whose request is answered keeps nobody else waiting."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import Violation
from wsgi_gauntlet.harness.conformance.basis import recorded_only, security
from wsgi_gauntlet.harness.conformance.catalog import INFO, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.http.assertions import (
    RESPONSE_TIMEOUT_SECONDS,
    SECURITY_TAG,
    assert_server_alive,
    post_request,
)
from wsgi_gauntlet.suites.http.references import IDLE_TIMEOUT

LENGTH = ("Content-Length: 9000",)


async def _assert_next_client_served(exchange: Exchange, request: bytes) -> None:
    connection = await exchange.connect()
    await connection.send(request)
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    if not response.complete:
        exchange.skip(f"the server did not respond to the first request: {response.describe()}")
    if response.announces_close:
        await connection.close()  # the server may wait for this, to close in stages
    await assert_server_alive(exchange, RESPONSE_TIMEOUT_SECONDS)
    await connection.close()


@case(
    INFO,
    IDLE_TIMEOUT,
    basis=recorded_only("No specification says how many connections a server keeps open at the same time."),
    setup=Setup(threads=1),
    segmentable=False,
)
async def idle_holds_nobody(exchange: Exchange) -> None:
    """The harness records whether an idle connection keeps the only thread of a server.

    Sends: to a server set to one thread: a GET. After the response the client keeps the connection open and sends
    nothing more. Then another client sends a GET.
    Expects: Either. Whether the second GET is served within 1.5 s is recorded; nothing is required.
    Why: Browsers keep their connections open for minutes. One visitor would stop the site for all others.
    """
    await _assert_next_client_served(exchange, exchange.request("/echo"))


@case(
    SHOULD,
    IDLE_TIMEOUT,
    basis=security(
        "The text lets a server keep an idle connection. If a body that nobody reads also keeps the only thread, one "
        "client that sends nothing more stops the server for everybody else."
    ),
    tags=SECURITY_TAG,
    setup=Setup(threads=1),
    variants={
        "read": ("/read", LENGTH, b"." * 9000),
        "unread": ("/echo", LENGTH, b"." * 9000),
        "unread-large": ("/echo", ("Content-Length: 200000",), b"." * 200000),
        "unread-chunks": ("/echo", ("Transfer-Encoding: chunked",), b"2328\r\n" + b"." * 9000 + b"\r\n0\r\n\r\n"),
        "partly-read": ("/reads?do=read:10", LENGTH, b"." * 9000),
    },
    segmentable=False,
)
async def answered_holds_nobody(exchange: Exchange, target_fields_body: tuple[str, tuple[str, ...], bytes]) -> None:
    """After a complete POST and its response, an open connection does not keep the only thread.

    Sends: to a server set to one thread: a whole POST, with a body that the app reads, or with one that it leaves or
    partly leaves unread. After the response the client sends nothing more, and keeps the connection open
    unless the response says that it closes. Then another client sends a GET.
    Expects: the GET is served within 1.5 s. If the POST gets no response, or if also an idle connection keeps the
    thread, the case is skipped.
    Why: Browsers keep their connections open for minutes. One visitor would stop the site for all others.
    """
    try:
        await _assert_next_client_served(exchange, exchange.request("/echo"))
    except Violation:
        exchange.skip("also an idle connection keeps the only thread; see http/connection/idle-holds-nobody")
    target, fields, body = target_fields_body
    await _assert_next_client_served(exchange, post_request(exchange, *fields, body=body, target=target))
