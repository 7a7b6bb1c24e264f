"""Requirements for every app, checked on the page of `--app-path` of the user app.

First a case checks the app: the test app calls it in the process of the server, as a server does, and reports its
response. Then a client requests the page. A fault is the app's when the app made it, and the server's when it appears
only on the wire.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.conformance.assertions import Violation
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, from_sender_semantics, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import EVENT_DRAIN_SECONDS, Exchange
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.server.server_log import last_traceback
from wsgi_gauntlet.harness.server.user_app import USER_APP_HEADER
from wsgi_gauntlet.suites.http.responses.head_requests import HEAD
from wsgi_gauntlet.suites.http.responses.no_content import NOT_MODIFIED
from wsgi_gauntlet.suites.pep3333.close import CLOSE

PAGE_TIMEOUT_SECONDS = 10.0
"""Seconds to wait for the page. The first request may load templates and open a database."""

NO_CONTENT_STATUSES = (204, 304)

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class AppResponse:
    """The response of the app to the server. `size` is in bytes; `digest` differs for different bodies."""

    status: int
    headers: tuple[tuple[str, str], ...]
    size: int
    digest: str

    def all(self, name: str) -> list[str]:
        """Return the values of a header, by its name in lower case."""
        return [value for key, value in self.headers if key.lower() == name]


async def _get_page(exchange: Exchange, how: str, method: str = "GET", headers: Headers = ()) -> tuple[Response, bytes]:
    """Request the page. Return the response, and the bytes after it on the connection."""
    connection = await exchange.connect()
    all_headers = [
        (USER_APP_HEADER, how),
        ("User-Agent", "wsgi-gauntlet"),
        ("Accept", "*/*"),
        *headers,
        ("Connection", "close"),
    ]
    await connection.send(exchange.request(exchange.page, method=method, headers=all_headers))
    response = await connection.response(head=method == "HEAD", timeout=PAGE_TIMEOUT_SECONDS)
    await connection.ending(timeout=EVENT_DRAIN_SECONDS)
    await connection.close()
    return response, connection.unread


async def _app_response(exchange: Exchange, method: str = "GET", headers: Headers = ()) -> AppResponse:
    """Return the response of the app for its page. Raises Skipped when the app gives no response to judge."""
    request_text = f"{method} {exchange.page}"
    calls_before, reports_before = len(exchange.events("own-asked")), len(exchange.events("own-looked"))
    response, _ = await _get_page(exchange, "look", method, headers)
    if len(exchange.events("own-asked")) == calls_before:
        exchange.skip(f"{request_text} did not reach the app; the response was {response.describe()}")
    if raised := exchange.events("own-raised"):
        exchange.skip(f"{request_text}: the app {raised[-1].detail['why']}")
    try:
        report = (await exchange.event("own-looked", count=reports_before + 1, timeout=EVENT_DRAIN_SECONDS)).detail
    except trio.TooSlowError:
        exchange.skip(
            f"{request_text}: the app did not finish within {PAGE_TIMEOUT_SECONDS:g} s; the response was "
            f"{response.describe()}"
        )
    if not report["ended"]:
        exchange.skip(f"{request_text}: the body is endless or very slow; name another page with --app-path")
    code = str(report.get("status", ""))[:3]
    if not code.isdigit():
        exchange.skip(
            f"{request_text}: the app did not call start_response before its body ended; name another page with "
            "--app-path"
        )
    if code.startswith("5"):
        exchange.skip(
            f"{request_text} gives {code}: name another page with --app-path{last_traceback(exchange.log_text())}"
        )
    if code == "400":
        host = exchange.server.address.authority
        exchange.skip(
            f"{request_text} gives 400: allow the host {host} in the app{last_traceback(exchange.log_text())}"
        )
    app_headers = tuple((str(name), str(value)) for name, value in report["headers"])
    return AppResponse(int(code), app_headers, report["size"], report["digest"])


async def _repeatable_app_response(exchange: Exchange) -> AppResponse:
    """Return the response of the app after two calls. Raises Skipped when their statuses differ."""
    first, second = await _app_response(exchange), await _app_response(exchange)
    if first.status != second.status:
        exchange.skip(
            f"GET {exchange.page} gives first {first.status}, then {second.status}: name another page with --app-path"
        )
    return second


@case(
    MUST,
    HEAD,
    segmentable=False,
    basis=from_sender_semantics(
        "By definition HEAD differs from GET only in the content. Therefore both have the same status."
    ),
)
async def head_status(exchange: Exchange) -> None:
    """A HEAD request for the page has the same status as a GET request.

    Sends: A GET and a HEAD request for the page of --app-path. Before that, only the app is called for both.
    Expects: The same status for both, from the app and on the wire.
    Why: Monitors, link checkers and caches use HEAD. If the app rejects it, they report a working page as broken.
    """
    get, head = await _repeatable_app_response(exchange), await _app_response(exchange, "HEAD")
    if head.status != get.status:
        raise Violation(f"the app to give HEAD the status of GET, {get.status}", f"the app gives {head.status}")
    response, _ = await _get_page(exchange, "ask", "HEAD")
    if response.status != head.status:
        raise Violation(f"the server to send the status of the app for HEAD, {head.status}", response.describe())


@case(MUST, HEAD, segmentable=False, basis=MUST_TEXT)
async def head_body(exchange: Exchange) -> None:
    """The response to a HEAD request for the page has no body on the wire.

    Sends: A HEAD request for the page of --app-path.
    Expects: The head of a response and nothing after it, whatever the app yields.
    Why: The client reads such a body as the next response on the connection.
    """
    await _app_response(exchange, "HEAD")
    _, trailing_bytes = await _get_page(exchange, "ask", "HEAD")
    _assert_nothing_after_head(trailing_bytes, "the response to HEAD")


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
    """The Content-Length of the HEAD response is that of the page.

    Sends: A HEAD request for the page of --app-path. Before that, only the app is called for GET and HEAD.
    Expects: No Content-Length, or the number of bytes that a GET request returns.
    Why: Download managers and caches trust it. With a wrong value, they discard what they have stored.
    """
    get, repeated = await _repeatable_app_response(exchange), await _app_response(exchange)
    if (get.size, get.digest) != (repeated.size, repeated.digest):
        exchange.skip(
            f"GET {exchange.page} gives another body each time, so no length is correct; name another page with "
            "--app-path"
        )
    head = await _app_response(exchange, "HEAD")
    if head.status != get.status:
        exchange.skip(
            f"HEAD {exchange.page} gives {head.status} and GET gives {get.status}, so their lengths may differ"
        )
    allowed: tuple[list[str], ...] = ([], [str(get.size)])
    if (app_lengths := head.all("content-length")) not in allowed:
        raise Violation(
            f"the app to give HEAD no Content-Length, or {get.size} as for GET",
            f"the app gives {', '.join(app_lengths)}",
        )
    response, _ = await _get_page(exchange, "ask", "HEAD")
    sent_lengths = [value.decode("latin-1") for value in response.all("Content-Length")]
    if sent_lengths not in allowed:
        raise Violation(
            f"the server to send HEAD no Content-Length, or {get.size} as for GET", f"it sends {sent_lengths}"
        )


@case(
    MUST,
    NOT_MODIFIED,
    segmentable=False,
    basis=from_sender_semantics(
        "Bytes after the head of a 304 belong to no response. The client reads them as the next one."
    ),
)
async def no_body(exchange: Exchange) -> None:
    """A 204 or a 304 response of the app has no body.

    Sends: A GET request for the page of --app-path, with If-None-Match or If-Modified-Since if the page has an ETag or
    Last-Modified.
    Expects: Nothing after the head, from the app and on the wire.
    Why: Clients expect no body. They read it as the start of the next response.
    """
    page = await _app_response(exchange)
    validators = [("If-None-Match", each) for each in page.all("etag")]
    validators = validators or [("If-Modified-Since", each) for each in page.all("last-modified")]
    conditions = validators if page.status not in NO_CONTENT_STATUSES else []
    found = await _app_response(exchange, headers=conditions) if conditions else page
    if found.status not in NO_CONTENT_STATUSES:
        exchange.skip(
            f"GET {exchange.page} gives {page.status}"
            + (f", and {found.status} with {validators[0][0]}" if validators else "")
        )
    if found.size:
        raise Violation(f"the app to give no body with {found.status}", f"the app gives {found.size} bytes")
    response, trailing_bytes = await _get_page(exchange, "ask", headers=conditions)
    if response.status == found.status:
        _assert_nothing_after_head(trailing_bytes, f"the {found.status} response")


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
    """The page is as long as its Content-Length and arrives completely.

    Sends: A GET request for the page of --app-path. Before that, only the app is called for it.
    Expects: The app gives as many bytes as its Content-Length says, and the response on the wire is complete.
    Why: With too few bytes the browser waits. Extra bytes are cut off, or the client reads them as the next response.
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
        raise Violation("the server to send the complete response of the app", response.describe())
    repeated = await _app_response(exchange)
    if page.size == repeated.size and response.status == page.status and response.length != page.size:
        raise Violation(f"the server to send the {page.size} bytes of the app", response.describe())


@case(MUST, CLOSE, segmentable=False, basis=MUST_TEXT)
async def closed(exchange: Exchange) -> None:
    """The server calls close() of the response of the app after it has sent the page.

    Sends: A GET request for the page of --app-path.
    Expects: One call of close() on the return value of the app.
    Why: Frameworks return database connections there. Without the call the pool runs empty.
    """
    await _app_response(exchange)
    await _get_page(exchange, "ask")
    responses = exchange.events("own-answered")
    if not responses:
        exchange.skip("the app did not return a response to the server")
    if not responses[0].detail["watched"]:
        exchange.skip("the return value of the app has no close(), or one that the test app cannot observe")
    await exchange.send_sync_request()
    if (calls := len(exchange.events("closed"))) != 1:
        raise Violation("the server to call close() once", f"it called close() {calls} times")


def _assert_nothing_after_head(trailing_bytes: bytes, what: str) -> None:
    if trailing_bytes:
        raise Violation(f"the server to send nothing after the head of {what}", repr(trailing_bytes[:200]))
