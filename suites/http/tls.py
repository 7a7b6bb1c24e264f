"""TLS below HTTP: how connections end (RFC 9112, section 9.8), and clients that never get as far as a request."""

from __future__ import annotations

import contextlib
import ssl

import trio

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, recorded_only
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9112
from wsgi_gauntlet.harness.http.connection import ConnectFailed
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.http.assertions import RESPONSE_TIMEOUT_SECONDS, assert_server_alive

OVER_TLS = Setup(tls=True)

OTHER_CLIENT_TIMEOUT_SECONDS = 1.0
"""Seconds in which another client is to be served meanwhile; an idle server needs milliseconds."""

TLS_CLIENT_ROLE = rfc9112("9.7", "The HTTP client also acts as the TLS client.")


@case(
    MUST,
    rfc9112(
        "9.8",
        "Servers MUST attempt to initiate an exchange of closure alerts with the client before closing the connection.",
    ),
    basis=MUST_TEXT,
    tags=["security"],
    setup=OVER_TLS,
)
async def closure_alert(exchange: Exchange) -> None:
    """Before the server closes a connection it sends TLS's closure alert.

    Sends: A GET over TLS with `Connection: close`.

    Expects: A whole answer, then the alert `close_notify`, then the end of the connection.

    Why: Without the alert a client cannot tell the end of an answer from an attacker who cut it off.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request(headers=[("Connection", "close")]))
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    if not response.complete:
        exchange.skip(f"a plain request was not answered: {response.describe()}")
    ending = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    if ending is ConnectionState.OPEN:
        exchange.skip("the server did not close the connection")
    how = "a reset" if ending is ConnectionState.RESET else "the end of the TCP connection"
    assertions.assert_that(
        connection.closure_alert_received, "a closure alert before the connection ends", f"{how}, and no alert"
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
    """A client that has its answer may leave at once; the server serves the next one.

    Sends: A GET over TLS; once the answer is there, a closure alert, and closes without waiting for the server's. Then
    a plain request on a new connection.

    Expects: The second request to be served.

    Why: Browsers end connections in this way all day.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request())
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    if not response.complete:
        exchange.skip(f"a plain request was not answered: {response.describe()}")
    await connection.close()
    await assert_server_alive(exchange)


@case(
    INFO,
    TLS_CLIENT_ROLE,
    basis=recorded_only("No sentence says what becomes of plain HTTP on such a port."),
    breach=CLIENT,
    setup=OVER_TLS,
)
async def plain_http(exchange: Exchange) -> None:
    """A plain request on the TLS port does not reach the app, the connection ends, and the server serves others.

    Sends: A GET in the clear. Then a request over TLS on a new connection.

    Expects: An error in the clear, or nothing, and the end of the connection; no call of the app; the second request
    to be served. No sentence asks for one of these, so nobody is blamed.

    Why: It is what happens when somebody forgets the s in https.
    """
    connection = await exchange.connect(tls=False)
    await connection.send(exchange.request())
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    ending = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    await assert_server_alive(exchange)
    calls = [event.detail["path"] for event in exchange.events("called")]
    assertions.assert_equal(calls, [], "the app's calls for a request in the clear")
    assertions.assert_that(
        response.status is None or response.status >= 400, "an error, or no answer", response.describe()
    )
    assertions.assert_that(
        ending is not ConnectionState.OPEN, "the connection closed", f"still open after {RESPONSE_TIMEOUT_SECONDS:g} s"
    )


@case(
    INFO,
    TLS_CLIENT_ROLE,
    basis=recorded_only("No sentence speaks of clients that go away before they have sent a request."),
    setup=OVER_TLS,
    variants={"fin": False, "reset": True},
)
async def handshake_broken_off(exchange: Exchange, reset: bool) -> None:
    """A client that goes away in the middle of the handshake does not disturb the server.

    Sends: The first half of a ClientHello, and closes the connection, in order or with a reset. Then a request on a new
    connection.

    Expects: The request to be served. No sentence asks for it in so many words, so nobody is blamed.

    Why: Phones lose their network, and scanners of ports do this every minute.
    """
    connection = await exchange.connect(tls=False)
    await connection.send(half_client_hello())
    await (connection.abort() if reset else connection.close())
    await assert_server_alive(exchange)


@case(
    INFO,
    TLS_CLIENT_ROLE,
    basis=recorded_only("No sentence says how long a handshake may take, or whom it may hold up."),
    tags=["security"],
    setup=Setup(tls=True, threads=4),
    time_sensitive=True,
)
async def handshake_stalled(exchange: Exchange) -> None:
    """While one client hangs in the middle of its handshake, others are served.

    Sends: The first half of a ClientHello to a server of four threads, and keeps the connection. Then a request on a
    new connection; then ends the first, and sends another.

    Expects: The second client to be served within a second, and the third as well. No sentence asks for it, so
    nobody is blamed.

    Why: Where the handshake is part of accepting a connection, one stalled client stops a server of any number of
    threads.
    """
    stalled = await exchange.connect(tls=False)
    await stalled.send(half_client_hello())
    served = False
    with trio.move_on_after(OTHER_CLIENT_TIMEOUT_SECONDS), contextlib.suppress(ConnectFailed):
        served = await exchange.send_sync_request()
    await stalled.close()
    await assert_server_alive(exchange)
    assertions.assert_that(
        served, "another client to be served meanwhile", f"no answer to it within {OTHER_CLIENT_TIMEOUT_SECONDS:g} s"
    )


def half_client_hello() -> bytes:
    """Return the first half of what a client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    hello = outgoing.read()
    return hello[: len(hello) // 2]
