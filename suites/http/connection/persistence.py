"""Persistent connections: which connections stay open, which close, and whether the response says so."""

from __future__ import annotations

import contextlib

import trio

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MUST_TEXT,
    SHOULD_TEXT,
    from_recipient_semantics,
    from_sender_semantics,
    recorded_only,
    rfc9112,
)
from wsgi_gauntlet.harness.conformance.catalog import INFO, MAY, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.connection import Connection
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.suites.http.assertions import (
    RESPONSE_TIMEOUT_SECONDS,
    assert_closed,
    assert_served,
    assert_server_alive,
    raw_request,
    record_behaviour,
    send_request,
)
from wsgi_gauntlet.suites.http.references import IDLE_TIMEOUT
from wsgi_gauntlet.suites.pep3333.assertions import BARRIER_EVENT

PERSIST = rfc9112("9.3", "HTTP implementations SHOULD support persistent connections.")
CLOSE = rfc9112(
    "9.6",
    'A server that receives a "close" connection option MUST initiate closure of the connection (see below) after it '
    'sends the final response to the request that contained the "close" connection option.',
)
NOT_PERSISTENT = rfc9112("9.3", "The connection will close after the current response.")


@case(SHOULD, PERSIST, basis=SHOULD_TEXT)
async def keep_alive(exchange: Exchange) -> None:
    """A second request on the same HTTP/1.1 connection is served.

    Sends: a GET in HTTP/1.1. After its response, another GET on the same connection.
    Expects: the server serves both on the one connection.
    Why: Without persistent connections, every image and script of a page needs a new connection. So does every request
    from a proxy to the server.
    """
    result = await send_request(exchange, exchange.request("/echo"))
    assert_served(result)
    good = result.second_response is not None and result.second_response.status == 200
    assertions.assert_that(
        good, "a second response on the same connection", result.response.describe() + ", then the connection closed"
    )


@case(
    MUST,
    rfc9112(
        "9.3",
        'A server that does not support persistent connections MUST send the "close" connection option in every '
        "response message that does not have a 1xx (Informational) status code.",
    ),
    basis=MUST_TEXT,
)
async def says_close(exchange: Exchange) -> None:
    """If the server closes the connection after a response, the response says `Connection: close`.

    Sends: a GET in HTTP/1.1. Then another GET on the same connection, unless the response says close.
    Expects: the server serves the second request, or the first response says `Connection: close`.
    Why: Without this header a client sends its next request into a closing connection. It cannot know whether the
    request was processed: an order may arrive twice or never.
    """
    result = await send_request(exchange, exchange.request("/echo"))
    assertions.assert_equal(result.response.status, 200, "the status")
    second_served = result.second_response is not None and result.second_response.status is not None
    actual = (
        f"Connection: {b', '.join(result.response.all('connection'))!r} and the connection {result.connection_state}"
    )
    assertions.assert_that(
        second_served or result.response.announces_close, "`Connection: close`, or a second response", actual
    )


async def _assert_closes_after_response(
    exchange: Exchange, version: str = "HTTP/1.1", connection_option: str = ""
) -> None:
    """Send one request after which the server must close, and nothing more, because a client must not send more."""
    connection = await exchange.connect()
    await connection.send(
        exchange.request(
            "/echo", headers=[("Connection", connection_option)] if connection_option else [], version=version
        )
    )
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    connection_state = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    unread_bytes = connection.unread
    await connection.close()
    await assert_server_alive(exchange)
    assertions.assert_equal(response.status, 200, "the status of the response")
    assertions.assert_that(not unread_bytes, "nothing after the response", unread_bytes)
    assertions.assert_that(
        connection_state is not ConnectionState.OPEN,
        "the connection closed after the response",
        f"open after {RESPONSE_TIMEOUT_SECONDS:g} s",
    )


@case(MUST, CLOSE, basis=MUST_TEXT)
async def close_honoured(exchange: Exchange) -> None:
    """After a request with `Connection: close`, the server closes the connection.

    Sends: a GET with `Connection: close`, and nothing more.
    Expects: 200. Then the server closes the connection.
    Why: The client reads one response and waits for the end of the connection. If the server does not close, the client
    waits until its timeout.
    """
    await _assert_closes_after_response(exchange, connection_option="close")


@case(
    MUST,
    CLOSE,
    basis=MUST_TEXT,
    variants={
        "last": "x-other, close",
        "case": "Close",
        "lines": "x-other\r\nConnection: close",
        "beside-keep-alive": "keep-alive, close",
        "empty-members": ", ,close,",
    },
)
async def close_in_list(exchange: Exchange, value: str) -> None:
    """`close` is found in a list of connection options, in any case and on any line.

    Sends: a GET with `close` among other connection options: `x-other, close`, `keep-alive, close`, between empty
    members, as `Close`, or on a second line. Nothing more.
    Expects: 200. Then the server closes the connection.
    Why: The header is a list. A server that compares the whole value with `close` keeps the connection open, and the
    client waits for its end.
    """
    await _assert_closes_after_response(exchange, connection_option=value)


@case(
    MUST,
    NOT_PERSISTENT,
    basis=from_recipient_semantics(
        "This is the last rule of the list. It applies if no other rule does, as for HTTP/1.0 without keep-alive."
    ),
)
async def http10_closes(exchange: Exchange) -> None:
    """After an HTTP/1.0 request without keep-alive, the server closes the connection.

    Sends: a GET in HTTP/1.0 without keep-alive, and nothing more.
    Expects: 200. Then the server closes the connection.
    Why: Such a client uses the end of the connection as the end of the page. Its user sees a page that never stops
    loading.
    """
    await _assert_closes_after_response(exchange, version="HTTP/1.0")


async def _send_request_after_close(exchange: Exchange) -> tuple[Response, bytes]:
    """Send a request that ends the connection and, while the app handles it, a whole second request.

    Returns the first response and the bytes after it.
    """
    second = exchange.request("/echo", token=f"{exchange.token}.second")
    connection = await exchange.connect()
    # A server may read the first half together with the first request, but not the second half. Both must make no
    # difference, so every attempt tries both.
    first = exchange.request("/echo?hold=answer", headers=[("Connection", "close")])
    await connection.send(first + second[: len(second) // 2])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_when_closed, connection, nursery.cancel_scope)
        with contextlib.suppress(trio.TooSlowError):
            await exchange.event(BARRIER_EVENT, timeout=RESPONSE_TIMEOUT_SECONDS)
        nursery.cancel_scope.cancel()
    await connection.send(second[len(second) // 2 :])
    exchange.release("answer")
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    unread_bytes = connection.unread
    await connection.close()
    await assert_server_alive(exchange)
    return response, unread_bytes


async def _cancel_when_closed(connection: Connection, wait_scope: trio.CancelScope) -> None:
    """Cancel `wait_scope` if the server rejects the request and closes the connection."""
    if await connection.ending(RESPONSE_TIMEOUT_SECONDS) is not ConnectionState.OPEN:
        wait_scope.cancel()


@case(
    MUST,
    rfc9112("9.6", "The server MUST NOT process any further requests received on that connection."),
    basis=MUST_TEXT,
    breach=CLIENT,
    segmentable=False,
)
async def behind_close_unprocessed(exchange: Exchange) -> None:
    """A request after `Connection: close` is not processed.

    Sends: a GET with `Connection: close` and the first half of a second request, which a client must not send. The
    other half follows while the app handles the first request.
    Expects: the server sends no response to the second request and does not pass it to the app.
    Why: The client reads only one response. If the server processes the second request, nobody learns of its result.
    """
    _, unread_bytes = await _send_request_after_close(exchange)
    late = [e.token for e in exchange.events("called") if e.token.endswith(".second")]
    assertions.assert_that(
        not late and not unread_bytes,
        "no response to the second request and no call of the app for it",
        unread_bytes or "the app was called",
    )


@case(
    SHOULD,
    CLOSE,
    basis=from_recipient_semantics(
        "The request was complete before the further bytes arrived. Therefore the server must send its final response."
    ),
    breach=CLIENT,
    segmentable=False,
)
async def behind_close_served(exchange: Exchange) -> None:
    """Bytes after a request with `Connection: close` do not cost that request its response.

    Sends: a GET with `Connection: close` and the first half of a second request, which a client must not send. The
    other half follows while the app handles the first request.
    Expects: 200 for the first request. The case `behind-close-unprocessed` checks the second one.
    Why: If a proxy or a library makes this mistake, it loses the response to an order that was processed.
    """
    response, _ = await _send_request_after_close(exchange)
    assertions.assert_equal(response.status, 200, "the status of the first response")


@case(
    MAY,
    rfc9112(
        "9.3",
        'the recipient wishes to honor the HTTP/1.0 "keep-alive" mechanism, the connection will persist after the '
        "current response",
    ),
    basis=recorded_only('The words "wishes to honor" leave the choice to the server.'),
)
async def http10_keep_alive(exchange: Exchange) -> None:
    """HTTP/1.0 with keep-alive is served; the connection stays open only if the response says keep-alive.

    Sends: a GET in HTTP/1.0 with `Connection: keep-alive`. Then a second request, if the response allows it.
    Expects: 200 for the first request. The server serves the second exactly if the first response said keep-alive;
    otherwise it closes the connection.
    Why: Benchmarks, old proxies and nginx by default use HTTP/1.0. A wrong header makes them send into a closed
    connection or wait on an open one.
    """
    result = await send_request(
        exchange, exchange.request("/echo", version="HTTP/1.0", headers=[("Connection", "keep-alive")])
    )
    assert_served(result)
    stays = result.second_response is not None and result.second_response.status == 200
    says_keep_alive = "keep-alive" in result.response.options("connection") or not result.response.announces_close
    assertions.assert_that(
        stays == says_keep_alive,
        "the connection to stay open or to close as the response says",
        result.response.all("connection"),
    )


@case(
    MUST,
    rfc9112(
        "9.3",
        "In order to remain persistent, all messages on a connection need to have a self-defined message length (i.e., "
        "one not defined by closure of the connection)",
    ),
    basis=from_sender_semantics(
        "On a persistent connection each message defines its own length. HTTP/1.0 has no chunks, so the server sends "
        "a length or closes the connection."
    ),
)
async def http10_keep_alive_unknown_length(exchange: Exchange) -> None:
    """An HTTP/1.0 client with keep-alive can find the end of a body whose length the app does not give.

    Sends: a GET in HTTP/1.0 with `Connection: keep-alive`, to an app that gives no length.
    Expects: the whole body. A Content-Length or the end of the connection marks its end.
    Why: HTTP/1.0 has no chunks. If the connection stays open without a length, the client waits for more until its
    timeout.
    """
    request = exchange.request("/respond?framing=none", version="HTTP/1.0", headers=[("Connection", "keep-alive")])
    result = await send_request(exchange, request)
    assertions.assert_equal(result.response.body, f"gauntlet {exchange.token}\n".encode(), "the body")
    assertions.assert_that(
        result.response.complete,
        "the end of the body marked by a length or by the end of the connection",
        result.describe(),
    )


@case(INFO, IDLE_TIMEOUT, basis=recorded_only("The sentence describes usual behaviour and does not give a time."))
async def idle_reaped(exchange: Exchange) -> None:
    """Record how long the server keeps an idle connection open, up to three seconds.

    Sends: one request, and nothing for up to three seconds.
    Expects: nothing is required. The case records how long the connection stays open.
    Why: Open idle connections cost the server resources. A connection that closes early costs the next request a new
    one, or an error behind a load balancer that uses it.
    """
    connection = await exchange.connect()
    await connection.send(raw_request(exchange, f"GET {exchange.target('/echo')} HTTP/1.1"))
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    if response.announces_close:
        record_behaviour("the time for which an idle connection stays open", "closed with the response")
    began = trio.current_time()
    if await connection.ending(3.0) is ConnectionState.OPEN:
        record_behaviour("the time for which an idle connection stays open", "longer than 3 s")
    record_behaviour("the time for which an idle connection stays open", f"{trio.current_time() - began:.1f} s")


@case(
    MUST,
    rfc9112(
        "9.6",
        'A server that sends a "close" connection option MUST initiate closure of the connection (see below) after it '
        'sends the response containing the "close" connection option.',
    ),
    basis=MUST_TEXT,
    breach={"bad-header": CLIENT, "bad-length": CLIENT, "bad-coding": CLIENT},
    variants={
        "bad-header": ("X-A : 1", "/echo"),
        "bad-length": ("Content-Length: x", "/echo"),
        "bad-coding": ("Transfer-Encoding: chunked, identity", "/echo"),
        "app-failed": ("X-A: 1", "/fail?when=before-start"),
    },
)
async def error_closes(exchange: Exchange, what: tuple[str, str]) -> None:
    """After an error response that says `Connection: close`, the server closes the connection.

    Sends: a GET that the server must reject, or a GET to an app that fails. Then nothing; the client leaves the
    connection open.
    Expects: if the response says close, the server closes the connection and sends nothing more. If the response does
    not say close, the case passes. If no error comes, the case is skipped.
    Why: The server and the client both consider the connection finished and both keep the socket. In the end no file
    descriptor is left, and the site is down.
    """
    field, target = what
    result = await send_request(exchange, raw_request(exchange, f"GET {exchange.target(target)} HTTP/1.1", field))
    if result.response.status is None or result.response.status < 400:
        exchange.skip(f"the server sent no error: {result.response.describe()}")
    if result.response.announces_close:
        assert_closed(result)
