"""What becomes of a framework's response objects on their way to the client."""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, cgi_variable, from_sender_semantics
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333, rfc9110
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.server.temp_dirs import reference_app_sources
from wsgi_gauntlet.suites.frameworks.parametrize import for_each_framework
from wsgi_gauntlet.suites.http.assertions import RESPONSE_TIMEOUT_SECONDS, assert_in_sync, send_request
from wsgi_gauntlet.suites.pep3333.assertions import (
    HANG_TIMEOUT_SECONDS,
    TLS_ENDS_AT_PROXY,
    assert_not_success,
    assert_served,
    expect_event_where,
    get_within,
    open_and_send_get,
    server_knows_of_tls,
    skip_behind_proxy,
)

PAGE = b"a page of the framework's\n"
"""What embedded.py in suites/apps has under that name."""

OUTPUT = pep3333(
    "Other HTTP Features",
    'In general, servers and gateways should "play dumb" and allow the application complete control over its output.',
)

SLOWEST_RESPONSE_FACTOR = 5
"""How many times as long as its last answer an answer may take."""


async def _view_timeout(exchange: Exchange) -> float:
    """Return the seconds to wait for an answer: a CGI program imports its framework for each."""
    began = trio.current_time()
    await exchange.send_sync_request()
    return max(RESPONSE_TIMEOUT_SECONDS, SLOWEST_RESPONSE_FACTOR * (trio.current_time() - began))


async def _get_view(exchange: Exchange, target: str) -> Response:
    """Send a GET and return the answer, or what came of it in time."""
    return await get_within(exchange, target, timeout=await _view_timeout(exchange))


async def _assert_no_content(exchange: Exchange, request: bytes, status: int, *, head: bool = False) -> None:
    """Send `request` and then another on the connection; expect that status and not a byte between the two answers."""
    result = await send_request(exchange, request, head=head, timeout=await _view_timeout(exchange))
    assert_that(
        result.response.status == status and result.response.complete,
        f"a complete {status} answer",
        result.response.describe(),
    )
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
    """Two cookies that a view sets are two header fields.

    Sends: A GET; the view sets the cookie of a session, and one named theme beside it.
    Expects: A Set-Cookie for each of them.
    Why: Cookies cannot be joined into one line. Users would be logged out by changing their colours.
    """
    response = await _get_view(exchange, "/cookies")
    assert_served(response, PAGE)
    set_ = response.all("Set-Cookie")
    for name in (b"session", b"theme=dark"):
        found = [each for each in set_ if each.startswith(name)]
        assert_that(len(found) == 1 and len(set_) == 2, f"one Set-Cookie of two to begin with {name.decode()}", set_)


@for_each_framework
@case(
    MUST,
    rfc9110(
        "9.3.2", "The HEAD method is identical to GET except that the server MUST NOT send content in the response."
    ),
    basis=MUST_TEXT,
)
async def head(exchange: Exchange) -> None:
    """HEAD for a page has no body, whatever the framework hands over.

    Sends: HEAD for a page of 26 bytes, and another request on the same connection. Some frameworks leave out the body
    of a HEAD by themselves, Django leaves that to the server.
    Expects: A 200 with nothing behind its head; the next request served as itself, or the connection closed.
    Why: Link checkers and monitors ask so. A body that nobody expects is taken for the next answer.
    """
    await _assert_no_content(exchange, exchange.request("/article", method="HEAD"), 200, head=True)


@for_each_framework
@case(
    MUST,
    rfc9110("15.4.5", "A 304 response is terminated by the end of the header section; it cannot contain content"),
    basis=from_sender_semantics("A 304 ends with its head by definition: bytes behind it are read as the next answer."),
)
async def unchanged(exchange: Exchange) -> None:
    """A page that the client has in its cache is a 304 without a body.

    Sends: A GET whose If-None-Match has the page's entity tag, and another request on the same connection.
    Expects: A 304 with nothing behind its head; the next request served as itself, or the connection closed.
    Why: Browsers ask so for all that they have cached, on connections that are kept.
    """
    await _assert_no_content(exchange, exchange.request("/unchanged", headers=[("If-None-Match", '"v1"')]), 304)


@for_each_framework
@case(SHOULD, OUTPUT, basis=SHOULD_TEXT)
async def missing(exchange: Exchange) -> None:
    """The framework's own page for a 404 arrives, with its status.

    Sends: A GET for what the view says does not exist.
    Expects: A complete 404 with the framework's text.
    Why: Search engines and users are to see that a page is gone, in the words of the site.
    """
    response = await _get_view(exchange, "/missing")
    assert_served(response, status=404)
    assert_that(
        b"no such page" in response.body or b"ot found" in response.body.lower(), "the page of the 404", response.body
    )


@for_each_framework
@case(
    MUST,
    pep3333(
        "URL Reconstruction",
        "If an application wishes to reconstruct a request's complete URL, it may do so using the following algorithm",
    ),
    basis=cgi_variable(
        "The framework goes by the PEP's algorithm. Where the URL comes out as another, a "
        "variable that it uses is not what the PEP defines."
    ),
)
async def moved(exchange: Exchange) -> None:
    """A redirect to an absolute URL of the app's own leads back to where the client came from.

    Sends: A GET; the view redirects to its own /article, by the URL that the framework makes of the request.
    Expects: A 303 whose Location has the scheme, host and port that the client used. It is skipped where TLS ends at
    a proxy that speaks plain HTTP to the server: that cannot know the scheme.
    Why: After each form users land on a port or host that does not answer, or leave https.
    """
    if exchange.server.address.tls and not server_knows_of_tls(exchange):
        exchange.skip(TLS_ENDS_AT_PROXY)
    response = await _get_view(exchange, "/moved")
    assert_that(response.status == 303 and response.complete, "a complete 303 answer", response.describe())
    wanted = (exchange.server.address.url + exchange.target("/article")).encode()
    assert_equal(response.all("Location"), [wanted], "Location")


@for_each_framework
@case(
    SHOULD,
    pep3333(
        "Error Handling",
        "Servers should trap and log any exception that aborts an application or the iteration of its return value.",
    ),
    basis=SHOULD_TEXT,
)
async def broken(exchange: Exchange) -> None:
    """A view that raises gives the client a 500, and the server goes on.

    Sends: A GET to a view that raises. Pyramid hands the exception to the server, the others make a page of it.
    Expects: A complete 500, and an answer to the next client.
    Why: One error in one view must not take the site away from everybody, nor leave its user without a word.
    """
    response = await _get_view(exchange, "/broken")
    assert_not_success(response, "the view raised")
    assert_that(response.status == 500 and response.complete, "a complete 500 answer", response.describe())
    assert_that(await exchange.alive(), "the server to answer afterwards", "no good answer")


@for_each_framework
@case(
    MUST,
    pep3333(
        "Buffering and Streaming",
        "WSGI servers, gateways, and middleware must not delay the transmission of any block; they must either fully "
        "transmit the block to the client, or guarantee that they will continue transmission even while the "
        "application is producing its next block.",
    ),
    basis=MUST_TEXT,
)
async def streamed(exchange: Exchange) -> None:
    """Each block of a streamed answer is with the client before the next is made.

    Sends: A GET to a view that streams; it makes a block and waits at a barrier, which is let go when the client has
    the block.
    Expects: The first block while the view waits, and the second after that.
    Why: Progress, server-sent events and answers that a model writes word by word live on this.
    """
    skip_behind_proxy(exchange)
    timeout = await _view_timeout(exchange)
    connection = await open_and_send_get(exchange, "/streamed")
    await expect_event_where(
        exchange, lambda event: event.kind == "waiting", "the view to get to its barrier", timeout=timeout
    )
    early = await connection.receive_until(b"block 1\n", timeout=HANG_TIMEOUT_SECONDS)
    assert_that(b"block 1\n" in early, "the first block on the wire while the view waits", early)
    exchange.release("second")
    late = await connection.receive_until(b"block 2\n", timeout=HANG_TIMEOUT_SECONDS)
    assert_that(b"block 2\n" in late, "the second block after that", late)


@for_each_framework
@case(
    MUST,
    pep3333(
        "Optional Platform-Specific File Handling",
        "Note that even if the object is not suitable for the platform API, the wsgi.file_wrapper must still return an "
        "iterable that wraps read() and close(), so that applications using file wrappers are portable across "
        "platforms.",
    ),
    basis=MUST_TEXT,
)
async def download(exchange: Exchange) -> None:
    """A file arrives whole, through wsgi.file_wrapper where the server has one.

    Sends: A GET to a view that sends a file by its framework's own means, which all take wsgi.file_wrapper.
    Expects: All of the file and nothing else.
    Why: Downloads would be cut off, or never end.
    """
    assert_served(await _get_view(exchange, "/download"), reference_app_sources()["shared"].encode())
