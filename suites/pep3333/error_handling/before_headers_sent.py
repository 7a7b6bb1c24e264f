"""The app breaks before anything was sent: there is room for an honest error."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT, SHOULD_TEXT, definition
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.suites.pep3333.assertions import assert_not_success, get_within

ERRORS = "Error Handling"

START = "The start_response() Callable"

DETAILS = "Specification Details"

TRAP_AND_LOG = pep3333(
    ERRORS,
    "Servers should trap and log any exception that aborts an application or the iteration of its return value.",
)

HEADERS_NOT_SENT_YET = pep3333(
    START,
    "In other words, response headers must not be sent until there is actual body data available, or until the "
    "application's returned iterable is exhausted.",
)


@case(SHOULD, TRAP_AND_LOG, basis=SHOULD_TEXT)
async def before_start(exchange: Exchange) -> None:
    """An app that raises before start_response gives the client a well-formed 500.

    Sends: A plain request; the app raises before it calls start_response.
    Expects: A complete answer with status 500.
    Why: Without an answer browsers show a page of their own about the connection, and proxies try the next server and
    break that too.
    """
    response = await get_within(exchange, "/fail?when=before-start")
    assert_that(response.status == 500 and response.complete, "a complete 500 answer", response.describe())


@case(MUST, HEADERS_NOT_SENT_YET, basis=MUST_TEXT)
async def after_start_before_body(exchange: Exchange) -> None:
    """An app that raises after start_response and before the first block gives a 500, and not the app's 200.

    Sends: A plain request; the app calls start_response with a 200 and raises before it returns a body.
    Expects: An error status, best a 500, or a connection that closes; nothing of the 200 and its headers.
    Why: Nothing was sent yet, so the failure can still be told as one: users, caches and monitors would take an empty
    page for the answer.
    """
    response = await get_within(exchange, "/fail?when=after-start")
    assert_not_success(response, "the app raised before its first block")
    assert_equal(response.all("X-Too-Early"), [], "the header of the answer that never was")


@case(
    MUST,
    pep3333(
        DETAILS,
        "the application must invoke the start_response() callable before the iterable yields its first body "
        "bytestring, so that the server can send the headers before any body content",
    ),
    basis=definition(
        "Status and headers of an answer are those that the app gives to start_response. Where "
        "it gave none, a success is the server's own invention."
    ),
    breach=APP,
)
async def no_start_response(exchange: Exchange) -> None:
    """A body without start_response is an error, and never passes for a success.

    Sends: A plain request; the app returns a list of bytes and calls nothing.
    Expects: An error status, or a connection that closes. There is no status to send: a 200 would be made up.
    Why: A page that an error has cut short is shown, and cached, as if it were right.
    """
    assert_not_success(await get_within(exchange, "/fail?when=no-start"), "the app named no status")


@case(
    SHOULD,
    pep3333(
        DETAILS,
        "When called by the server, the application object must return an iterable yielding zero or more bytestrings.",
    ),
    basis=definition(
        "The duty to return an iterable is the app's. What is none has no body to transmit, so "
        "a whole success is the server's own invention; no sentence tells it to look."
    ),
    breach=APP,
    variants={"started": "none", "not-started": "none-unstarted"},
)
async def returns_none(exchange: Exchange, when: str) -> None:
    """An app that returns None is an error, and never passes for a success.

    Sends: A plain request; the app returns None, after start_response or without it.
    Expects: An error status, or an answer that is broken off.
    Why: A forgotten `return` shows an empty page that nobody is told of.
    """
    assert_not_success(await get_within(exchange, f"/fail?when={when}"), "the app returned None")


@case(
    MUST,
    pep3333(
        "Unicode Issues",
        "It is a fatal error for an application to supply strings containing any other Unicode character or code "
        "point.",
    ),
    basis=definition(
        "What the PEP calls fatal cannot be a success; a character beyond U+00FF has no byte that could be sent for it."
    ),
    breach=APP,
)
async def non_latin1_header(exchange: Exchange) -> None:
    """A header value with a character beyond U+00FF is an error, and never a head cut off in the middle.

    Sends: A plain request; the app sets `X-Snowman` to a snowman, between other headers.
    Expects: A complete error answer, or a connection that closes without one; never a part of the head.
    Why: A file name in Chinese breaks the download in a way that depends on the server, and half a head is read by the
    next request.
    """
    response = await get_within(exchange, "/fail?when=not-latin1")
    assert_not_success(response, "the app's header cannot be sent")
    whole = response.is_empty or response.complete
    assert_that(whole, "a complete error answer, or none", f"{response.describe()}: {response.raw[:200]!r}")


@case(
    SHOULD,
    TRAP_AND_LOG,
    basis=SHOULD_TEXT,
    breach={"no-start": APP, "none-unstarted": APP, "not-latin1": APP},
    variants={each: each for each in ("before-start", "no-start", "none-unstarted", "not-latin1")},
)
async def not_left_hanging(exchange: Exchange, when: str) -> None:
    """After a failure the client gets an answer, or the end of its connection; not silence.

    Sends: A plain request to an app that breaks before anything was sent: in one of four ways.
    Expects: An answer, or the end of the connection, within a second.
    Why: A client that hears nothing waits out its own time-out, half a minute or more, and its user with it.
    """
    response = await get_within(exchange, f"/fail?when={when}")
    ended = response.complete or response.ended is not ConnectionState.OPEN
    assert_that(ended, "an answer or a closed connection", response.describe())


@case(
    MUST,
    HEADERS_NOT_SENT_YET,
    basis=MUST_TEXT,
    variants={"unstarted": "generator-unstarted", "started": "generator-started"},
)
async def raises_when_iterated(exchange: Exchange, when: str) -> None:
    """An app that raises when its body is iterated, and before the first block, gives an error and not a success.

    Sends: A plain request to an app that is a generator, and raises at its first step: before start_response or after
    it.
    Expects: An error status, best a 500, or a connection that closes without an answer; nothing of the 200 that the app
    had begun.
    Why: The user sees an empty page and takes it for the answer; so do caches, and the monitoring that counts errors.
    """
    await _assert_error_response(exchange, when)


@case(MUST, HEADERS_NOT_SENT_YET, basis=MUST_TEXT, needs=["pep3333/start-response/waits-for-first-nonempty"])
async def raises_after_blank(exchange: Exchange) -> None:
    """Nor does an app that has yielded nothing but b'' when it raises.

    Sends: A plain request; the app, a generator, calls start_response, yields b'', and raises.
    Expects: An error status, best a 500, or a connection that closes without an answer; nothing of the 200 that the app
    had begun.
    Why: Middleware yields b'' while it waits for the app behind it; the error of that app would pass for an empty page.
    """
    await _assert_error_response(exchange, "blank-first")


async def _assert_error_response(exchange: Exchange, when: str) -> None:
    response = await get_within(exchange, f"/fail?when={when}")
    assert_not_success(response, "the app raised before its first block")
    assert_equal(response.all("X-Too-Early"), [], "the header of the answer that never was")


@case(
    MUST,
    pep3333(
        "Unicode Issues",
        "It is a fatal error for an application to supply strings containing any other Unicode character or code "
        "point.",
    ),
    basis=definition(
        "What the PEP calls fatal cannot be a success; a character beyond U+00FF has no byte "
        "that could stand for it in a status."
    ),
    breach=APP,
)
async def non_latin1_status(exchange: Exchange) -> None:
    """A status with a character beyond U+00FF is an error, and never goes out as something else.

    Sends: A plain request; the reason of the app's status holds a snowman.
    Expects: An error status, or a connection that closes without an answer.
    Why: A text that only some servers can send shows its author nothing at home, and users a broken page elsewhere.
    """
    response = await get_within(exchange, "/fail?when=status-not-latin1")
    assert_not_success(response, "the app's status cannot be sent")
    whole = response.is_empty or response.complete
    assert_that(whole, "a complete error answer, or none", f"{response.describe()}: {response.raw[:200]!r}")
