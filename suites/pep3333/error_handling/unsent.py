"""The app breaks before anything was sent: there is room for an honest error."""

from __future__ import annotations

from ....harness.attempts.exchange import Exchange
from ....harness.basis import APP, MUST_TEXT, SHOULD_TEXT, definition
from ....harness.catalog import MUST, SHOULD, case
from ....harness.expect import equal, that
from ....harness.references import pep3333
from ....harness.response import Ending
from ..asking import (
    asked,
    not_success,
)

ERRORS = "Error Handling"

START = "The start_response() Callable"

DETAILS = "Specification Details"

TRAP = pep3333(
    ERRORS,
    "Servers should trap and log any exception that aborts an application or the iteration of its return value.",
)

NOT_YET = pep3333(
    START,
    "In other words, response headers must not be sent until there is actual body data available, or until the "
    "application's returned iterable is exhausted.",
)


@case(SHOULD, TRAP, basis=SHOULD_TEXT)
async def before_start(x: Exchange) -> None:
    """An app that raises before start_response gives the client a well-formed 500.

    Sends: A plain request; the app raises before it calls start_response.
    Expects: A complete answer with status 500.
    Why: Without an answer browsers show a page of their own about the connection, and proxies try the next server and
    break that too.
    """
    answer = await asked(x, "/fail?when=before-start")
    that(answer.status == 500 and answer.complete, "a complete 500 answer", answer.describe())


@case(MUST, NOT_YET, basis=MUST_TEXT)
async def after_start_before_body(x: Exchange) -> None:
    """An app that raises after start_response and before the first block gives a 500, and not the app's 200.

    Sends: A plain request; the app calls start_response with a 200 and raises before it returns a body.
    Expects: An error status, best a 500, or a connection that closes; nothing of the 200 and its headers.
    Why: Nothing was sent yet, so the failure can still be told as one: users, caches and monitors would take an empty
    page for the answer.
    """
    answer = await asked(x, "/fail?when=after-start")
    not_success(answer, "the app raised before its first block")
    equal(answer.all("X-Too-Early"), [], "the header of the answer that never was")


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
async def no_start_response(x: Exchange) -> None:
    """A body without start_response is an error, and never passes for a success.

    Sends: A plain request; the app returns a list of bytes and calls nothing.
    Expects: An error status, or a connection that closes. There is no status to send: a 200 would be made up.
    Why: A page that an error has cut short is shown, and cached, as if it were right.
    """
    not_success(await asked(x, "/fail?when=no-start"), "the app named no status")


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
async def returns_none(x: Exchange, when: str) -> None:
    """An app that returns None is an error, and never passes for a success.

    Sends: A plain request; the app returns None, after start_response or without it.
    Expects: An error status, or an answer that is broken off.
    Why: A forgotten `return` shows an empty page that nobody is told of.
    """
    not_success(await asked(x, f"/fail?when={when}"), "the app returned None")


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
async def non_latin1_header(x: Exchange) -> None:
    """A header value with a character beyond U+00FF is an error, and never a head cut off in the middle.

    Sends: A plain request; the app sets `X-Snowman` to a snowman, between other headers.
    Expects: A complete error answer, or a connection that closes without one; never a part of the head.
    Why: A file name in Chinese breaks the download in a way that depends on the server, and half a head is read by the
    next request.
    """
    answer = await asked(x, "/fail?when=not-latin1")
    not_success(answer, "the app's header cannot be sent")
    whole = answer.nothing or answer.complete
    that(whole, "a complete error answer, or none", f"{answer.describe()}: {answer.raw[:200]!r}")


@case(
    SHOULD,
    TRAP,
    basis=SHOULD_TEXT,
    breach={"no-start": APP, "none-unstarted": APP, "not-latin1": APP},
    variants={each: each for each in ("before-start", "no-start", "none-unstarted", "not-latin1")},
)
async def not_left_hanging(x: Exchange, when: str) -> None:
    """After a failure the client gets an answer, or the end of its connection; not silence.

    Sends: A plain request to an app that breaks before anything was sent: in one of four ways.
    Expects: An answer, or the end of the connection, within a second.
    Why: A client that hears nothing waits out its own time-out, half a minute or more, and its user with it.
    """
    answer = await asked(x, f"/fail?when={when}")
    ended = answer.complete or answer.ended is not Ending.OPEN
    that(ended, "an answer or a closed connection", answer.describe())


@case(
    MUST,
    NOT_YET,
    basis=MUST_TEXT,
    variants={"unstarted": "generator-unstarted", "started": "generator-started"},
)
async def raises_when_iterated(x: Exchange, when: str) -> None:
    """An app that raises when its body is iterated, and before the first block, gives an error and not a success.

    Sends: A plain request to an app that is a generator, and raises at its first step: before start_response or after
    it.
    Expects: An error status, best a 500, or a connection that closes without an answer; nothing of the 200 that the app
    had begun.
    Why: The user sees an empty page and takes it for the answer; so do caches, and the monitoring that counts errors.
    """
    await _no_success(x, when)


@case(MUST, NOT_YET, basis=MUST_TEXT, needs=["pep3333/start-response/waits-for-first-nonempty"])
async def raises_after_blank(x: Exchange) -> None:
    """Nor does an app that has yielded nothing but b'' when it raises.

    Sends: A plain request; the app, a generator, calls start_response, yields b'', and raises.
    Expects: An error status, best a 500, or a connection that closes without an answer; nothing of the 200 that the app
    had begun.
    Why: Middleware yields b'' while it waits for the app behind it; the error of that app would pass for an empty page.
    """
    await _no_success(x, "blank-first")


async def _no_success(x: Exchange, when: str) -> None:
    answer = await asked(x, f"/fail?when={when}")
    not_success(answer, "the app raised before its first block")
    equal(answer.all("X-Too-Early"), [], "the header of the answer that never was")


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
async def non_latin1_status(x: Exchange) -> None:
    """A status with a character beyond U+00FF is an error, and never goes out as something else.

    Sends: A plain request; the reason of the app's status holds a snowman.
    Expects: An error status, or a connection that closes without an answer.
    Why: A text that only some servers can send shows its author nothing at home, and users a broken page elsewhere.
    """
    answer = await asked(x, "/fail?when=status-not-latin1")
    not_success(answer, "the app's status cannot be sent")
    whole = answer.nothing or answer.complete
    that(whole, "a complete error answer, or none", f"{answer.describe()}: {answer.raw[:200]!r}")
