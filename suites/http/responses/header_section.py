"""The headers of a response: status line, version, Date, and the end of the body."""

from __future__ import annotations

import re

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import APP, CLIENT, MUST_TEXT, from_sender_grammar, rfc9110, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.http.parser import Framing
from wsgi_gauntlet.suites.http.assertions import SECURITY_TAG, assert_in_sync, post_request, raw_request, send_request
from wsgi_gauntlet.suites.http.references import OWN_VERSION, STATUS_LINE

DATE = rfc9110(
    "6.6.1",
    "An origin server with a clock (as defined in Section 5.6.7) MUST generate a Date header field in all 2xx "
    "(Successful), 3xx (Redirection), and 4xx (Client Error) responses",
)
NO_BODY = query(status="204 No Content", framing="empty")
NO_CHANGE = query(status="304 Not Modified", framing="empty")
IMF_FIXDATE = (
    rb"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT"
)


@case(
    MUST,
    rfc9112(
        "6.1",
        "A server MUST NOT send a response containing Transfer-Encoding unless the corresponding request indicates "
        "HTTP/1.1 (or later minor revisions).",
    ),
    basis=MUST_TEXT,
)
async def no_te_to_http10(exchange: Exchange) -> None:
    """An HTTP/1.0 client never gets a chunked response; without a length, the end of the connection ends the body.

    Sends: a GET in HTTP/1.0 to an app that gives no length.
    Expects: no Transfer-Encoding, and exactly the app's body. The end of the connection marks the end of the body.
    Why: An old client shows the chunk sizes as part of the page, and a program stores them in the file.
    """
    result = await send_request(exchange, exchange.request("/respond?framing=none", version="HTTP/1.0"))
    assertions.assert_equal(result.response.all("Transfer-Encoding"), [], "Transfer-Encoding")
    assertions.assert_equal(result.response.body, f"gauntlet {exchange.token}\n".encode(), "the body")


@case(
    MUST,
    DATE,
    basis=MUST_TEXT,
    breach={"error": CLIENT},
    variants={"ok": "/echo", "error": "", "no-content": f"/respond{NO_BODY}", "not-modified": f"/respond{NO_CHANGE}"},
)
async def date_once(exchange: Exchange, target: str) -> None:
    """Every response, also a rejection, has exactly one Date in the format of RFC 9110.

    Sends: a GET to which the app responds with 200, 204 or 304, or a GET that the server must reject.
    Expects: exactly one Date in the response, such as `Sun, 06 Nov 1994 08:49:37 GMT`. If the server does not reject
    the invalid request, the case is skipped.
    Why: Caches compute a response's age from Date. Without it, or with two, they keep old pages too long or keep
    nothing.
    """
    broken = not target
    request = raw_request(exchange, "GET /echo HTTP/1.1", "X-A : 1") if broken else exchange.request(target)
    result = await send_request(exchange, request)
    if broken and (result.response.status is None or not 400 <= result.response.status < 500):
        exchange.skip(f"the server did not reject the invalid request: {result.response.describe()}")
    dates = result.response.all("Date")
    assertions.assert_equal(len(dates), 1, "the number of Date headers")
    assertions.assert_that(
        re.fullmatch(IMF_FIXDATE, dates[0]), "a date such as Sun, 06 Nov 1994 08:49:37 GMT", dates[0]
    )


@case(
    MUST,
    rfc9112(
        "4",
        "A server MUST send the space that separates the status-code from the reason-phrase even when the "
        "reason-phrase is absent",
    ),
    basis=MUST_TEXT,
    breach=APP,
)
async def status_line_space(exchange: Exchange) -> None:
    """A status without a reason phrase keeps the space after its code.

    Sends: a GET to an app whose status is `200 ` without a reason phrase.
    Expects: `HTTP/1.1 200 ` with the space after the code. If the server answers 500 to such a status, the case is
    skipped.
    Why: Parsers that split at spaces expect three parts. Without the third, clients treat the response as broken.
    """
    result = await send_request(exchange, exchange.request(f"/respond{query(status='200 ')}"), send_second=False)
    if result.response.status == 500:
        exchange.skip("the server answers 500 to an app's status without a reason phrase")
    line = result.response.raw.partition(b"\r\n")[0]
    assertions.assert_that(re.fullmatch(rb"HTTP/1\.[01] 200 .*", line), "`HTTP/1.1 200 ` with the space", line)


@case(
    MUST,
    STATUS_LINE,
    basis=from_sender_grammar(
        "Every response begins with a status line, has fields that match the grammar, and marks its end. An error "
        "response is a response too."
    ),
    breach=CLIENT,
    variants={"colon": "X-A : 1", "length": "Content-Length: x"},
)
async def error_framed(exchange: Exchange, field: str) -> None:
    """A rejection is a complete response: a status line, valid headers, and a body with a marked end.

    Sends: a POST with a header that the server must reject: a space before the colon, or an invalid Content-Length.
    Expects: a complete response with a valid status line, valid headers and a body whose end is marked. If it has no
    length, the server closes the connection. If the server does not reject the request, the case is skipped.
    Why: A browser that cannot find the end of the error page shows nothing or keeps loading. The user never learns the
    reason.
    """
    result = await send_request(exchange, post_request(exchange, field, target="/echo"))
    if result.response.status is not None and result.response.status < 400:
        exchange.skip(f"the server did not reject the request: {result.response.describe()}")
    whole = result.response.complete and not result.response.findings
    faults = "; ".join(result.response.findings)
    assertions.assert_that(
        whole, "a complete response", result.response.describe() + (f" ({faults})" if faults else "")
    )
    if result.response.framing is Framing.CLOSE:
        assertions.assert_that(
            result.closed, "the connection closed, because the response has no length", result.describe()
        )


@case(MUST, OWN_VERSION, basis=MUST_TEXT, variants={"1.1": "HTTP/1.1", "1.0": "HTTP/1.0", "1.2": "HTTP/1.2"})
async def response_version(exchange: Exchange, version: str) -> None:
    """The version of a response is the server's own, HTTP/1.1 or 1.0, whatever the client's version is.

    Sends: a GET in HTTP/1.1, 1.0 or 1.2.
    Expects: a response in HTTP/1.1 or HTTP/1.0.
    Why: A client may use the features of the version in the response. If the version is unknown, the client aborts or
    fails.
    """
    result = await send_request(exchange, exchange.request("/echo", version=version), send_second=False)
    assertions.assert_one_of(result.response.version, (b"HTTP/1.1", b"HTTP/1.0"), "the version of the response")


@case(
    MUST,
    rfc9112(
        "6.2",
        "A sender MUST NOT send a Content-Length header field in any message that contains a Transfer-Encoding header "
        "field.",
    ),
    basis=MUST_TEXT,
    breach=APP,
    tags=SECURITY_TAG,
    variants={"1.1": "HTTP/1.1", "1.0": "HTTP/1.0"},
)
async def length_or_coding(exchange: Exchange, version: str) -> None:
    """A response never has both Content-Length and Transfer-Encoding.

    Sends: a GET, in HTTP/1.1 or 1.0, to an app that gives a Content-Length and `Transfer-Encoding: chunked`. An app
    must not give Transfer-Encoding, which is a hop-by-hop header.
    Expects: a response with at most one of the two and a body that matches it, or an error status from the server.
    Why: A reader of the length and a reader of the chunks see different ends. On a shared connection, the rest of one
    user's page begins another user's page.
    """
    target = f"/respond{query(**{'h-Transfer-Encoding': 'chunked'})}"
    result = await send_request(exchange, exchange.request(target, version=version), send_second=False)
    response = result.response
    both = response.all("Content-Length") and response.all("Transfer-Encoding")
    assertions.assert_that(not both, "Content-Length or Transfer-Encoding, not both", response.headers)
    coded = response.all("Transfer-Encoding") and not response.complete
    assertions.assert_that(not coded, "a body that matches the headers of the response", response.describe())


@case(
    MUST,
    rfc9112(
        "6.1",
        "A sender MUST NOT apply the chunked transfer coding more than once to a message body (i.e., chunking an "
        "already chunked message is not allowed).",
    ),
    basis=MUST_TEXT,
)
async def codings_offered(exchange: Exchange) -> None:
    """A client that accepts transfer codings and trailers gets a complete response that is chunked at most once.

    Sends: a GET with `TE: gzip, trailers` and `Connection: TE`, to an app that gives no length.
    Expects: no Transfer-Encoding except one `chunked`, because the body must match the header. The body is complete and
    its end is marked. The next request gets its own response, or the server closes the connection.
    Why: Some clients and proxies send TE. If a server says gzip but sends plain bytes, or chunks twice, the user's
    browser shows nothing.
    """
    result = await send_request(
        exchange, exchange.request("/respond?framing=none", headers=[("TE", "gzip, trailers"), ("Connection", "TE")])
    )
    assertions.assert_one_of(result.response.options("Transfer-Encoding"), ([], ["chunked"]), "Transfer-Encoding")
    assertions.assert_equal(result.response.body, f"gauntlet {exchange.token}\n".encode(), "the body")
    assertions.assert_that(result.response.complete, "the end of the body marked", result.response.describe())
    assert_in_sync(result)
