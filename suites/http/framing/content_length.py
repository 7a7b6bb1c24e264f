"""Content-Length: digits, once, and exactly as many bytes."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MAY_TEXT, MUST_TEXT, from_recipient_semantics
from wsgi_gauntlet.harness.conformance.catalog import MAY, MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.suites.http.assertions import (
    READ_TO_END_TARGET,
    RESPONSE_TIMEOUT_SECONDS,
    assert_body_served,
    assert_in_sync,
    assert_rejected,
    closed,
    collect_result,
    is_rejected_and_in_sync,
    post,
    send_request,
)

SECURITY_TAG = ["security"]
INVALID_LENGTH = rfc9112(
    "6.3",
    "If the unrecoverable error is in a request message, the server MUST respond with a 400 (Bad Request) status code "
    "and then close the connection.",
)
LENGTH = rfc9112("6.3", "its decimal value defines the expected message body length in octets.")
SAME_LIST = rfc9110(
    "8.6",
    "MAY either reject the message as invalid or replace that invalid field value with a single instance of the "
    "decimal value",
)
OVERFLOW = rfc9110(
    "8.6",
    "a recipient MUST anticipate potentially large decimal numerals and prevent parsing errors due to integer "
    "conversion overflows or precision loss due to integer conversion",
)


@case(
    MUST,
    INVALID_LENGTH,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"larger-last": (5, 6), "larger-first": (6, 5), "zero": (0, 5)},
)
async def cl_duplicate_different(exchange: Exchange, lengths: tuple[int, int]) -> None:
    """Two Content-Length headers that differ are refused, and the connection is closed.

    Sends: a POST with two different Content-Length lines, and as many bytes of body as the larger one says.
    Expects: 400, the app not called, and the connection closed: nobody can know where the next request begins.
    Why: A proxy that believes the other length takes the rest of the body for a request of its own. An attacker
    slips requests past its rules in this way, and another user gets the answers.
    """
    first, second = lengths
    result = await send_request(
        exchange,
        post(exchange, f"Content-Length: {first}", f"Content-Length: {second}", body=b"hello!"[: max(lengths)]),
    )
    assert_rejected(result, closes=True)


@case(
    MAY, SAME_LIST, basis=MAY_TEXT, breach=CLIENT, tags=SECURITY_TAG, variants={"list": ("5, 5",), "lines": ("5", "5")}
)
async def cl_list_same(exchange: Exchange, values: tuple[str, ...]) -> None:
    """Content-Length given twice with one value is read as that value, or refused.

    Sends: a POST of five bytes whose Content-Length says 5 twice, as `5, 5` or on two lines.
    Expects: either the app reads the five bytes, or a refusal without a call of the app. Either way the next request
    on the connection is served as itself, or the connection is closed.
    Why: Some proxies join or repeat headers. An upload through one fails or works by what is done here; a third
    reading would put the two of them out of step.
    """
    result = await send_request(
        exchange, post(exchange, *(f"Content-Length: {value}" for value in values), body=b"hello")
    )
    if not is_rejected_and_in_sync(result):
        assert_body_served(result, b"hello")


@case(MUST, INVALID_LENGTH, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG)
async def cl_list_different(exchange: Exchange) -> None:
    """A list of different lengths in one Content-Length is refused, and the connection is closed.

    Sends: a POST with `Content-Length: 5, 6` and six bytes of body.
    Expects: 400, the app not called, and the connection closed.
    Why: A parser of lists takes the first member or the last, and with it one of two bodies. Where the proxy takes
    the other, the sixth byte begins a request that it never checked.
    """
    assert_rejected(await send_request(exchange, post(exchange, "Content-Length: 5, 6", body=b"hello!")), closes=True)


@case(
    MUST,
    INVALID_LENGTH,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "plus": "+5",
        "minus": "-5",
        "minus-zero": "-0",
        "underscore": "1_0",
        "hex": "0x5",
        "two-numbers": "5 5",
        "empty": "",
        "letters": "abc",
        "fraction": "5.0",
        "superscript": "\xb2",
    },
)
async def cl_syntax(exchange: Exchange, value: str) -> None:
    """A Content-Length that is no row of digits is refused, and the connection is closed.

    Sends: a POST of ten bytes whose Content-Length holds something else than digits: a sign, an underscore, a
    prefix, two numbers, letters, or nothing at all.
    Expects: 400, the app not called, and the connection closed.
    Why: The number parsers of programming languages take more than digits. Where the proxy in front reads such a
    length differently, the rest of the body becomes a request that it never saw.
    """
    assert_rejected(
        await send_request(exchange, post(exchange, f"Content-Length: {value}", body=b"hellohello")), closes=True
    )


@case(
    MUST,
    LENGTH,
    basis=from_recipient_semantics(
        "The value is decimal whatever its first digit is: read as octal, 010 is two bytes "
        "short, and they become the next request."
    ),
    tags=SECURITY_TAG,
)
async def cl_leading_zeros(exchange: Exchange) -> None:
    """`010` is ten, never eight: leading zeros are decimal, or refused.

    Sends: a POST with `Content-Length: 010` and ten bytes of body.
    Expects: the app reads all ten bytes, or a refusal without a call of the app; the next request on the connection
    is served as itself, or the connection is closed.
    Why: A number parser that takes a leading zero for octal reads eight bytes. The last two are then the beginning
    of a request for whoever uses the connection next.
    """
    result = await send_request(exchange, post(exchange, "Content-Length: 010", body=b"hellohello"))
    if not is_rejected_and_in_sync(result):
        assert_body_served(result, b"hellohello")


@case(
    MUST,
    rfc9110(
        "5.5",
        "When a specific version of HTTP allows such whitespace to appear in a message, a field parsing implementation "
        "MUST exclude such whitespace prior to evaluating the field value.",
    ),
    basis=MUST_TEXT,
    variants={"none": "5", "tab": "\t5", "around": " \t 5 \t "},
)
async def cl_whitespace(exchange: Exchange, value: str) -> None:
    """Blanks and tabs around a Content-Length change nothing, nor does their absence.

    Sends: a POST of five bytes with `Content-Length:5`, or with blanks and tabs around the 5.
    Expects: the app reads the five bytes, and the next request on the connection is served as itself.
    Why: Small clients and gateways write headers without the usual blank, or align them with tabs. Their uploads
    would be lost, or left on the connection as the next request.
    """
    assert_body_served(await send_request(exchange, post(exchange, f"Content-Length:{value}", body=b"hello")), b"hello")


@case(
    MUST,
    OVERFLOW,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"64-bits": str(2**64 + 5), "32-bits": str(2**32 + 5), "digits": "9" * 5000},
)
async def cl_overflow(exchange: Exchange, value: str) -> None:
    """A length too large for a machine word is refused or waited for, never cut to its low bits.

    Sends: a POST whose length is 2**64 + 5, 2**32 + 5 or a number of 5,000 digits, with five bytes of body, and half
    a second later another request.
    Expects: 400, 413 or another 4xx; or no answer, because the rest is waited for. The app never reads five bytes as
    a whole body, and what comes behind them is never served as a request.
    Why: A server that takes the length modulo 2**32 or 2**64 ends the body after five bytes. The proxy in front goes
    on with gigabytes of what it takes for a body, and the server takes for requests.
    """
    connection = await exchange.connect()
    await connection.send(post(exchange, f"Content-Length: {value}", body=b"hello"))
    response = await connection.response(timeout=0.5)
    # Counted before the connection ends: a body that ends with it tells the app less than a whole one.
    read = [e.detail["length"] for e in exchange.events("body")]
    await connection.send(exchange.request("/echo", token=f"{exchange.token}.hidden"))
    await connection.response(timeout=0.1)
    await connection.close()
    result = await collect_result(exchange, response)
    bad = response.status is not None and not 400 <= response.status < 500
    assertions.assert_that(not bad, "400, 413, or waiting for the rest", result.describe())
    assertions.assert_equal(read, [], "the bodies that the app took for whole ones")
    smuggled = [e.detail["path"] for e in result.calls if e.token.endswith(".hidden")]
    assertions.assert_equal(smuggled, [], "the requests served out of the body")


@case(
    MUST,
    rfc9112(
        "6.3",
        "If the sender closes the connection or the recipient times out before the indicated number of octets are "
        "received, the recipient MUST consider the message to be incomplete and close the connection.",
    ),
    basis=MUST_TEXT,
    tags=SECURITY_TAG,
)
async def cl_short_then_fin(exchange: Exchange) -> None:
    """A body that ends before its length ends the connection too.

    Sends: a POST with `Content-Length: 10` and five bytes of body, and closes the sending side.
    Expects: the connection closed. The app may be called once, and may find the five bytes; whatever is answered, if
    anything is, is one answer.
    Why: A client that breaks off an upload must not hold a worker for ever. Bytes that a server makes up, or takes
    from elsewhere, would be stored as the user's file.
    """
    connection = await exchange.connect()
    await connection.send(post(exchange, "Content-Length: 10", body=b"hello"))
    await connection.half_close()
    ending = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    first, second = await connection.response(timeout=0.1), await connection.response(timeout=0.1)
    await connection.close()
    assertions.assert_that(
        ending is not ConnectionState.OPEN, "the connection closed", f"still open after {RESPONSE_TIMEOUT_SECONDS:g} s"
    )
    result = await collect_result(exchange, first)
    assertions.assert_that(len(result.calls) <= 1, "one call of the app at most", result.describe())
    made_up = [e.detail["data"] for e in result.bodies if not "hello".startswith(e.detail["data"])]
    assertions.assert_that(not made_up, "the app to read nothing but what was sent", result.describe())
    assertions.assert_that(second.is_empty, "one answer at most", second.describe())


@case(
    MUST,
    LENGTH,
    basis=from_recipient_semantics(
        "The length is 0, so the body has ended, and what follows can only be the next message."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
)
async def cl_zero_then_bytes(exchange: Exchange) -> None:
    """Bytes after a body of length 0 are no part of it.

    Sends: a POST with `Content-Length: 0`, and behind its head `hello` and an empty line.
    Expects: 200, the app called once with an empty body. What follows is the beginning of a request, and a broken
    one: it gets a refusal, or the connection is closed, but never a call of the app.
    Why: An app that is handed bytes which belong to no request of its client acts on another one's data.
    """
    connection = await exchange.connect()
    await connection.send(post(exchange, "Content-Length: 0", body=b"hello\r\n\r\n"))
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    second_response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    result = await collect_result(exchange, response, second_response, second_response.ended)
    read = [each.detail["length"] for each in result.bodies]
    assertions.assert_that(response.status == 200 and read == [0], "the app to read an empty body", result.describe())
    assertions.assert_equal(len(result.calls), 1, "the number of the app's calls")
    # Some servers of the time before HTTP/1.0 answered without a status line, which is another case's question.
    good = second_response.is_empty or second_response.status is None or second_response.status >= 400
    assertions.assert_that(good, "a refusal of what follows, or the connection closed", second_response.describe())


@case(
    MUST,
    LENGTH,
    basis=from_recipient_semantics(
        "The length says where the body ends, to the byte, so the next request begins just behind it."
    ),
    tags=SECURITY_TAG,
)
async def cl_then_next(exchange: Exchange) -> None:
    """The request that follows a body at once is read from its first byte.

    Sends: a POST of five bytes and a GET, in one piece.
    Expects: the app reads the five bytes and nothing of the GET; then the GET is answered as itself, or the
    connection is closed by an answer that says so.
    Why: Proxies send their users' requests in such rows. One byte too many or too few, and every answer that follows
    on the connection goes to the wrong user.
    """
    connection = await exchange.connect()
    await connection.send(
        post(exchange, "Content-Length: 5", body=b"hello") + exchange.request("/echo", token=f"{exchange.token}.second")
    )
    first = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    second = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    result = await collect_result(exchange, first)
    assertions.assert_equal(first.status, 200, "the first answer's status")
    assertions.assert_equal([e.detail["data"] for e in result.bodies], ["hello"], "what the app read")
    if not (first.announces_close and second.is_empty):
        assertions.assert_equal(second.body, f"gauntlet {exchange.token}.second\n".encode(), "the second answer")


@case(
    MUST,
    rfc9112("6", "Request message framing is independent of method semantics."),
    basis=from_recipient_semantics(
        "The headers alone say whether there is a body and where it ends. A server that goes by "
        "the method reads the body as a request."
    ),
    tags=SECURITY_TAG,
    variants={
        "get": ("GET", False),
        "delete": ("DELETE", False),
        "options": ("OPTIONS", False),
        "unknown": ("BREW", False),
        "delete-chunked": ("DELETE", True),
        "unknown-chunked": ("BREW", True),
    },
    needs={name: ["http/chunked/one-chunk"] for name in ("delete-chunked", "unknown-chunked")},
)
async def body_of_any_method(exchange: Exchange, what: tuple[str, bool]) -> None:
    """A body is framed by its headers, whatever the method: the app reads it, and the next request begins behind it.

    Sends: a request with a method other than POST and a body of five bytes, framed by Content-Length or in chunks.
    Expects: the app reads the five bytes; or a refusal without a call of the app, as 400, 405, 411, 413 or 501, for a
    server may not want such a body. Either way the next request on the connection is served as itself, or the
    connection is closed.
    Why: DELETE with a body is common with search engines' and storage APIs, BREW stands for what WebDAV and others
    add. A server that knows bodies for POST alone takes the body for the next request: an attacker's, as it likes.
    """
    method, chunks = what
    fields, body = (
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n") if chunks else ("Content-Length: 5", b"hello")
    )
    result = await send_request(
        exchange, post(exchange, fields, body=body, method=method, target=READ_TO_END_TARGET if chunks else "/read")
    )
    if not result.calls and result.response.status in (400, 405, 411, 413, 501):
        assert_in_sync(result)
        if result.response.status == 400:
            closed(result)
        return
    assert_body_served(result, b"hello")
