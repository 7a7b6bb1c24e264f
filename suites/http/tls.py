"""TLS: how connections end (RFC 9112, section 9.8), and clients that never send a request."""

from __future__ import annotations

import contextlib
import ssl

import trio

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, recorded_only, rfc9112, security
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.connection import ConnectFailed
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.http.assertions import RESPONSE_TIMEOUT_SECONDS, SECURITY_TAG, assert_server_alive

OVER_TLS = Setup(tls=True)

OTHER_CLIENT_TIMEOUT_SECONDS = 1.0
"""Seconds within which the server must serve another client meanwhile. An idle server needs milliseconds."""

TLS_CLIENT_ROLE = rfc9112("9.7", "The HTTP client also acts as the TLS client.")


@case(
    MUST,
    rfc9112(
        "9.8",
        "Servers MUST attempt to initiate an exchange of closure alerts with the client before closing the connection.",
    ),
    basis=MUST_TEXT,
    tags=SECURITY_TAG,
    setup=OVER_TLS,
)
async def closure_alert(exchange: Exchange) -> None:
    """Before the server closes a TLS connection, it sends a closure alert.

    Sends: a GET over TLS with `Connection: close`.
    Expects: a complete response, then the alert `close_notify`, then the end of the connection.
    Why: Without the alert, a client cannot distinguish the end of a response from an attacker who truncated it.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request(headers=[("Connection", "close")]))
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    if not response.complete:
        exchange.skip(f"a plain request got no complete response: {response.describe()}")
    connection_state = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    if connection_state is ConnectionState.OPEN:
        exchange.skip("the server did not close the connection")
    how = "a reset" if connection_state is ConnectionState.RESET else "the end of the TCP connection"
    assertions.assert_that(
        connection.closure_alert_received, "a closure alert before the connection ends", f"{how} without an alert"
    )


@case(
    SHOULD,
    rfc9112(
        "9.8",
        "Servers SHOULD be prepared to receive an incomplete close from the client, since the client can often locate "
        "the end of server data.",
    ),
    basis=SHOULD_TEXT,
    setup=OVER_TLS,
)
async def incomplete_close(exchange: Exchange) -> None:
    """A client that closes without waiting for the server's closure alert does not disturb the server.

    Sends: a GET over TLS. After the response, the client sends a closure alert and closes at once. Then a plain request
    on a new connection.
    Expects: the server serves the second request.
    Why: Browsers close connections in this way all day.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request())
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    if not response.complete:
        exchange.skip(f"a plain request got no complete response: {response.describe()}")
    await connection.close()
    await assert_server_alive(exchange)


@case(
    INFO,
    TLS_CLIENT_ROLE,
    basis=recorded_only("No sentence says how a server handles plain HTTP on a TLS port."),
    breach=CLIENT,
    setup=OVER_TLS,
)
async def plain_http(exchange: Exchange) -> None:
    """An unencrypted request on a TLS port does not reach the app, and the server still serves other clients.

    Sends: an unencrypted GET. Then a request over TLS on a new connection.
    Expects: an unencrypted error response or nothing, and the end of the connection. The app is not called. The server
    serves the second request. No sentence requires this, so the case only records it.
    Why: This happens if somebody forgets the s in https.
    """
    connection = await exchange.connect(tls=False)
    await connection.send(exchange.request())
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    connection_state = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    await assert_server_alive(exchange)
    calls = [event.detail["path"] for event in exchange.events("called")]
    assertions.assert_equal(calls, [], "the calls of the app for an unencrypted request")
    assertions.assert_that(
        response.status is None or response.status >= 400, "an error status or no response", response.describe()
    )
    assertions.assert_that(
        connection_state is not ConnectionState.OPEN,
        "the connection closed",
        f"still open after {RESPONSE_TIMEOUT_SECONDS:g} s",
    )


@case(
    INFO,
    TLS_CLIENT_ROLE,
    basis=recorded_only("No sentence is about clients that disconnect before they send a request."),
    setup=OVER_TLS,
    variants={"fin": False, "reset": True},
)
async def handshake_broken_off(exchange: Exchange, reset: bool) -> None:
    """A client that disconnects during the TLS handshake does not disturb the server.

    Sends: the first half of a ClientHello. Then the client closes the connection, normally or with a reset. Then a
    request on a new connection.
    Expects: the server serves the request. No sentence requires this, so the case only records it.
    Why: Phones lose their network and port scanners disconnect in this way every minute.
    """
    connection = await exchange.connect(tls=False)
    await connection.send(half_client_hello())
    await (connection.abort() if reset else connection.close())
    await assert_server_alive(exchange)


@case(
    SHOULD,
    TLS_CLIENT_ROLE,
    basis=security(
        "No sentence says how long a handshake may take. A server that serves other clients while one stalls in its "
        "head, and serves nobody while one stalls in its handshake, harms all users: anyone stops it with one "
        "connection and no request, whatever its number of threads."
    ),
    tags=SECURITY_TAG,
    setup=Setup(tls=True, threads=4),
    time_sensitive=True,
)
async def handshake_stalled(exchange: Exchange) -> None:
    """While one client stalls during the TLS handshake, the server serves others.

    Sends: half a request head over TLS to a server with four threads, on a connection that stays open. Then a request
    on a new connection. Then the same with the first half of a ClientHello on the connection that stays open.
    Expects: the server serves the second client also while the first one stalls in its handshake. The case is skipped
    if one client that stalls in its head already stops the server, because then the handshake is not the reason: the
    load scenarios `slow-headers` and `slow-handshake` grade such a server.
    Why: If the server performs the handshake while it accepts a connection, one stalled client stops a server with any
    number of threads.
    """
    stalled = await exchange.connect()
    await stalled.send(b"GET /stalled HTTP/1.1\r\nHost: localhost\r\nX-Stalled: ")
    served = await _serves_others(exchange)
    await stalled.close()
    if not served:
        exchange.skip("one client that stalls in its head stops this server for everybody, also without TLS")
    stalled = await exchange.connect(tls=False)
    await stalled.send(half_client_hello())
    served = await _serves_others(exchange)
    await stalled.close()
    await assert_server_alive(exchange)
    assertions.assert_that(
        served, "another client to be served meanwhile", f"no response to it within {OTHER_CLIENT_TIMEOUT_SECONDS:g} s"
    )


async def _serves_others(exchange: Exchange) -> bool:
    """Return whether the server serves another client now."""
    with trio.move_on_after(OTHER_CLIENT_TIMEOUT_SECONDS), contextlib.suppress(ConnectFailed):
        return await exchange.send_sync_request()
    return False


def half_client_hello() -> bytes:
    """Return the first half of a TLS ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    hello = outgoing.read()
    return hello[: len(hello) // 2]
