"""The head of an answer: status line, version, Date, and how the body's end is told."""

from __future__ import annotations

import re

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import APP, CLIENT, MUST_TEXT, from_sender_grammar
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.harness.http.parser import Framing
from wsgi_gauntlet.suites.http.assertions import assert_in_sync, post, raw, send_request

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
    """HTTP/1.0 never gets a chunked answer; where no length is known, the connection's end marks the body's.

    Sends: a GET in HTTP/1.0 to an app that gives no length.
    Expects: no Transfer-Encoding, and just the app's body; the connection's end marks the body's.
    Why: An old client shows the chunks' sizes as part of the page; a program stores them in the file.
    """
    result = await send_request(exchange, exchange.request("/respond?framing=none", version="HTTP/1.0"))
    assertions.assert_equal(result.response.all("Transfer-Encoding"), [], "Transfer-Encoding")
    assertions.assert_equal(result.response.body, f"gauntlet {exchange.token}\n".encode(), "the body")


@case(
    MUST,
    DATE,
    basis=MUST_TEXT,
    breach={"error": CLIENT},
    variants={
        "ok": "/echo",
        "error": "",
        "no-content": f"/respond{NO_BODY}",
        "not-modified": f"/respond{NO_CHANGE}",
    },
)
async def date_once(exchange: Exchange, target: str) -> None:
    """Every answer, a refusal too, has exactly one Date in the form of RFC 9110.

    Sends: a GET that is answered by the app (200, 204 or 304), or one that must be refused.
    Expects: exactly one Date in the answer, such as `Sun, 06 Nov 1994 08:49:37 GMT`. Where no refusal comes there is
    nothing to look at.
    Why: Caches reckon an answer's age from it. Without it, or with two, they keep old pages too long or nothing at all.
    """
    broken = not target
    request = raw(exchange, "GET /echo HTTP/1.1", "X-A : 1") if broken else exchange.request(target)
    result = await send_request(exchange, request)
    if broken and (result.response.status is None or not 400 <= result.response.status < 500):
        exchange.skip(f"no refusal came that could carry a Date: {result.response.describe()}")
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
    """A status without a reason keeps the space behind its code.

    Sends: a GET to an app whose status is `200 ` without a reason.
    Expects: `HTTP/1.1 200 ` with the blank behind the code. A server that says 500 to such a status is left alone.
    Why: Parsers that split at blanks count three parts. Without the third, clients take the answer for broken.
    """
    result = await send_request(exchange, exchange.request(f"/respond{query(status='200 ')}"), send_second=False)
    if result.response.status == 500:
        exchange.skip("the server takes no status without a reason from an app, and says so with a 500")
    line = result.response.raw.partition(b"\r\n")[0]
    assertions.assert_that(re.fullmatch(rb"HTTP/1\.[01] 200 .*", line), "`HTTP/1.1 200 ` with the space", line)


@case(
    MUST,
    rfc9112("4", "The first line of a response message is the status-line"),
    basis=from_sender_grammar(
        "An answer begins with a status line, its fields have the grammar of fields, and its "
        "end is marked; a refusal is an answer."
    ),
    breach=CLIENT,
    variants={"colon": "X-A : 1", "length": "Content-Length: x"},
)
async def error_framed(exchange: Exchange, field: str) -> None:
    """A refusal is a whole answer: status line, good headers, and a body whose end is marked.

    Sends: a POST with a header that must be refused: a blank before the colon, or a Content-Length that is no number.
    Expects: a whole answer: a good status line, good headers, a body whose end is marked; with no length in it the
    connection closed. Where nothing is refused there is nothing to look at.
    Why: A browser that cannot tell where the error page ends shows none, or goes on loading. The user never learns what
    was wrong.
    """
    result = await send_request(exchange, post(exchange, field, target="/echo"))
    if result.response.status is not None and result.response.status < 400:
        exchange.skip(f"nothing was refused: {result.response.describe()}")
    whole = result.response.complete and not result.response.findings
    faults = "; ".join(result.response.findings)
    assertions.assert_that(whole, "a whole answer", result.response.describe() + (f" ({faults})" if faults else ""))
    if result.response.framing is Framing.CLOSE:
        assertions.assert_that(result.closed, "the connection closed, as the answer gives no length", result.describe())


@case(
    MUST,
    rfc9110("6.2", "A server MUST NOT send a version to which it is not conformant."),
    basis=MUST_TEXT,
    variants={"1.1": "HTTP/1.1", "1.0": "HTTP/1.0", "1.2": "HTTP/1.2"},
)
async def response_version(exchange: Exchange, version: str) -> None:
    """The answer's version is the server's own, HTTP/1.1 or 1.0, whatever the client's.

    Sends: a GET in HTTP/1.1, 1.0 or 1.2.
    Expects: an answer in HTTP/1.1 or HTTP/1.0, whatever the client's version.
    Why: A client may use what the version in the answer promises. Told of one that nobody knows, it gives up or goes
    wrong.
    """
    result = await send_request(exchange, exchange.request("/echo", version=version), send_second=False)
    assertions.assert_one_of(result.response.version, (b"HTTP/1.1", b"HTTP/1.0"), "the answer's version")


@case(
    MUST,
    rfc9112(
        "6.2",
        "A sender MUST NOT send a Content-Length header field in any message that contains a Transfer-Encoding header "
        "field.",
    ),
    basis=MUST_TEXT,
    breach=APP,
    tags=["security"],
    variants={"1.1": "HTTP/1.1", "1.0": "HTTP/1.0"},
)
async def length_or_coding(exchange: Exchange, version: str) -> None:
    """Content-Length and Transfer-Encoding never both go out.

    Sends: a GET, in HTTP/1.1 or 1.0, to an app that gives a Content-Length and `Transfer-Encoding: chunked`, which
    is hop-by-hop and none of its business.
    Expects: an answer with one of the two at most, and a body that is framed as it says; or an error of the server's.
    Why: Whoever reads the length and whoever reads the chunks see different ends. On a shared connection the rest of
    one user's page is the beginning of another one's.
    """
    target = f"/respond{query(**{'h-Transfer-Encoding': 'chunked'})}"
    result = await send_request(exchange, exchange.request(target, version=version), send_second=False)
    response = result.response
    both = response.all("Content-Length") and response.all("Transfer-Encoding")
    assertions.assert_that(not both, "Content-Length or Transfer-Encoding, not both", response.headers)
    coded = response.all("Transfer-Encoding") and not response.complete
    assertions.assert_that(not coded, "a body that is framed as its head says", response.describe())


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
    """A client that offers transfer codings and trailers gets an answer that is chunked once, if at all, and whole.

    Sends: a GET with `TE: gzip, trailers` and `Connection: TE`, to an app that gives no length.
    Expects: no Transfer-Encoding but `chunked`, once, for what is said to be coded must be; the body whole, its end
    marked, and the next request on the connection served as itself, or the connection closed.
    Why: Some clients and proxies offer them. A server that says gzip and sends plain bytes, or chunks a second time,
    has the user's browser show nothing at all.
    """
    result = await send_request(
        exchange, exchange.request("/respond?framing=none", headers=[("TE", "gzip, trailers"), ("Connection", "TE")])
    )
    assertions.assert_one_of(result.response.options("Transfer-Encoding"), ([], ["chunked"]), "Transfer-Encoding")
    assertions.assert_equal(result.response.body, f"gauntlet {exchange.token}\n".encode(), "the body")
    assertions.assert_that(result.response.complete, "the end of the body marked", result.response.describe())
    assert_in_sync(result)
