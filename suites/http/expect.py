"""`Expect: 100-continue`, as a client sees it on the connection."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MAY_TEXT,
    MUST_TEXT,
    SHOULD_TEXT,
    from_recipient_semantics,
    rfc9110,
)
from wsgi_gauntlet.harness.conformance.catalog import MAY, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.suites.http.assertions import (
    NEEDS_CHUNKED,
    NEEDS_UNREAD_CHUNKS,
    READ_TO_END_TARGET,
    RESPONSE_TIMEOUT_SECONDS,
    SECURITY_TAG,
    RequestResult,
    assert_body_served,
    assert_called_at_most_once,
    assert_for_each,
    assert_in_sync,
    assert_not_smuggled,
    assert_served,
    assert_server_alive,
    collect_result,
    is_rejected_with,
    post_request,
    send_request,
    smuggled_request,
)
from wsgi_gauntlet.suites.http.references import INCOMPLETE_BODY, NO_LENGTH_IN_1XX_AND_204, READ_OR_CLOSE

FIRST_RESPONSE_TIMEOUT_SECONDS = 0.5
"""Seconds to wait for the first response before the body is sent. After a 100 the server may wait for the body."""

EXPECT_FIELDS = ("Expect: 100-continue", "Content-Length: 5")
IMMEDIATE_RESPONSE = rfc9110(
    "10.1.1",
    "an origin server MUST send either: an immediate response with a final status code, if that status can be "
    "determined by examining just the method, target URI, and header fields, or an immediate 100 (Continue) response "
    "to encourage the client to send the request content.",
)
CONTINUE_MAY_BE_OMITTED = rfc9110(
    "10.1.1",
    "A server MAY omit sending a 100 (Continue) response if it has already received some or all of the content for the "
    "corresponding request",
)

ULTIMATELY_FINAL = rfc9110(
    "10.1.1",
    "A server that sends a 100 (Continue) response MUST ultimately send a final status code, once it receives and "
    "processes the request content",
)
HTTP10_GETS_NO_1XX = rfc9110("15.2", "a server MUST NOT send a 1xx response to an HTTP/1.0 client.")


async def _send_expect_then_body(
    exchange: Exchange, fields: tuple[str, ...] = EXPECT_FIELDS, body: bytes = b"hello"
) -> tuple[bytes, Response]:
    """Send headers with 100-continue, and the body after an interim response.

    Returns the first bytes from the server and the final response.
    """
    connection = await exchange.connect()
    await connection.send(post_request(exchange, *fields, target=READ_TO_END_TARGET))
    first_bytes = await connection.receive_until(b"\r\n\r\n", timeout=RESPONSE_TIMEOUT_SECONDS)
    if first_bytes.startswith(b"HTTP/1.1 1"):
        await connection.send(body)
        final = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    else:
        final = Response()
    await connection.close()
    return first_bytes, final


@case(MUST, IMMEDIATE_RESPONSE, basis=MUST_TEXT)
async def one_continue(exchange: Exchange) -> None:
    """A client that sends `Expect: 100-continue` gets exactly one 100 and is served, or gets a final response at once.

    Sends: the headers of a POST with `Expect: 100-continue`, to an app that reads. After a 100, the body of five bytes.
    Expects: exactly one 100, then 200, and the app reads the five bytes. Or a rejection (4xx or 5xx) in place of the
    100.
    Why: curl sends this header for every upload over 1 MB and waits one second if no 100 comes. Other clients wait for
    ever.
    """
    first_bytes, final = await _send_expect_then_body(exchange)
    await _assert_one_continue(exchange, first_bytes, final)


@case(
    MUST,
    rfc9110("10.1.1", "The Expect field value is case-insensitive."),
    basis=from_recipient_semantics(
        "The value means 100-continue in upper and lower case. Therefore all rules for 100-continue apply."
    ),
    needs=["http/expect/one-continue"],
)
async def value_case(exchange: Exchange) -> None:
    """`100-Continue` means the same as `100-continue`.

    Sends: the headers of a POST with `Expect: 100-Continue`. After a 100, the body of five bytes.
    Expects: exactly one 100, then 200, and the app reads the five bytes. Or a rejection (4xx or 5xx) in place of the
    100.
    Why: Some clients use this spelling. If the server compares the case of letters, their uploads hang or wait one
    second each.
    """
    first_bytes, final = await _send_expect_then_body(exchange, ("Expect: 100-Continue", "Content-Length: 5"))
    await _assert_one_continue(exchange, first_bytes, final)


@case(MUST, IMMEDIATE_RESPONSE, basis=MUST_TEXT, needs=["http/expect/one-continue", "http/chunked/one-chunk"])
async def before_chunks(exchange: Exchange) -> None:
    """A client that sends `Expect: 100-continue` before a chunked body also gets a 100.

    Sends: the headers of a POST with `Expect: 100-continue` and `Transfer-Encoding: chunked`. After a 100, the chunks.
    Expects: exactly one 100, then 200, and the app reads `hello`. Or a rejection in place of the 100, for example 411.
    Why: A client that streams data asks first, because it cannot send the data twice. Without the 100 its upload never
    begins.
    """
    first_bytes, final = await _send_expect_then_body(
        exchange, ("Expect: 100-continue", "Transfer-Encoding: chunked"), b"5\r\nhello\r\n0\r\n\r\n"
    )
    await _assert_one_continue(exchange, first_bytes, final)


async def _assert_one_continue(exchange: Exchange, first_bytes: bytes, final: Response) -> None:
    await assert_server_alive(exchange)
    if first_bytes.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")):
        return
    assertions.assert_that(
        first_bytes.startswith(b"HTTP/1.1 100"), "100 before any body is sent", first_bytes[:100] or "nothing"
    )
    assertions.assert_that(
        final.status == 200 and not final.interim, "one final response after the 100", final.describe()
    )
    assertions.assert_equal(
        [e.detail["data"] for e in exchange.events("body")], ["hello"], "the bytes that the app read"
    )


@case(MAY, CONTINUE_MAY_BE_OMITTED, basis=MAY_TEXT)
async def answered_unread(exchange: Exchange) -> None:
    """If the app does not read the body, the response may come without a 100; a 100 is allowed as well.

    Sends: the headers of a POST with `Expect: 100-continue`, to an app that responds without reading.
    Expects: a 100 or the final response, before the client sends any of the body.
    Why: An early rejection saves the client the upload, for example a gigabyte on a mobile plan. Without any response,
    client and server wait for each other.
    """
    connection = await exchange.connect()
    await connection.send(post_request(exchange, *EXPECT_FIELDS, target="/echo"))
    first_bytes = await connection.receive_until(b"\r\n\r\n", timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    await assert_server_alive(exchange)
    good = first_bytes.startswith((b"HTTP/1.1 100 ", b"HTTP/1.1 200 ", b"HTTP/1.0 200 "))
    assertions.assert_that(good, "100 or the final response, before any body is sent", first_bytes[:100] or "nothing")


@case(MUST, HTTP10_GETS_NO_1XX, basis=MUST_TEXT)
async def http10(exchange: Exchange) -> None:
    """An HTTP/1.0 client never gets a 100, not even if it sends `Expect: 100-continue`.

    Sends: a POST in HTTP/1.0 with `Expect: 100-continue` and its body.
    Expects: no 1xx. The app reads the five bytes, and its response comes.
    Why: An HTTP/1.0 client reads the first status line as the final response. Its user sees `100 Continue` and an empty
    page.
    """
    result = await send_request(exchange, post_request(exchange, *EXPECT_FIELDS, body=b"hello", version="HTTP/1.0"))
    assertions.assert_that(
        not result.response.interim, "no interim response", [each.status for each in result.response.interim]
    )
    assert_body_served(result, b"hello")


@case(
    MAY,
    rfc9110(
        "10.1.1",
        "A server that receives an Expect field value containing a member other than 100-continue MAY respond with a "
        "417 (Expectation Failed) status code",
    ),
    basis=MAY_TEXT,
)
async def unknown(exchange: Exchange) -> None:
    """An unknown expectation gets 417 or is ignored.

    Sends: a GET with `Expect: gauntlet`.
    Expects: 417 without a call of the app, or the server serves the request as if the header did not exist. The next
    request gets its own response, or the server closes the connection.
    Why: A client that depends on the expectation must learn the result from the response. A client that does not depend
    on it must still be served.
    """
    result = await send_request(exchange, exchange.request("/echo", headers=[("Expect", "gauntlet")]))
    if is_rejected_with(result, (417,)):
        assert_in_sync(result)
    else:
        assert_served(result)


@case(
    MUST,
    ULTIMATELY_FINAL,
    basis=MUST_TEXT,
)
async def early_body(exchange: Exchange) -> None:
    """A client that sends its body without waiting for the 100 is served, and the next request as well.

    Sends: a POST with `Expect: 100-continue` and its body of five bytes at once. Then another request.
    Expects: at most one 100, then 200, and the app reads the five bytes. The next request gets its own response, or the
    server closes the connection.
    Why: Clients stop waiting after a while and send the body. A server that loses count gives the next response to the
    wrong request.
    """
    result = await send_request(exchange, post_request(exchange, *EXPECT_FIELDS, body=b"hello"))
    assertions.assert_that(
        len(result.response.interim) <= 1, "at most one 100", [each.status for each in result.response.interim]
    )
    assert_body_served(result, b"hello")


@case(MUST, NO_LENGTH_IN_1XX_AND_204, basis=MUST_TEXT, needs=["http/expect/one-continue"])
async def interim_clean(exchange: Exchange) -> None:
    """A 100 has neither Content-Length nor Transfer-Encoding.

    Sends: the headers of a POST with `Expect: 100-continue`. After a 100, the body.
    Expects: neither Content-Length nor Transfer-Encoding in the 100. If no 100 comes, the case is skipped.
    Why: With a length in the 100, a client reads the final response as the body of the 100. Then it waits for a
    response that already came.
    """
    first_bytes, _ = await _send_expect_then_body(exchange)
    if not first_bytes.startswith(b"HTTP/1.1 1"):
        exchange.skip("the server sent no interim response")
    fields = first_bytes.lower()
    for name in (b"content-length", b"transfer-encoding"):
        assertions.assert_lacks(fields, name, "the 100")


@case(MUST, INCOMPLETE_BODY, basis=MUST_TEXT, needs=["http/expect/one-continue"])
async def body_never_sent(exchange: Exchange) -> None:
    """A client that sends `Expect: 100-continue` and then closes without a body does not block the server.

    Sends: the headers of a POST with `Expect: 100-continue`, to an app that reads. After the 100, the client closes its
    sending side.
    Expects: the server closes the connection and sends at most one response. The app reads no byte that the client did
    not send. The server serves a plain request on a new connection afterwards.
    Why: Users close their browsers during an upload. A worker that still waits for the body cannot serve others. A
    server that invents a body stores an empty file as the user's.
    """
    connection = await exchange.connect()
    await connection.send(post_request(exchange, *EXPECT_FIELDS))
    await connection.receive_until(b"\r\n\r\n", timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.half_close()
    connection_state = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    response, more = await connection.response(timeout=0.1), await connection.response(timeout=0.1)
    await connection.close()
    result = await collect_result(exchange, response)
    assertions.assert_that(
        connection_state is not ConnectionState.OPEN,
        "the connection closed",
        f"{response.describe()}; open after {RESPONSE_TIMEOUT_SECONDS:g} s",
    )
    assertions.assert_that(more.is_empty, "at most one response", more.describe())
    assert_called_at_most_once(result)
    assertions.assert_that(
        not any(e.detail["length"] for e in result.bodies), "no body for the app to read", result.describe()
    )


@case(
    SHOULD,
    rfc9110(
        "10.1.1",
        "A server that responds with a final status code before reading the entire request content SHOULD indicate "
        "whether it intends to close the connection",
    ),
    basis=SHOULD_TEXT,
)
async def final_says_whether(exchange: Exchange) -> None:
    """A response in place of the 100 says that the connection closes, or the server still reads the body.

    Sends: the headers of a POST with `Expect: 100-continue`, to an app that responds without reading. If the response
    does not say that the connection closes, the body of five bytes and another request.
    Expects: a 100 before the response, or `Connection: close` in the response. Otherwise the server reads the body as a
    body and serves the request after it.
    Why: The client must choose between sending a gigabyte for nothing and opening a new connection. With wrong
    information it sends into a closing connection, and its user sees a network error.
    """
    connection = await exchange.connect()
    await connection.send(post_request(exchange, *EXPECT_FIELDS, target="/echo"))
    response = await connection.response(timeout=FIRST_RESPONSE_TIMEOUT_SECONDS)
    if response.interim or response.announces_close:
        await connection.close()
        await assert_server_alive(exchange)
        return
    await connection.send(b"hello" + exchange.request("/echo", token=f"{exchange.token}.second"))
    second = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    await assert_server_alive(exchange)
    good = second.status == 200 and second.body == f"gauntlet {exchange.token}.second\n".encode()
    assertions.assert_that(good, "`Connection: close`, or the body read and the next request served", second.describe())


@case(
    MUST,
    ULTIMATELY_FINAL,
    basis=MUST_TEXT,
    breach=CLIENT,
    variants={
        "no-length": [(method, ("Expect: 100-continue",), b"") for method in ("GET", "DELETE", "POST")],
        "length-zero": [
            ("POST", (f"Expect: {value}", "Content-Length: 0"), b"")
            for value in ("100-continue", "100-Continue", "100-continue, 100-continue", ", 100-continue")
        ],
        "chunked": [("POST", ("Expect: 100-continue", "Transfer-Encoding: chunked"), b"0\r\n\r\n")],
    },
    needs={"chunked": NEEDS_CHUNKED},
)
async def no_content(exchange: Exchange, forms: list[tuple[str, tuple[str, ...], bytes]]) -> None:
    """A request with `Expect: 100-continue` and no content is served: no 100 may take the place of the response.

    Sends: several requests with `Expect: 100-continue`: GET, DELETE and POST without a body; POSTs with a body of
    length 0; or a POST with an empty chunked body.
    Expects: for each, 200 from one call of the app, which reads an empty body. A 100 may come first. The server may
    also reject the request with a 4xx, because a client must not expect 100 without content. The next request gets its
    own response, or the server closes the connection.
    Why: HTTP libraries add the header to every request, also without a body. A server that sends 100 and waits for a
    body lets the client wait for ever.
    """
    requests = {}
    for method, fields, body in forms:
        target = READ_TO_END_TARGET if body else "/read"
        data = post_request(exchange, *fields, body=body, method=method, target=target)
        requests[f"{method} with {', '.join(fields)}"] = data
    await assert_for_each(exchange, requests, _assert_nothing_read_or_rejected)


def _assert_nothing_read_or_rejected(result: RequestResult) -> None:
    if is_rejected_with(result):
        assert_in_sync(result)
    else:
        assert_body_served(result, b"")


@case(
    MUST,
    HTTP10_GETS_NO_1XX,
    basis=MUST_TEXT,
    breach=CLIENT,
    needs=["http/expect/http10"],
    variants={"get": (), "length-zero": ("Content-Length: 0",)},
)
async def http10_no_content(exchange: Exchange, fields: tuple[str, ...]) -> None:
    """An HTTP/1.0 request with `Expect: 100-continue` and no content is served without a 100.

    Sends: a request in HTTP/1.0 with `Expect: 100-continue` and keep-alive, and no body or one of length 0.
    Expects: no 1xx. The server serves the request with one call of the app. The next request gets its own response, or
    the server closes the connection.
    Why: An HTTP/1.0 client reads the first status line as the final response. Its user sees `100 Continue` and an empty
    page.
    """
    fields = ("Expect: 100-continue", "Connection: keep-alive", *fields)
    method = "POST" if len(fields) > 2 else "GET"
    result = await send_request(exchange, post_request(exchange, *fields, version="HTTP/1.0", method=method))
    assertions.assert_that(
        not result.response.interim, "no interim response", [each.status for each in result.response.interim]
    )
    assert_served(result)


@case(
    MUST,
    READ_OR_CLOSE,
    basis=MUST_TEXT,
    tags=SECURITY_TAG,
    variants={
        "length": ("gauntlet", False),
        "chunks": ("gauntlet", True),
        "listed-last": ("100-continue, gauntlet", False),
        "listed-first": ("gauntlet, 100-continue", False),
        "with-value": ("100-continue=yes", False),
        "prefix": ("100-continued", False),
        "empty": ("", False),
    },
    needs={"chunks": NEEDS_UNREAD_CHUNKS},
)
async def unknown_with_body(exchange: Exchange, what: tuple[str, bool]) -> None:
    """The body of a request with an unknown expectation never becomes a request.

    Sends: a POST with `Expect: gauntlet`, or with another value than 100-continue alone. Its body, with a length or in
    a chunk, is a whole request. The app does not read it. Then another request.
    Expects: 417 without a call of the app, or the server serves the request as if the header did not exist. The request
    in the body is never served. The next request gets its own response, or the server closes the connection.
    Why: After 417 the body is still on its way. A server that keeps the connection and forgets the body serves it as a
    request that nobody checked.
    """
    value, chunks = what
    hidden = smuggled_request(exchange)
    framing = "Transfer-Encoding: chunked" if chunks else f"Content-Length: {len(hidden)}"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden) if chunks else hidden
    result = await send_request(
        exchange, post_request(exchange, f"Expect: {value}", framing, body=body, target="/echo")
    )
    assert_not_smuggled(result)
    if not is_rejected_with(result, (400, 411, 417)):
        assert_served(result)
