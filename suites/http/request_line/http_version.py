"""The version of HTTP in the request line, and in the answer to it."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, from_sender_grammar
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.suites.http.assertions import assert_rejected, assert_served, is_rejected, raw, send_request

MALFORMED = rfc9112(
    "2.2",
    "receives a sequence of octets that does not match the HTTP-message grammar aside from the robustness exceptions "
    "listed above, the server SHOULD respond with a 400 (Bad Request) response and close the connection.",
)
VERSION = rfc9110("6.2", "A server MUST NOT send a version to which it is not conformant.")


@case(
    MUST,
    rfc9112("4", "The first line of a response message is the status-line"),
    basis=from_sender_grammar(
        "What is sent in answer to a request is a response message, and that begins with a status line."
    ),
    breach=CLIENT,
)
async def http09(exchange: Exchange) -> None:
    """A request line without a version is not answered with bare bytes.

    Sends: `GET /echo` without a version, and an empty line, as HTTP/0.9 had it.
    Expects: an answer with a status line, or the connection closed without a word; no bare bytes.
    Why: An answer without a status line lets an attacker have a browser read bytes of his choice as a page of this
    origin.
    """
    result = await send_request(
        exchange, f"GET {exchange.target('/echo')}?t={exchange.token}\r\n\r\n".encode(), send_second=False
    )
    good = result.response.is_empty or result.response.status is not None
    assertions.assert_that(good, "a status line, or the connection closed", result.response.describe())


@case(
    SHOULD,
    MALFORMED,
    basis=SHOULD_TEXT,
    breach=CLIENT,
)
async def version_lowercase(exchange: Exchange) -> None:
    """`http/1.1` is no version.

    Sends: `GET /echo http/1.1` with good headers.
    Expects: 400 or 505, the app not called; the next request on the connection is served as itself, or the connection
    is closed.
    Why: The name is compared byte by byte. What one server lets pass here the next may read as HTTP/0.9, without
    headers.
    """
    assert_rejected(await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')} http/1.1")), (400, 505))


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
    """HTTP/1.2 is served as HTTP/1.1, and the reply does not claim more than 1.1.

    Sends: a GET in `HTTP/1.2` with good headers.
    Expects: served by one call of the app, the reply in HTTP/1.1 or 1.0; the next request on the connection is served
    as itself, or the connection is closed.
    Why: The text promises a newer client that it can talk to an older server. One that echoes the version promises what
    it does not know.
    """
    result = await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')} HTTP/1.2"))
    assert_served(result)
    assertions.assert_one_of(result.response.version, (b"HTTP/1.1", b"HTTP/1.0"), "the reply's version")


@case(MUST, VERSION, basis=MUST_TEXT, breach=CLIENT, variants={"2.0": "HTTP/2.0", "3.0": "HTTP/3.0", "9.9": "HTTP/9.9"})
async def version_major_2(exchange: Exchange, version: str) -> None:
    """A major version that is not spoken here is never echoed; what comes has a status line of HTTP/1.

    Sends: a GET in HTTP/2.0, 3.0 or 9.9, as lines of text.
    Expects: an answer with a status line of HTTP/1.1 or 1.0, be it 400, 505 or a page; or the connection closed without
    a word.
    Why: A client that is answered in a version which is not spoken here goes on in it, and nothing that follows makes
    sense.
    """
    result = await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')} {version}"), send_second=False)
    if is_rejected(result) and result.response.is_empty:
        return
    assertions.assert_that(result.response.status is not None, "a status line", result.response.describe())
    assertions.assert_one_of(result.response.version, (b"HTTP/1.1", b"HTTP/1.0"), "the reply's version")


@case(
    SHOULD,
    MALFORMED,
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
    },
)
async def version_junk(exchange: Exchange, version: str) -> None:
    """What is no HTTP version is refused.

    Sends: a GET whose version is none: `HTTP/11`, `HTTP/1.1.1`, `HTTP/1.1a`, `HTP/1.1`, `HTTP/1`, `HTTP/1.10` or
    `HTTP/+1.1`.
    Expects: 400 or 505, the app not called; the next request on the connection is served as itself, or the connection
    is closed.
    Why: The version decides which rules of framing and keeping a connection hold. A server that guesses may guess
    otherwise than the proxy in front.
    """
    assert_rejected(
        await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')} {version}")), (400, 505)
    )
