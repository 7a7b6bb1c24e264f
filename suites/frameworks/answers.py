"""What becomes of a framework's response objects on their way to the client."""

from __future__ import annotations

import trio

from ...harness.attempts.exchange import Exchange
from ...harness.basis import MUST_TEXT, SHOULD_TEXT, conforms, variable
from ...harness.catalog import MUST, SHOULD, case
from ...harness.expect import equal, that
from ...harness.launching.places import app_sources
from ...harness.references import pep3333, rfc9110
from ...harness.response import Response
from ..http.verbs import PATIENCE, ask, in_step
from ..pep3333.asking import (
    BEHIND_TLS,
    HANG,
    asked,
    direct,
    first,
    knows_of_tls,
    not_success,
    sent,
    served,
)
from .five import in_each

PAGE = b"a page of the framework's\n"
"""What embedded.py in suites/apps has under that name."""

OUTPUT = pep3333(
    "Other HTTP Features",
    'In general, servers and gateways should "play dumb" and allow the application complete control over its output.',
)

TIMES = 5
"""How many times as long as its last answer an answer may take."""


async def _patience(x: Exchange) -> float:
    """Return the seconds to wait for an answer: a CGI program imports its framework for each."""
    began = trio.current_time()
    await x.fence()
    return max(PATIENCE, TIMES * (trio.current_time() - began))


async def _got(x: Exchange, target: str) -> Response:
    """Send a GET and return the answer, or what came of it in time."""
    return await asked(x, target, timeout=await _patience(x))


async def _bodiless(x: Exchange, request: bytes, status: int, *, head: bool = False) -> None:
    """Send `request` and then another on the connection; expect that status and not a byte between the two answers."""
    told = await ask(x, request, head=head, patience=await _patience(x))
    that(told.answer.status == status and told.answer.complete, f"a complete {status} answer", told.answer.describe())
    in_step(told)


@in_each
@case(
    SHOULD,
    pep3333(
        "Other HTTP Features",
        "They should only make changes that do not alter the effective semantics of the application's response.",
    ),
    basis=SHOULD_TEXT,
)
async def cookies(x: Exchange) -> None:
    """Two cookies that a view sets are two header fields.

    Sends: A GET; the view sets the cookie of a session, and one named theme beside it.
    Expects: A Set-Cookie for each of them.
    Why: Cookies cannot be joined into one line. Users would be logged out by changing their colours.
    """
    answer = await _got(x, "/cookies")
    served(answer, PAGE)
    set_ = answer.all("Set-Cookie")
    for name in (b"session", b"theme=dark"):
        found = [each for each in set_ if each.startswith(name)]
        that(len(found) == 1 and len(set_) == 2, f"one Set-Cookie of two to begin with {name.decode()}", set_)


@in_each
@case(
    MUST,
    rfc9110(
        "9.3.2", "The HEAD method is identical to GET except that the server MUST NOT send content in the response."
    ),
    basis=MUST_TEXT,
)
async def head(x: Exchange) -> None:
    """HEAD for a page has no body, whatever the framework hands over.

    Sends: HEAD for a page of 26 bytes, and another request on the same connection. Some frameworks leave out the body
    of a HEAD by themselves, Django leaves that to the server.
    Expects: A 200 with nothing behind its head; the next request served as itself, or the connection closed.
    Why: Link checkers and monitors ask so. A body that nobody expects is taken for the next answer.
    """
    await _bodiless(x, x.request("/article", method="HEAD"), 200, head=True)


@in_each
@case(
    MUST,
    rfc9110("15.4.5", "A 304 response is terminated by the end of the header section; it cannot contain content"),
    basis=conforms("A 304 ends with its head by definition: bytes behind it are read as the next answer."),
)
async def unchanged(x: Exchange) -> None:
    """A page that the client has in its cache is a 304 without a body.

    Sends: A GET whose If-None-Match has the page's entity tag, and another request on the same connection.
    Expects: A 304 with nothing behind its head; the next request served as itself, or the connection closed.
    Why: Browsers ask so for all that they have cached, on connections that are kept.
    """
    await _bodiless(x, x.request("/unchanged", headers=[("If-None-Match", '"v1"')]), 304)


@in_each
@case(SHOULD, OUTPUT, basis=SHOULD_TEXT)
async def missing(x: Exchange) -> None:
    """The framework's own page for a 404 arrives, with its status.

    Sends: A GET for what the view says does not exist.
    Expects: A complete 404 with the framework's text.
    Why: Search engines and users are to see that a page is gone, in the words of the site.
    """
    answer = await _got(x, "/missing")
    served(answer, status=404)
    that(b"no such page" in answer.body or b"ot found" in answer.body.lower(), "the page of the 404", answer.body)


@in_each
@case(
    MUST,
    pep3333(
        "URL Reconstruction",
        "If an application wishes to reconstruct a request's complete URL, it may do so using the following algorithm",
    ),
    basis=variable(
        "The framework goes by the PEP's algorithm. Where the URL comes out as another, a "
        "variable that it uses is not what the PEP defines."
    ),
)
async def moved(x: Exchange) -> None:
    """A redirect to an absolute URL of the app's own leads back to where the client came from.

    Sends: A GET; the view redirects to its own /article, by the URL that the framework makes of the request.
    Expects: A 303 whose Location has the scheme, host and port that the client used. It is skipped where TLS ends at
    a proxy that speaks plain HTTP to the server: that cannot know the scheme.
    Why: After each form users land on a port or host that does not answer, or leave https.
    """
    if x.server.address.tls and not knows_of_tls(x):
        x.skip(BEHIND_TLS)
    answer = await _got(x, "/moved")
    that(answer.status == 303 and answer.complete, "a complete 303 answer", answer.describe())
    wanted = (x.server.address.url + x.target("/article")).encode()
    equal(answer.all("Location"), [wanted], "Location")


@in_each
@case(
    SHOULD,
    pep3333(
        "Error Handling",
        "Servers should trap and log any exception that aborts an application or the iteration of its return value.",
    ),
    basis=SHOULD_TEXT,
)
async def broken(x: Exchange) -> None:
    """A view that raises gives the client a 500, and the server goes on.

    Sends: A GET to a view that raises. Pyramid hands the exception to the server, the others make a page of it.
    Expects: A complete 500, and an answer to the next client.
    Why: One error in one view must not take the site away from everybody, nor leave its user without a word.
    """
    answer = await _got(x, "/broken")
    not_success(answer, "the view raised")
    that(answer.status == 500 and answer.complete, "a complete 500 answer", answer.describe())
    that(await x.alive(), "the server to answer afterwards", "no good answer")


@in_each
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
async def streamed(x: Exchange) -> None:
    """Each block of a streamed answer is with the client before the next is made.

    Sends: A GET to a view that streams; it makes a block and waits at a barrier, which is let go when the client has
    the block.
    Expects: The first block while the view waits, and the second after that.
    Why: Progress, server-sent events and answers that a model writes word by word live on this.
    """
    direct(x)
    patience = await _patience(x)
    wire = await sent(x, "/streamed")
    await first(x, lambda event: event.kind == "holding", "the view to get to its barrier", timeout=patience)
    early = await wire.receive_until(b"block 1\n", timeout=HANG)
    that(b"block 1\n" in early, "the first block on the wire while the view waits", early)
    x.release("second")
    late = await wire.receive_until(b"block 2\n", timeout=HANG)
    that(b"block 2\n" in late, "the second block after that", late)


@in_each
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
async def download(x: Exchange) -> None:
    """A file arrives whole, through wsgi.file_wrapper where the server has one.

    Sends: A GET to a view that sends a file by its framework's own means, which all take wsgi.file_wrapper.
    Expects: All of the file and nothing else.
    Why: Downloads would be cut off, or never end.
    """
    served(await _got(x, "/download"), app_sources()["embedded"].encode())
