"""Answers to HEAD: a head, and nothing behind it."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.suites.http.assertions import RESPONSE_TIMEOUT_SECONDS, assert_in_sync, raw, send_request

HEAD = rfc9110(
    "9.3.2", "The HEAD method is identical to GET except that the server MUST NOT send content in the response."
)


@case(
    MUST,
    HEAD,
    basis=MUST_TEXT,
    variants={"length": "/respond", "generator": "/respond?framing=none", "written": "/write-in-order"},
)
async def head_no_body(exchange: Exchange, target: str) -> None:
    """The answer to a HEAD has no body, even where the app yields one.

    Sends: a HEAD to an app that yields a body all the same: with its length, from a generator, or by write(); then
    another request where the answer allows it.
    Expects: 200, and nothing between its head and the next answer, or the end of the connection.
    Why: A body there is read as the beginning of the next answer. Monitors that send HEAD then report a broken site;
    behind a proxy another user gets the bytes.
    """
    result = await send_request(exchange, exchange.request(target, method="HEAD"), head=True)
    assertions.assert_equal(result.response.status, 200, "the status")
    second_response = result.second_response if result.second_response is not None else Response()
    assertions.assert_that(
        second_response.is_empty or second_response.status == 200,
        "nothing between the head and the next answer",
        second_response.raw[:200],
    )
    assert_in_sync(result)


@case(
    SHOULD,
    rfc9110(
        "9.3.2",
        "The server SHOULD send the same header fields in response to a HEAD request as it would have sent if the "
        "request method had been GET.",
    ),
    basis=SHOULD_TEXT,
)
async def head_same_headers(exchange: Exchange) -> None:
    """A HEAD gets the headers that the app gives, its Content-Length included, as a GET does.

    Sends: a GET and a HEAD for the same page.
    Expects: Content-Type, Content-Length and a header of the app's own the same in both.
    Why: Download managers read the size in this way, and caches whether a page has changed. They go wrong, or load it
    all again.
    """
    target = "/respond?h-X-Marker=kept"
    get, head = await exchange.get(target), await exchange.get(target, method="HEAD")
    assertions.assert_equal((get.status, head.status), (200, 200), "the statuses of GET and HEAD")
    for name in ("Content-Type", "Content-Length", "X-Marker"):
        assertions.assert_equal(head.all(name), get.all(name), f"{name} of the answer to HEAD")


@case(MUST, HEAD, basis=MUST_TEXT, needs=["http/connection/keep-alive"])
async def head_then_next(exchange: Exchange) -> None:
    """The answer that follows a HEAD's on the connection is found where it should be.

    Sends: a HEAD and a GET in one piece.
    Expects: 200 for the HEAD, then the GET's own answer where one with a HEAD's end would be; or the connection closed
    by an answer that says so.
    Why: A body behind the first answer shifts every answer that follows to the wrong request, and so to the wrong user
    behind a proxy.
    """
    connection = await exchange.connect()
    await connection.send(
        exchange.request("/echo", method="HEAD") + exchange.request("/echo", token=f"{exchange.token}.second")
    )
    first = await connection.response(head=True, timeout=RESPONSE_TIMEOUT_SECONDS)
    second = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    assertions.assert_equal(first.status, 200, "the first answer's status")
    if not (first.announces_close and second.is_empty):
        assertions.assert_equal(second.body, f"gauntlet {exchange.token}.second\n".encode(), "the second answer")


@case(
    MUST,
    HEAD,
    basis=MUST_TEXT,
    breach={"refused": CLIENT},
    variants={"refused": "", "app-failed": "/fail?when=before-start"},
)
async def head_error_no_body(exchange: Exchange, target: str) -> None:
    """An error in answer to a HEAD has no body either.

    Sends: a HEAD that must be refused, for a blank before a header's colon, or one to an app that fails; then another
    request where the answer allows it.
    Expects: an error whose head is followed by nothing but the next answer, or by the end of the connection.
    Why: Error pages are made elsewhere than answers, and HEAD is easily forgotten there. Behind a proxy the page is
    read as the beginning of the next answer, which another user gets.
    """
    broken = raw(exchange, f"HEAD {exchange.target('/echo')} HTTP/1.1", "X-A : 1")
    request = exchange.request(target, method="HEAD") if target else broken
    result = await send_request(exchange, request, head=True)
    if result.response.status is None or result.response.status < 400:
        exchange.skip(f"no error came: {result.response.describe()}")
    second_response = result.second_response if result.second_response is not None else Response()
    assertions.assert_that(
        second_response.is_empty or second_response.status == 200,
        "nothing between the head and the next answer",
        second_response.raw[:200],
    )
    assert_in_sync(result)
