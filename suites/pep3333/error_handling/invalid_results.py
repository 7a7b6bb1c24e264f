"""The app returns an object that is no iterable of bytes: the client must get an error, and must get it at once."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, definition, from_sender_semantics, pep3333, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.suites.pep3333.assertions import assert_not_success, get_within

RESULTS = {
    each: each
    for each in (
        *("int", "zero", "false", "float", "object", "function", "coroutine", "async-iterable", "async-generator"),
        *("str", "dict"),
    )
}
"""Return values that are no iterables of bytes."""


@case(
    SHOULD,
    pep3333(
        "Specification Details",
        "When called by the server, the application object must return an iterable yielding zero or more bytestrings.",
    ),
    basis=definition(
        "Only the app has the duty to return an iterable of bytes. Another object has no body to send: a server that "
        "sends a complete successful response invents it. No sentence requires a check, so this is not a must."
    ),
    breach=APP,
    variants=RESULTS,
    segmentable=False,
)
async def returns_no_body(exchange: Exchange, what: str) -> None:
    """A return value that is no iterable of bytes is an error: the server must not send a success.

    Sends: A GET request. The app starts a 200 and returns a number, False, an object, a function, a coroutine, an
    asynchronous iterable or generator, a str or a dict.
    Expects: An error status, or an aborted response.
    Why: An `async def` in place of `def`, or a dict as in other frameworks, otherwise gives an empty page, and no error
    is reported.
    """
    response = await get_within(exchange, f"/invalid-result?what={what}")
    assert_not_success(response, f"the app returned no iterable of bytes ({what})")


@case(
    MUST,
    rfc9110(
        "15",
        'zero or more "interim" (non-final) responses with status codes in the "informational" (1xx) range, followed '
        'by exactly one "final" response with a status code in one of the other ranges.',
    ),
    basis=from_sender_semantics(
        "By definition one final response follows a request. If it never comes and the connection stays open, the "
        "client waits until its timeout."
    ),
    breach=APP,
    variants={"none": "none", **RESULTS},
    segmentable=False,
)
async def returns_no_body_answered(exchange: Exchange, what: str) -> None:
    """After a return value that is no iterable of bytes, the client gets a response or the end of its connection.

    Sends: A GET request. The app starts a 200 and returns None, a number, False, an object, a function, a coroutine, an
    asynchronous iterable or generator, a str or a dict.
    Expects: A complete response, or the end of the connection, within a second.
    Why: Otherwise the client and its user wait for the timeout of the client, often more than half a minute.
    """
    response = await get_within(exchange, f"/invalid-result?what={what}")
    ended = response.complete or response.ended is not ConnectionState.OPEN
    assert_that(ended, "a complete response or a closed connection", response.describe())
