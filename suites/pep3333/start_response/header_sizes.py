"""Response headers of many sizes and numbers."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import SHOULD_TEXT, pep3333
from wsgi_gauntlet.harness.conformance.catalog import SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.suites.http.kept_connection import KeptConnection
from wsgi_gauntlet.suites.sizes import COUNTS, HEADER_SIZES
from wsgi_gauntlet.suites.testapp.core.pattern import letters

COMPLETE_CONTROL = pep3333(
    "Other HTTP Features",
    'In general, servers and gateways should "play dumb" and allow the application complete control over its output.',
)


def _failed(response: Response) -> bool:
    """Say whether the client sees that the response failed: an error status, or the end of the connection."""
    return response.status >= 500 if response.status is not None else response.is_empty


@case(SHOULD, COMPLETE_CONTROL, basis=SHOULD_TEXT, segmentable=False)
async def header_sizes(exchange: Exchange) -> None:
    """A response header of any size arrives complete, or the response is an error.

    Sends: GETs whose responses have a header and a cookie of 127 bytes and more, up to the first error or 64 KiB. The
    sizes are powers of two, usual limits and the numbers next to them.
    Expects: every byte of the header, a status of 500 or more, or no response.
    Why: Signed cookies and security policies have several kilobytes. A cut cookie is invalid: the user cannot log in.
    """
    client = KeptConnection(exchange)
    for size in HEADER_SIZES:
        response = await client.ask(exchange.request(f"/sized-headers?value={size}"))
        if _failed(response):
            return
        good = response.status == 200 and response.complete
        assert_that(good, f"a response with a header of {size} bytes", response.describe())
        for name in ("X-Sized", "Set-Cookie"):
            assert_equal(response.header(name), letters(size).encode(), f"{name} of {size} bytes")


@case(SHOULD, COMPLETE_CONTROL, basis=SHOULD_TEXT, segmentable=False)
async def header_counts(exchange: Exchange) -> None:
    """All response headers arrive, in order, or the response is an error.

    Sends: GETs whose responses have 6 headers and more, up to the first error or 2050. Half of them are cookies.
    Expects: each header with its own value, and the cookies in order, a status of 500 or more, or no response.
    Why: An app that sets one more cookie must not lose another header.
    """
    client = KeptConnection(exchange)
    for count in COUNTS:
        response = await client.ask(exchange.request(f"/sized-headers?count={count}"))
        if _failed(response):
            return
        good = response.status == 200 and response.complete
        assert_that(good, f"a response with {count} headers and {count} cookies", response.describe())
        cookies = [f"number={number}".encode() for number in range(count)]
        assert_equal(response.all("Set-Cookie"), cookies, f"{count} cookies")
        own = {name.lower(): value for name, value in response.headers if name.lower().startswith(b"x-number-")}
        wanted = {f"x-number-{number}".encode(): str(number).encode() for number in range(count)}
        assert_that(own == wanted, f"{count} headers", f"{len(own)} of them, or other values")
