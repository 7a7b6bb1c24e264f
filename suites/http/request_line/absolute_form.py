"""Requests whose target is a whole URL: its scheme, its authority, and the Host header beside it."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MUST_TEXT,
    SHOULD_TEXT,
    from_recipient_semantics,
    recorded_only,
    rfc9110,
    rfc9112,
)
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.http.assertions import (
    SECURITY_TAG,
    assert_each_rejected,
    assert_rejected,
    assert_served,
    is_rejected_and_in_sync,
    is_rejected_with_error,
    raw_request,
    record_behaviour,
    send_request,
)
from wsgi_gauntlet.suites.http.references import INVALID_REQUEST_LINE

CASE_OF_SCHEME = rfc9110("4.2.3", "The scheme and host are case-insensitive and normally provided in lowercase")
EMPTY_HOST = rfc9110("4.2.1", "A recipient that processes such a URI reference MUST reject it as invalid.")
EMPTY_HOST_OF_HTTPS = rfc9110("4.2.2", EMPTY_HOST.quote)


def _get(exchange: Exchange, url: str) -> bytes:
    return raw_request(exchange, f"GET {url} HTTP/1.1")


async def _assert_url_served(exchange: Exchange, scheme: str) -> None:
    url = f"{scheme}://{exchange.server.address.authority}{exchange.target('/echo')}?a=b"
    environ = assert_served(await send_request(exchange, _get(exchange, url)))
    assertions.assert_equal(environ.get("PATH_INFO"), "/echo", "PATH_INFO")
    assertions.assert_equal(environ.get("QUERY_STRING"), "a=b", "QUERY_STRING")


@case(
    MUST,
    CASE_OF_SCHEME,
    basis=from_recipient_semantics(
        "`HTTP` is the same scheme as `http`. A server must accept the absolute form, so it must accept both."
    ),
    variants={"capitals": "HTTP", "mixed": "hTTp"},
    needs=["http/request-line/absolute-form"],
)
async def absolute_form_scheme_case(exchange: Exchange, scheme: str) -> None:
    """The scheme of a whole URL is recognized in any case.

    Sends: a GET whose target is the server's whole URL. Its scheme is `HTTP` or `hTTp`.
    Expects: the server serves the request. PATH_INFO is the path alone and QUERY_STRING is the query alone. The next
    request gets its own response, or the server closes the connection.
    Why: A client may write the scheme in capitals. The user would get an error, or the app would get the URL as a path.
    """
    await _assert_url_served(exchange, scheme)


@case(
    MUST,
    CASE_OF_SCHEME,
    basis=from_recipient_semantics(
        "`HTTPS` is the same scheme as `https`. A server must accept the absolute form, so it must accept both."
    ),
    setup=Setup(tls=True),
    needs=["http/request-line/absolute-form-over-tls"],
)
async def absolute_form_scheme_case_over_tls(exchange: Exchange) -> None:
    """The scheme `HTTPS` of a whole URL is recognized over TLS.

    Sends: a GET over TLS whose target is the server's whole URL. Its scheme is `HTTPS`.
    Expects: the server serves the request. PATH_INFO is the path alone and QUERY_STRING is the query alone. The next
    request gets its own response, or the server closes the connection.
    Why: A client may write the scheme in capitals. The user would get an error, or the app would get the URL as a path.
    """
    await _assert_url_served(exchange, "HTTPS")


@case(
    INFO,
    rfc9112("3.3", "If the request-target is in absolute-form, the target URI is the request-target."),
    basis=recorded_only("The specification demands a secure connection for https. It does not forbid one for http."),
    setup=Setup(tls=True),
)
async def absolute_form_http_over_tls(exchange: Exchange) -> None:
    """Record the treatment of a whole http URL over TLS.

    Sends: `GET http://HOST:PORT/echo HTTP/1.1` over TLS.
    Expects: nothing is required. The case records the app's wsgi.url_scheme or the rejection.
    Why: The client names another scheme than it uses. Operators may want to know which of them the app sees.
    """
    url = f"http://{exchange.server.address.authority}{exchange.target('/echo')}"
    result = await send_request(exchange, _get(exchange, url))
    schemes = [call.detail["wsgi"].get("wsgi.url_scheme", {}).get("repr", "absent") for call in result.calls]
    record_behaviour("wsgi.url_scheme", schemes[0] if schemes else result.response.describe())


@case(
    SHOULD,
    rfc9110(
        "4.2.4",
        'Before making use of an "http" or "https" URI reference received from an untrusted source, a recipient SHOULD '
        "parse for userinfo and treat its presence as an error",
    ),
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"password": "user:secret@", "name": "user@", "empty": "@", "host-like": "one.example:80@"},
)
async def absolute_form_userinfo(exchange: Exchange, userinfo: str) -> None:
    """A whole URL with a user name is rejected.

    Sends: `GET http://user:secret@HOST:PORT/echo HTTP/1.1`, or the same with only a name, with `@` alone, or with a
    host name in place of the user name.
    Expects: an error status, or the server closes the connection. It does not call the app. The next request gets its
    own response, or the server closes the connection.
    Why: `http://one.example:80@two.example/` hides the real host. A filter and the server may choose different parts of
    it.
    """
    url = f"http://{userinfo}{exchange.server.address.authority}{exchange.target('/echo')}"
    result = await send_request(exchange, _get(exchange, url))
    assertions.assert_that(is_rejected_with_error(result), "a rejection, and the app not called", result.describe())


@case(
    MUST,
    EMPTY_HOST,
    basis=MUST_TEXT,
    breach=CLIENT,
    variants={
        "path": "http:///echo",
        "port": "http://:80/echo",
        "nothing": "http://",
        "query": "http://?a=b",
        "capitals": "HTTP:///echo",
        "userinfo": "http://user@/echo",
    },
)
async def absolute_form_no_host(exchange: Exchange, url: str) -> None:
    """An http URL without a host is rejected.

    Sends: a GET whose target is `http:///echo`, `http://:80/echo`, `http://`, `http://?a=b`, or `http://user@/echo`.
    The request has a valid Host.
    Expects: an error status, or the server closes the connection. It does not call the app. The next request gets its
    own response, or the server closes the connection.
    Why: The host of the target takes precedence over Host. If it is empty, two servers on the way choose different
    hosts, or read the path as the host.
    """
    result = await send_request(exchange, _get(exchange, url))
    assertions.assert_that(is_rejected_with_error(result), "a rejection, and the app not called", result.describe())


@case(
    MUST,
    EMPTY_HOST_OF_HTTPS,
    basis=MUST_TEXT,
    breach=CLIENT,
    setup=Setup(tls=True),
    variants={"path": "https:///echo", "port": "https://:443/echo"},
)
async def absolute_form_no_host_over_tls(exchange: Exchange, url: str) -> None:
    """An https URL without a host is rejected over TLS.

    Sends: a GET over TLS whose target is `https:///echo` or `https://:443/echo`. The request has a valid Host.
    Expects: an error status, or the server closes the connection. It does not call the app. The next request gets its
    own response, or the server closes the connection.
    Why: The host of the target takes precedence over Host. If it is empty, two servers on the way choose different
    hosts, or read the path as the host.
    """
    result = await send_request(exchange, _get(exchange, url))
    assertions.assert_that(is_rejected_with_error(result), "a rejection, and the app not called", result.describe())


@case(
    SHOULD,
    INVALID_REQUEST_LINE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "slashes": ["http:/{}/echo", "http:{}/echo", "http:\\\\{}/echo", "http:\\{}/echo", "http:"],
        "colon": ["http//{}/echo", "://{}/echo", "http;//{}/echo", "http::///{}/echo"],
        "port": [f"http://one.example:{port}/echo" for port in ("x", "1:2", "-80", "+80", "0x50", "8_0")],
        "host": [f"http://{host}/echo" for host in ("[::1", "::1", "[one.example]", "one%zz", "a|b", "a\\b", '"a"')],
    },
)
async def absolute_form_malformed(exchange: Exchange, urls: list[str]) -> None:
    """A target that only resembles a whole URL is rejected.

    Sends: several requests, each with a target that lacks the colon, a slash or the scheme of a URL, has backslashes,
    or has an invalid host or port.
    Expects: the server answers 400 or 301 to each and does not call the app.
    Why: Parsers of URLs repair such mistakes in different ways. A filter then checks another host or path than the
    app serves.
    """
    targets = [url.format(exchange.server.address.authority) for url in urls]
    await assert_each_rejected(exchange, {target: _get(exchange, target) for target in targets}, (301, 400))


@case(
    INFO,
    rfc9110(
        "7.4",
        "the server decides whether to process the request itself, forward the request to another server, redirect the "
        "client to a different resource, respond with an error, or drop the connection.",
    ),
    basis=recorded_only(
        "An origin server has no resource of another scheme. No sentence says how it must respond to a scheme that is "
        "not of HTTP."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "ftp": "ftp://{}/echo",
        "file": "file:///etc/passwd",
        "ws": "ws://{}/echo",
        "unknown": "gauntlet://{}/echo",
        "javascript": "javascript:alert(1)",
        "urn": "urn:gauntlet:echo",
    },
)
async def absolute_form_scheme(exchange: Exchange, url: str) -> None:
    """Record whether a target of another scheme reaches the app.

    Sends: a GET whose target is a URL with the scheme ftp, file, ws, javascript, urn or an unknown one.
    Expects: nothing is required. If the server rejects the request, the case has nothing to say. Otherwise it records
    the app's PATH_INFO.
    Why: An app that joins the path to a folder or to a URL gets `/etc/passwd` or a script from a stranger.
    """
    result = await send_request(exchange, _get(exchange, url.format(exchange.server.address.authority)))
    paths = [call.detail["environ"].get("PATH_INFO") for call in result.calls]
    if paths:
        assertions.fail_case("the request rejected", f"the app was called with PATH_INFO {paths[0]!r}")


@case(
    MUST,
    rfc9110(
        "4.2.3",
        "When not being used as the target of an OPTIONS request, an empty path component is equivalent to an absolute "
        'path of "/"',
    ),
    basis=from_recipient_semantics("By definition the empty path is the root, and the query belongs to that page."),
    needs=["http/request-line/absolute-form"],
)
async def absolute_form_query_only(exchange: Exchange) -> None:
    """A whole URL with a query and no path means the root path with that query.

    Sends: `GET http://HOST:PORT?a=b HTTP/1.1`.
    Expects: the server serves the request. PATH_INFO is `/` or empty, and QUERY_STRING is `a=b`. The next request gets
    its own response, or the server closes the connection.
    Why: A search form on the front page makes such URLs. The visitor would get an error or a page without results.
    """
    result = await send_request(exchange, _get(exchange, f"{exchange.server.address.url}?a=b"))
    environ = assert_served(result)
    assertions.assert_one_of(environ.get("PATH_INFO", ""), ("/", ""), "PATH_INFO")
    assertions.assert_equal(environ.get("QUERY_STRING"), "a=b", "QUERY_STRING")


@case(
    MUST,
    rfc9112(
        "3.2",
        "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host "
        "header field and to any request message that contains more than one Host header field line",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    variants={"missing": (), "two": ("Host: one.example", "Host: two.example")},
)
async def absolute_form_hosts(exchange: Exchange, fields: tuple[str, ...]) -> None:
    """A whole URL as the target does not replace the Host header: exactly one is required.

    Sends: a GET whose target is the server's whole URL, without a Host header or with two.
    Expects: the server answers 400 and does not call the app. The next request gets its own response, or the server
    closes the connection.
    Why: A program behind the server that only knows Host uses another host, or none.
    """
    url = f"{exchange.server.address.url}{exchange.target('/echo')}"
    request = raw_request(exchange, f"GET {url} HTTP/1.1", *fields, host=False)
    assert_rejected(await send_request(exchange, request))


@case(
    MUST,
    rfc9112(
        "3.2.2",
        "the origin server MUST ignore the received Host header field (if any) and instead use the host information of "
        "the request-target.",
    ),
    basis=MUST_TEXT,
)
async def absolute_form_http10(exchange: Exchange) -> None:
    """An HTTP/1.0 request for a whole URL needs no Host, and the app does not get another host.

    Sends: `GET http://right.example/echo HTTP/1.0` without a Host header, as old proxies do.
    Expects: the server serves the request. If the app gets HTTP_HOST, it is right.example. Or the server answers 4xx
    without calling the app. The next request gets its own response, or the server closes the connection.
    Why: The app uses the host to build links. A default host sends the users of one site to another.
    """
    line = f"GET http://right.example{exchange.target('/echo')} HTTP/1.0"
    result = await send_request(exchange, raw_request(exchange, line, host=False))
    if not is_rejected_and_in_sync(result):
        host = assert_served(result).get("HTTP_HOST", "right.example")
        assertions.assert_one_of(host, ("right.example", "right.example:80"), "HTTP_HOST")
