"""When the app breaks: what the client gets, what is logged, and that the server lives on."""

from __future__ import annotations

from ...harness.catalog import INFO, MUST, SHOULD, case
from ...harness.exchange import Exchange
from ...harness.expect import equal, that
from ...harness.references import pep3333
from ...harness.response import Ending, Framing
from .asking import GLANCE, HANG, asked, not_success, sent

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
TEXT_ONLY = pep3333(
    ERRORS,
    "If a partial response has already been written to the browser when an application error occurs, the server or "
    "gateway may attempt to add an error message to the output, if the already-sent headers indicate a text/* content "
    "type that the server knows how to modify cleanly.",
)

SECRET = "gauntlet-secret-5f3a"
"""What stands in the text of the app's exceptions."""


@case(SHOULD, TRAP)
async def before_start(x: Exchange) -> None:
    """An app that raises before start_response gives the client a well-formed 500.

    Without an answer, browsers show their own page, and proxies try the next server.
    """
    answer = await asked(x, "/fail?when=before-start")
    that(answer.status == 500 and answer.complete, "a complete 500 answer", answer.describe())


@case(SHOULD, TRAP, variants={each: each for each in ("before-start", "after-start", "mid-body")})
async def logged(x: Exchange, when: str) -> None:
    """An exception that the app lets out is in the server's log.

    The exception's text holds a word of its own, and the server's output is searched for it.
    """
    await asked(x, f"/fail?when={when}")
    that(await x.log(x.token), "the exception in the server's output", x.log_so_far()[-200:] or "nothing was logged")


@case(MUST, NOT_YET)
async def after_start_before_body(x: Exchange) -> None:
    """An app that raises after start_response and before the first block gives a 500, and not the app's 200.

    Nothing was sent yet, so the failure can still be told as one.
    """
    answer = await asked(x, "/fail?when=after-start")
    not_success(answer, "the app raised before its first block")
    equal(answer.all("X-Too-Early"), [], "the header of the answer that never was")


@case(SHOULD, pep3333(ERRORS, "The server or gateway can then trap this (fatal) exception and abort the response."))
async def mid_body(x: Exchange) -> None:
    """An app that raises in the middle of its body does not leave a message that looks whole.

    One block of binary data, then an exception. A last chunk or a connection kept open would tell the client, and every
    cache, that half a download is all of it. A body that ends with the connection cannot say more than that.
    """
    wire = await sent(x, "/fail?when=mid-body")
    answer = await wire.response()
    if answer.status is None or answer.status >= 500:
        return
    whole = answer.complete and answer.framing is not Framing.CLOSE
    that(not whole, "no clean end of the message", f"{answer.describe()} ({answer.framing})")
    ending = await wire.ending(timeout=GLANCE)
    that(ending is not Ending.OPEN, "the connection to close", "it stays open")


@case(SHOULD, pep3333(ERRORS, "The server or gateway can then trap this (fatal) exception and abort the response."))
async def mid_body_declared(x: Exchange) -> None:
    """Nor does an app that promised a length, and raises before it has given so much.

    Of 100 bytes of binary data 6 come, then an exception. The connection closes; a client that it is kept open for
    waits for the rest, and one that is sent a second head takes that for the rest.
    """
    wire = await sent(x, "/fail?when=mid-body&length=100")
    answer = await wire.response(timeout=HANG)
    if answer.status is None or answer.status >= 500:
        return
    that(not answer.complete, "no clean end of the message", answer.describe())
    that(b"first\n".startswith(answer.body), "nothing but the block that the app gave", answer.body)
    ending = await wire.ending(timeout=GLANCE)
    that(ending is not Ending.OPEN, "the connection to close", f"{answer.describe()}; it stays open")


@case(
    MUST,
    pep3333(
        DETAILS,
        "the application must invoke the start_response() callable before the iterable yields its first body "
        "bytestring, so that the server can send the headers before any body content",
    ),
)
async def no_start_response(x: Exchange) -> None:
    """A body without start_response is an error, and never passes for a success.

    The app returns a list and calls nothing. There is no status to send: a 200 would be made up.
    """
    not_success(await asked(x, "/fail?when=no-start"), "the app named no status")


@case(
    MUST,
    pep3333(
        DETAILS,
        "When called by the server, the application object must return an iterable yielding zero or more bytestrings.",
    ),
    variants={"started": "none", "not-started": "none-unstarted"},
)
async def returns_none(x: Exchange, when: str) -> None:
    """An app that returns None is an error, and never passes for a success.

    Once after start_response, once without it: a forgotten `return`.
    """
    not_success(await asked(x, f"/fail?when={when}"), "the app returned None")


@case(
    MUST,
    pep3333(
        "Unicode Issues",
        "It is a fatal error for an application to supply strings containing any other Unicode character or code "
        "point.",
    ),
)
async def non_latin1_header(x: Exchange) -> None:
    """A header value with a character beyond U+00FF is an error, and never a head cut off in the middle.

    `X-Snowman` with a snowman, between other headers.
    """
    answer = await asked(x, "/fail?when=not-latin1")
    not_success(answer, "the app's header cannot be sent")
    whole = answer.nothing or answer.complete
    that(whole, "a complete error answer, or none", f"{answer.describe()}: {answer.raw[:200]!r}")


@case(SHOULD, TRAP)
async def survives(x: Exchange) -> None:
    """After each of these failures the next connection is served.

    All of them, one after the other, with a plain request behind each.
    """
    for when in ("before-start", "after-start", "mid-body", "no-start", "none", "none-unstarted", "not-latin1"):
        await asked(x, f"/fail?when={when}")
        that(await x.alive(), "the next connection to be served", f"no answer after an app that broke: {when}")


@case(SHOULD, TRAP, variants={each: each for each in ("before-start", "no-start", "none-unstarted", "not-latin1")})
async def not_left_hanging(x: Exchange, when: str) -> None:
    """After a failure the client gets an answer, or the end of its connection; not silence.

    A request for each way of breaking before anything was sent. A client that hears nothing waits out its own time-out,
    half a minute or more, and its user with it.
    """
    answer = await asked(x, f"/fail?when={when}")
    ended = answer.complete or answer.ended is not Ending.OPEN
    that(ended, "an answer or a closed connection", answer.describe())


@case(MUST, TEXT_ONLY)
async def text_appended_only_to_text(x: Exchange) -> None:
    """No error text is added to a body that is not text.

    One block of application/octet-stream, then an exception. Added to an image or an archive, it breaks what was whole.
    """
    answer = await asked(x, "/fail?when=mid-body")
    if answer.status == 200:
        that(b"first\n".startswith(answer.body), "nothing but the block that the app gave", answer.body)


@case(INFO, TRAP, tags=["security"])
async def no_details_leaked(x: Exchange) -> None:
    """Whether the client gets to see the exception's text or a traceback is told.

    Set up as it comes; what helps on a laptop helps an attacker elsewhere.
    """
    answer = await asked(x, "/fail?when=before-start")
    shown = SECRET.encode() in answer.body or b"Traceback" in answer.body
    that(not shown, "no detail of the exception in the answer", answer.body[:300])
