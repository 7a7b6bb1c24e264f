"""Paths that servers read in several ways: slashes, dots, and what is encoded."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import recorded_only, security
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.suites.http.assertions import (
    assert_in_sync,
    assert_served,
    is_rejected_and_in_sync,
    raw,
    record_behaviour,
    send_request,
)


@case(
    INFO,
    rfc9112("3.2.1", 'origin-form = absolute-path [ "?" query ]'),
    basis=recorded_only("The grammar allows empty segments. It does not say what an app is to see of them."),
)
async def double_slash(exchange: Exchange) -> None:
    """Whether `//` at the beginning of a path is kept.

    Sends: `GET //echo`.
    Expects: nothing in particular: the app's PATH_INFO, or the refusal, is recorded.
    Why: An app that redirects to its own path may send the browser to a host called `echo`; one that compares paths may
    let `//admin` pass.
    """
    result = await send_request(exchange, raw(exchange, f"GET /{exchange.target('/echo')} HTTP/1.1"))
    paths = [each.detail["path"] for each in result.calls]
    record_behaviour("PATH_INFO for the target //echo", repr(paths[0]) if paths else result.response.describe())


@case(
    INFO,
    rfc9112("3.2.1", 'origin-form = absolute-path [ "?" query ]'),
    basis=recorded_only("The grammar allows dots as segments. It does not say whether a server resolves them."),
    tags=["security"],
)
async def dot_segments(exchange: Exchange) -> None:
    """Whether `/../` in a path is resolved before the app sees it.

    Sends: `GET /echo/a/../b`.
    Expects: nothing in particular: the app's PATH_INFO, or the refusal, is recorded.
    Why: A proxy that checks `/echo/a` and an app that serves `/echo/b` disagree on what was asked. Who resolves the
    dots should be known.
    """
    result = await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')}/a/../b HTTP/1.1"))
    paths = [each.detail["path"] for each in result.calls]
    record_behaviour("PATH_INFO for the target /echo/a/../b", repr(paths[0]) if paths else result.response.describe())


@case(
    MUST,
    rfc9112(
        "2.2",
        "A recipient MUST parse an HTTP message as a sequence of octets in an encoding that is a superset of US-ASCII",
    ),
    basis=security(
        "Filters and logs see the whole path, the app one that is cut at the NUL: "
        "it gets past rules about how a path may end."
    ),
    tags=["security"],
)
async def encoded_nul(exchange: Exchange) -> None:
    """An encoded NUL ends no path: it reaches the app as the byte that it is, or the request is refused.

    Sends: `GET /echo/a%00b`.
    Expects: PATH_INFO with the NUL and what follows it; or a refusal (301 or 4xx) without a call of the app. The next
    request on the connection is served as itself, or the connection is closed.
    Why: A server that stops at the NUL shows the app `/echo/a` where the proxy checked another path: rules for
    `.php` and the like have been passed by in this way.
    """
    result = await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')}/a%00b HTTP/1.1"))
    if not result.calls and result.response.status == 301:
        assert_in_sync(result)
    elif not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("PATH_INFO"), "/echo/a\0b", "PATH_INFO")


@case(
    INFO,
    rfc9112("3.2.1", 'origin-form = absolute-path [ "?" query ]'),
    basis=recorded_only("PEP 3333 and CGI decode the path once; what a server does beyond that is worth knowing."),
)
async def encoded_slash(exchange: Exchange) -> None:
    """What the app sees of `%2F` and `%252F` in a path; decoded once, it is `/` and `%2F`.

    Sends: `GET /echo/a%2Fb%252Fc`.
    Expects: nothing in particular: the app's PATH_INFO, or the refusal, is recorded. Decoded once it is
    `/echo/a/b%2Fc`.
    Why: A path that is decoded twice gets past checks that were made in between.
    """
    result = await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')}/a%2Fb%252Fc HTTP/1.1"))
    paths = [each.detail["path"] for each in result.calls]
    record_behaviour(
        "PATH_INFO for the target /echo/a%2Fb%252Fc", repr(paths[0]) if paths else result.response.describe()
    )


@case(
    MUST,
    rfc9110(
        "5.5",
        "Field values containing CR, LF, or NUL characters are invalid and dangerous, due to the varying ways that "
        "implementations might parse and interpret those characters",
    ),
    basis=security(
        "Whoever makes a link could write headers into the request that the app sees or into "
        "the answer: cookies of his choice, and pages of his own in a shared cache."
    ),
    tags=["security"],
)
async def encoded_crlf(exchange: Exchange) -> None:
    """Encoded line breaks in the path make no header: neither of the request that the app sees nor of the answer.

    Sends: `GET /echo%0d%0aX-Smuggled:%20yes`.
    Expects: served with the line breaks as characters of PATH_INFO, or refused; HTTP_X_SMUGGLED not there, and no such
    header in the answer. After a call of the app, the next request on the connection is served as itself, or the
    connection is closed.
    Why: Servers and apps put the path into redirects and logs. With a real line break in it, a link that somebody
    clicks on sets cookies in his browser.
    """
    result = await send_request(
        exchange, raw(exchange, f"GET {exchange.target('/echo')}%0d%0aX-Smuggled:%20yes HTTP/1.1")
    )
    for call in result.calls:
        assertions.assert_equal(call.detail["environ"].get("HTTP_X_SMUGGLED"), None, "HTTP_X_SMUGGLED")
    assertions.assert_that(
        not result.response.all("X-Smuggled"), "no header X-Smuggled in the answer", result.response.raw[:200]
    )
    if result.calls:
        assert_served(result)
