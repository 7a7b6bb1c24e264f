"""The HTTP version in the request line and in the response."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, from_sender_grammar, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    assert_each_rejected,
    assert_rejected,
    assert_served,
    is_rejected,
    raw_request,
    send_request,
)
from wsgi_gauntlet.suites.http.references import MALFORMED_MESSAGE, OWN_VERSION, STATUS_LINE


@case(
    MUST,
    STATUS_LINE,
    basis=from_sender_grammar(
        "The answer to a request is a response message. A response message begins with a status line."
    ),
    breach=CLIENT,
)
async def http09(exchange: Exchange) -> None:
    """A request line without a version does not get a response without a status line.

    Sends: `GET /echo` without a version, and an empty line, as in HTTP/0.9.
    Expects: a response with a status line, or the server closes the connection without a response.
    Why: If the response has no status line, an attacker can make a browser read bytes of the attacker's choice as a
    page of this site.
    """
    result = await send_request(
        exchange, f"GET {exchange.target('/echo')}?t={exchange.token}\r\n\r\n".encode(), send_second=False
    )
    good = result.response.is_empty or result.response.status is not None
    assertions.assert_that(good, "a status line, or the connection closed", result.response.describe())


@case(SHOULD, MALFORMED_MESSAGE, basis=SHOULD_TEXT, breach=CLIENT)
async def version_lowercase(exchange: Exchange) -> None:
    """The version `http/1.1` in lower case is rejected.

    Sends: `GET /echo http/1.1` with valid headers.
    Expects: the server answers 400 or 505 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: The name of the version is case-sensitive. If one server accepts lower case, the next may read the line as
    HTTP/0.9 without headers.
    """
    assert_rejected(
        await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')} http/1.1")), (400, 505)
    )


@case(
    SHOULD,
    rfc9110(
        "6.2",
        "a minor version number higher than what it implements SHOULD process the message as if it were in the highest "
        "minor version within that major version to which the recipient is conformant.",
    ),
    basis=SHOULD_TEXT,
)
async def version_minor_2(exchange: Exchange) -> None:
    """An HTTP/1.2 request is served as HTTP/1.1, and the response does not claim a version above 1.1.

    Sends: a GET in `HTTP/1.2` with valid headers.
    Expects: the server serves the request with one call of the app and responds in HTTP/1.1 or 1.0. The next request
    gets its own response, or the server closes the connection.
    Why: The RFC promises newer clients that they can talk to older servers. A server that echoes the version claims
    features that it does not have.
    """
    result = await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')} HTTP/1.2"))
    assert_served(result)
    assertions.assert_one_of(result.response.version, (b"HTTP/1.1", b"HTTP/1.0"), "the version of the response")


@case(
    MUST,
    OWN_VERSION,
    basis=MUST_TEXT,
    breach=CLIENT,
    variants={"0.9": "HTTP/0.9", "2.0": "HTTP/2.0", "3.0": "HTTP/3.0", "9.9": "HTTP/9.9"},
)
async def version_major_2(exchange: Exchange, version: str) -> None:
    """An unsupported major version is never echoed; the response has an HTTP/1 status line.

    Sends: a GET in HTTP/0.9, 2.0, 3.0 or 9.9, as lines of text.
    Expects: a response with a status line of HTTP/1.1 or 1.0, for example 400, 505 or a page. Or the server closes the
    connection without a response.
    Why: If the response claims the other version, the client continues in that version. Neither side understands the
    bytes that follow.
    """
    result = await send_request(
        exchange, raw_request(exchange, f"GET {exchange.target('/echo')} {version}"), send_second=False
    )
    if is_rejected(result) and result.response.is_empty:
        return
    assertions.assert_that(result.response.status is not None, "a status line", result.response.describe())
    assertions.assert_one_of(result.response.version, (b"HTTP/1.1", b"HTTP/1.0"), "the version of the response")


@case(
    SHOULD,
    MALFORMED_MESSAGE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    variants={
        "no-dot": "HTTP/11",
        "three-parts": "HTTP/1.1.1",
        "letters": "HTTP/1.1a",
        "misspelt": "HTP/1.1",
        "no-minor": "HTTP/1",
        "two-digits": "HTTP/1.10",
        "signed": "HTTP/+1.1",
        "leading-zero": "HTTP/01.1",
        "minor-leading-zero": "HTTP/1.01",
        "major-above-32-bits": "HTTP/4294967297.1",
        "minor-above-32-bits": "HTTP/1.4294967297",
        "superscript": "HTTP/\xb9.1",
        "nul": "HTTP/1.1\0",
    },
)
async def version_junk(exchange: Exchange, version: str) -> None:
    """An invalid HTTP version is rejected.

    Sends: a GET whose version has no dot, three parts, another name, a letter, a sign, a leading zero, no minor number,
    or too many digits, for example `HTTP/01.1`, `HTTP/1.1a` or `HTP/1.1`.
    Expects: the server answers 400 or 505 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: The version decides how bodies end and whether a connection stays open. A server that guesses the version may
    guess differently from the proxy in front.
    """
    assert_rejected(
        await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')} {version}")), (400, 505)
    )


@case(
    SHOULD,
    MALFORMED_MESSAGE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    variants={
        "numbers": [f"HTTP/{each}" for each in ("-1.1", "1.+1", "1.-1", "0x1.1", "1.0x1", "1_0.1", "1e0.1", "11.1")],
        "incomplete": ["HTTP/1.", "HTTP/.1", "HTTP/.", "HTTP/", "HTTP", "1.1", "/1.1", "HTTP1.1"],
        "separators": ["HTTP/1,1", "HTTP//1.1", "HTTP\\1.1", "HTTP:1.1", "HTTP-1.1", "HTTP/1..1", "HTTP/1/1"],
        "names": ["HTTPS/1.1", "Http/1.1", "XHTTP/1.1", "ICY/1.1", "RTSP/1.0", "SIP/2.0", "hTTP/1.1"],
        "behind": ["HTTP/1.1;a", "HTTP/1.1,", "HTTP/1.1.", "HTTP/1.1\x7f", "HTTP/1.1\x01", "HTTP/1.1\xa0", 'HTTP/1.1"'],
    },
)
async def version_forms(exchange: Exchange, versions: list[str]) -> None:
    """Each request with an invalid HTTP version is rejected, whatever part of it is wrong.

    Sends: several requests, each with one invalid version: with invalid numbers, a missing part, another separator,
    another name, or a character behind it.
    Expects: the server answers 400 or 505 to each and does not call the app.
    Why: The version decides how bodies end and whether a connection stays open. A server that guesses the version may
    guess differently from the proxy in front.
    """
    await _assert_versions_rejected(exchange, versions)


async def _assert_versions_rejected(exchange: Exchange, versions: list[str]) -> None:
    line = f"GET {exchange.target('/echo')} "
    requests = {version: raw_request(exchange, line + version) for version in versions}
    await assert_each_rejected(exchange, requests, (400, 505))


@case(SHOULD, MALFORMED_MESSAGE, basis=SHOULD_TEXT, breach=CLIENT)
async def version_space(exchange: Exchange) -> None:
    """An HTTP version with a space in it, or a word behind it, is rejected.

    Sends: several requests, each with a version that has a space before a number, the slash or the dot, or that is
    followed by another word.
    Expects: the server answers 400 or 505 to each and does not call the app.
    Why: A server that splits the line at other spaces than the proxy in front reads another target.
    """
    await _assert_versions_rejected(
        exchange, ["HTTP/ 1.1", "HTTP /1.1", "HTTP/1 .1", "HTTP/1. 1", "HTTP/1.1 x", "HTTP/1.1 HTTP/1.1"]
    )
