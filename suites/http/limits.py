"""Limits: requests that are too large, incomplete, slow, or not HTTP."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, recorded_only, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.http.response import HTTP2_PREFACE, starts_with_h2_settings
from wsgi_gauntlet.suites.http.assertions import (
    CLIENT_ERRORS,
    RESPONSE_TIMEOUT_SECONDS,
    assert_rejected,
    assert_served,
    assert_server_alive,
    post_request,
    raw_request,
    record_behaviour,
    send_request,
)
from wsgi_gauntlet.suites.http.references import (
    IDLE_TIMEOUT,
    INVALID_REQUEST_LINE,
    MALFORMED_MESSAGE,
    TOO_LARGE,
    WHOLE_HEADER_SECTION,
)

EMPTY_SETTINGS_FRAME = bytes.fromhex("000000040000000000")
"""An empty SETTINGS frame of HTTP/2."""

TLS_HELLO = bytes.fromhex("160301002f0100002b0303") + bytes(range(32)) + bytes.fromhex("000002c02f0100")
"""A TLS 1.2 ClientHello with one cipher suite, as from a client that uses the wrong port."""


@case(MUST, TOO_LARGE, basis=MUST_TEXT)
async def header_too_large(exchange: Exchange) -> None:
    """A header of 256 KiB is served or gets a 4xx, never only a reset.

    Sends: a GET with a header of 256 KiB.
    Expects: the server serves the request, or answers with a status from 400 to 499 without calling the app. It does
    not only reset the connection. The next request gets its own response, or the server closes the connection.
    Why: A user with too many cookies learns the reason only from a response. With a reset, the site just seems to be
    down.
    """
    await _assert_served_or_4xx(exchange, exchange.request("/echo", headers=[("X-A", "a" * 262144)]))


@case(MUST, TOO_LARGE, basis=MUST_TEXT)
async def too_many_headers(exchange: Exchange) -> None:
    """A request with 20,000 headers is served or gets a 4xx, never only a reset.

    Sends: a GET with 20,000 headers, X-0 to X-19999.
    Expects: the server serves the request, or answers with a status from 400 to 499 without calling the app. It does
    not only reset the connection. The next request gets its own response, or the server closes the connection.
    Why: Each header costs the server much more memory than it costs the client. Without a limit, one client can stop
    the site.
    """
    headers = [(f"X-{number}", "a") for number in range(20000)]
    await _assert_served_or_4xx(exchange, exchange.request("/echo", headers=headers))


@case(MUST, TOO_LARGE, basis=MUST_TEXT, variants={"8k": 8192, "64k": 65536, "256k": 262144})
async def header_name_64k(exchange: Exchange, size: int) -> None:
    """A header with a name of 8 KiB to 256 KiB is served or gets a 4xx, never only a reset.

    Sends: a GET with a header whose name has 8,192, 65,536 or 262,144 letters.
    Expects: the server serves the request, or answers with a status from 400 to 499 without calling the app. It does
    not only reset the connection. The next request gets its own response, or the server closes the connection.
    Why: A limit for values often does not cover names. Without a response, the developer of a faulty client does not
    learn the reason.
    """
    await _assert_served_or_4xx(exchange, exchange.request("/echo", headers=[(f"X-{'a' * (size - 2)}", "1")]))


@case(
    MUST,
    TOO_LARGE,
    basis=MUST_TEXT,
    variants={"same-name": ("X-A", "a", 5000), "cookies": ("Cookie", "a=1", 2000), "large": ("X-A", "a" * 4000, 60)},
)
async def repeated_headers(exchange: Exchange, what: tuple[str, str, int]) -> None:
    """A request with thousands of headers of one name, or of a large total size, is served or gets a 4xx.

    Sends: a GET with 5,000 headers of the same name, with 2,000 Cookie headers, or with 60 headers of 4,000 bytes.
    Expects: the server serves the request, or answers with a status from 400 to 499 without calling the app. It does
    not only reset the connection. The next request gets its own response, or the server closes the connection.
    Why: The server joins headers of one name. If each costs as much as all before, one client can stop the site.
    """
    name, value, count = what
    await _assert_served_or_4xx(exchange, exchange.request("/echo", headers=[(name, value)] * count))


async def _assert_served_or_4xx(exchange: Exchange, request: bytes) -> None:
    result = await send_request(exchange, request)
    if result.calls:
        assert_served(result)
    else:
        assert_rejected(result, CLIENT_ERRORS)


@case(
    INFO,
    rfc9110("15.5.14", "the server is refusing to process a request because the request content is larger than"),
    basis=recorded_only(
        "The specification says how to reject a body that is too large. It does not say which size is too large."
    ),
)
async def body_limit(exchange: Exchange) -> None:
    """Record the response to a declared body of 10 GB that is never sent.

    Sends: a POST with `Content-Length: 10000000000`, to an app that does not read. The client sends no body for half a
    second.
    Expects: nothing is required. The case records the response within half a second.
    Why: Operators should know whether the server itself rejects such an upload or leaves the decision to the app.
    """
    connection = await exchange.connect()
    await connection.send(post_request(exchange, "Content-Length: 10000000000", target="/echo"))
    response = await connection.response(timeout=0.5)
    await connection.close()
    record_behaviour("the response to a declared body of 10 GB", response.describe())


@case(MUST, WHOLE_HEADER_SECTION, basis=MUST_TEXT, variants={"line": 10, "headers": -20, "empty-line": -2})
async def half_request_then_fin(exchange: Exchange, size: int) -> None:
    """A request that ends within its headers never reaches the app.

    Sends: a request that is cut within its first line, its headers or its empty line. Then the client closes its
    sending side.
    Expects: the app is never called. The server serves a plain request on a new connection afterwards. The server may
    send a rejection or nothing.
    Why: An incomplete order must not be processed: the missing header may be the one that forbids it.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("/echo", headers=[("X-Some-Header", "some value")])[:size])
    await connection.half_close()
    await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    await assert_server_alive(exchange)
    assertions.assert_equal([e.detail["path"] for e in exchange.events("called")], [], "the calls of the app")


async def _assert_not_http_rejected(exchange: Exchange, data: bytes, *, allow_http2: bool = False) -> None:
    connection = await exchange.connect()
    await connection.send(data)
    await connection.half_close()
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    connection_state = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    await assert_server_alive(exchange)
    assertions.assert_equal([e.detail["path"] for e in exchange.events("called")], [], "the calls of the app")
    if allow_http2 and starts_with_h2_settings(response.raw):
        return
    assertions.assert_that(
        connection_state is not ConnectionState.OPEN,
        "the connection closed",
        f"{response.describe()}; open after {RESPONSE_TIMEOUT_SECONDS:g} s",
    )
    good = response.is_empty or (response.status is not None and response.status >= 400)
    assertions.assert_that(good, "400, or the connection closed", response.describe())


@case(SHOULD, MALFORMED_MESSAGE, basis=SHOULD_TEXT, breach=CLIENT)
async def garbage(exchange: Exchange) -> None:
    """Bytes that are not HTTP get 400 or a closed connection, and never reach the app.

    Sends: the bytes 14 to 255 and an empty line. Then the client closes its sending side.
    Expects: an error status or no response. The server closes the connection and never calls the app. The server serves
    a plain request on a new connection afterwards.
    Why: Scanners send such bytes all day. An app that is called for them fills its log with errors, or worse.
    """
    await _assert_not_http_rejected(exchange, bytes(range(14, 256)) + b"\r\n\r\n")


@case(SHOULD, MALFORMED_MESSAGE, basis=SHOULD_TEXT, breach=CLIENT)
async def tls_hello(exchange: Exchange) -> None:
    """A TLS handshake on a plain port gets 400 or a closed connection, and never reaches the app.

    Sends: a TLS ClientHello on a plain port. Then the client closes its sending side.
    Expects: an error status or no response. The server closes the connection and never calls the app. The server serves
    a plain request on a new connection afterwards.
    Why: A user typed https:// for a plain port. If the connection ends, the browser can explain the error; otherwise it
    shows a blank page.
    """
    await _assert_not_http_rejected(exchange, TLS_HELLO)


@case(SHOULD, INVALID_REQUEST_LINE, basis=SHOULD_TEXT)
async def h2_preface(exchange: Exchange) -> None:
    """The HTTP/2 preface gets an HTTP/2 response, an error or a closed connection, and never reaches the app.

    Sends: the first bytes of an HTTP/2 client on a plain connection: `PRI * HTTP/2.0`, the rest of the preface, and an
    empty SETTINGS frame. Then the client closes its sending side.
    Expects: a server that supports HTTP/2 sends a SETTINGS frame. Any other server sends an error status or no
    response, and closes the connection. The app is never called. The server serves a plain request on a new connection
    afterwards.
    Why: Clients try HTTP/2 in this way and use HTTP/1.1 if the server rejects it. HTTP/1 servers should reject PRI,
    because only OPTIONS may use the target `*`.
    """
    await _assert_not_http_rejected(exchange, HTTP2_PREFACE + EMPTY_SETTINGS_FRAME, allow_http2=True)


@case(
    INFO,
    IDLE_TIMEOUT,
    basis=recorded_only("No sentence says whether a slow client may delay other clients. Load scenarios measure this."),
)
async def slow_headers(exchange: Exchange) -> None:
    """Record whether the server serves other clients while one client has sent half of its headers.

    Sends: a request without the empty line after its headers. Then, on another connection, a whole request.
    Expects: nothing is required. The case records whether the second request gets its response within one second.
    Why: A server with one worker that waits for one client blocks all others. A phone in a tunnel is enough; no
    attacker is needed.
    """
    slow = await exchange.connect()
    await slow.send(raw_request(exchange, f"GET {exchange.target('/echo')} HTTP/1.1")[:-2])
    other = await exchange.connect()
    await other.send(exchange.request("/echo"))
    response = await other.response(timeout=1.0)
    await slow.close()
    await other.close()
    record_behaviour("the response to another client meanwhile", response.describe())


@case(
    INFO,
    IDLE_TIMEOUT,
    basis=recorded_only("No sentence says whether a slow upload may delay other clients. Load scenarios measure this."),
)
async def slow_body(exchange: Exchange) -> None:
    """Record whether the server serves other clients while one client has sent half of its body.

    Sends: half the body of a POST. Then, on another connection, a whole request.
    Expects: nothing is required. The case records whether the second request gets its response within one second.
    Why: A slow upload must not keep other users from the site. If it does, the server needs a buffering proxy in front.
    """
    slow = await exchange.connect()
    await slow.send(post_request(exchange, "Content-Length: 10", body=b"hello"))
    other = await exchange.connect()
    await other.send(exchange.request("/echo"))
    response = await other.response(timeout=1.0)
    await slow.close()
    await other.close()
    record_behaviour("the response to another client meanwhile", response.describe())
