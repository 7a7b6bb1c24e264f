"""A bare CR in a header's name, at the beginning of a line or around a value, and other characters that end lines."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, rfc9110, rfc9112, security
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    SECURITY_TAG,
    assert_served,
    get_request,
    is_rejected_and_in_sync,
    send_request,
)
from wsgi_gauntlet.suites.http.references import BARE_CR


@case(
    MUST,
    BARE_CR,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "middle": ("X\rA: 1", {"HTTP_A", "HTTP_XA"}),
        "line-begin": ("\rX-A: 1", {"HTTP_X_A"}),
        "name-end": ("X-A\r: 1", {"HTTP_X_A"}),
        "after-lf": ("X-B: 1\n\rX-A: 1", {"HTTP_X_A"}),
        "twice": ("\r\rX-A: 1", {"HTTP_X_A"}),
        "length": ("\rContent-Length: 5", {"CONTENT_LENGTH"}),
        "length-middle": ("Content\r-Length: 5", {"CONTENT_LENGTH"}),
    },
)
async def cr_in_name(exchange: Exchange, what: tuple[str, set[str]]) -> None:
    """A header line with a bare CR in its name or at its beginning is rejected, or the CR counts as a space.

    Sends: a GET with a header whose name contains a bare CR, or whose line begins with one: `X CR A: 1`, `CR X-A: 1`,
    `X-A CR: 1`, or the same with Content-Length. Another header follows.
    Expects: the server rejects the request without calling the app. Or it serves the request, no variable has a CR,
    and no header exists that would result if the CR were left out or ended a line. The next header is unchanged, and
    the next request gets its own response, or the server closes the connection.
    Why: A proxy in front sees another name, so it does not remove the header. An attacker can set headers that only
    the proxy may set.
    """
    line, invented = what
    result = await send_request(exchange, get_request(exchange, "X-Before: 1", line, "X-After: yes"))
    if is_rejected_and_in_sync(result):
        return
    environ = assert_served(result)
    wrong = sorted(name for name, value in environ.items() if "\r" in name + value or (name in invented and value))
    assertions.assert_that(not wrong, "the request rejected, or the CR read as a space", wrong)
    assertions.assert_equal(environ.get("HTTP_X_AFTER"), "yes", "the next header")


@case(
    MUST,
    BARE_CR,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"one": "\r", "two": "\r\r", "space": " \r", "lf-before": "X-A: 1\n\r"},
)
async def cr_line(exchange: Exchange, line: str) -> None:
    """A line of bare CRs does not end the headers.

    Sends: a GET with a header line that has only one or two bare CRs before its CRLF. Another header follows.
    Expects: the server rejects the request without calling the app, or serves it and the app gets the header that
    follows. The next request gets its own response, or the server closes the connection.
    Why: If the headers end there, the rest is a body or the next request. An attacker hides headers from a filter in
    front, or adds a request.
    """
    result = await send_request(exchange, get_request(exchange, "X-Before: 1", line, "X-After: yes"))
    if not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("HTTP_X_AFTER"), "yes", "the header after the line")


@case(
    MUST,
    rfc9110(
        "5.5",
        "a recipient of CR, LF, or NUL within a field value MUST either reject the message or replace each of those "
        "characters with SP before further processing or forwarding of that message.",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "cr-first": "\rb",
        "cr-last": "b\r",
        "cr-twice": "b\r\r",
        "cr-alone": "\r",
        "cr-before-space": "b\r c",
        "nul-first": "\0b",
        "nul-last": "b\0",
        "nul-alone": "\0",
    },
)
async def cr_or_nul_around_value(exchange: Exchange, value: str) -> None:
    """CR or NUL at the beginning or end of a header's value is replaced by a space, or the request is rejected.

    Sends: a GET with a header whose value begins or ends with a bare CR or NUL, or has nothing else. Another header
    follows.
    Expects: the server rejects the request without calling the app, or serves it with spaces in place of these
    characters. Spaces around the value do not count. The next header is unchanged, and the next request gets its own
    response, or the server closes the connection.
    Why: Text functions strip such characters, or stop at them. A check in front then sees another value than the app.
    """
    result = await send_request(exchange, get_request(exchange, f"X-A: {value}", "X-After: yes"))
    if is_rejected_and_in_sync(result):
        return
    environ = assert_served(result)
    wanted = value.replace("\r", " ").replace("\0", " ").strip()
    assertions.assert_equal(environ.get("HTTP_X_A", "").strip(" \t"), wanted, "HTTP_X_A without spaces around it")
    assertions.assert_equal(environ.get("HTTP_X_AFTER"), "yes", "the next header")


@case(
    MUST,
    rfc9112("2.1", "HTTP-message = start-line CRLF *( field-line CRLF ) CRLF [ message-body ]"),
    basis=security(
        "A line ends with CRLF alone, or with LF. If another character ends it, a client can add headers inside a "
        "value, and a proxy in front does not see or remove them."
    ),
    breach=dict.fromkeys(("vt", "ff", "fs", "gs", "rs"), CLIENT),
    tags=SECURITY_TAG,
    variants={
        "vt": "\x0b",
        "ff": "\x0c",
        "fs": "\x1c",
        "gs": "\x1d",
        "rs": "\x1e",
        "nel": "\x85",
        "line-separator": "\xe2\x80\xa8",
    },
)
async def other_line_separators(exchange: Exchange, separator: str) -> None:
    """Characters that end lines in Unicode do not end a header line.

    Sends: a GET with a header whose value has a vertical tab, form feed, another separator, 0x85, or the UTF-8 bytes of
    U+2028. `X-Smuggled: yes` follows it within the value. Another header follows.
    Expects: the server rejects the request without calling the app, or serves it without HTTP_X_SMUGGLED. The next
    header is unchanged, and the next request gets its own response, or the server closes the connection.
    Why: Text functions that split lines also split at these characters. A client can then add the header with the name
    of the user, which the proxy in front would have removed.
    """
    line = f"X-A: a{separator}X-Smuggled: yes"
    result = await send_request(exchange, get_request(exchange, "X-Before: 1", line, "X-After: yes"))
    if is_rejected_and_in_sync(result):
        return
    environ = assert_served(result)
    assertions.assert_equal(environ.get("HTTP_X_SMUGGLED"), None, "HTTP_X_SMUGGLED")
    assertions.assert_equal(environ.get("HTTP_X_AFTER"), "yes", "the next header")
