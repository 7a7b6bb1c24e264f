"""A header's line: name, colon, value, and what is none."""

from __future__ import annotations

import re

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9112
from wsgi_gauntlet.suites.http.assertions import (
    assert_in_sync,
    assert_rejected,
    assert_served,
    is_rejected_and_in_sync,
    is_rejected_with,
    raw,
    send_request,
)
from wsgi_gauntlet.suites.http.headers.helpers import get

MALFORMED = rfc9112(
    "2.2",
    "receives a sequence of octets that does not match the HTTP-message grammar aside from the robustness exceptions "
    "listed above, the server SHOULD respond with a 400 (Bad Request) response and close the connection.",
)
FOLD = rfc9112(
    "5.2",
    'A server that receives an obs-fold in a request message that is not within a "message/http" container MUST '
    "either reject the message by sending a 400 (Bad Request), preferably with a representation explaining that "
    "obsolete line folding is unacceptable, or replace each received obs-fold with one or more SP octets prior to "
    "interpreting the field value or forwarding the message downstream.",
)


@case(
    MUST,
    rfc9112(
        "5.1",
        "A server MUST reject, with a response status code of 400 (Bad Request), any received request message that "
        "contains whitespace between a header field name and colon.",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=["security"],
    variants={"space": "X-A : 1", "tab": "X-A\t: 1", "framing": "Content-Length : 0"},
)
async def space_before_colon(exchange: Exchange, field: str) -> None:
    """White space before a header's colon is refused with exactly 400.

    Sends: a GET with a blank or a tab between a header's name and its colon: `X-A : 1`, or `Content-Length : 0`.
    Expects: exactly 400, the app not called; the next request on the connection is served as itself, or the connection
    is closed.
    Why: Servers that strip it and servers that keep it see different headers, also different lengths of a body.
    Requests have been smuggled through proxies in this way.
    """
    assert_rejected(await send_request(exchange, get(exchange, field)))


@case(
    MUST,
    rfc9112(
        "2.2",
        "A recipient that receives whitespace between the start-line and the first header field MUST either reject the "
        "message as invalid or consume each whitespace-preceded line without further processing of it",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=["security"],
)
async def space_before_first(exchange: Exchange) -> None:
    """A first header line that begins with white space is refused, or wholly ignored.

    Sends: a GET whose first header line, right below the request line, is ` X-Smuggled: yes`.
    Expects: a refusal without a call of the app, or the request served with that line wholly ignored; the next request
    on the connection is served as itself, or the connection is closed.
    Why: One server may take the line for a header, the next for part of the line above: a header that the proxy would
    have removed gets to the app.
    """
    line = f"GET {exchange.target('/echo')} HTTP/1.1\r\n X-Smuggled: yes"
    result = await send_request(exchange, raw(exchange, line))
    if not is_rejected_and_in_sync(result):
        environ = assert_served(result)
        left = [name for name, value in environ.items() if "SMUGGLED" in name or "X-Smuggled" in value]
        assertions.assert_that(not left, "the line ignored or the request refused", left)


@case(
    MUST,
    FOLD,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=["security"],
    variants={"space": "\r\n 2", "tab": "\r\n\t2", "twice": "\r\n  \r\n 2"},
)
async def obs_fold(exchange: Exchange, fold: str) -> None:
    """A folded header is refused, or its line breaks reach the app as spaces.

    Sends: a GET with a header whose value goes on after a line break and a blank or a tab, once or twice, and another
    header below it.
    Expects: a refusal without a call of the app, or the request served with blanks in place of the line break, and the
    header below untouched; the next request on the connection is served as itself, or the connection is closed.
    Why: A line break in environ becomes one in logs, mails and headers that the app makes of it: the sender writes
    lines of his own there.
    """
    result = await send_request(exchange, get(exchange, f"X-Folded: 1{fold}", "X-After: yes"))
    if is_rejected_with(result):
        assert_in_sync(result)
    else:
        environ = assert_served(result)
        value = environ.get("HTTP_X_FOLDED", "")
        assertions.assert_that(re.fullmatch("1[ \t]+2", value), "`1 2`, or the request refused", value)
        assertions.assert_equal(environ.get("HTTP_X_AFTER"), "yes", "the header after it")


@case(SHOULD, MALFORMED, basis=SHOULD_TEXT, breach=CLIENT)
async def no_colon(exchange: Exchange) -> None:
    """A header line without a colon is refused.

    Sends: a GET with a header line that is just `X-Lonely`.
    Expects: 400, the app not called; the next request on the connection is served as itself, or the connection is
    closed.
    Why: A line that one server skips may end the headers, or begin a body, for the next. Guessing is what attackers
    live on.
    """
    assert_rejected(await send_request(exchange, get(exchange, "X-Lonely")))


@case(SHOULD, MALFORMED, basis=SHOULD_TEXT, breach=CLIENT)
async def empty_name(exchange: Exchange) -> None:
    """A header line without a name is refused.

    Sends: a GET with the header line `: value`.
    Expects: 400, the app not called; the next request on the connection is served as itself, or the connection is
    closed.
    Why: It becomes a variable named HTTP_ at best. A proxy that drops the line and a server that stops at it see
    different requests.
    """
    assert_rejected(await send_request(exchange, get(exchange, ": value")))


@case(
    SHOULD,
    MALFORMED,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=["security"],
    variants={
        "space": "X A",
        "parenthesis": "X(A",
        "nul": "X\0A",
        "non-ascii": "X\xe9A",
        "slash": "X/A",
        "vt-at-the-end": "X-A\x0b",
        "nbsp-at-the-end": "X-A\xa0",
    },
)
async def bad_name_characters(exchange: Exchange, name: str) -> None:
    """A header name with characters that no token has is refused.

    Sends: a GET with a header whose name holds what no token has: a blank, a parenthesis, a slash, NUL, a byte above
    0x7F, or a vertical tab or non-breaking space at its end.
    Expects: 400, the app not called; the next request on the connection is served as itself, or the connection is
    closed.
    Why: Proxies and servers differ in what they drop of such names, so that a header which the proxy lets pass becomes
    one that it would have removed.
    """
    assert_rejected(await send_request(exchange, get(exchange, f"{name}: 1")))
