"""Content-Length with blanks that are no whitespace of HTTP, and on a folded line."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    CLIENT_ERRORS,
    LONG_DEADLINE_SECONDS,
    SECURITY_TAG,
    RequestResult,
    assert_body_served,
    assert_for_each,
    assert_rejected,
    assert_smuggled_request_not_called,
    is_rejected_and_in_sync,
    post_request,
    smuggled_request,
)
from wsgi_gauntlet.suites.http.references import BARE_CR, INVALID_LENGTH, OBS_FOLD

BODY = b"hellohello"

BLANKS = "\x0b\x0c\x1c\x1d\x1e\x1f\x08\x7f\x85\xa0"
"""Characters that some languages treat as whitespace, or that a terminal does not show. None is SP or HTAB."""


@case(
    MUST,
    INVALID_LENGTH,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "before": [f"{blank}10" for blank in BLANKS],
        "behind": [f"10{blank}" for blank in BLANKS],
        "inside": [f"1{blank}0" for blank in "\x0b\x1f\xa0\t\r\0"],
    },
    deadline=LONG_DEADLINE_SECONDS,
)
async def cl_blanks(exchange: Exchange, values: list[str]) -> None:
    """A Content-Length with another blank than a space or a tab is rejected, and the server closes the connection.

    Sends: several POSTs of ten bytes. The Content-Length of each is 10 with a control character or a non-breaking space
    before, behind or between the digits. Between them a tab, CR or NUL is tried as well.
    Expects: the server answers 400 to each and does not call the app. The server closes the connection.
    Why: The number parsers of programming languages skip such characters, and RFC 9110 allows only spaces and tabs. If
    a proxy finds no length there, the body becomes a request that it never checked.
    """
    requests = _requests(exchange, [f" {value}" for value in values])
    await assert_for_each(exchange, requests, partial(assert_rejected, closes=True))


@case(
    MUST,
    BARE_CR,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
)
async def cl_cr(exchange: Exchange) -> None:
    """A bare CR beside a Content-Length is rejected or read as a space.

    Sends: three POSTs of ten bytes. The Content-Length of each is 10 with a bare CR before, behind or around the
    digits.
    Expects: for each, the server rejects the request without calling the app, or the app reads all ten bytes. The next
    request gets its own response, or the server closes the connection.
    Why: If CR ends a line for one of two servers, that server sees no length. It reads the body as the next request.
    """
    requests = _requests(exchange, (" \r10", " 10\r", " \r10\r"))
    await assert_for_each(exchange, requests, _assert_rejected_or_read)


def _requests(exchange: Exchange, values: Iterable[str], body: bytes = BODY) -> dict[str, bytes]:
    return {repr(value): post_request(exchange, f"Content-Length:{value}", body=body) for value in values}


def _assert_rejected_or_read(result: RequestResult) -> None:
    if not is_rejected_and_in_sync(result):
        assert_body_served(result, BODY)


@case(
    MUST,
    OBS_FOLD,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
)
async def cl_folded_digits(exchange: Exchange) -> None:
    """A Content-Length that goes on in a folded line is two numbers, and it is rejected.

    Sends: several POSTs. The Content-Length of each has digits before a line break and digits or letters after it and a
    space or tab. The body is a whole request, and one of the numbers, or all digits together, are its length.
    Expects: the server rejects each with a status from 400 to 499 and does not call the app. The server closes the
    connection. With a space in place of the fold, the value is no number.
    Why: One server reads the first line, and another reads the last or joins them. An attacker hides a request between
    the two ends of the body.
    """
    body = smuggled_request(exchange)
    length = str(len(body))
    values = [
        f" {length}\r\n 0",
        f" {length}\r\n\t0",
        f" 0\r\n {length}",
        f" {length[:1]}\r\n {length[1:]}",
        f" {length}\r\n \r\n 0",
        f" {length}\r\n a",
    ]
    await assert_for_each(exchange, _requests(exchange, values, body), _assert_rejected_with_its_body)


def _assert_rejected_with_its_body(result: RequestResult) -> None:
    assert_smuggled_request_not_called(result)
    assert_rejected(result, CLIENT_ERRORS, closes=True)


@case(
    MUST,
    OBS_FOLD,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
)
async def cl_folded(exchange: Exchange) -> None:
    """A Content-Length on a folded line is rejected or read, not ignored.

    Sends: several POSTs of ten bytes. A line break and a space or tab are between `Content-Length:` and 10, or behind
    10.
    Expects: for each, the server rejects the request without calling the app, or the app reads all ten bytes. The next
    request gets its own response, or the server closes the connection.
    Why: A server that sees an empty header finds no length. It reads the body as the next request, which a proxy in
    front forwarded as a body.
    """
    requests = _requests(exchange, ("\r\n 10", "\r\n\t10", "\r\n \r\n 10", " 10\r\n "))
    await assert_for_each(exchange, requests, _assert_rejected_or_read)
