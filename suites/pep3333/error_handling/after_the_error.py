"""The effects of a failed app: log entries, details that the client sees, and the next requests."""

from __future__ import annotations

import contextlib

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, SHOULD_TEXT, pep3333, recorded_only
from wsgi_gauntlet.harness.conformance.catalog import INFO, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.errors import ServerError
from wsgi_gauntlet.suites.pep3333.assertions import assert_served, expect_event, get_within

ERRORS = "Error Handling"

TRAP_AND_LOG = pep3333(
    ERRORS,
    "Servers should trap and log any exception that aborts an application or the iteration of its return value.",
)

SECRET = "gauntlet-secret-5f3a"
"""A part of the text of the app's exceptions."""

SHUTDOWN_WAIT_SECONDS = 0.3
"""Seconds in which a server may still serve clients during its shutdown. cheroot 11.1 does so for less than 0.02 s."""

PROCESS_END_WAIT_SECONDS = 2.0
"""Seconds in which a process ends after it has closed its socket, and the harness notices this."""


async def _assert_next_connection_served(exchange: Exchange, actual: str) -> None:
    try:
        alive = await exchange.alive()
    except ServerError:
        # A server closes its socket before it ends. The end of the process shows that the server is to blame.
        await exchange.server.wait_for_end(PROCESS_END_WAIT_SECONDS)
        raise
    assert_that(alive, "the server to serve the next connection", actual)


async def _assert_exception_logged(exchange: Exchange) -> None:
    assert_that(
        await exchange.log(exchange.token),
        "the exception in the output of the server",
        exchange.log_text()[-200:] or "no output",
    )


@case(
    SHOULD,
    TRAP_AND_LOG,
    basis=SHOULD_TEXT,
    variants={each: each for each in ("before-start", "after-start", "mid-body")},
)
async def logged(exchange: Exchange, when: str) -> None:
    """The server logs an exception that the app does not catch.

    Sends: A GET request. The app raises before or after start_response, or in the middle of its body. The exception
    text contains a unique word.
    Expects: The word appears in the output of the server.
    Why: Users report a broken page, and the operator finds no reason.
    """
    await get_within(exchange, f"/fail?when={when}")
    await _assert_exception_logged(exchange)


@case(SHOULD, TRAP_AND_LOG, basis=SHOULD_TEXT, breach=APP)
async def survives(exchange: Exchange) -> None:
    """After each failure of the app, the server serves the next connection.

    Sends: GET requests to an app that fails in seven ways, one after the other. A valid request follows each.
    Expects: The server serves each valid request on a new connection.
    Why: Otherwise one broken page and a user who reloads it stop the whole site.
    """
    for when in ("before-start", "after-start", "mid-body", "no-start", "none", "none-unstarted", "not-latin1"):
        await get_within(exchange, f"/fail?when={when}")
        await _assert_next_connection_served(exchange, f"no response after a failure of the app ({when})")


@case(
    INFO,
    TRAP_AND_LOG,
    basis=recorded_only("The sentence is about the log. No specification says what the client may see."),
    tags=["security"],
)
async def no_details_leaked(exchange: Exchange) -> None:
    """The harness records whether the client sees the exception text or a traceback.

    Sends: A GET request. The app raises an exception with a unique word. The server runs with its default settings.
    Expects: Either. Whether the client sees the word or a traceback is recorded; nothing is required.
    Why: Details that help a developer show an attacker paths, versions and sometimes passwords.
    """
    response = await get_within(exchange, "/fail?when=before-start")
    shown = SECRET.encode() in response.body or b"Traceback" in response.body
    assert_that(not shown, "no detail of the exception in the response", response.body[:300])


@case(SHOULD, TRAP_AND_LOG, basis=SHOULD_TEXT)
async def logged_on_close(exchange: Exchange) -> None:
    """The server logs an exception that close() of the body raises.

    Sends: A GET request. The body is complete, and its close() raises an exception with a unique word.
    Expects: The word appears in the output of the server.
    Why: Apps return connections and write statistics after the response. Otherwise this can fail for weeks unnoticed.
    """
    await get_within(exchange, "/closing-badly")
    # The server may call close() after the client has received the response.
    await expect_event(exchange, "closed", "close() to be called")
    await _assert_exception_logged(exchange)


@case(SHOULD, TRAP_AND_LOG, basis=SHOULD_TEXT, variants={"length": "?length=yes", "no-length": ""})
async def close_raises(exchange: Exchange, length: str) -> None:
    """An exception in close() of the body harms neither the complete response nor the next request.

    Sends: A GET request. The app gives two blocks, with or without Content-Length, and its close() raises. Then another
    request on a new connection.
    Expects: Both blocks and a proper end. The server serves the next request.
    Why: The page is complete. An error in the cleanup must not turn it into a broken download.
    """
    assert_served(await get_within(exchange, f"/closing-badly{length}"), b"one\ntwo\n")
    await _assert_next_connection_served(exchange, "no response")


@case(SHOULD, TRAP_AND_LOG, basis=SHOULD_TEXT)
async def survives_exit(exchange: Exchange) -> None:
    """An app that raises SystemExit does not stop the server.

    Sends: A GET request to an app that calls sys.exit(), and a moment later another request.
    Expects: A response to the second request, from the same process or from a new one. The first response is not
    judged.
    Why: Otherwise one visitor can stop the whole site if a library calls exit() on invalid input.
    """
    await get_within(exchange, "/fail?when=system-exit")
    with contextlib.suppress(ServerError):
        idle = await exchange.connect()
        await idle.ending(timeout=SHUTDOWN_WAIT_SECONDS)
        await idle.close()  # a server may wait for this connection before it serves others or shuts down
    await _assert_next_connection_served(exchange, "no response after an app that raised SystemExit")
