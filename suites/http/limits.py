"""Too much, too slow, or no HTTP at all."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, recorded_only
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.http.response import HTTP2_PREFACE, starts_with_h2_settings
from wsgi_gauntlet.suites.http.assertions import (
    CLIENT_ERRORS,
    RESPONSE_TIMEOUT_SECONDS,
    assert_rejected,
    assert_served,
    assert_server_alive,
    post,
    raw,
    record_behaviour,
    send_request,
)

TOO_LARGE = rfc9110(
    "5.4",
    "A server that receives a request header field line, field value, or set of fields larger than it wishes to "
    "process MUST respond with an appropriate 4xx (Client Error) status code.",
)
WHOLE_HEAD = rfc9110(
    "5.3",
    "A server MUST NOT apply a request to the target resource until it receives the entire request header section",
)
NOT_HTTP = rfc9112(
    "2.2",
    "receives a sequence of octets that does not match the HTTP-message grammar aside from the robustness exceptions "
    "listed above, the server SHOULD respond with a 400 (Bad Request) response and close the connection.",
)
EMPTY_SETTINGS_FRAME = bytes.fromhex("000000040000000000")
"""An empty SETTINGS frame of HTTP/2."""

TLS_HELLO = bytes.fromhex("160301002f0100002b0303") + bytes(range(32)) + bytes.fromhex("000002c02f0100")
"""A TLS 1.2 ClientHello of one cipher suite, as a client sends it that was given the wrong port."""


@case(MUST, TOO_LARGE, basis=MUST_TEXT)
async def header_too_large(exchange: Exchange) -> None:
    """A header of 256 KiB is served or gets a 4xx, never a bare reset.

    Sends: a GET with a header of 256 KiB.
    Expects: served, or a status from 400 to 499 without a call of the app; not a bare reset. The next request on the
    connection is served as itself, or the connection is closed.
    Why: A user whose cookies have grown too large learns the reason only where an answer comes; with a reset, the site
    is just down for him.
    """
    result = await send_request(exchange, exchange.request("/echo", headers=[("X-A", "a" * 262144)]))
    if result.calls:
        assert_served(result)
    else:
        assert_rejected(result, CLIENT_ERRORS)


@case(MUST, TOO_LARGE, basis=MUST_TEXT)
async def too_many_headers(exchange: Exchange) -> None:
    """20,000 headers are served or get a 4xx, never a bare reset.

    Sends: a GET with 20,000 headers, X-0 to X-19999.
    Expects: served, or a status from 400 to 499 without a call of the app; not a bare reset. The next request on the
    connection is served as itself, or the connection is closed.
    Why: Each header costs the server far more memory than it costs the client. Without a limit, one client can take the
    site down.
    """
    result = await send_request(
        exchange, exchange.request("/echo", headers=[(f"X-{number}", "a") for number in range(20000)])
    )
    if result.calls:
        assert_served(result)
    else:
        assert_rejected(result, CLIENT_ERRORS)


@case(
    INFO,
    rfc9110("15.5.14", "the server is refusing to process a request because the request content is larger than"),
    basis=recorded_only("The text says how to refuse a body that is too large. It does not say which one is."),
)
async def body_limit(exchange: Exchange) -> None:
    """What comes of a declared body of 10 GB, of which nothing is sent.

    Sends: the head of a POST with `Content-Length: 10000000000` to an app that does not read, and nothing of the body
    for half a second.
    Expects: nothing in particular: what is answered within that time is recorded.
    Why: An operator should know whether the server itself says no to such an upload, or leaves that to the app.
    """
    connection = await exchange.connect()
    await connection.send(post(exchange, "Content-Length: 10000000000", target="/echo"))
    response = await connection.response(timeout=0.5)
    await connection.close()
    record_behaviour("the answer to a declared body of 10 GB", response.describe())


@case(MUST, WHOLE_HEAD, basis=MUST_TEXT, variants={"line": 10, "headers": -20, "empty-line": -2})
async def half_request_then_fin(exchange: Exchange, size: int) -> None:
    """A request that ends within its head never reaches the app.

    Sends: a request cut within its first line, its headers or its empty line; then our sending side is closed.
    Expects: the app never called, and a plain request on a new connection served. A refusal may be sent or not.
    Why: An order that was cut off in transit must not be carried out: the header that was lost may be the one that
    forbids it.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("/echo", headers=[("X-Some-Header", "some value")])[:size])
    await connection.half_close()
    await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    await assert_server_alive(exchange)
    assertions.assert_equal([e.detail["path"] for e in exchange.events("called")], [], "the app's calls")


async def _assert_not_http_rejected(exchange: Exchange, data: bytes, *, allow_http2: bool = False) -> None:
    connection = await exchange.connect()
    await connection.send(data)
    await connection.half_close()
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    ending = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    await assert_server_alive(exchange)
    assertions.assert_equal([e.detail["path"] for e in exchange.events("called")], [], "the app's calls")
    if allow_http2 and starts_with_h2_settings(response.raw):
        return
    assertions.assert_that(
        ending is not ConnectionState.OPEN,
        "the connection closed",
        f"{response.describe()}; open after {RESPONSE_TIMEOUT_SECONDS:g} s",
    )
    good = response.is_empty or (response.status is not None and response.status >= 400)
    assertions.assert_that(good, "400, or the connection closed", response.describe())


@case(SHOULD, NOT_HTTP, basis=SHOULD_TEXT, breach=CLIENT)
async def garbage(exchange: Exchange) -> None:
    """Bytes that are no HTTP get 400 or a closed connection, never an answer of the app.

    Sends: the bytes 14 to 255 and an empty line; then our sending side is closed.
    Expects: a refusal, or nothing; the connection closed; the app never called; a plain request on a new connection
    served.
    Why: Scanners send such bytes all day. An app that is called for them fills its log with errors, and may do worse.
    """
    await _assert_not_http_rejected(exchange, bytes(range(14, 256)) + b"\r\n\r\n")


@case(SHOULD, NOT_HTTP, basis=SHOULD_TEXT, breach=CLIENT)
async def tls_hello(exchange: Exchange) -> None:
    """A TLS handshake on a plain port gets 400 or a closed connection once the client gives up, and no call.

    Sends: a TLS ClientHello on a plain port; then our sending side is closed.
    Expects: a refusal, or nothing; the connection closed; the app never called; a plain request on a new connection
    served.
    Why: Somebody typed https:// for a plain port. The browser can say so if the connection ends, and shows a blank page
    if it does not.
    """
    await _assert_not_http_rejected(exchange, TLS_HELLO)


@case(
    SHOULD,
    rfc9112(
        "3.2",
        "Recipients of an invalid request-line SHOULD respond with either a 400 (Bad Request) error or a 301 (Moved "
        "Permanently) redirect with the request-target properly encoded.",
    ),
    basis=SHOULD_TEXT,
)
async def h2_preface(exchange: Exchange) -> None:
    """The preface of HTTP/2 is answered in HTTP/2, or gets an error or a closed connection; the app is not called.

    Sends: what a client of HTTP/2 says first on a plain connection: `PRI * HTTP/2.0` and the rest, and an empty
    SETTINGS frame; then our sending side is closed.
    Expects: a SETTINGS frame, from a server that speaks HTTP/2; else a refusal, or nothing, and the
    connection closed. The app never called; a plain request on a new connection served.
    Why: Clients try HTTP/2 in this way and fall back where it is refused. PRI is a method made to be refused by servers
    of HTTP/1, where `*` is for OPTIONS alone.
    """
    await _assert_not_http_rejected(exchange, HTTP2_PREFACE + EMPTY_SETTINGS_FRAME, allow_http2=True)


@case(
    INFO,
    rfc9112("9.5", "Servers will usually have some timeout value beyond which they will no longer maintain"),
    basis=recorded_only("No sentence says whether a slow client may hold up others; scenarios of load measure it."),
)
async def slow_headers(exchange: Exchange) -> None:
    """Whether others are served while one client is half-way through its head.

    Sends: a head without its empty line; then, on another connection, a whole request.
    Expects: nothing in particular: whether the second is answered within one second is recorded.
    Why: A server with one worker that waits for the one client keeps all others waiting: a phone in a tunnel is enough,
    no attacker needed.
    """
    slow = await exchange.connect()
    await slow.send(raw(exchange, f"GET {exchange.target('/echo')} HTTP/1.1")[:-2])
    other = await exchange.connect()
    await other.send(exchange.request("/echo"))
    response = await other.response(timeout=1.0)
    await slow.close()
    await other.close()
    record_behaviour("what another client gets meanwhile", response.describe())


@case(
    INFO,
    rfc9112("9.5", "Servers will usually have some timeout value beyond which they will no longer maintain"),
    basis=recorded_only("No sentence says whether a slow upload may hold up others; scenarios of load measure it."),
)
async def slow_body(exchange: Exchange) -> None:
    """Whether others are served while one client is half-way through its body.

    Sends: half the body of a POST; then, on another connection, a whole request.
    Expects: nothing in particular: whether the second is answered within one second is recorded.
    Why: An upload over a slow line must not keep all others from the site. Whether it does decides if a buffering proxy
    is needed in front.
    """
    slow = await exchange.connect()
    await slow.send(post(exchange, "Content-Length: 10", body=b"hello"))
    other = await exchange.connect()
    await other.send(exchange.request("/echo"))
    response = await other.response(timeout=1.0)
    await slow.close()
    await other.close()
    record_behaviour("what another client gets meanwhile", response.describe())
