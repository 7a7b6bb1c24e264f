"""HEAD and apps that leave out the body themselves: the length of the response, and the next request."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, from_sender_semantics, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.suites.http.assertions import send_request
from wsgi_gauntlet.suites.http.references import SAY_CLOSE
from wsgi_gauntlet.suites.http.responses.head_requests import HEAD
from wsgi_gauntlet.suites.pep3333.assertions import NEEDS_WRITE

LENGTH_OF_HEAD = rfc9110(
    "8.6",
    "a server MUST NOT send Content-Length in such a response unless its field value equals the decimal number of "
    "octets that would have been sent in the content of a response if the same request had used the GET method.",
)

SHAPES = {
    each: each
    for each in (
        *("empty-list", "empty-tuple", "empty-generator", "empty-block", "empty-blocks", "empty-written", "empty-file"),
        *("list", "blocks", "generator", "written", "file"),
    )
}
"""What the app returns for HEAD: nothing in one of seven shapes, or the body of the GET in one of five."""


NEEDS = {"written": NEEDS_WRITE, "empty-written": NEEDS_WRITE}


def _require_served_head(exchange: Exchange, head: Response) -> None:
    if exchange.events("absent"):
        exchange.unsupported("environ has no wsgi.file_wrapper, which the PEP does not require")
    if head.status != 200:
        exchange.skip(f"the response to the HEAD is {head.describe()}; see http/responses/head-status")


@case(
    MUST,
    HEAD,
    basis=from_sender_semantics(
        "By definition a HEAD is a GET without content. An app that leaves out the content itself gives the server "
        "nothing to reject."
    ),
    variants=SHAPES,
    needs=NEEDS,
    segmentable=False,
)
async def head_status(exchange: Exchange, what: str) -> None:
    """The response to a HEAD has the status of the app, whatever the app returns.

    Sends: a HEAD. The app sets no Content-Length, and returns no body in one of seven shapes, or a body in one of five.
    Expects: 200, the status of the app.
    Why: Frameworks leave out the body of a HEAD. Otherwise monitors and link checkers report a broken site.
    """
    head = await exchange.get("/shaped" + query(what=what), method="HEAD")
    if exchange.events("absent"):
        exchange.unsupported("environ has no wsgi.file_wrapper, which the PEP does not require")
    assertions.assert_equal(head.status, 200, "the status of the response to the HEAD")


@case(
    MUST,
    LENGTH_OF_HEAD,
    basis=MUST_TEXT,
    variants={name: what for name, what in SHAPES.items() if name != "empty-block"},
    needs=NEEDS,
    segmentable=False,
)
async def head_length_of_get(exchange: Exchange, what: str) -> None:
    """If the app gives no length, the response to a HEAD has no Content-Length or that of the GET.

    Sends: a GET and a HEAD for the same page. The app sets no Content-Length. For HEAD it returns no body, in one of
    six shapes, or the body of the page, in one of five. In one shape of each group it returns a file wrapper. A list of
    one b'' is left out: PEP 3333 lets a server use the length of a single block.
    Expects: no Content-Length in the response to the HEAD, or the length of the page.
    Why: Frameworks leave out the body of a HEAD. If the server counts it, download managers, link checkers and caches
    take the page for empty.
    """
    target = "/shaped" + query(what=what)
    page = await exchange.get(target)
    head = await exchange.get(target, method="HEAD")
    _require_served_head(exchange, head)
    assertions.assert_equal(page.status, 200, "the status of the response to the GET")
    lengths = head.all("Content-Length")
    wanted = str(page.length).encode()
    assertions.assert_that(
        lengths in ([], [wanted]), f"no Content-Length, or {page.length}, in the response to the HEAD", lengths
    )


@case(
    SHOULD,
    rfc9110(
        "9.3.2",
        "The server SHOULD send the same header fields in response to a HEAD request as it would have sent if the "
        "request method had been GET.",
    ),
    basis=SHOULD_TEXT,
    variants=SHAPES,
    needs=NEEDS,
    segmentable=False,
)
async def head_keeps_length(exchange: Exchange, what: str) -> None:
    """The response to a HEAD has the Content-Length of the app, whatever the app returns.

    Sends: a HEAD. The app sets the Content-Length of its page, and returns no body in one of seven shapes, or the page
    in one of five.
    Expects: 200 with this Content-Length.
    Why: The length is what clients ask for with HEAD. Frameworks set it and leave out the body.
    """
    head = await exchange.get("/shaped" + query(what=what, length="yes"), method="HEAD")
    _require_served_head(exchange, head)
    assertions.assert_equal(head.all("Content-Length"), [b"14"], "the Content-Length of the response to the HEAD")


@case(SHOULD, SAY_CLOSE, basis=SHOULD_TEXT, variants=SHAPES, needs=NEEDS, segmentable=False)
async def head_then_open(exchange: Exchange, what: str) -> None:
    """After a HEAD, the connection stays open, or the response says that it closes.

    Sends: a HEAD. The app sets a Content-Length, and returns no body in one of seven shapes, or the page in one of
    five. Then a GET on the same connection, unless the response says that it closes.
    Expects: the server serves the GET, or the response to the HEAD says `Connection: close`.
    Why: A server that misses the bytes of the body closes the connection. The client sent its next request already, and
    cannot know whether the server processed it.
    """
    request = exchange.request("/shaped" + query(what=what, length="yes"), method="HEAD")
    result = await send_request(exchange, request, head=True)
    _require_served_head(exchange, result.response)
    second_lost = result.second_response is None or result.second_response.is_empty
    assertions.assert_that(
        result.response.announces_close or not second_lost,
        "the next request on the connection served, or `Connection: close` in the response to the HEAD",
        f"{result.response.describe()}, without `Connection: close`; the connection: {result.connection_state}",
    )
