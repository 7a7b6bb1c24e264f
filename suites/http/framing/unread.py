"""Bodies that nobody reads, and requests hidden where two readers may disagree on a body's end."""

from __future__ import annotations

from collections.abc import Callable

from ....harness import expect
from ....harness.catalog import MUST, case
from ....harness.exchange import Exchange
from ....harness.references import rfc9112
from ..verbs import ask, hidden, never_hidden, no_hidden_call, post, raw, served

SECURITY = ["security"]
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
    "coding-behind-cr": lambda h: (
        [f"X-A: a\rTransfer-Encoding: chunked\r\nContent-Length: {5 + len(h)}"],
        b"0\r\n\r\n" + h,
    ),
}
"""Requests whose end two readers may see in different places, with a whole request where they disagree."""


@case(MUST, READ_OR_CLOSE, tags=SECURITY, variants=AMBIGUITIES)
async def desync(x: Exchange, ambiguity: Ambiguity) -> None:
    """A request hidden where two readers may disagree on the body's end is never served.

    Behind a proxy that reads the other way, the hidden request is answered to the next user of the connection.
    """
    fields, body = ambiguity(hidden(x))
    told = await ask(x, post(x, *fields, body=body, target="/echo"))
    never_hidden(told)
    expect.that(len(told.calls) <= 1, "one call of the app at most", told.describe())


@case(MUST, READ_OR_CLOSE, tags=SECURITY)
async def get_with_body(x: Exchange) -> None:
    """The body of a GET is consumed, or the connection is closed; it never becomes a request.

    Sends a GET whose body is a whole request. Apps do not read the body of a GET, so it is left to the server.
    """
    body = hidden(x)
    told = await ask(x, raw(x, f"GET {x.target('/echo')} HTTP/1.1", f"Content-Length: {len(body)}", body=body))
    expect.that(told.answer.status is not None, "an answer", told.describe())
    never_hidden(told)


@case(MUST, READ_OR_CLOSE, tags=SECURITY)
async def head_with_body(x: Exchange) -> None:
    """The body of a HEAD is consumed, or the connection is closed; it never becomes a request.

    Sends a HEAD whose body is a whole request, then another request.
    """
    body = hidden(x)
    data = raw(x, f"HEAD {x.target('/echo')} HTTP/1.1", f"Content-Length: {len(body)}", body=body)
    told = await ask(x, data, head=True)
    expect.that(told.answer.status is not None, "an answer", told.describe())
    no_hidden_call(told)
    # Whether a body follows the answer to a HEAD is another case's question; here a refusal would give the body away.
    refused = told.after is not None and told.after.status is not None and told.after.status >= 400
    expect.that(not refused, "the next request on the connection served, or the connection closed", told.describe())


def _unread(x: Exchange, padding: int) -> bytes:
    body = b"." * padding + hidden(x)
    return post(x, f"Content-Length: {len(body)}", body=body, target="/echo")


@case(MUST, READ_OR_CLOSE, tags=SECURITY)
async def unread_small(x: Exchange) -> None:
    """A small body that the app leaves unread never becomes the next request.

    Sends a POST whose body is a whole request to an app that answers without reading.
    """
    told = await ask(x, _unread(x, 0))
    served(told)
    never_hidden(told)


@case(MUST, READ_OR_CLOSE, tags=SECURITY)
async def unread_1mb(x: Exchange) -> None:
    """A body of 1 MiB that the app leaves unread is drained, or the connection is closed.

    Sends a POST of 1 MiB that ends with a whole request to an app that answers without reading.
    """
    told = await ask(x, _unread(x, 1024 * 1024))
    never_hidden(told)


@case(MUST, READ_OR_CLOSE, tags=SECURITY)
async def unread_chunks(x: Exchange) -> None:
    """A chunked body that the app leaves unread never becomes the next request.

    Sends a chunk that holds a whole request to an app that answers without reading.
    """
    told = await ask(x, post(x, CHUNKED, body=_chunk(hidden(x)), target="/echo"))
    never_hidden(told)


@case(MUST, READ_OR_CLOSE, tags=SECURITY, variants={"length": False, "chunks": True})
async def unread_after_error(x: Exchange, chunks: bool) -> None:
    """A body that an app leaves unread because it fails never becomes the next request.

    Sends a POST whose body is a whole request to an app that raises before it reads. The way out of an error is easily
    forgotten.
    """
    body = hidden(x)
    fields, sent = (CHUNKED, _chunk(body)) if chunks else (f"Content-Length: {len(body)}", body)
    never_hidden(await ask(x, post(x, fields, body=sent, target="/fail?when=before-start")))


@case(MUST, READ_OR_CLOSE, tags=SECURITY, variants={"length": False, "chunks": True})
async def partly_read(x: Exchange, chunks: bool) -> None:
    """A body of which the app reads only the beginning never becomes the next request.

    Sends a POST whose body is five bytes and then a whole request, to an app that reads those five. An app that
    refuses an upload for its first line does so.
    """
    body = b"hello" + hidden(x)
    fields, sent = (CHUNKED, _chunk(body)) if chunks else (f"Content-Length: {len(body)}", body)
    told = await ask(x, post(x, fields, body=sent, target="/reads?do=read:5"))
    expect.that(told.answer.status is not None, "an answer", told.describe())
    never_hidden(told)
