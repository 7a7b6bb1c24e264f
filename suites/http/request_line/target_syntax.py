"""Request targets that are missing, do not begin with a slash, or have a fragment."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    SECURITY_TAG,
    assert_each_rejected,
    assert_no_fragment,
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
        "version": ["GET HTTP/1.1", "GET  HTTP/1.1", "POST HTTP/1.1", "GET HTTP/1.0"],
        "method-only": ["GET", "GET "],
        "version-only": ["HTTP/1.1", " HTTP/1.1"],
    },
)
async def missing_target(exchange: Exchange, lines: list[str]) -> None:
    """A request line without a target is rejected.

    Sends: several requests: `GET HTTP/1.1` with one space or two, and `POST HTTP/1.1`; or `GET` alone; or `HTTP/1.1`
    alone. Valid headers follow.
    Expects: the server answers 400 or 301 to each and does not call the app.
    Why: A server that invents a target serves a page that nobody requested. One that reads `HTTP/1.1` as the target
    calls the app with an invalid path.
    """
    await assert_each_rejected(exchange, {line: raw_request(exchange, line) for line in lines}, (301, 400))


@case(
    SHOULD,
    INVALID_REQUEST_LINE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
)
async def query_only(exchange: Exchange) -> None:
    """A target that is only a query is rejected.

    Sends: three requests, with the targets `?a=b`, `?` and `?/echo`. A target must begin with a slash.
    Expects: the server answers 400 or 301 to each and does not call the app.
    Why: A filter that splits at the first `?` sees an empty path, and no rule for a path matches.
    """
    await _assert_targets_rejected(exchange, "?a=b", "?", "?/echo")


@case(
    SHOULD,
    INVALID_REQUEST_LINE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
)
async def no_leading_slash(exchange: Exchange) -> None:
    """A target that begins with another character than a slash is rejected.

    Sends: several requests, each with a target that begins with dots, a backslash, `@`, an encoded slash, a colon or a
    semicolon.
    Expects: the server answers 400 or 301 to each and does not call the app.
    Why: Proxies and apps append the path to a host or a folder. `@one.example/echo` after a host name is another host.
    """
    await _assert_targets_rejected(
        exchange,
        "../echo",
        "./echo",
        "\\echo",
        "@one.example/echo",
        "%2Fecho",
        ":80/echo",
        ";a/echo",
        "-",
        "..",
        "*/echo",
    )


async def _assert_targets_rejected(exchange: Exchange, *targets: str) -> None:
    requests = {target: raw_request(exchange, f"GET {target} HTTP/1.1") for target in targets}
    await assert_each_rejected(exchange, requests, (301, 400))


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
    assert_no_fragment(result)


@case(
    SHOULD,
    INVALID_REQUEST_LINE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "no-port": ["example.com", "192.0.2.1", "[::1]"],
        "more": ["example.com:80/path", "example.com:80?a=b", "user@example.com:80", "example.com:80#a"],
        "other-form": ["/echo", "http://example.com:80/", "*", "//example.com:80"],
        "brackets": ["::1:443", "[::1:443", "[:::::]:443", "[example.com]:443"],
        "characters": ["one_%zz:80", "a\\b:80", '"a":80', "a|b:80", "example.com:80\0"],
    },
)
async def connect_not_authority(exchange: Exchange, targets: list[str]) -> None:
    """CONNECT to something else than a host and a port is rejected.

    Sends: several requests with CONNECT: to hosts without a port; with a path, query or user name; to a path, a whole
    URL or `*`; to IPv6 addresses without brackets; or to hosts with invalid characters.
    Expects: an error status for each, or the server closes the connection. It does not call the app.
    Why: A program that opens tunnels guesses the missing part. A rule in front may have guessed otherwise.
    """
    requests = {target: raw_request(exchange, f"CONNECT {target} HTTP/1.1") for target in targets}
    await assert_each_rejected(exchange, requests, range(400, 600), may_close=True)


@case(
    MUST,
    rfc9110(
        "9.3.6",
        "A server MUST reject a CONNECT request that targets an empty or invalid port number, typically by responding "
        "with a 400 (Bad Request) status code.",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
)
async def connect_bad_port_forms(exchange: Exchange) -> None:
    """CONNECT to an invalid port is rejected, for names and addresses, and for numbers of every form.

    Sends: several requests with CONNECT: to an address with an empty port, or with the port 0, above 65535 or above
    32 bits; and to a name whose port is negative, hexadecimal, or has spaces or other characters.
    Expects: an error status for each, or the server closes the connection. It does not call the app.
    Why: Number parsers cut or convert such ports. A program that opens tunnels then connects to a port that the rule in
    front does not allow.
    """
    ports = ("000", "65616", "4294967376", "18446744073709551696", "-80", "0x50", "8_0", "\xb2", "80a", "80:80")
    hosts = (
        "192.0.2.1:",
        "[2001:db8::1]:",
        "[::1]:0",
        "[::1]:65536",
        "192.0.2.1:0",
        *(f"a.example:{p}" for p in ports),
    )
    requests = {host: raw_request(exchange, f"CONNECT {host} HTTP/1.1") for host in hosts}
    await assert_each_rejected(exchange, requests, range(400, 600), may_close=True)
