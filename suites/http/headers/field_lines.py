"""Header lines: name, colon and value, and lines that are not headers."""

from __future__ import annotations

import re

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    SECURITY_TAG,
    assert_in_sync,
    assert_rejected,
    assert_served,
    get_request,
    is_rejected_and_in_sync,
    is_rejected_with,
    raw_request,
    send_request,
)
from wsgi_gauntlet.suites.http.references import MALFORMED_MESSAGE, OBS_FOLD


@case(
    MUST,
    rfc9112(
        "5.1",
        "A server MUST reject, with a response status code of 400 (Bad Request), any received request message that "
        "contains whitespace between a header field name and colon.",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"space": "X-A : 1", "tab": "X-A\t: 1", "framing": "Content-Length : 0"},
)
async def space_before_colon(exchange: Exchange, field: str) -> None:
    """Whitespace before a header's colon gets exactly 400.

    Sends: a GET with a space or a tab between a header's name and its colon: `X-A : 1` or `Content-Length : 0`.
    Expects: the server answers 400 and does not call the app. The next request gets its own response, or the server
    closes the connection.
    Why: Servers that strip the space and servers that keep it see different headers, and so different body lengths.
    Attackers have smuggled requests through proxies in this way.
    """
    assert_rejected(await send_request(exchange, get_request(exchange, field)))


@case(
    MUST,
    rfc9112(
        "2.2",
        "A recipient that receives whitespace between the start-line and the first header field MUST either reject the "
        "message as invalid or consume each whitespace-preceded line without further processing of it",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
)
async def space_before_first(exchange: Exchange) -> None:
    """A first header line that begins with whitespace is rejected or ignored completely.

    Sends: a GET whose first header line is ` X-Smuggled: yes`, directly after the request line.
    Expects: the server rejects the request without calling the app, or serves it and ignores this line completely. The
    next request gets its own response, or the server closes the connection.
    Why: One server may read the line as a header, and the next as part of the line above. Then a header reaches the app
    that the proxy would have removed.
    """
    line = f"GET {exchange.target('/echo')} HTTP/1.1\r\n X-Smuggled: yes"
    result = await send_request(exchange, raw_request(exchange, line))
    if not is_rejected_and_in_sync(result):
        environ = assert_served(result)
        left = [name for name, value in environ.items() if "SMUGGLED" in name or "X-Smuggled" in value]
        assertions.assert_that(not left, "the line ignored, or the request rejected", left)


@case(
    MUST,
    OBS_FOLD,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"space": "\r\n 2", "tab": "\r\n\t2", "twice": "\r\n  \r\n 2"},
)
async def obs_fold(exchange: Exchange, fold: str) -> None:
    """A folded header is rejected, or its line breaks reach the app as spaces.

    Sends: a GET with a header whose value continues after a line break and a space or a tab, once or twice. Another
    header follows.
    Expects: the server rejects the request without calling the app. Or it serves the request with spaces in place of
    the line break and leaves the next header unchanged. The next request gets its own response, or the server closes
    the connection.
    Why: Apps copy environ values into logs, mails and headers. With a line break in the value, the client can add its
    own lines there.
    """
    result = await send_request(exchange, get_request(exchange, f"X-Folded: 1{fold}", "X-After: yes"))
    if is_rejected_with(result):
        assert_in_sync(result)
    else:
        environ = assert_served(result)
        value = environ.get("HTTP_X_FOLDED", "")
        assertions.assert_that(re.fullmatch("1[ \t]+2", value), "`1 2`, or the request rejected", value)
        assertions.assert_equal(environ.get("HTTP_X_AFTER"), "yes", "the next header")


@case(SHOULD, MALFORMED_MESSAGE, basis=SHOULD_TEXT, breach=CLIENT)
async def no_colon(exchange: Exchange) -> None:
    """A header line without a colon is rejected.

    Sends: a GET with a header line that is only `X-Lonely`.
    Expects: the server answers 400 and does not call the app. The next request gets its own response, or the server
    closes the connection.
    Why: One server may skip the line. For the next server it may end the headers or begin a body. Attackers use such
    differences.
    """
    assert_rejected(await send_request(exchange, get_request(exchange, "X-Lonely")))


@case(SHOULD, MALFORMED_MESSAGE, basis=SHOULD_TEXT, breach=CLIENT)
async def empty_name(exchange: Exchange) -> None:
    """A header line without a name is rejected.

    Sends: a GET with the header line `: value`.
    Expects: the server answers 400 and does not call the app. The next request gets its own response, or the server
    closes the connection.
    Why: At best it becomes a variable named HTTP_. A proxy that drops the line and a server that stops at it see
    different requests.
    """
    assert_rejected(await send_request(exchange, get_request(exchange, ": value")))


@case(
    SHOULD,
    MALFORMED_MESSAGE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
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
    """A header name with invalid characters is rejected.

    Sends: a GET with a header whose name contains a space, a parenthesis, a slash, NUL or a byte above 0x7F, or ends
    with a vertical tab or non-breaking space.
    Expects: the server answers 400 and does not call the app. The next request gets its own response, or the server
    closes the connection.
    Why: Proxies and servers drop different characters from such names. A header that the proxy forwards can become one
    that the proxy would have removed.
    """
    assert_rejected(await send_request(exchange, get_request(exchange, f"{name}: 1")))
