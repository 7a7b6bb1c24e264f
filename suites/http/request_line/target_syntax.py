"""Request targets that are missing, do not begin with a slash, or have a fragment."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, SHOULD_TEXT
from wsgi_gauntlet.harness.conformance.catalog import SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    SECURITY_TAG,
    assert_in_sync,
    assert_rejected,
    assert_served,
    is_rejected_with,
    is_rejected_with_error,
    raw_request,
    send_request,
)
from wsgi_gauntlet.suites.http.references import INVALID_REQUEST_LINE


@case(
    SHOULD,
    INVALID_REQUEST_LINE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    variants={
        "one-space": "GET HTTP/1.1",
        "two-spaces": "GET  HTTP/1.1",
        "post": "POST HTTP/1.1",
        "method-only": "GET",
        "method-and-space": "GET ",
        "version-only": "HTTP/1.1",
    },
)
async def missing_target(exchange: Exchange, line: str) -> None:
    """A request line without a target is rejected.

    Sends: `GET HTTP/1.1` with one space or two, `POST HTTP/1.1`, `GET` alone or with a space, or `HTTP/1.1` alone.
    Valid headers follow.
    Expects: the server answers 400 or 301 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: A server that invents a target serves a page that nobody requested. One that reads `HTTP/1.1` as the target
    calls the app with an invalid path.
    """
    assert_rejected(await send_request(exchange, raw_request(exchange, line)), (301, 400))


@case(
    SHOULD,
    INVALID_REQUEST_LINE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    variants={"query": "?a=b", "empty": "?", "path-behind": "?/echo"},
)
async def query_only(exchange: Exchange, target: str) -> None:
    """A target that is only a query is rejected.

    Sends: a GET whose target is `?a=b`, `?` or `?/echo`. A target must begin with a slash.
    Expects: the server answers 400 or 301 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: A filter that splits at the first `?` sees an empty path, and no rule for a path matches.
    """
    assert_rejected(await send_request(exchange, raw_request(exchange, f"GET {target} HTTP/1.1")), (301, 400))


@case(
    SHOULD,
    INVALID_REQUEST_LINE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "dots": "../echo",
        "dot": "./echo",
        "backslash": "\\echo",
        "at": "@one.example/echo",
        "encoded": "%2Fecho",
        "port": ":80/echo",
        "semicolon": ";a/echo",
    },
)
async def no_leading_slash(exchange: Exchange, target: str) -> None:
    """A target that begins with another character than a slash is rejected.

    Sends: a GET whose target begins with dots, a backslash, `@`, an encoded slash, a colon or a semicolon.
    Expects: the server answers 400 or 301 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: Proxies and apps append the path to a host or a folder. `@one.example/echo` after a host name is another host.
    """
    assert_rejected(await send_request(exchange, raw_request(exchange, f"GET {target} HTTP/1.1")), (301, 400))


@case(
    SHOULD,
    INVALID_REQUEST_LINE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    variants={
        "path": "/echo#part",
        "empty": "/echo#",
        "before-query": "/echo#part?a=b",
        "whole-url": "{}/echo#part",
        "encoded-behind": "/echo#%23",
    },
)
async def fragment_forms(exchange: Exchange, target: str) -> None:
    """A fragment behind a path, before a query or in a whole URL is rejected, or does not reach the app.

    Sends: a GET whose target is `/echo#part`, `/echo#`, `/echo#part?a=b` or a whole URL with a fragment.
    Expects: the server answers 400 or 301 without calling the app, or serves the request with no `#` in PATH_INFO and
    QUERY_STRING. The next request gets its own response, or the server closes the connection.
    Why: Fragments are only for the browser. With a fragment in the path, a rule for this path does not match.
    """
    line = f"GET {target.format(exchange.server.address.url)} HTTP/1.1"
    result = await send_request(exchange, raw_request(exchange, line))
    if is_rejected_with(result, (301, 400)):
        assert_in_sync(result)
        return
    environ = assert_served(result)
    shown = f"PATH_INFO {environ.get('PATH_INFO')!r}, QUERY_STRING {environ.get('QUERY_STRING')!r}"
    assertions.assert_that("#" not in shown, "no fragment in environ", shown)


@case(
    SHOULD,
    INVALID_REQUEST_LINE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "no-port": "example.com",
        "ipv6-no-port": "[::1]",
        "path": "example.com:80/path",
        "query": "example.com:80?a=b",
        "userinfo": "user@example.com:80",
        "origin-form": "/echo",
        "whole-url": "http://example.com:80/",
        "star": "*",
        "ipv6-bare": "::1:443",
        "ipv6-unclosed": "[::1:443",
    },
)
async def connect_not_authority(exchange: Exchange, target: str) -> None:
    """CONNECT to something else than a host and a port is rejected.

    Sends: CONNECT to a host without a port, with a path, query or user name, to a path, a whole URL or `*`, or to an
    IPv6 address without brackets.
    Expects: an error status, or the server closes the connection. It does not call the app.
    Why: A program that opens tunnels guesses the missing part. A rule in front may have guessed otherwise.
    """
    result = await send_request(exchange, raw_request(exchange, f"CONNECT {target} HTTP/1.1"), send_second=False)
    assertions.assert_that(is_rejected_with_error(result), "a rejection, and the app not called", result.describe())
