"""Bodies that nobody reads, and requests hidden where two readers may disagree on a body's end."""

from __future__ import annotations

from collections.abc import Callable

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9112
from wsgi_gauntlet.suites.http.assertions import (
    RESPONSE_TIMEOUT_SECONDS,
    assert_not_smuggled,
    assert_response_or_close,
    assert_served,
    assert_smuggled_request_not_called,
    collect_result,
    post,
    raw,
    send_request,
    smuggled_request,
)

SECURITY_TAG = ["security"]
AFTER_CONTINUE_TIMEOUT_SECONDS = 0.5
"""Seconds for a final answer from a server that has sent a 100: one that reads bodies beforehand waits for this one."""

READ_OR_CLOSE = rfc9112(
    "9.3",
    "A server MUST read the entire request message body or close the connection after sending its response; otherwise, "
    "the remaining data on a persistent connection would be misinterpreted as the next request.",
)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)


def _size_line(data: bytes) -> int:
    return len(b"%x\r\n" % len(data))


Ambiguity = Callable[[bytes], tuple[list[str], bytes]]

CHUNKED = "Transfer-Encoding: chunked"
AMBIGUITIES: dict[str, Ambiguity] = {
    "chunks-end-before-length": lambda h: ([f"Content-Length: {5 + len(h)}", CHUNKED], b"0\r\n\r\n" + h),
    "length-ends-before-chunks": lambda h: ([f"Content-Length: {_size_line(h)}", CHUNKED], _chunk(h)),
    "two-lengths-short-first": lambda h: (["Content-Length: 0", f"Content-Length: {len(h)}"], h),
    "two-lengths-short-last": lambda h: ([f"Content-Length: {len(h)}", "Content-Length: 0"], h),
    "length-list": lambda h: ([f"Content-Length: 0, {len(h)}"], h),
    "length-plus": lambda h: ([f"Content-Length: +{len(h)}"], h),
    "length-minus": lambda h: ([f"Content-Length: -{len(h)}"], h),
    "length-hex": lambda h: ([f"Content-Length: 0x{len(h):x}"], h),
    "length-space-before-colon": lambda h: ([f"Content-Length : {len(h)}"], h),
    "coding-not-final": lambda h: (["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n" + h),
    "coding-two-lines": lambda h: ([CHUNKED, "Transfer-Encoding: identity"], b"0\r\n\r\n" + h),
    "coding-vt": lambda h: (["Transfer-Encoding: \x0bchunked", f"Content-Length: {_size_line(h)}"], _chunk(h)),
    "coding-vt-ends-first": lambda h: (["Transfer-Encoding: \x0bchunked"], b"0\r\n\r\n" + h),
    "coding-nbsp": lambda h: (["Transfer-Encoding: \xa0chunked", f"Content-Length: {_size_line(h)}"], _chunk(h)),
    "coding-space-before-colon": lambda h: (
        ["Transfer-Encoding : chunked", f"Content-Length: {_size_line(h)}"],
        _chunk(h),
    ),
    "coding-folded": lambda h: (["Transfer-Encoding:\r\n chunked", f"Content-Length: {_size_line(h)}"], _chunk(h)),
    "coding-behind-lf": lambda h: (
        [f"X-A: a\nTransfer-Encoding: chunked\r\nContent-Length: {5 + len(h)}"],
        b"0\r\n\r\n" + h,
    ),
    "coding-behind-cr": lambda h: (
        [f"X-A: a\rTransfer-Encoding: chunked\r\nContent-Length: {5 + len(h)}"],
        b"0\r\n\r\n" + h,
    ),
}
"""Requests whose end two readers may see in different places, with a whole request where they disagree."""


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG, variants=AMBIGUITIES)
async def desync(exchange: Exchange, ambiguity: Ambiguity) -> None:
    """A request hidden where two readers may disagree on the body's end is never served.

    Sends: a POST whose body's end two readers may see in different places (two lengths, a length and chunks, a coding
    in a doubtful spelling), with a whole request where they disagree.
    Expects: an answer, or the connection closed; the app is called once at most, and never for the hidden request; a
    further request on the connection is served as itself, or the connection is closed.
    Why: Behind a proxy that reads it the other way, the hidden request was never checked, and its answer goes to the
    next user of the connection.
    """
    fields, body = ambiguity(smuggled_request(exchange))
    result = await send_request(exchange, post(exchange, *fields, body=body, target="/echo"))
    assert_response_or_close(result)
    assert_not_smuggled(result)
    assertions.assert_that(len(result.calls) <= 1, "one call of the app at most", result.describe())


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG)
async def get_with_body(exchange: Exchange) -> None:
    """The body of a GET is consumed, or the connection is closed; it never becomes a request.

    Sends: a GET with a Content-Length whose body is a whole request, to an app that does not read it; then another
    request.
    Expects: an answer; the app is not called for what lies in the body; the next request is served as itself, or the
    connection is closed.
    Why: Apps do not read the body of a GET, and servers forget that it can have one. A proxy that counts it as a body
    has not checked the request inside.
    """
    body = smuggled_request(exchange)
    result = await send_request(
        exchange, raw(exchange, f"GET {exchange.target('/echo')} HTTP/1.1", f"Content-Length: {len(body)}", body=body)
    )
    assertions.assert_that(result.response.status is not None, "an answer", result.describe())
    assert_not_smuggled(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG)
async def head_with_body(exchange: Exchange) -> None:
    """The body of a HEAD is consumed, or the connection is closed; it never becomes a request.

    Sends: a HEAD with a Content-Length whose body is a whole request, then another request.
    Expects: an answer; the app is not called for what lies in the body; the next request on the connection is served,
    or the connection is closed.
    Why: What is left of the body begins the next request: an attacker's, in the name of whoever shares the connection
    behind a proxy.
    """
    body = smuggled_request(exchange)
    data = raw(exchange, f"HEAD {exchange.target('/echo')} HTTP/1.1", f"Content-Length: {len(body)}", body=body)
    result = await send_request(exchange, data, head=True)
    assertions.assert_that(result.response.status is not None, "an answer", result.describe())
    assert_smuggled_request_not_called(result)
    # Whether a body follows the answer to a HEAD is another case's question; here a refusal would give the body away.
    second_is_error = (
        result.second_response is not None
        and result.second_response.status is not None
        and result.second_response.status >= 400
    )
    assertions.assert_that(
        not second_is_error, "the next request on the connection served, or the connection closed", result.describe()
    )


def _post_with_smuggled_request(exchange: Exchange, padding: int) -> bytes:
    body = b"." * padding + smuggled_request(exchange)
    return post(exchange, f"Content-Length: {len(body)}", body=body, target="/echo")


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG)
async def unread_small(exchange: Exchange) -> None:
    """A small body that the app leaves unread never becomes the next request.

    Sends: a POST whose body is a whole request, to an app that answers without reading it; then another request.
    Expects: 200 from one call of the app; what lies in the body is never served; the next request is served as itself,
    or the connection is closed.
    Why: Many apps answer without reading, with a redirect to the log-in for one. Whatever the body holds would then be
    served as a request, past the proxy's rules.
    """
    result = await send_request(exchange, _post_with_smuggled_request(exchange, 0))
    assert_served(result)
    assert_not_smuggled(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG)
async def unread_1mb(exchange: Exchange) -> None:
    """A body of 1 MiB that the app leaves unread is drained, or the connection is closed.

    Sends: a POST of 1 MiB that ends with a whole request, to an app that answers without reading; then another request.
    Expects: an answer, or the connection closed; the end of the body is never served as a request; the next request is
    served as itself, or the connection is closed.
    Why: A server that reads away small bodies and gives up on large ones must close. Else an upload's end becomes a
    request of the uploader's choice.
    """
    result = await send_request(exchange, _post_with_smuggled_request(exchange, 1024 * 1024))
    assert_response_or_close(result)
    assert_not_smuggled(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG)
async def unread_chunks(exchange: Exchange) -> None:
    """A chunked body that the app leaves unread never becomes the next request.

    Sends: a POST with a chunk that holds a whole request, to an app that answers without reading; then another request.
    Expects: an answer, or the connection closed; the chunk is never served as a request; the next request is served as
    itself, or the connection is closed.
    Why: What is left of the chunks is read as the next request: behind a proxy, in another user's name.
    """
    result = await send_request(
        exchange, post(exchange, CHUNKED, body=_chunk(smuggled_request(exchange)), target="/echo")
    )
    assert_response_or_close(result)
    assert_not_smuggled(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG, variants={"length": False, "chunks": True})
async def unread_after_error(exchange: Exchange, chunks: bool) -> None:
    """A body that an app leaves unread because it fails never becomes the next request.

    Sends: a POST whose body, with a length or in a chunk, is a whole request, to an app that raises before it reads it.
    Expects: an answer, or the connection closed; what lies in the body is never served; the next request is served as
    itself, or the connection is closed.
    Why: The way out of an error is easily forgotten. An attacker who can make an app fail could then have any request
    served, past the proxy's rules.
    """
    body = smuggled_request(exchange)
    fields, sent = (CHUNKED, _chunk(body)) if chunks else (f"Content-Length: {len(body)}", body)
    result = await send_request(exchange, post(exchange, fields, body=sent, target="/fail?when=before-start"))
    assert_response_or_close(result)
    assert_not_smuggled(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG, variants={"length": False, "chunks": True})
async def partly_read(exchange: Exchange, chunks: bool) -> None:
    """A body of which the app reads only the beginning never becomes the next request.

    Sends: a POST whose body, with a length or in a chunk, is `hello` and then a whole request, to an app that reads the
    first five bytes.
    Expects: an answer; what lies in the body is never served; the next request is served as itself, or the connection
    is closed.
    Why: An app that refuses an upload for its first line leaves the rest on the connection, where it would be the next
    request.
    """
    body = b"hello" + smuggled_request(exchange)
    fields, sent = (CHUNKED, _chunk(body)) if chunks else (f"Content-Length: {len(body)}", body)
    result = await send_request(exchange, post(exchange, fields, body=sent, target="/reads?do=read:5"))
    assertions.assert_that(result.response.status is not None, "an answer", result.describe())
    assert_not_smuggled(result)


@case(
    MUST,
    READ_OR_CLOSE,
    basis=MUST_TEXT,
    tags=SECURITY_TAG,
    variants={"delete": "DELETE", "options": "OPTIONS", "unknown": "BREW"},
)
async def unread_of_any_method(exchange: Exchange, method: str) -> None:
    """A body that the app leaves unread never becomes the next request, whatever the method.

    Sends: a DELETE, OPTIONS or BREW with a Content-Length whose body is a whole request, to an app that does not read
    it; then another request.
    Expects: an answer, a refusal of the method included; the app is not called for what lies in the body; the next
    request is served as itself, or the connection is closed.
    Why: A server that expects bodies of POST and PUT alone serves what such a body holds: a request that the proxy in
    front has passed on as a body, unchecked.
    """
    body = smuggled_request(exchange)
    result = await send_request(
        exchange, post(exchange, f"Content-Length: {len(body)}", body=body, target="/echo", method=method)
    )
    assertions.assert_that(result.response.status is not None, "an answer", result.describe())
    assert_not_smuggled(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG)
async def unread_expected(exchange: Exchange) -> None:
    """A body that a client was about to send when it got its answer never becomes a request.

    Sends: the head of a POST with `Expect: 100-continue` to an app that answers without reading. Unless the answer says
    that the connection closes, then the body that the head announced, a whole request, and another request behind it.
    The body goes before the answer where a 100 comes and nothing else.
    Expects: an answer; what lies in the body is never served; the request behind it is served as itself, or the
    connection is closed.
    Why: Whether the body still comes is the client's choice after such an answer. A server that keeps the connection
    and does not count it serves the body as a request: an attacker's, past the proxy's rules.
    """
    body = smuggled_request(exchange)
    connection = await exchange.connect()
    await connection.send(post(exchange, "Expect: 100-continue", f"Content-Length: {len(body)}", target="/echo"))
    response = await connection.response(timeout=AFTER_CONTINUE_TIMEOUT_SECONDS)
    if response.status is None and response.interim:
        # It was told to send its body first, before the app is called.
        await connection.send(body)
        body = b""
        response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    second_response, ending = None, response.ended
    if response.complete:
        if not response.announces_close:
            await connection.send(body + exchange.request("/echo", token=f"{exchange.token}.next"))
        second_response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
        ending = second_response.ended
    await connection.close()
    result = await collect_result(exchange, response, second_response, ending)
    assertions.assert_that(response.status is not None, "an answer", result.describe())
    assert_not_smuggled(result)
