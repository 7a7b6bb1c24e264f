"""The four forms of a target, and what of it reaches the app."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, from_recipient_semantics
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.http.assertions import (
    assert_in_sync,
    assert_rejected,
    assert_served,
    is_rejected,
    is_rejected_and_in_sync,
    is_rejected_with,
    raw,
    send_request,
)

INVALID = rfc9112(
    "3.2",
    "Recipients of an invalid request-line SHOULD respond with either a 400 (Bad Request) error or a 301 (Moved "
    "Permanently) redirect with the request-target properly encoded.",
)


@case(SHOULD, INVALID, basis=SHOULD_TEXT, breach=CLIENT, tags=["security"])
async def space_in_target(exchange: Exchange) -> None:
    """A target with a space in it is refused, or redirected to its encoded form.

    Sends: `GET /echo/a b HTTP/1.1`.
    Expects: 400, or 301 to the encoded form, the app not called; the next request on the connection is served as
    itself, or the connection is closed.
    Why: A server that picks two of the four words may pick others than the proxy in front did: what was checked is not
    what is served.
    """
    assert_rejected(
        await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')}/a b HTTP/1.1")), (301, 400)
    )


@case(SHOULD, INVALID, basis=SHOULD_TEXT, breach=CLIENT)
async def relative_target(exchange: Exchange) -> None:
    """A target that does not begin with `/` is refused.

    Sends: `GET echo HTTP/1.1`: a target that does not begin with a slash.
    Expects: 400, or 301, the app not called; the next request on the connection is served as itself, or the connection
    is closed.
    Why: An app that joins the path to a URL or the name of a file gets one that begins in the wrong place:
    `@evil.example` behind a host, for one.
    """
    assert_rejected(await send_request(exchange, raw(exchange, "GET echo HTTP/1.1")), (301, 400))


@case(
    MUST,
    rfc9112(
        "3.2.2",
        "A server MUST accept the absolute-form in requests even though most HTTP/1.1 clients will only send the "
        "absolute-form to a proxy.",
    ),
    basis=MUST_TEXT,
)
async def absolute_form(exchange: Exchange) -> None:
    """A whole URL as the target is served as its path.

    Sends: a GET whose target is the server's whole URL, with path and query.
    Expects: served, PATH_INFO the path alone and QUERY_STRING the query alone; the next request on the connection is
    served as itself, or the connection is closed.
    Why: Some clients and proxies send whole URLs. An app that is given the URL as its path finds no such page.
    """
    url = f"{exchange.server.address.url}{exchange.target('/echo')}?a=b"
    result = await send_request(exchange, raw(exchange, f"GET {url} HTTP/1.1"))
    environ = assert_served(result)
    assertions.assert_equal(environ.get("PATH_INFO"), "/echo", "PATH_INFO")
    assertions.assert_equal(environ.get("QUERY_STRING"), "a=b", "QUERY_STRING")


@case(
    MUST,
    rfc9112(
        "3.2.2",
        "A server MUST accept the absolute-form in requests even though most HTTP/1.1 clients will only send the "
        "absolute-form to a proxy.",
    ),
    basis=MUST_TEXT,
    setup=Setup(tls=True),
)
async def absolute_form_over_tls(exchange: Exchange) -> None:
    """A whole https URL as the target is served over TLS.

    Sends: a GET over TLS whose target is the server's whole URL, with path and query.
    Expects: served, PATH_INFO the path alone and QUERY_STRING the query alone; the next request on the connection is
    served as itself, or the connection is closed.
    Why: A server that knows http:// alone shows clients with whole URLs an error, as soon as it has a certificate.
    """
    result = await send_request(
        exchange, raw(exchange, f"GET {exchange.server.address.url}{exchange.target('/echo')}?a=b HTTP/1.1")
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
    tags=["security"],
    variants={"lower": "https", "capitals": "HTTPS"},
)
async def https_in_the_clear(exchange: Exchange, scheme: str) -> None:
    """A request for an https URL that comes in the clear is rejected.

    Sends: `GET https://HOST:PORT/echo HTTP/1.1` over plain TCP, the scheme in small letters or in capitals. No
    gateway is named to the server. Some trust this machine all the same, but only for headers like X-Forwarded-Proto.
    Expects: an error (421, or another from 400 to 599), or the connection closed, without a call of the app; the next
    request on the connection is served as itself, or the connection is closed.
    Why: The page was meant for an encrypted connection. An app that serves it in the clear gives a password or a cookie
    to whoever listens.
    """
    url = f"{scheme}://{exchange.server.address.authority}{exchange.target('/echo')}"
    result = await send_request(exchange, raw(exchange, f"GET {url} HTTP/1.1"))
    rejected = is_rejected(result) or (not result.calls and result.response.status in range(500, 600))
    assertions.assert_that(rejected, "a rejection, and the app not called", result.describe())
    assert_in_sync(result)


@case(
    MUST,
    rfc9110(
        "4.2.3",
        "When not being used as the target of an OPTIONS request, an empty path component is equivalent to an absolute "
        'path of "/"',
    ),
    basis=from_recipient_semantics("The empty path is the root by definition, so the two URLs ask for the same page."),
)
async def absolute_form_no_path(exchange: Exchange) -> None:
    """A whole URL without a path is served as that of the root.

    Sends: `GET http://HOST:PORT HTTP/1.1`, as a person types an address.
    Expects: served, PATH_INFO `/` or empty; the next request on the connection is served as itself, or the connection
    is closed.
    Why: The front page, asked for in the other form that every server must know: the visitor gets an error instead.
    """
    result = await send_request(exchange, raw(exchange, f"GET {exchange.server.address.url} HTTP/1.1"))
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
    """The host of an absolute target counts, not the Host header.

    Sends: `GET http://right.example/echo` with `Host: wrong.example`.
    Expects: served, the app told of right.example, or of no host but not of wrong.example; or 400 or 421 without a
    call. The next request on the connection is served as itself, or the connection is closed.
    Why: An app that is told wrong.example builds links, and decides who may do what, for a host that a proxy in front,
    which keeps the rule, has not seen.
    """
    target = f"http://right.example{exchange.target('/echo')}"
    result = await send_request(exchange, raw(exchange, f"GET {target} HTTP/1.1", "Host: wrong.example", host=False))
    if is_rejected_with(result, (400, 421)):
        assert_in_sync(result)
        return
    environ = assert_served(result)
    told_host = environ.get("HTTP_HOST", environ.get("SERVER_NAME"))
    assertions.assert_that(
        told_host != "wrong.example", "the app to be told right.example", f"HTTP_HOST is {told_host!r}"
    )


@case(
    SHOULD,
    INVALID,
    basis=SHOULD_TEXT,
    breach=CLIENT,
)
async def authority_form_only_connect(exchange: Exchange) -> None:
    """`GET example.com:80` is refused.

    Sends: `GET example.com:80 HTTP/1.1`, a target for CONNECT.
    Expects: 400, or 301, the app not called; the next request on the connection is served as itself, or the connection
    is closed.
    Why: Scanners look for open proxies in this way. An app that gets a path which is none may take `example.com` for a
    scheme.
    """
    assert_rejected(await send_request(exchange, raw(exchange, "GET example.com:80 HTTP/1.1")), (301, 400))


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
    """CONNECT is refused, or its 2xx has neither Content-Length nor Transfer-Encoding.

    Sends: `CONNECT example.com:80 HTTP/1.1`.
    Expects: anything but a 2xx, or a 2xx with neither Content-Length nor Transfer-Encoding. The reference app answers
    CONNECT as a catch-all route does; the server knows the method.
    Why: A client takes any 2xx for a tunnel that begins right behind the head, and the app's page for the other end's
    first bytes.
    """
    result = await send_request(exchange, raw(exchange, "CONNECT example.com:80 HTTP/1.1"), send_second=False)
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
    tags=["security"],
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
    """CONNECT to a port that is none is rejected.

    Sends: `CONNECT example.com:`, `[::1]:`, or a port of 0, 65536, letters or with a sign.
    Expects: an error (400, or another from 400 to 599), or the connection closed, without a call of the app.
    Why: A program that opens tunnels reads such a port in its own way: as another port than the rule in front allows.
    """
    result = await send_request(exchange, raw(exchange, f"CONNECT {target} HTTP/1.1"), send_second=False)
    rejected = is_rejected(result) or (not result.calls and result.response.status in range(500, 600))
    assertions.assert_that(rejected, "a rejection, and the app not called", result.describe())


@case(
    SHOULD,
    rfc9110(
        "9.1",
        "An origin server that receives a request method that is unrecognized or not implemented SHOULD respond with "
        "the 501 (Not Implemented) status code.",
    ),
    basis=SHOULD_TEXT,
    variants={"name": "example.com:443", "address": "192.0.2.1:80", "ipv6": "[::1]:443"},
)
async def connect_good(exchange: Exchange, target: str) -> None:
    """CONNECT to a good host and port is not implemented, not allowed, or the app's; nothing is wrong with it.

    Sends: `CONNECT example.com:443`, or an IPv4 or IPv6 address in its place.
    Expects: 501 or 405 without a call of the app, or one call, whose answer is the app's matter; no 400.
    Why: A 400 says that the client has made a mistake: somebody who tries a proxy's address on the wrong server looks
    for it in vain.
    """
    result = await send_request(exchange, raw(exchange, f"CONNECT {target} HTTP/1.1"), send_second=False)
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
        "This target is the one that the client must send here. So nothing is wrong with the "
        "request, and a 400 says that something is."
    ),
)
async def options_star(exchange: Exchange) -> None:
    """`OPTIONS *` is understood: answered by the server or the app, or not implemented, but no parse error.

    Sends: `OPTIONS * HTTP/1.1`, the ping of HTTP.
    Expects: 200, 204, 403, 404, 405 or 501, from the server or the app, but no 400: nothing is wrong with the request.
    The next one on the connection is served as itself, or the connection is closed.
    Why: Load balancers and monitors ask so whether a server is there. A 400 reads as: it is not well.
    """
    result = await send_request(exchange, raw(exchange, "OPTIONS * HTTP/1.1"))
    good = result.response.status in (200, 204, 403, 404, 405, 501)
    assertions.assert_that(good, "an answer to a request that is correct", result.describe())
    assert_in_sync(result)


@case(
    SHOULD,
    INVALID,
    basis=SHOULD_TEXT,
    breach=CLIENT,
)
async def get_star(exchange: Exchange) -> None:
    """`GET *` is refused.

    Sends: `GET * HTTP/1.1`.
    Expects: 400, or 301, the app not called; the next request on the connection is served as itself, or the connection
    is closed.
    Why: Apps are told of a path that does not begin with a slash, and fail in whatever way they fail for what cannot
    be.
    """
    assert_rejected(await send_request(exchange, raw(exchange, "GET * HTTP/1.1")), (301, 400))


@case(SHOULD, INVALID, basis=SHOULD_TEXT, breach=CLIENT)
async def fragment(exchange: Exchange) -> None:
    """A fragment in the target is refused, or at least does not reach the app as part of path or query.

    Sends: `GET /echo?a=b#part`.
    Expects: 400 or 301 without a call of the app, or served with no `#` in PATH_INFO and QUERY_STRING; the next request
    on the connection is served as itself, or the connection is closed.
    Why: A fragment is for the browser alone. With it in the query, `a` is not `b`, and a check on the one passes by the
    other.
    """
    result = await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')}?a=b#part HTTP/1.1"))
    if is_rejected_with(result, (301, 400)):
        assert_in_sync(result)
    else:
        environ = assert_served(result)
        shown = f"PATH_INFO {environ.get('PATH_INFO')!r}, QUERY_STRING {environ.get('QUERY_STRING')!r}"
        assertions.assert_that("#" not in shown, "no fragment in environ", shown)


@case(
    SHOULD,
    INVALID,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=["security"],
    variants={"nul": "\0", "control": "\x01", "tab": "\t", "delete": "\x7f"},
)
async def nul_ctl_target(exchange: Exchange, character: str) -> None:
    """A control character in the target is refused.

    Sends: a GET with a raw control character in the path: NUL, 0x01, a tab or 0x7F.
    Expects: 400, or 301, the app not called; the next request on the connection is served as itself, or the connection
    is closed.
    Why: Languages and logs stop at such characters or drop them, and so see another path than the one that was checked.
    """
    assert_rejected(
        await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')}/a{character}b HTTP/1.1")),
        (301, 400),
    )


@case(
    MUST,
    rfc9112(
        "2.2",
        "A recipient MUST parse an HTTP message as a sequence of octets in an encoding that is a superset of US-ASCII",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
)
async def non_ascii_target(exchange: Exchange) -> None:
    """Raw bytes above 0x7F in the path are refused, or reach the app as those bytes.

    Sends: a GET with the raw bytes C3 A9 in the path, as some tools send them.
    Expects: a refusal without a call of the app, or PATH_INFO with just these two bytes as latin-1; the next request on
    the connection is served as itself, or the connection is closed.
    Why: Decoded and encoded by somebody's guess, the path is another: the page is not found, or a rule on it does not
    match.
    """
    result = await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')}/caf\xc3\xa9 HTTP/1.1"))
    if not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("PATH_INFO"), "/echo/caf\xc3\xa9", "PATH_INFO")
