"""Response objects of frameworks: they reach the client as the view made them."""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import (
    MUST_TEXT,
    SHOULD_TEXT,
    cgi_variable,
    from_sender_semantics,
    pep3333,
    rfc9110,
)
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.server.temp_dirs import reference_app_sources
from wsgi_gauntlet.suites.frameworks.parametrize import for_each_framework
from wsgi_gauntlet.suites.http.assertions import RESPONSE_TIMEOUT_SECONDS, assert_in_sync, send_request
from wsgi_gauntlet.suites.pep3333.assertions import (
    HANG_TIMEOUT_SECONDS,
    TLS_ENDS_AT_PROXY,
    assert_not_success,
    assert_served,
    get_within,
    open_and_send_get,
    server_sees_tls,
    skip_behind_proxy,
    wait_for_barrier,
)
from wsgi_gauntlet.suites.pep3333.body.streaming import DELAY
from wsgi_gauntlet.suites.pep3333.environ.server_and_mount import URL_RECONSTRUCTION
from wsgi_gauntlet.suites.pep3333.error_handling.after_the_error import TRAP_AND_LOG
from wsgi_gauntlet.suites.pep3333.file_wrapper import PORTABLE

PAGE = b"a page of the framework's\n"
"""The constant of the same name in suites/testapp/frameworks/shared.py."""

OUTPUT = pep3333(
    "Other HTTP Features",
    'In general, servers and gateways should "play dumb" and allow the application complete control over its output.',
)

SLOWEST_RESPONSE_FACTOR = 5
"""Allowed duration of a response, as a multiple of the duration of the response before."""


async def _view_timeout(exchange: Exchange) -> float:
    """Return the seconds to wait for a response. A CGI program imports its framework for each request."""
    started_at = trio.current_time()
    await exchange.send_sync_request()
    return max(RESPONSE_TIMEOUT_SECONDS, SLOWEST_RESPONSE_FACTOR * (trio.current_time() - started_at))


async def _get_view(exchange: Exchange, target: str) -> Response:
    """Send a GET request and return the part of the response that arrives in time."""
    return await get_within(exchange, target, timeout=await _view_timeout(exchange))


async def _assert_no_content(exchange: Exchange, request: bytes, status: int, *, head: bool = False) -> None:
    """Send `request` and another one on the same connection. Expect `status`, and no byte between the responses."""
    result = await send_request(exchange, request, head=head, timeout=await _view_timeout(exchange))
    assert_served(result.response, status=status)
    assert_in_sync(result)


@for_each_framework
@case(
    SHOULD,
    pep3333(
        "Other HTTP Features",
        "They should only make changes that do not alter the effective semantics of the application's response.",
    ),
    basis=SHOULD_TEXT,
)
async def cookies(exchange: Exchange) -> None:
    """Two cookies that a view sets become two header fields.

    Sends: A GET request. The view sets a session cookie and a cookie named theme.
    Expects: One Set-Cookie for each of them.
    Why: Cookies cannot be joined into one line. Otherwise a user who changes the theme is logged out.
    """
    response = await _get_view(exchange, "/cookies")
    assert_served(response, PAGE)
    set_cookies = response.all("Set-Cookie")
    for name in (b"session", b"theme=dark"):
        matching = [each for each in set_cookies if each.startswith(name)]
        assert_that(
            len(matching) == 1 and len(set_cookies) == 2,
            f"two Set-Cookie, one of which begins with {name.decode()}",
            set_cookies,
        )


@for_each_framework
@case(
    MUST,
    rfc9110(
        "9.3.2", "The HEAD method is identical to GET except that the server MUST NOT send content in the response."
    ),
    basis=MUST_TEXT,
)
async def head(exchange: Exchange) -> None:
    """The response to HEAD has no body, whatever the framework returns.

    Sends: HEAD for a page of 26 bytes, and another request on the same connection. Some frameworks remove the body of a
    HEAD response. Django leaves this to the server.
    Expects: A 200 with nothing after its head. The next request gets its own response, or the connection closes.
    Why: Link checkers and monitors send HEAD. The client reads an unexpected body as the next response.
    """
    await _assert_no_content(exchange, exchange.request("/article", method="HEAD"), 200, head=True)


@for_each_framework
@case(
    MUST,
    rfc9110("15.4.5", "A 304 response is terminated by the end of the header section; it cannot contain content"),
    basis=from_sender_semantics(
        "By definition a 304 ends with its head. A client reads any further bytes as the next response."
    ),
)
async def unchanged(exchange: Exchange) -> None:
    """A page that the client has in its cache gives a 304 without a body.

    Sends: A GET request with the entity tag of the page in If-None-Match, and another request on the same connection.
    Expects: A 304 with nothing after its head. The next request gets its own response, or the connection closes.
    Why: Browsers revalidate all cached pages this way, on keep-alive connections.
    """
    await _assert_no_content(exchange, exchange.request("/unchanged", headers=[("If-None-Match", '"v1"')]), 304)


@for_each_framework
@case(SHOULD, OUTPUT, basis=SHOULD_TEXT)
async def missing(exchange: Exchange) -> None:
    """The 404 page of the framework arrives with its status.

    Sends: A GET request for a page that the view reports as not found.
    Expects: A complete 404 with the text of the framework.
    Why: Search engines and users must see that a page does not exist, with the text of the site.
    """
    response = await _get_view(exchange, "/missing")
    assert_served(response, status=404)
    assert_that(
        b"no such page" in response.body or b"ot found" in response.body.lower(),
        "the 404 page of the app",
        response.body,
    )


@for_each_framework
@case(
    MUST,
    URL_RECONSTRUCTION,
    basis=cgi_variable(
        "The framework uses the algorithm of the PEP. If its URL is wrong, a variable that the algorithm uses has a "
        "value that the PEP does not define."
    ),
)
async def moved(exchange: Exchange) -> None:
    """A redirect to an absolute URL of the app leads back to the address that the client used.

    Sends: A GET request. The view redirects to its own /article, with the URL that the framework builds from the
    request.
    Expects: A 303 whose Location has the scheme, host and port that the client used. The case is skipped when a proxy
    ends TLS and speaks plain HTTP to the server, because the server cannot know the scheme.
    Why: Otherwise users land on a port or host that does not respond after each form, or leave https.
    """
    if exchange.server.address.tls and not server_sees_tls(exchange):
        exchange.skip(TLS_ENDS_AT_PROXY)
    response = await _get_view(exchange, "/moved")
    assert_served(response, status=303)
    expected = (exchange.server.address.url + exchange.target("/article")).encode()
    assert_equal(response.all("Location"), [expected], "Location")


@for_each_framework
@case(SHOULD, TRAP_AND_LOG, basis=SHOULD_TEXT)
async def broken(exchange: Exchange) -> None:
    """When a view raises, the client gets a 500 and the server continues.

    Sends: A GET request to a view that raises. Pyramid passes the exception to the server; the other frameworks make a
    page of it.
    Expects: A complete 500, and a response to the next client.
    Why: One error in one view must not stop the site, and its user must see an error.
    """
    response = await _get_view(exchange, "/broken")
    assert_not_success(response, "the view raised")
    assert_served(response, status=500)
    assert_that(await exchange.alive(), "the server to serve the next request", "no 200 response")


@for_each_framework
@case(MUST, DELAY, basis=MUST_TEXT)
async def streamed(exchange: Exchange) -> None:
    """The client receives each block of a streamed response before the view makes the next one.

    Sends: A GET request to a view that streams. It makes a block and waits at a barrier until the client has received
    the block.
    Expects: The first block while the view waits, and the second block after that.
    Why: Progress displays, server-sent events and responses of language models need streaming.
    """
    skip_behind_proxy(exchange)
    timeout = await _view_timeout(exchange)
    connection = await open_and_send_get(exchange, "/streamed")
    await wait_for_barrier(exchange, "second", timeout=timeout)
    early = await connection.receive_until(b"block 1\n", timeout=HANG_TIMEOUT_SECONDS)
    assert_that(b"block 1\n" in early, "the first block on the wire while the view waits", early)
    exchange.release("second")
    late = await connection.receive_until(b"block 2\n", timeout=HANG_TIMEOUT_SECONDS)
    assert_that(b"block 2\n" in late, "the second block after the view continues", late)


@for_each_framework
@case(MUST, PORTABLE, basis=MUST_TEXT)
async def download(exchange: Exchange) -> None:
    """A file arrives completely, through wsgi.file_wrapper if the server has one.

    Sends: A GET request to a view that sends a file with the function of its framework. All these functions use
    wsgi.file_wrapper.
    Expects: The complete file and nothing else.
    Why: Otherwise downloads are cut off or never end.
    """
    assert_served(await _get_view(exchange, "/download"), reference_app_sources()["shared"].encode())
