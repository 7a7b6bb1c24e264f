"""Bodies that no app reads, and requests that are hidden where two readers may disagree about a body's end."""

from __future__ import annotations

from collections.abc import Callable

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    RESPONSE_TIMEOUT_SECONDS,
    SECURITY_TAG,
    assert_called_at_most_once,
    assert_not_smuggled,
    assert_response,
    assert_response_or_close,
    assert_served,
    assert_smuggled_request_not_called,
    collect_result,
    post_request,
    raw_request,
    send_request,
    smuggled_request,
)
from wsgi_gauntlet.suites.http.references import READ_OR_CLOSE

FINAL_RESPONSE_TIMEOUT_SECONDS = 0.5
"""Seconds to wait for a final response after a 100. A server that reads bodies first waits for the body instead."""


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
"""Requests whose body may end in two places, with a whole request between the two."""


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG, variants=AMBIGUITIES)
async def desync(exchange: Exchange, ambiguity: Ambiguity) -> None:
    """A request that is hidden where two readers may disagree about the body's end is never served.

    Sends: a POST whose body may end in two places: it has two lengths, a length and chunks, or an unusual spelling of a
    coding. The bytes between the two ends are a whole request.
    Expects: a response, or the server closes the connection. The app is called at most once, and never for the hidden
    request. The next request gets its own response, or the server closes the connection.
    Why: A proxy that reads the body the other way never checked the hidden request. The response goes to the next user
    of the connection.
    """
    fields, body = ambiguity(smuggled_request(exchange))
    result = await send_request(exchange, post_request(exchange, *fields, body=body, target="/echo"))
    assert_response_or_close(result)
    assert_not_smuggled(result)
    assert_called_at_most_once(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG)
async def get_with_body(exchange: Exchange) -> None:
    """The body of a GET is read or the connection is closed; the body never becomes a request.

    Sends: a GET with a Content-Length whose body is a whole request, to an app that does not read it. Then another
    request.
    Expects: a response. The app is never called for the request in the body. The next request gets its own response, or
    the server closes the connection.
    Why: Apps do not read the body of a GET, and some servers forget that a GET can have one. A proxy that forwards it
    as a body did not check the request inside.
    """
    body = smuggled_request(exchange)
    result = await send_request(
        exchange,
        raw_request(exchange, f"GET {exchange.target('/echo')} HTTP/1.1", f"Content-Length: {len(body)}", body=body),
    )
    assert_response(result)
    assert_not_smuggled(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG)
async def head_with_body(exchange: Exchange) -> None:
    """The body of a HEAD is read or the connection is closed; the body never becomes a request.

    Sends: a HEAD with a Content-Length whose body is a whole request. Then another request.
    Expects: a response. The app is never called for the request in the body. The next request on the connection is
    served, or the server closes the connection.
    Why: The unread rest of the body begins the next request. Behind a proxy, an attacker's request then runs in the
    name of another user of the connection.
    """
    body = smuggled_request(exchange)
    data = raw_request(exchange, f"HEAD {exchange.target('/echo')} HTTP/1.1", f"Content-Length: {len(body)}", body=body)
    result = await send_request(exchange, data, head=True)
    assert_response(result)
    assert_smuggled_request_not_called(result)
    # Another case checks whether a body follows. Here, an error would show that the server read the body as a request.
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
    return post_request(exchange, f"Content-Length: {len(body)}", body=body, target="/echo")


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG)
async def unread_small(exchange: Exchange) -> None:
    """A small body that the app does not read never becomes the next request.

    Sends: a POST whose body is a whole request, to an app that responds without reading it. Then another request.
    Expects: 200 from one call of the app. The request in the body is never served. The next request gets its own
    response, or the server closes the connection.
    Why: Many apps respond without reading, for example with a redirect to a login page. The body's bytes would then be
    served as a request, past the proxy's rules.
    """
    result = await send_request(exchange, _post_with_smuggled_request(exchange, 0))
    assert_served(result)
    assert_not_smuggled(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG)
async def unread_1mb(exchange: Exchange) -> None:
    """If the app does not read a body of 1 MiB, the server reads and discards it or closes the connection.

    Sends: a POST of 1 MiB that ends with a whole request, to an app that responds without reading. Then another
    request.
    Expects: a response, or the server closes the connection. The end of the body is never served as a request. The next
    request gets its own response, or the server closes the connection.
    Why: A server that discards small bodies but not large ones must close the connection. Otherwise the end of an
    upload becomes a request that the uploader chose.
    """
    result = await send_request(exchange, _post_with_smuggled_request(exchange, 1024 * 1024))
    assert_response_or_close(result)
    assert_not_smuggled(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG)
async def unread_chunks(exchange: Exchange) -> None:
    """A chunked body that the app does not read never becomes the next request.

    Sends: a POST with a chunk that contains a whole request, to an app that responds without reading. Then another
    request.
    Expects: a response, or the server closes the connection. The chunk is never served as a request. The next request
    gets its own response, or the server closes the connection.
    Why: The server reads the remaining chunks as the next request. Behind a proxy, this request runs in another user's
    name.
    """
    result = await send_request(
        exchange, post_request(exchange, CHUNKED, body=_chunk(smuggled_request(exchange)), target="/echo")
    )
    assert_response_or_close(result)
    assert_not_smuggled(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG, variants={"length": False, "chunks": True})
async def unread_after_error(exchange: Exchange, chunks: bool) -> None:
    """If an app fails before it reads the body, the body never becomes the next request.

    Sends: a POST whose body, with a length or in a chunk, is a whole request. The app raises before it reads it. Then
    another request.
    Expects: a response, or the server closes the connection. The request in the body is never served. The next request
    gets its own response, or the server closes the connection.
    Why: Error paths are easy to forget. An attacker who can make an app fail could get any request served, past the
    proxy's rules.
    """
    body = smuggled_request(exchange)
    fields, sent = (CHUNKED, _chunk(body)) if chunks else (f"Content-Length: {len(body)}", body)
    result = await send_request(exchange, post_request(exchange, fields, body=sent, target="/fail?when=before-start"))
    assert_response_or_close(result)
    assert_not_smuggled(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG, variants={"length": False, "chunks": True})
async def partly_read(exchange: Exchange, chunks: bool) -> None:
    """If the app reads only the beginning of a body, the rest never becomes the next request.

    Sends: a POST whose body, with a length or in a chunk, is `hello` followed by a whole request. The app reads the
    first five bytes. Then another request.
    Expects: a response. The request in the body is never served. The next request gets its own response, or the server
    closes the connection.
    Why: An app that rejects an upload after its first line leaves the rest on the connection. The server would read
    that rest as the next request.
    """
    body = b"hello" + smuggled_request(exchange)
    fields, sent = (CHUNKED, _chunk(body)) if chunks else (f"Content-Length: {len(body)}", body)
    result = await send_request(exchange, post_request(exchange, fields, body=sent, target="/reads?do=read:5"))
    assert_response(result)
    assert_not_smuggled(result)


@case(
    MUST,
    READ_OR_CLOSE,
    basis=MUST_TEXT,
    tags=SECURITY_TAG,
    variants={"delete": "DELETE", "options": "OPTIONS", "unknown": "BREW"},
)
async def unread_of_any_method(exchange: Exchange, method: str) -> None:
    """A body that the app does not read never becomes the next request, whatever the method is.

    Sends: a DELETE, OPTIONS or BREW with a Content-Length whose body is a whole request, to an app that does not read
    it. Then another request.
    Expects: a response, which may reject the method. The app is never called for the request in the body. The next
    request gets its own response, or the server closes the connection.
    Why: A server that expects bodies only for POST and PUT serves the bytes of such a body as a request. The proxy
    forwarded them unchecked, as a body.
    """
    body = smuggled_request(exchange)
    result = await send_request(
        exchange, post_request(exchange, f"Content-Length: {len(body)}", body=body, target="/echo", method=method)
    )
    assert_response(result)
    assert_not_smuggled(result)


@case(MUST, READ_OR_CLOSE, basis=MUST_TEXT, tags=SECURITY_TAG)
async def unread_expected(exchange: Exchange) -> None:
    """A body that follows an early response to `Expect: 100-continue` never becomes a request.

    Sends: the headers of a POST with `Expect: 100-continue`, to an app that responds without reading. If the server
    sends 100 first, the body follows. Otherwise the body follows the response, unless that says that the connection
    closes. The body is a whole request. Then another request.
    Expects: a response. The request in the body is never served. The next request gets its own response, or the server
    closes the connection.
    Why: After such a response, the client may still send the body. A server that keeps the connection and forgets the
    body serves it as a request, past the proxy's rules.
    """
    body = smuggled_request(exchange)
    connection = await exchange.connect()
    await connection.send(
        post_request(exchange, "Expect: 100-continue", f"Content-Length: {len(body)}", target="/echo")
    )
    response = await connection.response(timeout=FINAL_RESPONSE_TIMEOUT_SECONDS)
    if response.status is None and response.interim:
        # The server wants the body before it calls the app.
        await connection.send(body)
        body = b""
        response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    second_response, connection_state = None, response.ended
    if response.complete:
        if not response.announces_close:
            await connection.send(body + exchange.request("/echo", token=f"{exchange.token}.next"))
        second_response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
        connection_state = second_response.ended
    await connection.close()
    result = await collect_result(exchange, response, second_response, connection_state)
    assert_response(result)
    assert_not_smuggled(result)
