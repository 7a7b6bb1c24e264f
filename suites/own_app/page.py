"""What holds for every app, on the page of `--path`: what it gives to its server, and what the server makes of that.

A case looks at the app first: it is called as a server calls it, in the server's process, and reports what it gives.
Then a client asks for the page. A fault is the app's where the app gave it, and the server's where it came on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.conformance.assertions import Violation
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, from_sender_semantics
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import EVENT_DRAIN_SECONDS, Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.server.server_log import last_traceback
from wsgi_gauntlet.harness.server.user_app import USER_APP_HEADER
from wsgi_gauntlet.suites.http.responses.head_requests import HEAD
from wsgi_gauntlet.suites.http.responses.no_content import NOT_MODIFIED
from wsgi_gauntlet.suites.pep3333.close import CLOSE

PAGE_TIMEOUT_SECONDS = 10.0
"""Seconds that the app may take for its page; on a laptop the first one loads templates and opens a database."""

NO_CONTENT_STATUSES = (204, 304)

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class AppResponse:
    """What the app gives to a server: its status, its headers, and how many bytes. `digest` tells bodies apart."""

    status: int
    headers: tuple[tuple[str, str], ...]
    size: int
    digest: str

    def all(self, name: str) -> list[str]:
        """Return the values of a header, by its name in lower case."""
        return [value for key, value in self.headers if key.lower() == name]


async def _get_page(exchange: Exchange, how: str, method: str = "GET", headers: Headers = ()) -> tuple[Response, bytes]:
    """Ask for the page; return the answer, and what came behind it on the connection."""
    connection = await exchange.connect()
    own = [
        (USER_APP_HEADER, how),
        ("User-Agent", "wsgi-gauntlet"),
        ("Accept", "*/*"),
        *headers,
        ("Connection", "close"),
    ]
    await connection.send(exchange.request(exchange.page, method=method, headers=own))
    response = await connection.response(head=method == "HEAD", timeout=PAGE_TIMEOUT_SECONDS)
    await connection.ending(timeout=EVENT_DRAIN_SECONDS)
    await connection.close()
    return response, connection.unread


async def _app_response(exchange: Exchange, method: str = "GET", headers: Headers = ()) -> AppResponse:
    """Return what the app gives for its page. Raises Skipped where it gives nothing that could be judged."""
    request_text = f"{method} {exchange.page}"
    asked_before, looked_before = len(exchange.events("own-asked")), len(exchange.events("own-looked"))
    response, _ = await _get_page(exchange, "look", method, headers)
    if len(exchange.events("own-asked")) == asked_before:
        exchange.skip(f"{request_text} did not reach the app; the answer was {response.describe()}")
    if raised := exchange.events("own-raised"):
        exchange.skip(f"{request_text}: the app {raised[-1].detail['why']}")
    try:
        report = (await exchange.event("own-looked", count=looked_before + 1, timeout=EVENT_DRAIN_SECONDS)).detail
    except trio.TooSlowError:
        exchange.skip(
            f"{request_text}: the app came to no end within {PAGE_TIMEOUT_SECONDS:g} s; the answer was "
            f"{response.describe()}"
        )
    if not report["ended"]:
        exchange.skip(f"{request_text} has no end, or a very late one: name another page with --path")
    code = str(report.get("status", ""))[:3]
    if not code.isdigit():
        exchange.skip(
            f"{request_text}: the app did not call start_response before its body ended; name another page with --path"
        )
    if code.startswith("5"):
        exchange.skip(
            f"{request_text} gives {code}: name another page with --path{last_traceback(exchange.log_text())}"
        )
    if code == "400":
        host = exchange.server.address.authority
        exchange.skip(
            f"{request_text} gives 400: the app may take no requests for {host}{last_traceback(exchange.log_text())}"
        )
    found = tuple((str(name), str(value)) for name, value in report["headers"])
    return AppResponse(int(code), found, report["size"], report["digest"])


async def _repeatable_app_response(exchange: Exchange) -> AppResponse:
    """Return what the app gives, once it gave the same twice. Raises Skipped where it did not."""
    first, second = await _app_response(exchange), await _app_response(exchange)
    if first.status != second.status:
        exchange.skip(
            f"GET {exchange.page} gives {first.status} and {second.status} by turns: name another page with --path"
        )
    return second


@case(
    MUST,
    HEAD,
    segmentable=False,
    basis=from_sender_semantics("But for the content, HEAD is GET by definition, and so has the same status."),
)
async def head_status(exchange: Exchange) -> None:
    """A HEAD for the page has the status of a GET.

    Sends: a GET and a HEAD for the page of --path; before that, the app alone is asked for both.
    Expects: one status, from the app and on the wire.
    Why: Monitors, link checkers and caches ask by HEAD. Where the app refuses it, they report a page as broken that is
    not.
    """
    get, head = await _repeatable_app_response(exchange), await _app_response(exchange, "HEAD")
    if head.status != get.status:
        raise Violation(f"the app to answer HEAD as GET, with {get.status}", f"the app gives {head.status}")
    response, _ = await _get_page(exchange, "ask", "HEAD")
    if response.status != head.status:
        raise Violation(f"the server to pass on the app's answer to HEAD, {head.status}", response.describe())


@case(MUST, HEAD, segmentable=False, basis=MUST_TEXT)
async def head_body(exchange: Exchange) -> None:
    """The answer to a HEAD for the page has no body on the wire.

    Sends: a HEAD for the page of --path.
    Expects: the head of an answer and nothing behind it, whatever the app yields.
    Why: The next answer on the connection is read from where the body begins.
    """
    await _app_response(exchange, "HEAD")
    _, trailing_bytes = await _get_page(exchange, "ask", "HEAD")
    _assert_nothing_after_head(trailing_bytes, "a HEAD")


@case(
    MUST,
    rfc9110(
        "8.6",
        "a server MUST NOT send Content-Length in such a response unless its field value equals the decimal number of "
        "octets that would have been sent in the content of a response if the same request had used the GET method.",
    ),
    segmentable=False,
    basis=MUST_TEXT,
)
async def head_length(exchange: Exchange) -> None:
    """The Content-Length of a HEAD's answer is that of the page.

    Sends: a HEAD for the page of --path; before that, the app alone is asked for GET and HEAD.
    Expects: no Content-Length, or the number of bytes that a GET gives.
    Why: Download managers and caches believe it, and throw away what they have.
    """
    get, repeated = await _repeatable_app_response(exchange), await _app_response(exchange)
    if (get.size, get.digest) != (repeated.size, repeated.digest):
        exchange.skip(f"GET {exchange.page} gives another body each time: no length of it is the right one")
    head = await _app_response(exchange, "HEAD")
    if head.status != get.status:
        exchange.skip(
            f"HEAD {exchange.page} gives {head.status} where GET gives {get.status}, so the lengths need not be the "
            f"same"
        )
    allowed: tuple[list[str], ...] = ([], [str(get.size)])
    if (app_lengths := head.all("content-length")) not in allowed:
        raise Violation(
            f"the app to give HEAD no length, or {get.size} as for GET", f"the app gives {', '.join(app_lengths)}"
        )
    response, _ = await _get_page(exchange, "ask", "HEAD")
    sent_lengths = [value.decode("latin-1") for value in response.all("Content-Length")]
    if sent_lengths not in allowed:
        raise Violation(f"the server to send no length with HEAD, or {get.size} as for GET", f"it sends {sent_lengths}")


@case(
    MUST,
    NOT_MODIFIED,
    segmentable=False,
    basis=from_sender_semantics("Bytes behind the head of a 304 are in no answer: the client reads them as the next."),
)
async def no_body(exchange: Exchange) -> None:
    """A 204 or a 304 from the app has no body.

    Sends: a GET for the page of --path, with If-None-Match or If-Modified-Since where the page has such a mark.
    Expects: nothing behind the head, from the app and on the wire.
    Why: Clients know that nothing follows. They read a body there as the beginning of the next answer.
    """
    page = await _app_response(exchange)
    marks = [("If-None-Match", each) for each in page.all("etag")]
    marks = marks or [("If-Modified-Since", each) for each in page.all("last-modified")]
    conditions = marks if page.status not in NO_CONTENT_STATUSES else []
    found = await _app_response(exchange, headers=conditions) if conditions else page
    if found.status not in NO_CONTENT_STATUSES:
        exchange.skip(
            f"GET {exchange.page} gives {page.status}" + (f", and {found.status} to {marks[0][0]}" if marks else "")
        )
    if found.size:
        raise Violation(f"the app to give a {found.status} no body", f"the app gives {found.size} bytes")
    response, trailing_bytes = await _get_page(exchange, "ask", headers=conditions)
    if response.status == found.status:
        _assert_nothing_after_head(trailing_bytes, f"a {found.status}")


@case(
    MUST,
    rfc9110(
        "8.6",
        "a sender MUST NOT forward a message with a Content-Length header field value that is known to be incorrect.",
    ),
    segmentable=False,
    basis=MUST_TEXT,
)
async def length(exchange: Exchange) -> None:
    """The page is as long as its Content-Length says, and comes whole.

    Sends: a GET for the page of --path; before that, the app alone is asked for it.
    Expects: the app gives as many bytes as its Content-Length says; the answer on the wire is whole.
    Why: Bytes too few and the browser waits; bytes too many and they are cut, or read as the next answer.
    """
    page = await _app_response(exchange)
    declared_lengths = page.all("content-length")
    if declared_lengths and page.status not in NO_CONTENT_STATUSES and declared_lengths != [str(page.size)]:
        raise Violation(
            f"the app to give as many bytes as its Content-Length says, {' and '.join(declared_lengths)}",
            f"the app gives {page.size} bytes",
        )
    response, _ = await _get_page(exchange, "ask")
    if not response.complete:
        raise Violation("the server to send the app's answer whole", response.describe())
    repeated = await _app_response(exchange)
    if page.size == repeated.size and response.status == page.status and response.length != page.size:
        raise Violation(f"the server to send the {page.size} bytes that the app gives", response.describe())


@case(MUST, CLOSE, segmentable=False, basis=MUST_TEXT)
async def closed(exchange: Exchange) -> None:
    """close() of the app's answer is called once the page is sent.

    Sends: a GET for the page of --path.
    Expects: one call of close() on what the app returned.
    Why: Frameworks give back database connections there. Never called, the pool runs dry.
    """
    await _app_response(exchange)
    await _get_page(exchange, "ask")
    passed_events = exchange.events("own-answered")
    if not passed_events:
        exchange.skip("the app gave the server no answer this time")
    if not passed_events[0].detail["watched"]:
        exchange.skip("what the app returns has no close(), or none that could be watched")
    await exchange.send_sync_request()
    if (calls := len(exchange.events("closed"))) != 1:
        raise Violation("the server to call close() once", f"it called it {calls} times")


def _assert_nothing_after_head(trailing_bytes: bytes, what: str) -> None:
    if trailing_bytes:
        raise Violation(f"the server to send nothing behind the head of {what}", repr(trailing_bytes[:200]))
