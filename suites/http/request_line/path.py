"""Paths that servers read in several ways: repeated slashes, dot segments and percent-encoded characters."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    SHOULD_TEXT,
    from_recipient_semantics,
    recorded_only,
    rfc9110,
    rfc9112,
    security,
)
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.http.assertions import (
    SECURITY_TAG,
    assert_in_sync,
    assert_served,
    is_rejected_and_in_sync,
    raw_request,
    record_environ_value,
    send_request,
)
from wsgi_gauntlet.suites.http.references import SEQUENCE_OF_OCTETS

ORIGIN_FORM = rfc9112("3.2.1", 'origin-form = absolute-path [ "?" query ]')


@case(
    INFO,
    ORIGIN_FORM,
    basis=recorded_only("The grammar allows empty segments. It does not say how the app sees them."),
)
async def double_slash(exchange: Exchange) -> None:
    """Record whether `//` at the beginning of a path reaches the app.

    Sends: `GET //echo`.
    Expects: nothing is required. The case records the app's PATH_INFO or the rejection.
    Why: An app that redirects to its own path may send the browser to a host named `echo`. An app that compares paths
    may allow `//admin`.
    """
    result = await send_request(exchange, raw_request(exchange, f"GET /{exchange.target('/echo')} HTTP/1.1"))
    record_environ_value("PATH_INFO for the target //echo", [each.detail["path"] for each in result.calls], result)


@case(
    MUST,
    rfc9110("4.1", 'absolute-path = 1*( "/" segment )'),
    basis=from_recipient_semantics(
        "A segment may be empty, so each target matches the grammar of the origin form, and its first segment is no "
        "host. A 400 calls a valid request invalid, and a shorter path is another page."
    ),
    tags=SECURITY_TAG,
    variants={
        "leading": "//echo",
        "host-like": "//one.example/echo",
        "port-like": "//one.example:80/echo",
        "userinfo-like": "//user@one.example/echo",
        "three": "///echo",
        "only": "//",
        "inside": "/echo//a",
        "at-the-end": "/echo//",
        "query": "//echo?a=//b",
        "whole-url": "{}//one.example/echo",
    },
    needs={"whole-url": ["http/request-line/absolute-form"]},
)
async def double_slash_valid(exchange: Exchange, target: str) -> None:
    """A path with `//` is valid, and its parts are no host: it is not answered 400, and no segment is lost.

    Sends: a GET for a path that has `//` at its beginning, inside or at its end, or only that. Its first segment may
    look like a host. One target is a whole URL.
    Expects: one call of the app, with every segment in PATH_INFO. Repeated slashes may be merged. Or a redirect or 404
    without a call of the app. The next request gets its own response, or the server closes the connection.
    Why: Clients that join a base and a path send `//`. A user with such a link gets an error page. If the server reads
    the first segment as a host, the app serves a path that no filter checked.
    """
    path = target.format("").partition("?")[0]
    request = raw_request(exchange, f"GET {target.format(exchange.server.address.url)} HTTP/1.1")
    result = await send_request(exchange, request)
    if not result.calls and result.response.status in (301, 302, 303, 307, 308, 404):
        assert_in_sync(result)
        return
    got = assert_served(result).get("PATH_INFO", "")
    whole = [segment for segment in got.split("/") if segment] == [each for each in path.split("/") if each]
    assertions.assert_that(whole, f"PATH_INFO to have every segment of {path}", got)


@case(
    INFO,
    ORIGIN_FORM,
    basis=recorded_only("The grammar allows dots as segments. It does not say whether a server resolves them."),
    tags=SECURITY_TAG,
)
async def dot_segments(exchange: Exchange) -> None:
    """Record whether the server resolves `/../` in a path before the app sees it.

    Sends: `GET /echo/a/../b`.
    Expects: nothing is required. The case records the app's PATH_INFO or the rejection.
    Why: A proxy that checks `/echo/a` and an app that serves `/echo/b` see different paths. Operators must know which
    of them resolves dot segments.
    """
    result = await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')}/a/../b HTTP/1.1"))
    record_environ_value(
        "PATH_INFO for the target /echo/a/../b", [each.detail["path"] for each in result.calls], result
    )


@case(
    MUST,
    SEQUENCE_OF_OCTETS,
    basis=security(
        "Filters and logs see the complete path, but the app sees a path that ends at the NUL. An attacker avoids "
        "rules about the end of a path."
    ),
    tags=SECURITY_TAG,
)
async def encoded_nul(exchange: Exchange) -> None:
    """An encoded NUL does not end the path: it reaches the app as a byte, or the request is rejected.

    Sends: `GET /echo/a%00b`.
    Expects: PATH_INFO has the NUL and the characters after it. Or the server answers 301 or 4xx, or closes the
    connection, without calling the app. The next request gets its own response, or the server closes the connection.
    Why: A server that stops at the NUL gives the app `/echo/a`, but the proxy checked another path. Attackers have
    evaded rules for `.php` and similar names in this way.
    """
    result = await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')}/a%00b HTTP/1.1"))
    if not result.calls and result.response.status == 301:
        assert_in_sync(result)
    elif not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("PATH_INFO"), "/echo/a\0b", "PATH_INFO")


@case(
    INFO,
    ORIGIN_FORM,
    basis=recorded_only(
        "PEP 3333 and CGI decode the path once. No sentence says more, but users want to know whether the server "
        "decodes it again."
    ),
)
async def encoded_slash(exchange: Exchange) -> None:
    """Record how `%2F` and `%252F` in a path reach the app.

    Sends: `GET /echo/a%2Fb%252Fc`.
    Expects: nothing is required. The case records the app's PATH_INFO or the rejection. If the server decodes the path
    once, it is `/echo/a/b%2Fc`.
    Why: If a path is decoded twice, it evades checks between the two steps.
    """
    result = await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')}/a%2Fb%252Fc HTTP/1.1"))
    record_environ_value(
        "PATH_INFO for the target /echo/a%2Fb%252Fc", [each.detail["path"] for each in result.calls], result
    )


@case(
    MUST,
    rfc9110(
        "5.5",
        "Field values containing CR, LF, or NUL characters are invalid and dangerous, due to the varying ways that "
        "implementations might parse and interpret those characters",
    ),
    basis=security(
        "The author of a link could add headers to the request that the app sees, or to the response. So an attacker "
        "sets cookies, or puts pages of their own into a shared cache."
    ),
    tags=SECURITY_TAG,
)
async def encoded_crlf(exchange: Exchange) -> None:
    """Encoded line breaks in the path create no header, neither in environ nor in the response.

    Sends: `GET /echo%0d%0aX-Smuggled:%20yes`.
    Expects: the server serves the request with the line breaks in PATH_INFO, or rejects it. Neither environ nor the
    response has a header X-Smuggled. If the app was called, the next request gets its own response, or the server
    closes the connection.
    Why: Servers and apps write the path into redirects and logs. If the path has a real line break, a link can set
    cookies in the browser of the user who clicks it.
    """
    result = await send_request(
        exchange, raw_request(exchange, f"GET {exchange.target('/echo')}%0d%0aX-Smuggled:%20yes HTTP/1.1")
    )
    for call in result.calls:
        assertions.assert_equal(call.detail["environ"].get("HTTP_X_SMUGGLED"), None, "HTTP_X_SMUGGLED")
    assertions.assert_that(
        not result.response.all("X-Smuggled"), "no header X-Smuggled in the response", result.response.raw[:200]
    )
    if result.calls:
        assert_served(result)


@case(
    SHOULD,
    rfc9110(
        "4.2.3",
        "As a result, distinct resources SHOULD NOT be identified by HTTP URIs that are equivalent after normalization",
    ),
    basis=SHOULD_TEXT,
    setup=Setup(mount="/mounted"),
)
async def mount_encoded(exchange: Exchange) -> None:
    """A mount whose letters are percent-encoded in the request is the same mount.

    Sends: `GET /%6Dounted/echo` to a server whose app is mounted at /mounted. `%6D` is the letter m.
    Expects: one call of the app with SCRIPT_NAME `/mounted` and PATH_INFO `/echo`. Or a redirect to the usual spelling
    without a call of the app. The next request gets its own response, or the server closes the connection.
    Why: Both URLs name the same page. Otherwise users of the other spelling get an error, or an access rule for
    /mounted does not match.
    """
    target = exchange.target("/echo").replace("/m", "/%6D", 1)
    result = await send_request(exchange, raw_request(exchange, f"GET {target} HTTP/1.1"))
    if not result.calls and result.response.status in (301, 302, 307, 308):
        assert_in_sync(result)
        return
    environ = assert_served(result)
    found = (environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", ""))
    assertions.assert_equal(found, ("/mounted", "/echo"), "SCRIPT_NAME, PATH_INFO")
