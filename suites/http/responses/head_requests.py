"""Responses to HEAD: headers without a body."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    assert_following_get_served,
    assert_no_body,
    raw_request,
    send_request,
    send_with_following_get,
)
from wsgi_gauntlet.suites.pep3333.assertions import NEEDS_WRITE

HEAD = rfc9110(
    "9.3.2", "The HEAD method is identical to GET except that the server MUST NOT send content in the response."
)


@case(
    MUST,
    HEAD,
    basis=MUST_TEXT,
    variants={
        "length": "/respond",
        "generator": "/respond?framing=none",
        "written": "/write-in-order",
        "block": "/shaped?what=list",
        "blocks": "/shaped?what=blocks",
        "blocks-length": "/shaped?what=blocks&length=yes",
        "written-length": "/shaped?what=written&length=yes",
    },
    needs={"written-length": NEEDS_WRITE},
)
async def head_no_body(exchange: Exchange, target: str) -> None:
    """The response to a HEAD has no body, even if the app returns one.

    Sends: a HEAD to an app that returns a body anyway: one block or several, in a list, from a generator, or through
    write(), with or without its length. Then another request, if the response allows it.
    Expects: 200. After the headers come only the next response or the end of the connection.
    Why: Clients read such a body as the beginning of the next response. Monitors that send HEAD report a broken site.
    Behind a proxy, another user gets the bytes.
    """
    result = await send_request(exchange, exchange.request(target, method="HEAD"), head=True)
    assertions.assert_equal(result.response.status, 200, "the status")
    assert_no_body(result)


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
    """The response to a HEAD has the same headers as the response to a GET, including Content-Length.

    Sends: a GET and a HEAD for the same page.
    Expects: Content-Type, Content-Length and one header of the app are the same in both responses.
    Why: Download managers use HEAD to learn the size of a file, and caches use it to detect changes. They fail, or
    download the file again.
    """
    target = "/respond?h-X-Marker=kept"
    get, head = await exchange.get(target), await exchange.get(target, method="HEAD")
    assertions.assert_equal((get.status, head.status), (200, 200), "the statuses of GET and HEAD")
    for name in ("Content-Type", "Content-Length", "X-Marker"):
        assertions.assert_equal(head.all(name), get.all(name), f"{name} of the response to HEAD")


@case(MUST, HEAD, basis=MUST_TEXT, needs=["http/connection/keep-alive"])
async def head_then_next(exchange: Exchange) -> None:
    """A response that follows a HEAD's response begins directly after the headers.

    Sends: a HEAD and a GET in one piece.
    Expects: 200 for the HEAD. Then the GET gets its own response, or the first response says that the connection
    closes.
    Why: A body after the first response moves every later response to the wrong request. Behind a proxy, that is the
    wrong user.
    """
    first, second = await send_with_following_get(exchange, exchange.request("/echo", method="HEAD"), head=True)
    assertions.assert_equal(first.status, 200, "the status of the first response")
    assert_following_get_served(exchange, first, second)


@case(
    MUST,
    HEAD,
    basis=MUST_TEXT,
    breach={"refused": CLIENT},
    variants={"refused": "", "app-failed": "/fail?when=before-start"},
)
async def head_error_no_body(exchange: Exchange, target: str) -> None:
    """An error response to a HEAD has no body either.

    Sends: a HEAD that the server must reject, because of a space before a header's colon, or a HEAD to an app that
    fails. Then another request, if the response allows it.
    Expects: an error status. After the headers come only the next response or the end of the connection. If no error
    comes, the case is skipped.
    Why: Servers often create error pages in separate code that forgets HEAD. Behind a proxy, another user gets the page
    as the beginning of a response.
    """
    broken = raw_request(exchange, f"HEAD {exchange.target('/echo')} HTTP/1.1", "X-A : 1")
    request = exchange.request(target, method="HEAD") if target else broken
    result = await send_request(exchange, request, head=True)
    if result.response.status is None or result.response.status < 400:
        exchange.skip(f"the server sent no error: {result.response.describe()}")
    assert_no_body(result)
