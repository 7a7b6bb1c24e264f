"""The four forms of a request target, and the parts that reach the app."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MUST_TEXT,
    SHOULD_TEXT,
    from_recipient_semantics,
    rfc9110,
    rfc9112,
)
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.http.assertions import (
    SECURITY_TAG,
    assert_in_sync,
    assert_no_fragment,
    assert_rejected,
    assert_served,
    is_rejected_and_in_sync,
    is_rejected_with,
    is_rejected_with_error,
    raw_request,
    send_request,
)
from wsgi_gauntlet.suites.http.references import INVALID_REQUEST_LINE, SEQUENCE_OF_OCTETS, UNKNOWN_METHOD

ABSOLUTE_FORM = rfc9112(
    "3.2.2",
    "A server MUST accept the absolute-form in requests even though most HTTP/1.1 clients will only send the "
    "absolute-form to a proxy.",
)


@case(SHOULD, INVALID_REQUEST_LINE, basis=SHOULD_TEXT, breach=CLIENT, tags=SECURITY_TAG)
async def space_in_target(exchange: Exchange) -> None:
    """A target that contains a space is rejected, or redirected to its encoded form.

    Sends: `GET /echo/a b HTTP/1.1`.
    Expects: the server answers 400, or 301 to the encoded form, and does not call the app. The next request gets its
    own response, or the server closes the connection.
    Why: If the server chooses other words of this line than the proxy in front, it serves a path that nobody checked.
    """
    assert_rejected(
        await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')}/a b HTTP/1.1")), (301, 400)
    )


@case(SHOULD, INVALID_REQUEST_LINE, basis=SHOULD_TEXT, breach=CLIENT)
async def relative_target(exchange: Exchange) -> None:
    """A target that does not begin with `/` is rejected.

    Sends: `GET echo HTTP/1.1`, whose target does not begin with a slash.
    Expects: the server answers 400 or 301 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: An app that appends the path to a URL or a file name gets a wrong result, for example `@evil.example` after a
    host name.
    """
    assert_rejected(await send_request(exchange, raw_request(exchange, "GET echo HTTP/1.1")), (301, 400))


@case(MUST, ABSOLUTE_FORM, basis=MUST_TEXT)
async def absolute_form(exchange: Exchange) -> None:
    """A request whose target is a whole URL is served, and the app gets the URL's path.

    Sends: a GET whose target is the server's whole URL, with path and query.
    Expects: the server serves the request. PATH_INFO is the path alone and QUERY_STRING is the query alone. The next
    request gets its own response, or the server closes the connection.
    Why: Some clients and proxies send whole URLs. An app that gets the URL as its path does not find the page.
    """
    url = f"{exchange.server.address.url}{exchange.target('/echo')}?a=b"
    result = await send_request(exchange, raw_request(exchange, f"GET {url} HTTP/1.1"))
    environ = assert_served(result)
    assertions.assert_equal(environ.get("PATH_INFO"), "/echo", "PATH_INFO")
    assertions.assert_equal(environ.get("QUERY_STRING"), "a=b", "QUERY_STRING")


@case(MUST, ABSOLUTE_FORM, basis=MUST_TEXT, setup=Setup(tls=True))
async def absolute_form_over_tls(exchange: Exchange) -> None:
    """A request over TLS whose target is a whole https URL is served.

    Sends: a GET over TLS whose target is the server's whole URL, with path and query.
    Expects: the server serves the request. PATH_INFO is the path alone and QUERY_STRING is the query alone. The next
    request gets its own response, or the server closes the connection.
    Why: If a server knows only http:// URLs, clients that send whole URLs get errors as soon as the server has a
    certificate.
    """
    result = await send_request(
        exchange, raw_request(exchange, f"GET {exchange.server.address.url}{exchange.target('/echo')}?a=b HTTP/1.1")
    )
    environ = assert_served(result)
    assertions.assert_equal(environ.get("PATH_INFO"), "/echo", "PATH_INFO")
    assertions.assert_equal(environ.get("QUERY_STRING"), "a=b", "QUERY_STRING")


@case(
    MUST,
    rfc9110(
        "7.4",
        "Unless the connection is from a trusted gateway, an origin server MUST reject a request if any "
        'scheme-specific requirements for the target URI are not met. In particular, a request for an "https" resource '
        "MUST be rejected unless it has been received over a connection that has been secured via a certificate valid "
        "for that target URI's origin",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "lower": "GET https://{}/echo HTTP/1.1",
        "capitals": "GET HTTPS://{}/echo HTTP/1.1",
        "http10": "GET https://{}/echo HTTP/1.0",
        "options": "OPTIONS https://{} HTTP/1.1",
        "no-path": "GET https://{} HTTP/1.1",
    },
)
async def https_in_the_clear(exchange: Exchange, line: str) -> None:
    """A request for an https URL over an unencrypted connection is rejected.

    Sends: `GET https://HOST:PORT/echo HTTP/1.1` over plain TCP: with the scheme in lower or upper case, in HTTP/1.0,
    without a path, or with OPTIONS. The server has no configured gateway. Some servers trust this machine
    anyway, but only for headers such as X-Forwarded-Proto.
    Expects: an error status (421, or another from 400 to 599), or the server closes the connection. It does not call
    the app. The next request gets its own response, or the server closes the connection.
    Why: The page needs an encrypted connection. An app that serves it unencrypted reveals passwords and cookies to
    anyone who listens.
    """
    request = raw_request(exchange, line.format(exchange.server.address.authority))
    result = await send_request(exchange, request)
    assertions.assert_that(is_rejected_with_error(result), "a rejection, and the app not called", result.describe())


@case(
    MUST,
    rfc9110(
        "4.2.3",
        "When not being used as the target of an OPTIONS request, an empty path component is equivalent to an absolute "
        'path of "/"',
    ),
    basis=from_recipient_semantics("By definition the empty path is the root, so both URLs ask for the same page."),
)
async def absolute_form_no_path(exchange: Exchange) -> None:
    """A whole URL without a path means the root path.

    Sends: `GET http://HOST:PORT HTTP/1.1`, like an address that a person types.
    Expects: the server serves the request, and PATH_INFO is `/` or empty. The next request gets its own response, or
    the server closes the connection.
    Why: This is a request for the front page, in a form that every server must accept. The visitor would get an error
    instead.
    """
    result = await send_request(exchange, raw_request(exchange, f"GET {exchange.server.address.url} HTTP/1.1"))
    assertions.assert_one_of(assert_served(result).get("PATH_INFO", ""), ("/", ""), "PATH_INFO")


@case(
    MUST,
    rfc9112(
        "3.2.2",
        "the origin server MUST ignore the received Host header field (if any) and instead use the host information of "
        "the request-target.",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
)
async def absolute_form_host_wins(exchange: Exchange) -> None:
    """The host of an absolute target takes precedence over the Host header.

    Sends: `GET http://right.example/echo` with `Host: wrong.example`.
    Expects: the server serves the request, and the app gets right.example or at least not wrong.example. Or the server
    answers 400 or 421 without calling the app. The next request gets its own response, or the server closes the
    connection.
    Why: The app uses the host to build links and to decide on access. With wrong.example it acts for a host that a
    correct proxy in front did not see.
    """
    target = f"http://right.example{exchange.target('/echo')}"
    result = await send_request(
        exchange, raw_request(exchange, f"GET {target} HTTP/1.1", "Host: wrong.example", host=False)
    )
    if is_rejected_with(result, (400, 421)):
        assert_in_sync(result)
        return
    environ = assert_served(result)
    app_host = environ.get("HTTP_HOST", environ.get("SERVER_NAME"))
    assertions.assert_that(
        app_host != "wrong.example", "the app not to get the host wrong.example", f"HTTP_HOST is {app_host!r}"
    )


@case(SHOULD, INVALID_REQUEST_LINE, basis=SHOULD_TEXT, breach=CLIENT)
async def authority_form_only_connect(exchange: Exchange) -> None:
    """`GET example.com:80` is rejected.

    Sends: `GET example.com:80 HTTP/1.1`. Only CONNECT may use such a target.
    Expects: the server answers 400 or 301 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: Scanners look for open proxies with this request. An app that gets this invalid path may read `example.com` as
    a scheme.
    """
    assert_rejected(await send_request(exchange, raw_request(exchange, "GET example.com:80 HTTP/1.1")), (301, 400))


@case(
    MUST,
    rfc9110(
        "9.3.6",
        "A server MUST NOT send any Transfer-Encoding or Content-Length header fields in a 2xx (Successful) response "
        "to CONNECT.",
    ),
    basis=MUST_TEXT,
)
async def connect(exchange: Exchange) -> None:
    """CONNECT is rejected, or its 2xx response has neither Content-Length nor Transfer-Encoding.

    Sends: `CONNECT example.com:80 HTTP/1.1`.
    Expects: any response but a 2xx, or a 2xx with neither Content-Length nor Transfer-Encoding. The test app responds
    to CONNECT like a catch-all route; the server sees the method.
    Why: A client reads any 2xx as a tunnel that begins after the headers. It would read the app's page as bytes from
    the other end of the tunnel.
    """
    result = await send_request(exchange, raw_request(exchange, "CONNECT example.com:80 HTTP/1.1"), send_second=False)
    status = result.response.status
    if status is not None and 200 <= status < 300:
        for name in ("Content-Length", "Transfer-Encoding"):
            assertions.assert_that(
                not result.response.all(name), f"no {name} in a 2xx to CONNECT", result.response.all(name)
            )


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
    variants={
        "empty": "example.com:",
        "ipv6-empty": "[::1]:",
        "zero": "example.com:0",
        "too-large": "example.com:65536",
        "letters": "example.com:http",
        "signed": "example.com:+80",
    },
)
async def connect_bad_port(exchange: Exchange, target: str) -> None:
    """CONNECT to an invalid port is rejected.

    Sends: `CONNECT example.com:`, `[::1]:`, or a port that is 0, above 65535, letters or a signed number.
    Expects: an error status (400, or another from 400 to 599), or the server closes the connection. It does not call
    the app.
    Why: A program that opens tunnels may read such a port as a different port, which the rule in front does not allow.
    """
    result = await send_request(exchange, raw_request(exchange, f"CONNECT {target} HTTP/1.1"), send_second=False)
    assertions.assert_that(is_rejected_with_error(result), "a rejection, and the app not called", result.describe())


@case(
    SHOULD,
    UNKNOWN_METHOD,
    basis=SHOULD_TEXT,
    variants={
        "name": "example.com:443",
        "address": "192.0.2.1:80",
        "ipv6": "[::1]:443",
        "ipv6-long": "[2001:db8::192.0.2.1]:8080",
        "highest-port": "example.com:65535",
        "lowest-port": "example.com:1",
    },
)
async def connect_good(exchange: Exchange, target: str) -> None:
    """CONNECT to a valid host and port is not a malformed request: it gets 405, 501 or the app's response.

    Sends: `CONNECT example.com:443`, or an IPv4 or IPv6 address in place of the name.
    Expects: 501 or 405 without a call of the app, or one call of the app, whose response does not matter. The server
    does not answer 400 itself.
    Why: A 400 says that the client made a mistake. A user who entered the wrong server as a proxy would search for a
    mistake that does not exist.
    """
    result = await send_request(exchange, raw_request(exchange, f"CONNECT {target} HTTP/1.1"), send_second=False)
    good = len(result.calls) == 1 or is_rejected_with(result, (405, 501))
    assertions.assert_that(good, "405, 501, or a call of the app", result.describe())


@case(
    MUST,
    rfc9112(
        "3.2.4",
        "When a client wishes to request OPTIONS for the server as a whole, as opposed to a specific named resource of "
        'that server, the client MUST send only "*" (%x2A) as the request-target.',
    ),
    basis=from_recipient_semantics(
        "The client must send exactly this target here. Therefore the request is valid, and a 400 would call it "
        "invalid."
    ),
)
async def options_star(exchange: Exchange) -> None:
    """`OPTIONS *` is not a malformed request: the server or the app responds, or it is not implemented.

    Sends: `OPTIONS * HTTP/1.1`, a test whether the server responds.
    Expects: 200, 204, 403, 404, 405 or 501, from the server or the app. Not 400, because the request is correct. The
    next request gets its own response, or the server closes the connection.
    Why: Load balancers and monitors use this request to check a server. They read a 400 as a failure of the server.
    """
    result = await send_request(exchange, raw_request(exchange, "OPTIONS * HTTP/1.1"))
    good = result.response.status in (200, 204, 403, 404, 405, 501)
    assertions.assert_that(good, "one of 200, 204, 403, 404, 405 and 501", result.describe())
    assert_in_sync(result)


@case(SHOULD, INVALID_REQUEST_LINE, basis=SHOULD_TEXT, breach=CLIENT)
async def get_star(exchange: Exchange) -> None:
    """`GET *` is rejected.

    Sends: `GET * HTTP/1.1`.
    Expects: the server answers 400 or 301 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: Apps do not expect a path that does not begin with a slash, and may fail in any way.
    """
    assert_rejected(await send_request(exchange, raw_request(exchange, "GET * HTTP/1.1")), (301, 400))


@case(SHOULD, INVALID_REQUEST_LINE, basis=SHOULD_TEXT, breach=CLIENT)
async def fragment(exchange: Exchange) -> None:
    """A target with a fragment is rejected, or the fragment does not reach the app in path or query.

    Sends: `GET /echo?a=b#part`.
    Expects: the server answers 400 or 301 without calling the app, or serves the request with no `#` in PATH_INFO and
    QUERY_STRING. The next request gets its own response, or the server closes the connection.
    Why: Fragments are only for the browser. With a fragment in the query, the value of `a` is not `b`, and a check for
    `b` does not match.
    """
    result = await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')}?a=b#part HTTP/1.1"))
    assert_no_fragment(result)


@case(
    SHOULD,
    INVALID_REQUEST_LINE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"nul": "\0", "control": "\x01", "tab": "\t", "delete": "\x7f"},
)
async def nul_ctl_target(exchange: Exchange, character: str) -> None:
    """A control character in the target is rejected.

    Sends: a GET with a raw control character in the path: NUL, 0x01, a tab or 0x7F.
    Expects: the server answers 400 or 301 and does not call the app. The next request gets its own response, or the
    server closes the connection.
    Why: Some languages and logs stop at such characters or drop them. They see another path than the one that was
    checked.
    """
    assert_rejected(
        await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')}/a{character}b HTTP/1.1")),
        (301, 400),
    )


@case(MUST, SEQUENCE_OF_OCTETS, basis=MUST_TEXT, breach=CLIENT)
async def non_ascii_target(exchange: Exchange) -> None:
    """Raw bytes above 0x7F in the path reach the app unchanged, or the request is rejected.

    Sends: a GET with the raw bytes C3 A9 in the path. Some tools send such paths.
    Expects: the server rejects the request without calling the app, or PATH_INFO has exactly these two bytes as
    latin-1. The next request gets its own response, or the server closes the connection.
    Why: A server that guesses an encoding changes the path. The page is not found, or an access rule does not match.
    """
    result = await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')}/caf\xc3\xa9 HTTP/1.1"))
    if not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("PATH_INFO"), "/echo/caf\xc3\xa9", "PATH_INFO")
