"""Methods of unusual characters, and bytes above 0x7F in paths and queries."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    assert_in_sync,
    assert_served,
    is_rejected_and_in_sync,
    is_rejected_with,
    raw_request,
    send_request,
)
from wsgi_gauntlet.suites.http.references import SEQUENCE_OF_OCTETS, UNKNOWN_METHOD


@case(
    SHOULD,
    UNKNOWN_METHOD,
    basis=SHOULD_TEXT,
    variants={
        "hyphen": "M-SEARCH",
        "underscore": "A_B",
        "punctuation": "M!#$%&'*+-.^_`|~",
        "begins-with-punctuation": "!M",
        "digits": "0123456789",
        "letters": "aZ",
        "one-letter": "M",
    },
)
async def method_tchars(exchange: Exchange, method: str) -> None:
    """A method of any valid characters reaches the app, or gets 501 or 405.

    Sends: a request whose method has punctuation, digits or letters that a token may have.
    Expects: one call of the app with this REQUEST_METHOD; or the server answers 405 or 501 without calling the app. The
    next request gets its own response, or the server closes the connection.
    Why: `M-SEARCH` and others exist. A 400 says that the client made a mistake, and its developer searches for a
    mistake that does not exist.
    """
    result = await send_request(exchange, raw_request(exchange, f"{method} {exchange.target('/echo')} HTTP/1.1"))
    if is_rejected_with(result, (405, 501)):
        assert_in_sync(result)
        return
    assert_served(result)
    assertions.assert_equal(result.calls[0].detail["method"], method, "REQUEST_METHOD")


@case(
    MUST,
    SEQUENCE_OF_OCTETS,
    basis=MUST_TEXT,
    breach=CLIENT,
    variants={"three-bytes": "\xe4\xb8\xad", "not-utf8": "\xff\xfe", "overlong": "\xc0\xaf", "nel": "\x85"},
)
async def non_ascii_path(exchange: Exchange, text: str) -> None:
    """Raw bytes that are a three-byte character, or no UTF-8, reach the app unchanged, or the request is rejected.

    Sends: a GET with such raw bytes in the path.
    Expects: the server rejects the request without calling the app, or PATH_INFO has exactly these bytes as latin-1.
    The next request gets its own response, or the server closes the connection.
    Why: A server that decodes the path as UTF-8 replaces invalid bytes. The app cannot restore them, and two different
    paths become one.
    """
    result = await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')}/{text} HTTP/1.1"))
    if not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("PATH_INFO"), f"/echo/{text}", "PATH_INFO")


@case(
    MUST,
    SEQUENCE_OF_OCTETS,
    basis=MUST_TEXT,
    breach=CLIENT,
    variants={
        "two-bytes": "\xc3\xa9",
        "three-bytes": "\xe4\xb8\xad",
        "four-bytes": "\xf0\x9f\x90\x8d",
        "not-utf8": "\xff\xfe",
        "nel": "\x85",
    },
)
async def non_ascii_query(exchange: Exchange, text: str) -> None:
    """Raw bytes above 0x7F in the query reach the app unchanged, or the request is rejected.

    Sends: a GET with raw UTF-8 in the query, or bytes that are no UTF-8. Some tools send such queries.
    Expects: the server rejects the request without calling the app, or QUERY_STRING has exactly these bytes as latin-1.
    They may be percent-encoded once. The next request gets its own response, or the server closes the connection.
    Why: A server that decodes the query gives the app characters that are no bytes. The search of a user finds nothing.
    """
    result = await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')}?q={text} HTTP/1.1"))
    if not is_rejected_and_in_sync(result):
        encoded = quote_from_bytes(text.encode("latin-1"))
        got = assert_served(result).get("QUERY_STRING", "")
        assertions.assert_one_of(got, (f"q={text}", f"q={encoded}", f"q={encoded.lower()}"), "QUERY_STRING")
