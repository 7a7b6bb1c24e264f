"""What the server's keepers and its next clients notice of an app that broke."""

from __future__ import annotations

import contextlib

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, SHOULD_TEXT, recorded_only
from wsgi_gauntlet.harness.conformance.catalog import INFO, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.harness.errors import ServerError
from wsgi_gauntlet.suites.pep3333.assertions import assert_served, expect_event, get_within

ERRORS = "Error Handling"

TRAP_AND_LOG = pep3333(
    ERRORS,
    "Servers should trap and log any exception that aborts an application or the iteration of its return value.",
)

SECRET = "gauntlet-secret-5f3a"
"""What stands in the text of the app's exceptions."""


SHUTDOWN_WAIT_SECONDS = 0.3
"""Seconds in which a server that shuts down may yet serve somebody: cheroot 11.1 does so for less than 0.02."""

PROCESS_END_WAIT_SECONDS = 2.0
"""Seconds in which a process that has closed its socket comes to its end, and we to know of that."""


async def _assert_next_connection_served(exchange: Exchange, actual: str) -> None:
    try:
        alive = await exchange.alive()
    except ServerError:
        # A server that ends gives up its socket first; that it has ended is what tells whose fault this is.
        await exchange.server.wait_for_end(PROCESS_END_WAIT_SECONDS)
        raise
    assert_that(alive, "the next connection to be served", actual)


@case(
    SHOULD,
    TRAP_AND_LOG,
    basis=SHOULD_TEXT,
    variants={each: each for each in ("before-start", "after-start", "mid-body")},
)
async def logged(exchange: Exchange, when: str) -> None:
    """An exception that the app lets out is in the server's log.

    Sends: A plain request; the app raises before or after start_response or in the middle of its body, with a word of
    its own in the exception's text.
    Expects: That word in the server's output.
    Why: Users report a broken page, and there is no trace of why.
    """
    await get_within(exchange, f"/fail?when={when}")
    assert_that(
        await exchange.log(exchange.token),
        "the exception in the server's output",
        exchange.log_text()[-200:] or "nothing was logged",
    )


@case(SHOULD, TRAP_AND_LOG, basis=SHOULD_TEXT, breach=APP)
async def survives(exchange: Exchange) -> None:
    """After each of these failures the next connection is served.

    Sends: Plain requests to an app that breaks in seven ways, one after the other, with a good request behind each.
    Expects: Each of the good requests is served, on a new connection.
    Why: One broken page, and somebody who reloads it, would take the whole site down.
    """
    for when in ("before-start", "after-start", "mid-body", "no-start", "none", "none-unstarted", "not-latin1"):
        await get_within(exchange, f"/fail?when={when}")
        await _assert_next_connection_served(exchange, f"no answer after an app that broke: {when}")


@case(
    INFO,
    TRAP_AND_LOG,
    basis=recorded_only("The sentence is about the log; no text says what the client may see."),
    tags=["security"],
)
async def no_details_leaked(exchange: Exchange) -> None:
    """Whether the client gets to see the exception's text or a traceback is told.

    Sends: A plain request; the app raises an exception with a word of its own, on a server set up as it comes.
    Expects: Either: whether the client gets to see the word or a traceback is told.
    Why: What helps on a laptop shows an attacker paths, versions and sometimes passwords elsewhere.
    """
    response = await get_within(exchange, "/fail?when=before-start")
    shown = SECRET.encode() in response.body or b"Traceback" in response.body
    assert_that(not shown, "no detail of the exception in the answer", response.body[:300])


@case(SHOULD, TRAP_AND_LOG, basis=SHOULD_TEXT)
async def logged_on_close(exchange: Exchange) -> None:
    """An exception of the body's close() is in the server's log.

    Sends: A plain request; the app's body is whole, and its close() raises with a word of its own.
    Expects: That word in the server's output.
    Why: What the app does after the answer (it gives back connections, writes its statistics) fails for weeks, and
    nobody hears of it.
    """
    await get_within(exchange, "/closing-badly")
    # close() may be called when the client has all of its answer.
    await expect_event(exchange, "closed", "close() to be called")
    assert_that(
        await exchange.log(exchange.token),
        "the exception in the server's output",
        exchange.log_text()[-200:] or "nothing was logged",
    )


@case(SHOULD, TRAP_AND_LOG, basis=SHOULD_TEXT, variants={"length": "?length=yes", "no-length": ""})
async def close_raises(exchange: Exchange, length: str) -> None:
    """An exception of the body's close() does no harm to an answer whose body was given whole, nor to the next one.

    Sends: A plain request; the app gives two blocks, with or without their length, and its close() raises. Then
    another request, on a connection of its own.
    Expects: Both blocks and a clean end; the next request is served.
    Why: The user's page is all there; a fault in the tidying up must not turn it into a broken download.
    """
    assert_served(await get_within(exchange, f"/closing-badly{length}"), b"one\ntwo\n")
    await _assert_next_connection_served(exchange, "no answer")


@case(SHOULD, TRAP_AND_LOG, basis=SHOULD_TEXT)
async def survives_exit(exchange: Exchange) -> None:
    """An app that raises SystemExit does not end the server.

    Sends: A plain request to an app that does what sys.exit() does; a moment later another.
    Expects: The second is answered: by the same process, or by one that the server has started in its place. What the
    client of the first gets is not judged.
    Why: A library that calls exit() on bad input lets one visitor switch off the site for all.
    """
    await get_within(exchange, "/fail?when=system-exit")
    with contextlib.suppress(ServerError):
        idle = await exchange.connect()
        await idle.ending(timeout=SHUTDOWN_WAIT_SECONDS)
        await idle.close()  # one that serves nobody else meanwhile, or waits for all to be done, goes on
    await _assert_next_connection_served(exchange, "no answer after an app that raised SystemExit")
