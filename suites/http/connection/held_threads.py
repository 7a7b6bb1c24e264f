"""A server with one thread: a connection whose request is answered keeps nobody else waiting."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import security
from wsgi_gauntlet.harness.conformance.catalog import SHOULD, case
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


@case(
    SHOULD,
    IDLE_TIMEOUT,
    basis=security(
        "The text lets a server keep an idle connection. If the connection also keeps the only thread, one client that "
        "sends nothing stops the server for everybody else."
    ),
    tags=SECURITY_TAG,
    setup=Setup(threads=1),
    variants={
        "no-body": ("/echo", (), b""),
        "read": ("/read", LENGTH, b"." * 9000),
        "unread": ("/echo", LENGTH, b"." * 9000),
        "unread-large": ("/echo", ("Content-Length: 200000",), b"." * 200000),
        "unread-chunks": ("/echo", ("Transfer-Encoding: chunked",), b"2328\r\n" + b"." * 9000 + b"\r\n0\r\n\r\n"),
        "partly-read": ("/reads?do=read:10", LENGTH, b"." * 9000),
    },
    segmentable=False,
)
async def answered_holds_nobody(exchange: Exchange, target_fields_body: tuple[str, tuple[str, ...], bytes]) -> None:
    """After a complete request and its response, an open connection does not keep the only thread.

    Sends: to a server set to one thread: a whole POST, without a body, with a body that the app reads, or with one that
    it leaves or partly leaves unread. After the response the client sends nothing more, and keeps the connection open
    unless the response says that it closes. Then another client sends a GET.
    Expects: the GET is served within 1.5 s. If the POST gets no response, the case is skipped.
    Why: Browsers keep their connections open for minutes. One visitor would stop the site for all others.
    """
    target, fields, body = target_fields_body
    connection = await exchange.connect()
    await connection.send(post_request(exchange, *fields, body=body, target=target, method="POST"))
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    if not response.complete:
        exchange.skip(f"the server did not respond to the POST: {response.describe()}")
    if response.announces_close:
        await connection.close()  # the server may wait for this, to close in stages
    await assert_server_alive(exchange, RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
