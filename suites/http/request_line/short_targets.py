"""The shortest targets: the root, and queries without a character. And whole URLs beside other headers."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import SHOULD_TEXT, from_recipient_semantics, pep3333, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import assert_served, raw_request, send_request


@case(
    MUST,
    rfc9112("3.2.1", 'origin-form = absolute-path [ "?" query ]'),
    basis=from_recipient_semantics(
        "A path may be the slash alone, and a query may be empty (RFC 3986, 3.3 and 3.4). So each target is valid."
    ),
    variants={"root": "/", "root-query": "/?", "empty-query": "/echo?", "query-marks": "/??/?"},
)
async def shortest(exchange: Exchange, target: str) -> None:
    """The target `/` and an empty query are served.

    Sends: a GET for `/`, `/?`, `/echo?` or `/??/?`.
    Expects: the server serves the request. PATH_INFO is the path, and QUERY_STRING the text after the first `?`.
    Why: Every site has a front page. No other case asks for it.
    """
    result = await send_request(exchange, raw_request(exchange, f"GET {target} HTTP/1.1"))
    environ = assert_served(result)
    path, _, query = target.partition("?")
    assertions.assert_equal(environ.get("PATH_INFO"), path, "PATH_INFO")
    assertions.assert_equal(environ.get("QUERY_STRING", ""), query, "QUERY_STRING")


@case(
    SHOULD,
    pep3333(
        "environ Variables",
        "The presence or absence of these variables should correspond with the presence or absence of the appropriate "
        "HTTP header in the request.",
    ),
    basis=SHOULD_TEXT,
    needs=["http/request-line/absolute-form"],
)
async def absolute_form_keeps_headers(exchange: Exchange) -> None:
    """A request whose target is a whole URL keeps its headers: the URL replaces Host alone.

    Sends: a GET whose target is the server's whole URL, with Host, a cookie and a header of the user.
    Expects: HTTP_COOKIE and HTTP_X_USER have the values of the headers.
    Why: Without its cookies, a user who comes through such a proxy is logged out.
    """
    url = f"{exchange.server.address.url}{exchange.target('/echo')}"
    request = raw_request(exchange, f"GET {url} HTTP/1.1", "Cookie: a=1", "X-User: me")
    environ = assert_served(await send_request(exchange, request))
    assertions.assert_equal(environ.get("HTTP_COOKIE"), "a=1", "HTTP_COOKIE")
    assertions.assert_equal(environ.get("HTTP_X_USER"), "me", "HTTP_X_USER")
