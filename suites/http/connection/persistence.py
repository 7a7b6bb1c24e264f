"""Which connections stay and which end, and what the answer says of it."""

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
)
from wsgi_gauntlet.harness.conformance.catalog import INFO, MAY, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9112
from wsgi_gauntlet.harness.http.connection import Connection
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.suites.http.assertions import (
    RESPONSE_TIMEOUT_SECONDS,
    assert_served,
    assert_server_alive,
    closed,
    raw,
    record_behaviour,
    send_request,
)

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

    Sends: a GET in HTTP/1.1, and another on the same connection once it is answered.
    Expects: both served on the one connection.
    Why: Without it every image and script of a page costs the browser a new connection, and every call of a proxy to
    the server one more.
    """
    result = await send_request(exchange, exchange.request("/echo"))
    assert_served(result)
    good = result.second_response is not None and result.second_response.status == 200
    assertions.assert_that(
        good, "a second answer on the same connection", result.response.describe() + ", then the connection closed"
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
    """A server that closes after its answer says so in it.

    Sends: a GET in HTTP/1.1, and another on the same connection unless the answer says close.
    Expects: the second served; or an answer that says `Connection: close`.
    Why: A client that is not told sends its next request into a closing connection, and cannot know whether it was
    acted on: an order twice, or not at all.
    """
    result = await send_request(exchange, exchange.request("/echo"))
    assertions.assert_equal(result.response.status, 200, "the status")
    goes_on = result.second_response is not None and result.second_response.status is not None
    said = f"Connection: {b', '.join(result.response.all('connection'))!r} and the connection {result.ending}"
    assertions.assert_that(goes_on or result.response.announces_close, "`Connection: close`, or a second answer", said)


async def _assert_closes_after_response(
    exchange: Exchange, version: str = "HTTP/1.1", connection_option: str = ""
) -> None:
    """Send one request that ends the connection, and nothing more: a client must not."""
    connection = await exchange.connect()
    await connection.send(
        exchange.request(
            "/echo", headers=[("Connection", connection_option)] if connection_option else [], version=version
        )
    )
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    ending = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    unread_bytes = connection.unread
    await connection.close()
    await assert_server_alive(exchange)
    assertions.assert_equal(response.status, 200, "the answer's status")
    assertions.assert_that(not unread_bytes, "nothing behind the answer", unread_bytes)
    assertions.assert_that(
        ending is not ConnectionState.OPEN,
        "the connection closed after the answer",
        f"open after {RESPONSE_TIMEOUT_SECONDS:g} s",
    )


@case(MUST, CLOSE, basis=MUST_TEXT)
async def close_honoured(exchange: Exchange) -> None:
    """After `Connection: close` the connection is closed by the server.

    Sends: a GET with `Connection: close`, and nothing more.
    Expects: 200; then the connection closed by the server.
    Why: The client has said that it reads one answer and then waits for the end. It waits until it gives up.
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
    """`close` is found among other connection options, in any case and on any line.

    Sends: a GET with `close` among other connection options (`x-other, close`, `keep-alive, close`, between empty
    members), as `Close`, or on a second line; and nothing more.
    Expects: 200; then the connection closed by the server.
    Why: The header is a list. A server that compares it as a whole with `close` keeps waiting for a client that has
    left, or keeps one waiting that has not.
    """
    await _assert_closes_after_response(exchange, connection_option=value)


@case(
    MUST,
    NOT_PERSISTENT,
    basis=from_recipient_semantics(
        "It is the last of the text's rules, and covers what the others do not: HTTP/1.0 without keep-alive."
    ),
)
async def http10_closes(exchange: Exchange) -> None:
    """The connection of an HTTP/1.0 request without keep-alive is closed after the answer.

    Sends: a GET in HTTP/1.0 without keep-alive, and nothing more.
    Expects: 200; then the connection closed by the server.
    Why: Such a client waits for the end of the connection to know the end of the page: its user sees a page that never
    stops loading.
    """
    await _assert_closes_after_response(exchange, version="HTTP/1.0")


async def _send_request_after_close(exchange: Exchange) -> tuple[Response, bytes]:
    """Send a request that ends the connection and, while the app is at work on it, all of a second one.

    Returns the first answer, and what came behind it.
    """
    second = exchange.request("/echo", token=f"{exchange.token}.second")
    connection = await exchange.connect()
    # Half of it comes with the first request, which a server may have read with it, half while the app is at work,
    # when it cannot have been: neither may make a difference, and none is left to chance.
    first = exchange.request("/echo?hold=answer", headers=[("Connection", "close")])
    await connection.send(first + second[: len(second) // 2])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_when_closed, connection, nursery.cancel_scope)
        with contextlib.suppress(trio.TooSlowError):
            await exchange.event("waiting", timeout=RESPONSE_TIMEOUT_SECONDS)
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
    """End the `waiting` for the app where the server has refused the request and closed."""
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
    """A request that is sent behind `Connection: close` is not processed.

    Sends: a GET with `Connection: close` and the first half of a second request behind it, which a client must not;
    the other half once the app is at work on the first.
    Expects: the second request neither answered nor given to the app.
    Why: The client has said that it reads one answer. A server that acts on what follows does what nobody will hear of.
    """
    _, unread_bytes = await _send_request_after_close(exchange)
    late = [e.token for e in exchange.events("called") if e.token.endswith(".second")]
    assertions.assert_that(
        not late and not unread_bytes,
        "the second request neither served nor answered",
        unread_bytes or "the app was called",
    )


@case(
    SHOULD,
    CLOSE,
    basis=from_recipient_semantics(
        "The request was whole before anything came behind it, so that its final response is due."
    ),
    breach=CLIENT,
    segmentable=False,
)
async def behind_close_served(exchange: Exchange) -> None:
    """What is sent behind `Connection: close` does not cost the request before it its answer.

    Sends: a GET with `Connection: close` and the first half of a second request behind it, which a client must not;
    the other half once the app is at work on the first.
    Expects: 200 for the first. What becomes of the second is `behind-close-unprocessed`'s question.
    Why: A proxy or a library with this fault loses the answer to an order that was carried out.
    """
    response, _ = await _send_request_after_close(exchange)
    assertions.assert_equal(response.status, 200, "the first answer's status")


@case(
    MAY,
    rfc9112(
        "9.3",
        'the recipient wishes to honor the HTTP/1.0 "keep-alive" mechanism, the connection will persist after the '
        "current response",
    ),
    basis=recorded_only('"Wishes to honor" leaves the choice to the server.'),
)
async def http10_keep_alive(exchange: Exchange) -> None:
    """HTTP/1.0 with keep-alive is served; the connection stays only where the answer says keep-alive.

    Sends: a GET in HTTP/1.0 with `Connection: keep-alive`, then a second request where the answer allows it.
    Expects: 200 for the first; the second served exactly where the answer said keep-alive, else the connection closed.
    Why: Benchmarks, old proxies and nginx by default speak so. Told wrongly, they send into a closed connection, or
    wait on an open one.
    """
    result = await send_request(
        exchange, exchange.request("/echo", version="HTTP/1.0", headers=[("Connection", "keep-alive")])
    )
    assert_served(result)
    stays = result.second_response is not None and result.second_response.status == 200
    said = "keep-alive" in result.response.options("connection") or not result.response.announces_close
    assertions.assert_that(
        stays == said, "the connection to do what the answer says", result.response.all("connection")
    )


@case(
    MUST,
    rfc9112(
        "9.3",
        "In order to remain persistent, all messages on a connection need to have a self-defined message length (i.e., "
        "one not defined by closure of the connection)",
    ),
    basis=from_sender_semantics(
        "On a connection that goes on, each message says how long it is. HTTP/1.0 has no chunks: "
        "a server sends a length, or closes."
    ),
)
async def http10_keep_alive_unknown_length(exchange: Exchange) -> None:
    """HTTP/1.0 with keep-alive gets the end of a body of unknown length: by a length or by the connection's end.

    Sends: a GET in HTTP/1.0 with `Connection: keep-alive`, to an app that gives no length.
    Expects: the whole body, and its end marked by a Content-Length or by the end of the connection.
    Why: Chunks are not for HTTP/1.0. On a connection that is kept open without a length the client waits for more until
    it gives up.
    """
    request = exchange.request("/respond?framing=none", version="HTTP/1.0", headers=[("Connection", "keep-alive")])
    result = await send_request(exchange, request)
    assertions.assert_equal(result.response.body, f"gauntlet {exchange.token}\n".encode(), "the body")
    assertions.assert_that(
        result.response.complete, "the body's end marked by a length or the connection's end", result.describe()
    )


@case(
    INFO,
    rfc9112("9.5", "Servers will usually have some timeout value beyond which they will no longer maintain"),
    basis=recorded_only("The text speaks of what servers usually do, and names no time."),
)
async def idle_reaped(exchange: Exchange) -> None:
    """How long a connection may lie idle after an answer, looked at for three seconds.

    Sends: one request, and nothing for up to three seconds.
    Expects: nothing in particular: how long the connection is kept is recorded.
    Why: What is kept open costs the server; what is closed early costs the next request a new connection, or an error
    behind a load balancer that thought it open.
    """
    connection = await exchange.connect()
    await connection.send(raw(exchange, f"GET {exchange.target('/echo')} HTTP/1.1"))
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    if response.announces_close:
        record_behaviour("the time an idle connection is kept", "closed with the answer")
    began = trio.current_time()
    if await connection.ending(3.0) is ConnectionState.OPEN:
        record_behaviour("the time an idle connection is kept", "longer than 3 s")
    record_behaviour("the time an idle connection is kept", f"{trio.current_time() - began:.1f} s")


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
    """An error answer that says `Connection: close` is followed by the end of the connection.

    Sends: a GET that must be refused, or one to an app that fails; then nothing, the connection left open on our side.
    Expects: where the answer says close, the connection ends by itself, and nothing more comes on it. An answer that
    does not say so is another case's matter.
    Why: The server counts the connection as done, the client's pool does too, and both sides keep the socket: until no
    descriptor is left, and the site is down.
    """
    field, target = what
    result = await send_request(exchange, raw(exchange, f"GET {exchange.target(target)} HTTP/1.1", field))
    if result.response.status is None or result.response.status < 400:
        exchange.skip(f"no error came: {result.response.describe()}")
    if result.response.announces_close:
        closed(result)
