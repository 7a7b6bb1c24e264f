"""The app fails before the server has sent anything: the client must get an error."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT, SHOULD_TEXT, definition, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.suites.pep3333.assertions import assert_not_success, assert_served, get_within
from wsgi_gauntlet.suites.pep3333.error_handling.after_the_error import TRAP_AND_LOG

START = "The start_response() Callable"

DETAILS = "Specification Details"

NOT_LATIN1 = pep3333(
    "Unicode Issues",
    "It is a fatal error for an application to supply strings containing any other Unicode character or code point.",
)

HEADERS_NOT_SENT_YET = pep3333(
    START,
    "In other words, response headers must not be sent until there is actual body data available, or until the "
    "application's returned iterable is exhausted.",
)


@case(SHOULD, TRAP_AND_LOG, basis=SHOULD_TEXT)
async def before_start(exchange: Exchange) -> None:
    """When the app raises before start_response, the client gets a well-formed 500.

    Sends: A GET request. The app raises before it calls start_response.
    Expects: A complete response with status 500.
    Why: Without a response, browsers show a connection error. Proxies retry on the next server, where the request fails
    too.
    """
    assert_served(await get_within(exchange, "/fail?when=before-start"), status=500)


@case(MUST, HEADERS_NOT_SENT_YET, basis=MUST_TEXT)
async def after_start_before_body(exchange: Exchange) -> None:
    """When the app raises between start_response and the first block, the client gets an error and not the 200 of the
    app.

    Sends: A GET request. The app calls start_response with a 200 and raises before it returns a body.
    Expects: An error status, preferably 500, or a closed connection. The client gets no part of the 200 and its
    headers.
    Why: The server has sent nothing yet, so it can still report the failure. Otherwise users, caches and monitors take
    an empty page for the response.
    """
    await _assert_error_response(exchange, "after-start")


@case(
    MUST,
    pep3333(
        DETAILS,
        "the application must invoke the start_response() callable before the iterable yields its first body "
        "bytestring, so that the server can send the headers before any body content",
    ),
    basis=definition(
        "The status and headers of a response are those that the app gives to start_response. If the app gives none, "
        "a server that sends a successful response invents it."
    ),
    breach=APP,
)
async def no_start_response(exchange: Exchange) -> None:
    """A body without a call of start_response is an error: the server must not send a success.

    Sends: A GET request. The app returns a list of bytes and does not call start_response.
    Expects: An error status, or a closed connection. The server has no status to send, so it would invent a 200.
    Why: Otherwise browsers show, and caches store, a page that an error cut short.
    """
    assert_not_success(await get_within(exchange, "/fail?when=no-start"), "the app set no status")


@case(
    SHOULD,
    pep3333(
        DETAILS,
        "When called by the server, the application object must return an iterable yielding zero or more bytestrings.",
    ),
    basis=definition(
        "Only the app has the duty to return an iterable. Another object has no body to send: a server that sends a "
        "complete successful response invents it. No sentence requires a check, so this is not a must."
    ),
    breach=APP,
    variants={"started": "none", "not-started": "none-unstarted"},
)
async def returns_none(exchange: Exchange, when: str) -> None:
    """A return value of None is an error: the server must not send a success.

    Sends: A GET request. The app returns None, with or without a call of start_response.
    Expects: An error status, or an aborted response.
    Why: Otherwise a forgotten `return` gives an empty page, and no error is reported.
    """
    assert_not_success(await get_within(exchange, f"/fail?when={when}"), "the app returned None")


@case(
    MUST,
    NOT_LATIN1,
    basis=definition(
        "The PEP calls this a fatal error, so the response cannot be a success. No byte can represent a character "
        "above U+00FF in a header."
    ),
    breach=APP,
)
async def non_latin1_header(exchange: Exchange) -> None:
    """A header value with a character above U+00FF is an error: the server must not send a part of the head.

    Sends: A GET request. The app sets `X-Snowman` to a snowman, between other headers.
    Expects: A complete error response, or a connection that closes without a response. The server never sends a part of
    the head.
    Why: A Chinese file name breaks the download in a different way on each server. The client also reads a partial head
    as part of the next response.
    """
    await _assert_complete_error_or_none(exchange, "not-latin1", "the server cannot send the header of the app")


@case(
    SHOULD,
    TRAP_AND_LOG,
    basis=SHOULD_TEXT,
    breach={"no-start": APP, "none-unstarted": APP, "not-latin1": APP},
    variants={each: each for each in ("before-start", "no-start", "none-unstarted", "not-latin1")},
)
async def not_left_hanging(exchange: Exchange, when: str) -> None:
    """After a failure of the app, the client gets a response or the end of its connection.

    Sends: A GET request to an app that fails in one of four ways before the server has sent anything.
    Expects: A response, or the end of the connection, within a second.
    Why: Otherwise the client and its user wait for the timeout of the client, often more than half a minute.
    """
    response = await get_within(exchange, f"/fail?when={when}")
    ended = response.complete or response.ended is not ConnectionState.OPEN
    assert_that(ended, "a response or a closed connection", response.describe())


@case(
    MUST,
    HEADERS_NOT_SENT_YET,
    basis=MUST_TEXT,
    variants={"unstarted": "generator-unstarted", "started": "generator-started"},
)
async def raises_when_iterated(exchange: Exchange, when: str) -> None:
    """When the app raises during iteration but before the first block, the client gets an error and not a success.

    Sends: A GET request to an app that is a generator and raises in its first step, before or after start_response.
    Expects: An error status, preferably 500, or a connection that closes without a response. The client gets no part of
    the 200 of the app.
    Why: Otherwise users, caches and error monitoring take an empty page for the response.
    """
    await _assert_error_response(exchange, when)


@case(MUST, HEADERS_NOT_SENT_YET, basis=MUST_TEXT, needs=["pep3333/start-response/waits-for-first-nonempty"])
async def raises_after_blank(exchange: Exchange) -> None:
    """When the app raises after it has yielded only b'', the client gets an error and not a success.

    Sends: A GET request. The app, a generator, calls start_response, yields b'', and raises.
    Expects: An error status, preferably 500, or a connection that closes without a response. The client gets no part of
    the 200 of the app.
    Why: Middleware yields b'' while it waits for the inner app. Otherwise an error of the inner app looks like an empty
    page.
    """
    await _assert_error_response(exchange, "blank-first")


async def _assert_error_response(exchange: Exchange, when: str) -> None:
    response = await get_within(exchange, f"/fail?when={when}")
    assert_not_success(response, "the app raised before its first block")
    assert_that(not response.all("X-Too-Early"), "no header of the failed response", response.all("X-Too-Early"))


@case(
    MUST,
    NOT_LATIN1,
    basis=definition(
        "The PEP calls this a fatal error, so the response cannot be a success. No byte can represent a character "
        "above U+00FF in a status."
    ),
    breach=APP,
)
async def non_latin1_status(exchange: Exchange) -> None:
    """A status with a character above U+00FF is an error: the server must not send another status instead.

    Sends: A GET request. The reason phrase of the status contains a snowman.
    Expects: An error status, or a connection that closes without a response.
    Why: If only some servers report the error, the developer sees a working page and users of another server see a
    broken one.
    """
    await _assert_complete_error_or_none(exchange, "status-not-latin1", "the server cannot send the status of the app")


async def _assert_complete_error_or_none(exchange: Exchange, when: str, reason: str) -> None:
    response = await get_within(exchange, f"/fail?when={when}")
    assert_not_success(response, reason)
    assert_that(
        response.is_empty or response.complete,
        "a complete error response, or no response",
        f"{response.describe()}: {response.raw[:200]!r}",
    )
