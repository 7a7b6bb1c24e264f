"""Content-Length with blanks that are no whitespace of HTTP, and on a folded line."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    CLIENT_ERRORS,
    SECURITY_TAG,
    assert_body_served,
    assert_rejected,
    assert_smuggled_request_not_called,
    is_rejected_and_in_sync,
    post_request,
    send_request,
    smuggled_request,
)
from wsgi_gauntlet.suites.http.references import BARE_CR, INVALID_LENGTH, OBS_FOLD

BODY = b"hellohello"

BLANKS = {
    "vt": "\x0b",
    "ff": "\x0c",
    "fs": "\x1c",
    "gs": "\x1d",
    "rs": "\x1e",
    "us": "\x1f",
    "backspace": "\x08",
    "delete": "\x7f",
    "nel": "\x85",
    "nbsp": "\xa0",
}
"""Characters that some languages treat as whitespace, or that a terminal does not show. None is SP or HTAB."""


@case(
    MUST,
    INVALID_LENGTH,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        **{f"{name}-before": f"{blank}10" for name, blank in BLANKS.items()},
        **{f"{name}-behind": f"10{blank}" for name, blank in BLANKS.items()},
        **{f"{name}-inside": f"1{blank}0" for name, blank in BLANKS.items() if name in ("vt", "us", "nbsp")},
        "tab-inside": "1\t0",
        "cr-inside": "1\r0",
        "nul-inside": "1\x000",
    },
)
async def cl_blanks(exchange: Exchange, value: str) -> None:
    """A Content-Length with another blank than a space or a tab is rejected, and the server closes the connection.

    Sends: a POST of ten bytes. Its Content-Length is 10 with a control character or a non-breaking space before,
    behind or between the digits. Between them a tab, CR or NUL is tried as well.
    Expects: the server answers 400 and does not call the app. The server closes the connection.
    Why: The number parsers of programming languages skip such characters, and RFC 9110 allows only spaces and tabs. If
    a proxy finds no length there, the body becomes a request that it never checked.
    """
    assert_rejected(
        await send_request(exchange, post_request(exchange, f"Content-Length: {value}", body=BODY)), closes=True
    )


@case(
    MUST,
    BARE_CR,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"before": "\r10", "behind": "10\r", "both": "\r10\r"},
)
async def cl_cr(exchange: Exchange, value: str) -> None:
    """A bare CR beside a Content-Length is rejected or read as a space.

    Sends: a POST of ten bytes. Its Content-Length is 10 with a bare CR before or behind the digits.
    Expects: the server rejects the request without calling the app, or the app reads all ten bytes. The next request
    gets its own response, or the server closes the connection.
    Why: If CR ends a line for one of two servers, that server sees no length. It reads the body as the next request.
    """
    result = await send_request(exchange, post_request(exchange, f"Content-Length: {value}", body=BODY))
    if not is_rejected_and_in_sync(result):
        assert_body_served(result, BODY)


@case(
    MUST,
    OBS_FOLD,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "zero-behind": "{length}\r\n 0",
        "zero-behind-tab": "{length}\r\n\t0",
        "zero-first": "0\r\n {length}",
        "digits-apart": "{first}\r\n {rest}",
        "two-folds": "{length}\r\n \r\n 0",
        "letters-behind": "{length}\r\n a",
    },
)
async def cl_folded_digits(exchange: Exchange, form: str) -> None:
    """A Content-Length that goes on in a folded line is two numbers, and it is rejected.

    Sends: a POST whose Content-Length has digits before a line break and digits or letters after it and a space or tab.
    The body is a whole request, and one of the numbers, or all digits together, are its length.
    Expects: the server rejects the request with a status from 400 to 499 and does not call the app. The server closes
    the connection. With a space in place of the fold, the value is no number.
    Why: One server reads the first line, and another reads the last or joins them. An attacker hides a request between
    the two ends of the body.
    """
    body = smuggled_request(exchange)
    length = str(len(body))
    value = form.format(length=length, first=length[:1], rest=length[1:])
    result = await send_request(exchange, post_request(exchange, f"Content-Length: {value}", body=body))
    assert_smuggled_request_not_called(result)
    assert_rejected(result, CLIENT_ERRORS, closes=True)


@case(
    MUST,
    OBS_FOLD,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"space": "\r\n 10", "tab": "\r\n\t10", "two-folds": "\r\n \r\n 10", "empty-behind": "10\r\n "},
)
async def cl_folded(exchange: Exchange, value: str) -> None:
    """A Content-Length on a folded line is rejected or read, not ignored.

    Sends: a POST of ten bytes. A line break and a space or tab are between `Content-Length:` and 10, or behind 10.
    Expects: the server rejects the request without calling the app, or the app reads all ten bytes. The next request
    gets its own response, or the server closes the connection.
    Why: A server that sees an empty header finds no length. It reads the body as the next request, which a proxy in
    front forwarded as a body.
    """
    result = await send_request(exchange, post_request(exchange, f"Content-Length:{value}", body=BODY))
    if not is_rejected_and_in_sync(result):
        assert_body_served(result, BODY)
