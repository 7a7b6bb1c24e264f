"""Content-Length: its syntax, its duplicates and the exact number of body bytes."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MAY_TEXT,
    MUST_TEXT,
    from_recipient_semantics,
    rfc9110,
    rfc9112,
)
from wsgi_gauntlet.harness.conformance.catalog import MAY, MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.suites.http.assertions import (
    NEEDS_CHUNKED,
    READ_TO_END_TARGET,
    RESPONSE_TIMEOUT_SECONDS,
    SECURITY_TAG,
    assert_body_served,
    assert_called_at_most_once,
    assert_closed,
    assert_following_get_served,
    assert_in_sync,
    assert_rejected,
    collect_result,
    is_rejected_and_in_sync,
    post_request,
    send_request,
    send_with_following_get,
)
from wsgi_gauntlet.suites.http.references import BODY_LENGTH, INCOMPLETE_BODY, INVALID_LENGTH, WHITESPACE_EXCLUDED

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
    """A request with two different Content-Length headers is rejected, and the server closes the connection.

    Sends: a POST with two different Content-Length lines. Its body is as long as the larger length.
    Expects: the server answers 400 and does not call the app. The server closes the connection, because nobody can know
    where the next request begins.
    Why: A proxy that uses the other length treats the rest of the body as a new request. Attackers send requests past
    its rules in this way, and another user gets the responses.
    """
    first, second = lengths
    result = await send_request(
        exchange,
        post_request(exchange, f"Content-Length: {first}", f"Content-Length: {second}", body=b"hello!"[: max(lengths)]),
    )
    assert_rejected(result, closes=True)


@case(
    MAY, SAME_LIST, basis=MAY_TEXT, breach=CLIENT, tags=SECURITY_TAG, variants={"list": ("5, 5",), "lines": ("5", "5")}
)
async def cl_list_same(exchange: Exchange, values: tuple[str, ...]) -> None:
    """A Content-Length that repeats one value is read as that value, or the request is rejected.

    Sends: a POST of five bytes whose Content-Length says 5 twice: as `5, 5`, or on two lines.
    Expects: the app reads the five bytes, or the server rejects the request without calling the app. The next request
    gets its own response, or the server closes the connection.
    Why: Some proxies join or repeat headers. This behaviour decides whether uploads through them work. With any other
    reading, the proxy and the server disagree about the end of the body.
    """
    result = await send_request(
        exchange, post_request(exchange, *(f"Content-Length: {value}" for value in values), body=b"hello")
    )
    if not is_rejected_and_in_sync(result):
        assert_body_served(result, b"hello")


@case(MUST, INVALID_LENGTH, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG)
async def cl_list_different(exchange: Exchange) -> None:
    """A Content-Length that lists different lengths is rejected, and the server closes the connection.

    Sends: a POST with `Content-Length: 5, 6` and six bytes of body.
    Expects: the server answers 400 and does not call the app. The server closes the connection.
    Why: A list parser uses either the first or the last length. If the proxy uses the other one, the sixth byte begins
    a request that the proxy never checked.
    """
    assert_rejected(
        await send_request(exchange, post_request(exchange, "Content-Length: 5, 6", body=b"hello!")), closes=True
    )


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
        "quotes": '"5"',
        "exponent": "1e1",
        "semicolon": "5;a",
        "hex-digit": "a",
    },
)
async def cl_syntax(exchange: Exchange, value: str) -> None:
    """A Content-Length that is not only digits is rejected, and the server closes the connection.

    Sends: a POST of ten bytes. Its Content-Length is not only digits: it has a sign, an underscore, a prefix, two
    numbers, quotes or letters, or it is empty.
    Expects: the server answers 400 and does not call the app. The server closes the connection.
    Why: The number parsers of programming languages accept more than digits. If a proxy reads such a length
    differently, the rest of the body becomes a request that the proxy never checked.
    """
    assert_rejected(
        await send_request(exchange, post_request(exchange, f"Content-Length: {value}", body=b"hellohello")),
        closes=True,
    )


@case(
    MUST,
    BODY_LENGTH,
    basis=from_recipient_semantics(
        "The value is decimal even if it begins with a zero. A server that reads 010 as octal leaves two bytes of the "
        "body, and they become the next request."
    ),
    tags=SECURITY_TAG,
)
async def cl_leading_zeros(exchange: Exchange) -> None:
    """A Content-Length of `010` means ten bytes, not eight: leading zeros are decimal, or the request is rejected.

    Sends: a POST with `Content-Length: 010` and ten bytes of body.
    Expects: the app reads all ten bytes, or the server rejects the request without calling the app. The next request
    gets its own response, or the server closes the connection.
    Why: Some number parsers read a number with a leading zero as octal: eight bytes. The last two bytes then begin the
    next user's request on the connection.
    """
    result = await send_request(exchange, post_request(exchange, "Content-Length: 010", body=b"hellohello"))
    if not is_rejected_and_in_sync(result):
        assert_body_served(result, b"hellohello")


@case(MUST, WHITESPACE_EXCLUDED, basis=MUST_TEXT, variants={"none": "5", "tab": "\t5", "around": " \t 5 \t "})
async def cl_whitespace(exchange: Exchange, value: str) -> None:
    """Spaces and tabs around a Content-Length do not change its value.

    Sends: a POST of five bytes with `Content-Length:5`, or with spaces and tabs around the 5.
    Expects: the app reads the five bytes. The next request gets its own response, or the server closes the connection.
    Why: Small clients and gateways omit the usual space, or align headers with tabs. Their uploads would be lost, or
    stay on the connection as the next request.
    """
    assert_body_served(
        await send_request(exchange, post_request(exchange, f"Content-Length:{value}", body=b"hello")), b"hello"
    )


@case(
    MUST,
    OVERFLOW,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"64-bits": str(2**64 + 5), "32-bits": str(2**32 + 5), "digits": "9" * 5000},
)
async def cl_overflow(exchange: Exchange, value: str) -> None:
    """A length that is too large for a machine word is never cut to its low bits.

    Sends: a POST with five bytes of body and a length of 2**64 + 5, 2**32 + 5 or 5,000 digits. Half a second later,
    another request.
    Expects: 400, 413 or another 4xx, or no response because the server waits for the rest. The app never reads the five
    bytes as a whole body. The bytes after them are never served as a request.
    Why: A server that computes the length modulo 2**32 or 2**64 ends the body after five bytes. The proxy still
    forwards gigabytes of body, and the server reads them as requests.
    """
    connection = await exchange.connect()
    await connection.send(post_request(exchange, f"Content-Length: {value}", body=b"hello"))
    response = await connection.response(timeout=0.5)
    # Count before the close: some servers let the app read an incomplete body to a normal end once the client closes.
    read = [e.detail["length"] for e in exchange.events("body")]
    await connection.send(exchange.request("/echo", token=f"{exchange.token}.hidden"))
    await connection.response(timeout=0.1)
    await connection.close()
    result = await collect_result(exchange, response)
    bad = response.status is not None and not 400 <= response.status < 500
    assertions.assert_that(
        not bad, "a status from 400 to 499, or no response while the server waits for the rest", result.describe()
    )
    assertions.assert_equal(read, [], "the bodies that the app read as complete")
    smuggled = [e.detail["path"] for e in result.calls if e.token.endswith(".hidden")]
    assertions.assert_equal(smuggled, [], "the requests served from the body")


@case(MUST, INCOMPLETE_BODY, basis=MUST_TEXT, tags=SECURITY_TAG)
async def cl_short_then_fin(exchange: Exchange) -> None:
    """If a body ends before its length, the server closes the connection.

    Sends: a POST with `Content-Length: 10` and five bytes of body. Then the client closes its sending side.
    Expects: the server closes the connection. The app is called at most once and reads no byte other than the five. The
    server sends at most one response.
    Why: A client that aborts an upload must not block a worker for ever. Bytes that the server invents would be stored
    as the user's file.
    """
    connection = await exchange.connect()
    await connection.send(post_request(exchange, "Content-Length: 10", body=b"hello"))
    await connection.half_close()
    connection_state = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    first, second = await connection.response(timeout=0.1), await connection.response(timeout=0.1)
    await connection.close()
    assertions.assert_that(
        connection_state is not ConnectionState.OPEN,
        "the connection closed",
        f"still open after {RESPONSE_TIMEOUT_SECONDS:g} s",
    )
    result = await collect_result(exchange, first)
    assert_called_at_most_once(result)
    invented = [e.detail["data"] for e in result.bodies if not "hello".startswith(e.detail["data"])]
    assertions.assert_that(not invented, "the app to read only the bytes sent", result.describe())
    assertions.assert_that(second.is_empty, "at most one response", second.describe())


@case(
    MUST,
    BODY_LENGTH,
    basis=from_recipient_semantics(
        "The length is 0, so the body has ended. Further bytes can only be the next message."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
)
async def cl_zero_then_bytes(exchange: Exchange) -> None:
    """Bytes after a body of length 0 do not belong to that body.

    Sends: a POST with `Content-Length: 0`, followed by `hello` and an empty line.
    Expects: 200 from one call of the app, which reads an empty body. The bytes that follow begin an invalid request:
    the server rejects it or closes the connection, and does not call the app.
    Why: An app that receives bytes from outside its client's request acts on another user's data.
    """
    connection = await exchange.connect()
    await connection.send(post_request(exchange, "Content-Length: 0", body=b"hello\r\n\r\n"))
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    second_response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    result = await collect_result(exchange, response, second_response, second_response.ended)
    read = [each.detail["length"] for each in result.bodies]
    assertions.assert_that(response.status == 200 and read == [0], "the app to read an empty body", result.describe())
    assertions.assert_equal(len(result.calls), 1, "the number of calls of the app")
    # http/request-line/http09 checks a response without a status line.
    good = second_response.is_empty or second_response.status is None or second_response.status >= 400
    assertions.assert_that(
        good, "a rejection of the bytes that follow, or the connection closed", second_response.describe()
    )


@case(
    MUST,
    BODY_LENGTH,
    basis=from_recipient_semantics(
        "The length defines the exact end of the body. The next request begins with the byte after it."
    ),
    tags=SECURITY_TAG,
)
async def cl_then_next(exchange: Exchange) -> None:
    """A request that directly follows a body is read from its first byte.

    Sends: a POST of five bytes and a GET, together in one piece.
    Expects: the app reads the five bytes and nothing of the GET. Then the GET gets its own response, or the first
    response says that the connection closes.
    Why: Proxies send their users' requests in such sequences. With one byte too many or too few, every later response
    on the connection goes to the wrong user.
    """
    first, second = await send_with_following_get(exchange, post_request(exchange, "Content-Length: 5", body=b"hello"))
    result = await collect_result(exchange, first)
    assertions.assert_equal(first.status, 200, "the status of the first response")
    assertions.assert_equal([e.detail["data"] for e in result.bodies], ["hello"], "the bytes that the app read")
    assert_following_get_served(exchange, first, second)


@case(
    MUST,
    rfc9112("6", "Request message framing is independent of method semantics."),
    basis=from_recipient_semantics(
        "Only the headers define whether the request has a body and where it ends. A server that uses the method "
        "instead reads the body as a request."
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
    needs={name: [*NEEDS_CHUNKED] for name in ("delete-chunked", "unknown-chunked")},
)
async def body_of_any_method(exchange: Exchange, what: tuple[str, bool]) -> None:
    """The headers define the body, whatever the method is: the app reads it, and the next request begins after it.

    Sends: a request with a method other than POST and a body of five bytes, with a Content-Length or in a chunk.
    Expects: the app reads the five bytes. The server may instead reject such a body with 400, 405, 411, 413 or 501,
    without calling the app. The next request gets its own response, or the server closes the connection. After a 400 it
    must close the connection.
    Why: Search engines and storage APIs use DELETE with a body. WebDAV adds methods, which BREW represents here. A
    server that expects bodies only for POST reads such a body as the next request, which an attacker can choose.
    """
    method, chunks = what
    fields, body = (
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n") if chunks else ("Content-Length: 5", b"hello")
    )
    result = await send_request(
        exchange,
        post_request(exchange, fields, body=body, method=method, target=READ_TO_END_TARGET if chunks else "/read"),
    )
    if not result.calls and result.response.status in (400, 405, 411, 413, 501):
        assert_in_sync(result)
        if result.response.status == 400:
            assert_closed(result)
        return
    assert_body_served(result, b"hello")
