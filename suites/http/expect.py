"""`Expect: 100-continue`, as a server's clients see it on the wire."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import MAY_TEXT, MUST_TEXT, SHOULD_TEXT, from_recipient_semantics
from wsgi_gauntlet.harness.conformance.catalog import MAY, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.suites.http.assertions import (
    READ_TO_END_TARGET,
    RESPONSE_TIMEOUT_SECONDS,
    assert_body_served,
    assert_in_sync,
    assert_served,
    assert_server_alive,
    collect_result,
    is_rejected_with,
    post,
    send_request,
)

FIRST_RESPONSE_TIMEOUT_SECONDS = 0.5
"""Seconds for the first answer to a head that announces a body; behind a 100 none need come before that does."""

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


async def _send_expect_then_body(
    exchange: Exchange, fields: tuple[str, ...] = EXPECT_FIELDS, body: bytes = b"hello"
) -> tuple[bytes, Response]:
    """Send a head with 100-continue; once an interim answer came, the body. Returns that answer and the final one."""
    connection = await exchange.connect()
    await connection.send(post(exchange, *fields, target=READ_TO_END_TARGET))
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
    """A client that asks first gets exactly one 100 before it sends its body, and is served; or a final answer at once.

    Sends: the head of a POST with `Expect: 100-continue`, to an app that reads; the body of five bytes once a 100 has
    come.
    Expects: exactly one 100, then 200, and the app reads the five bytes; or a refusal (4xx or 5xx) in the 100's place.
    Why: curl asks for every upload over 1 MB and waits a second where no 100 comes; other clients wait for ever.
    """
    first_bytes, final = await _send_expect_then_body(exchange)
    await _assert_one_continue(exchange, first_bytes, final)


@case(
    MUST,
    rfc9110("10.1.1", "The Expect field value is case-insensitive."),
    basis=from_recipient_semantics("The value means 100-continue in any case, so what holds for that holds here."),
    needs=["http/expect/one-continue"],
)
async def value_case(exchange: Exchange) -> None:
    """`100-Continue` asks for a 100 as `100-continue` does.

    Sends: the head of a POST with `Expect: 100-Continue`; the body of five bytes once a 100 has come.
    Expects: exactly one 100, then 200, and the app reads the five bytes; or a refusal in the 100's place.
    Why: Some clients spell it so. Their uploads hang, or wait a second each, on a server that compares letter by
    letter.
    """
    first_bytes, final = await _send_expect_then_body(exchange, ("Expect: 100-Continue", "Content-Length: 5"))
    await _assert_one_continue(exchange, first_bytes, final)


@case(MUST, IMMEDIATE_RESPONSE, basis=MUST_TEXT, needs=["http/expect/one-continue", "http/chunked/one-chunk"])
async def before_chunks(exchange: Exchange) -> None:
    """A client that asks first is also told to send a chunked body.

    Sends: the head of a POST with `Expect: 100-continue` and `Transfer-Encoding: chunked`; the chunks once a 100 has
    come.
    Expects: exactly one 100, then 200, and the app reads `hello`; or a refusal, as 411, in the 100's place.
    Why: A client that streams what it does not have yet asks first, for it cannot send it twice. Without the 100 its
    upload never begins.
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
    assertions.assert_that(final.status == 200 and not final.interim, "then one final answer", final.describe())
    assertions.assert_equal([e.detail["data"] for e in exchange.events("body")], ["hello"], "what the app read")


@case(MAY, CONTINUE_MAY_BE_OMITTED, basis=MAY_TEXT)
async def answered_unread(exchange: Exchange) -> None:
    """An app that does not read the body may be answered without a 100 before; a 100 is allowed as well.

    Sends: the head of a POST with `Expect: 100-continue`, to an app that answers without reading.
    Expects: a 100 or the final answer, before any of the body is sent.
    Why: A refusal at once saves the client the upload: a gigabyte on a phone's account. Silence leaves both waiting for
    each other.
    """
    connection = await exchange.connect()
    await connection.send(post(exchange, *EXPECT_FIELDS, target="/echo"))
    first_bytes = await connection.receive_until(b"\r\n\r\n", timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    await assert_server_alive(exchange)
    good = first_bytes.startswith((b"HTTP/1.1 100 ", b"HTTP/1.1 200 ", b"HTTP/1.0 200 "))
    assertions.assert_that(good, "100 or the final answer, before any body is sent", first_bytes[:100] or "nothing")


@case(
    MUST,
    rfc9110("15.2", "a server MUST NOT send a 1xx response to an HTTP/1.0 client."),
    basis=MUST_TEXT,
)
async def http10(exchange: Exchange) -> None:
    """HTTP/1.0 never gets a 100, not even where it asks for one.

    Sends: a POST in HTTP/1.0 with `Expect: 100-continue`, body and all.
    Expects: no 1xx; the app reads the five bytes and its answer comes.
    Why: A client of HTTP/1.0 takes the first status line for the answer: its user sees `100 Continue` and an empty
    page.
    """
    result = await send_request(exchange, post(exchange, *EXPECT_FIELDS, body=b"hello", version="HTTP/1.0"))
    assertions.assert_that(
        not result.response.interim, "no interim answer", [each.status for each in result.response.interim]
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
    """An expectation that nobody knows gets 417 or is ignored.

    Sends: a GET with `Expect: gauntlet`.
    Expects: 417 without a call of the app, or served as if it were not there; the next request on the connection is
    served as itself, or the connection is closed.
    Why: A client that depends on what it asked for must be able to tell from the answer; one that does not must not be
    kept out.
    """
    result = await send_request(exchange, exchange.request("/echo", headers=[("Expect", "gauntlet")]))
    if is_rejected_with(result, (417,)):
        assert_in_sync(result)
    else:
        assert_served(result)


@case(
    MUST,
    rfc9110(
        "10.1.1",
        "A server that sends a 100 (Continue) response MUST ultimately send a final status code, once it receives and "
        "processes the request content",
    ),
    basis=MUST_TEXT,
)
async def early_body(exchange: Exchange) -> None:
    """A client that does not wait for the 100 is served, and the connection stays in step.

    Sends: a POST with `Expect: 100-continue` and its body of five bytes at once, then another request.
    Expects: at most one 100, then 200, and the app reads the five bytes; the next request on the connection is served
    as itself.
    Why: Clients tire of waiting, and send. A server that has lost count by then gives the next answer to the wrong
    request.
    """
    result = await send_request(exchange, post(exchange, *EXPECT_FIELDS, body=b"hello"))
    assertions.assert_that(
        len(result.response.interim) <= 1, "one 100 at most", [each.status for each in result.response.interim]
    )
    assert_body_served(result, b"hello")


@case(
    MUST,
    rfc9110(
        "8.6",
        "A server MUST NOT send a Content-Length header field in any response with a status code of 1xx "
        "(Informational) or 204 (No Content).",
    ),
    basis=MUST_TEXT,
    needs=["http/expect/one-continue"],
)
async def interim_clean(exchange: Exchange) -> None:
    """A 100 has neither Content-Length nor Transfer-Encoding, and no body.

    Sends: the head of a POST with `Expect: 100-continue`; the body once a 100 has come.
    Expects: neither Content-Length nor Transfer-Encoding in the 100. Where no 100 comes there is nothing to look at.
    Why: A length there makes a client read the final answer as the 100's body, and wait for an answer that has long
    come.
    """
    first_bytes, _ = await _send_expect_then_body(exchange)
    if not first_bytes.startswith(b"HTTP/1.1 1"):
        exchange.skip("no interim answer came")
    fields = first_bytes.lower()
    for name in (b"content-length", b"transfer-encoding"):
        assertions.assert_lacks(fields, name, "the 100")


@case(
    MUST,
    rfc9112(
        "6.3",
        "If the sender closes the connection or the recipient times out before the indicated number of octets are "
        "received, the recipient MUST consider the message to be incomplete and close the connection.",
    ),
    basis=MUST_TEXT,
    needs=["http/expect/one-continue"],
)
async def body_never_sent(exchange: Exchange) -> None:
    """A client that asks first and then goes without sending its body holds nobody up.

    Sends: the head of a POST with `Expect: 100-continue` to an app that reads, waits for the 100, and closes the
    sending side.
    Expects: the connection closed, the app never told of bytes that did not come, one answer at most, and a plain
    request on a new connection served.
    Why: People close their browsers in the middle of an upload. A worker that waits on for the body is lost to all
    others; a server that makes one up stores an empty file as theirs.
    """
    connection = await exchange.connect()
    await connection.send(post(exchange, *EXPECT_FIELDS))
    await connection.receive_until(b"\r\n\r\n", timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.half_close()
    ending = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    response, more = await connection.response(timeout=0.1), await connection.response(timeout=0.1)
    await connection.close()
    result = await collect_result(exchange, response)
    assertions.assert_that(
        ending is not ConnectionState.OPEN,
        "the connection closed",
        f"{response.describe()}; open after {RESPONSE_TIMEOUT_SECONDS:g} s",
    )
    assertions.assert_that(more.is_empty, "one answer at most", more.describe())
    assertions.assert_that(len(result.calls) <= 1, "one call of the app at most", result.describe())
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
    """An answer that comes in place of the 100 says that the connection closes, or the body is read when it comes.

    Sends: the head of a POST with `Expect: 100-continue` to an app that answers without reading. Where the answer says
    nothing of closing, then the body of five bytes, and another request.
    Expects: a 100 before the answer; or an answer that says `Connection: close`; or one after which the body is taken
    for a body and the request behind it is served.
    Why: The client has to choose between sending a gigabyte in vain and opening a new connection. Told wrongly, it
    sends into a closing connection and its user sees a network error instead of the answer.
    """
    connection = await exchange.connect()
    await connection.send(post(exchange, *EXPECT_FIELDS, target="/echo"))
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
