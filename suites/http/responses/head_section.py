"""The head of an answer: status line, version, Date, and how the body's end is told."""

from __future__ import annotations

import re

from ....harness import expect
from ....harness.attempts.exchange import Exchange, query
from ....harness.basis import APP, CLIENT, MUST_TEXT, generates
from ....harness.catalog import MUST, case
from ....harness.references import rfc9110, rfc9112
from ....harness.response import Framing
from ..verbs import ask, in_step, post, raw

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
async def no_te_to_http10(x: Exchange) -> None:
    """HTTP/1.0 never gets a chunked answer; where no length is known, the connection's end marks the body's.

    Sends: a GET in HTTP/1.0 to an app that gives no length.
    Expects: no Transfer-Encoding, and just the app's body; the connection's end marks the body's.
    Why: An old client shows the chunks' sizes as part of the page; a program stores them in the file.
    """
    told = await ask(x, x.request("/respond?framing=none", version="HTTP/1.0"))
    expect.equal(told.answer.all("Transfer-Encoding"), [], "Transfer-Encoding")
    expect.equal(told.answer.body, f"gauntlet {x.token}\n".encode(), "the body")


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
async def date_once(x: Exchange, target: str) -> None:
    """Every answer, a refusal too, has exactly one Date in the form of RFC 9110.

    Sends: a GET that is answered by the app (200, 204 or 304), or one that must be refused.
    Expects: exactly one Date in the answer, such as `Sun, 06 Nov 1994 08:49:37 GMT`. Where no refusal comes there is
    nothing to look at.
    Why: Caches reckon an answer's age from it. Without it, or with two, they keep old pages too long or nothing at all.
    """
    broken = not target
    request = raw(x, "GET /echo HTTP/1.1", "X-A : 1") if broken else x.request(target)
    told = await ask(x, request)
    if broken and (told.answer.status is None or not 400 <= told.answer.status < 500):
        x.skip(f"no refusal came that could carry a Date: {told.answer.describe()}")
    dates = told.answer.all("Date")
    expect.equal(len(dates), 1, "the number of Date headers")
    expect.that(re.fullmatch(IMF_FIXDATE, dates[0]), "a date such as Sun, 06 Nov 1994 08:49:37 GMT", dates[0])


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
async def status_line_space(x: Exchange) -> None:
    """A status without a reason keeps the space behind its code.

    Sends: a GET to an app whose status is `200 ` without a reason.
    Expects: `HTTP/1.1 200 ` with the blank behind the code. A server that says 500 to such a status is left alone.
    Why: Parsers that split at blanks count three parts. Without the third, clients take the answer for broken.
    """
    told = await ask(x, x.request(f"/respond{query(status='200 ')}"), again=False)
    if told.answer.status == 500:
        x.skip("the server takes no status without a reason from an app, and says so with a 500")
    line = told.answer.raw.partition(b"\r\n")[0]
    expect.that(re.fullmatch(rb"HTTP/1\.[01] 200 .*", line), "`HTTP/1.1 200 ` with the space", line)


@case(
    MUST,
    rfc9112("4", "The first line of a response message is the status-line"),
    basis=generates(
        "An answer begins with a status line, its fields have the grammar of fields, and its "
        "end is marked; a refusal is an answer."
    ),
    breach=CLIENT,
    variants={"colon": "X-A : 1", "length": "Content-Length: x"},
)
async def error_framed(x: Exchange, field: str) -> None:
    """A refusal is a whole answer: status line, good headers, and a body whose end is marked.

    Sends: a POST with a header that must be refused: a blank before the colon, or a Content-Length that is no number.
    Expects: a whole answer: a good status line, good headers, a body whose end is marked; with no length in it the
    connection closed. Where nothing is refused there is nothing to look at.
    Why: A browser that cannot tell where the error page ends shows none, or goes on loading. The user never learns what
    was wrong.
    """
    told = await ask(x, post(x, field, target="/echo"))
    if told.answer.status is not None and told.answer.status < 400:
        x.skip(f"nothing was refused: {told.answer.describe()}")
    whole = told.answer.complete and not told.answer.findings
    faults = "; ".join(told.answer.findings)
    expect.that(whole, "a whole answer", told.answer.describe() + (f" ({faults})" if faults else ""))
    if told.answer.framing is Framing.CLOSE:
        expect.that(told.closed, "the connection closed, as the answer gives no length", told.describe())


@case(
    MUST,
    rfc9110("6.2", "A server MUST NOT send a version to which it is not conformant."),
    basis=MUST_TEXT,
    variants={"1.1": "HTTP/1.1", "1.0": "HTTP/1.0", "1.2": "HTTP/1.2"},
)
async def response_version(x: Exchange, version: str) -> None:
    """The answer's version is the server's own, HTTP/1.1 or 1.0, whatever the client's.

    Sends: a GET in HTTP/1.1, 1.0 or 1.2.
    Expects: an answer in HTTP/1.1 or HTTP/1.0, whatever the client's version.
    Why: A client may use what the version in the answer promises. Told of one that nobody knows, it gives up or goes
    wrong.
    """
    told = await ask(x, x.request("/echo", version=version), again=False)
    expect.one_of(told.answer.version, (b"HTTP/1.1", b"HTTP/1.0"), "the answer's version")


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
async def length_or_coding(x: Exchange, version: str) -> None:
    """Content-Length and Transfer-Encoding never both go out.

    Sends: a GET, in HTTP/1.1 or 1.0, to an app that gives a Content-Length and `Transfer-Encoding: chunked`, which
    is hop-by-hop and none of its business.
    Expects: an answer with one of the two at most, and a body that is framed as it says; or an error of the server's.
    Why: Whoever reads the length and whoever reads the chunks see different ends. On a shared connection the rest of
    one user's page is the beginning of another one's.
    """
    target = f"/respond{query(**{'h-Transfer-Encoding': 'chunked'})}"
    told = await ask(x, x.request(target, version=version), again=False)
    answer = told.answer
    both = answer.all("Content-Length") and answer.all("Transfer-Encoding")
    expect.that(not both, "Content-Length or Transfer-Encoding, not both", answer.headers)
    coded = answer.all("Transfer-Encoding") and not answer.complete
    expect.that(not coded, "a body that is framed as its head says", answer.describe())


@case(
    MUST,
    rfc9112(
        "6.1",
        "A sender MUST NOT apply the chunked transfer coding more than once to a message body (i.e., chunking an "
        "already chunked message is not allowed).",
    ),
    basis=MUST_TEXT,
)
async def codings_offered(x: Exchange) -> None:
    """A client that offers transfer codings and trailers gets an answer that is chunked once, if at all, and whole.

    Sends: a GET with `TE: gzip, trailers` and `Connection: TE`, to an app that gives no length.
    Expects: no Transfer-Encoding but `chunked`, once, for what is said to be coded must be; the body whole, its end
    marked, and the next request on the connection served as itself, or the connection closed.
    Why: Some clients and proxies offer them. A server that says gzip and sends plain bytes, or chunks a second time,
    has the user's browser show nothing at all.
    """
    told = await ask(x, x.request("/respond?framing=none", headers=[("TE", "gzip, trailers"), ("Connection", "TE")]))
    expect.one_of(told.answer.options("Transfer-Encoding"), ([], ["chunked"]), "Transfer-Encoding")
    expect.equal(told.answer.body, f"gauntlet {x.token}\n".encode(), "the body")
    expect.that(told.answer.complete, "the end of the body marked", told.answer.describe())
    in_step(told)
