"""wsgi.early_hints, if the server has it: a 103 that arrives before the final response and damages nothing.

PEP 3333 does not define the key. gunicorn does: a callable with a list of header fields.
"""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    APP,
    MUST_TEXT,
    SENDER_GRAMMAR_RULE,
    from_sender_semantics,
    rfc9110,
)
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.suites.http.assertions import RESPONSE_TIMEOUT_SECONDS, SECURITY_TAG
from wsgi_gauntlet.suites.http.references import BODY_LENGTH
from wsgi_gauntlet.suites.pep3333.assertions import skip_behind_proxy

STYLE = b"</style.css>; rel=preload; as=style"

INTERIM = rfc9110(
    "15.2",
    "The 1xx (Informational) class of status code indicates an interim response for communicating connection status "
    "or request progress prior to completing the requested action and sending a final response.",
)


async def _get_with_hints(exchange: Exchange, what: str, version: str = "HTTP/1.1") -> tuple[Response, bytes]:
    """Return the final response, with its interim responses, and the bytes after it."""
    connection = await exchange.connect()
    await connection.send(exchange.request(f"/early-hints?what={what}", version=version))
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    unread_bytes = connection.unread
    await connection.close()
    await exchange.send_sync_request()
    if exchange.events("absent"):
        exchange.unsupported("environ has no wsgi.early_hints, which the PEP does not define")
    return response, unread_bytes


@case(
    MUST,
    INTERIM,
    basis=from_sender_semantics(
        "By definition an interim response comes before the final one. A 103 with other fields, or after the final "
        "response, is another message than that of the app."
    ),
    variants={"one": ("one", 1), "two": ("two", 2)},
)
async def early_hints_first(exchange: Exchange, what_and_count: tuple[str, int]) -> None:
    """Each early hint of the app is a 103 with its fields, before the final response.

    Sends: a GET. The app calls wsgi.early_hints once or twice with a Link, and responds.
    Expects: one 103 with this Link for each call, and then the response of the app. The case is unsupported if the
    server has no wsgi.early_hints, and skipped behind a proxy.
    Why: Browsers load style sheets while the app still works on the page. A damaged 103 damages the page.
    """
    skip_behind_proxy(exchange)
    what, count = what_and_count
    response, _ = await _get_with_hints(exchange, what)
    assertions.assert_equal(response.status, 200, "the status of the final response")
    hints = [(each.status, each.all("Link")) for each in response.interim]
    assertions.assert_equal(hints, [(103, [STYLE])] * count, "the interim responses")
    assertions.assert_equal(response.body, f"gauntlet {exchange.token}\n".encode(), "the body")


@case(
    MUST,
    rfc9110(
        "15.2",
        "Since HTTP/1.0 did not define any 1xx status codes, a server MUST NOT send a 1xx response to an HTTP/1.0 "
        "client.",
    ),
    basis=MUST_TEXT,
)
async def early_hints_http10(exchange: Exchange) -> None:
    """An HTTP/1.0 client gets no 103.

    Sends: a GET in HTTP/1.0. The app calls wsgi.early_hints and responds.
    Expects: the response of the app, with no interim response before it.
    Why: An old client takes the 103 for the response, and shows the headers of the page as its text.
    """
    response, _ = await _get_with_hints(exchange, "one", "HTTP/1.0")
    assertions.assert_equal(response.status, 200, "the status")
    assertions.assert_equal([each.status for each in response.interim], [], "the interim responses")


@case(
    MUST,
    SENDER_GRAMMAR_RULE,
    basis=MUST_TEXT,
    breach=APP,
    tags=SECURITY_TAG,
    variants={each: each for each in ("value-crlf", "value-lf", "value-head", "name-crlf")},
)
async def early_hints_injection(exchange: Exchange, what: str) -> None:
    """A line ending in an early hint adds no field and no response.

    Sends: a GET. The app calls wsgi.early_hints with CR LF, LF or a whole response in the value, or CR LF in the name.
    Expects: no field and no response that the value contains. The server may reject the hint.
    Why: Hints often contain a part of the URL. An attacker who can put a line ending there sends a whole response to
    the next user.
    """
    response, unread_bytes = await _get_with_hints(exchange, what)
    everything = b"".join(each.raw for each in (*response.interim, response)) + unread_bytes
    injected = [line for line in everything.splitlines() if line.lower().startswith(b"x-injected")]
    assertions.assert_that(not injected, "no field from within a value or name", injected)
    assertions.assert_that(not unread_bytes, "one response", unread_bytes)


@case(
    MUST,
    BODY_LENGTH,
    basis=from_sender_semantics(
        "The Content-Length counts the bytes of the body. A 103 after the head becomes a part of the body, and the "
        "end of the body becomes the next response."
    ),
    breach=APP,
)
async def early_hints_late(exchange: Exchange) -> None:
    """An early hint after the first block does not get into the body.

    Sends: a GET. The app sets a Content-Length, yields a block, calls wsgi.early_hints, and yields the other block.
    Expects: the two blocks and nothing else, or an aborted response. The server may reject the hint.
    Why: A 103 in the middle of a picture damages it, and moves every later response on the connection.
    """
    response, unread_bytes = await _get_with_hints(exchange, "late")
    assertions.assert_that(b"block 1\nblock 2\n".startswith(response.body), "only the blocks of the app", response.body)
    assertions.assert_that(not unread_bytes, "nothing after the body", unread_bytes)
