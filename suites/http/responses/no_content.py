"""Statuses that have no body: 204, 205, 304, and those of interim answers."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT, from_sender_semantics
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.conformance.references import rfc9110
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.suites.http.assertions import RESPONSE_TIMEOUT_SECONDS, assert_in_sync, collect_result, send_request

NO_CONTENT = rfc9110(
    "15.3.5", "A 204 response is terminated by the end of the header section; it cannot contain content"
)
NOT_MODIFIED = rfc9110(
    "15.4.5", "A 304 response is terminated by the end of the header section; it cannot contain content"
)
RESET_CONTENT = rfc9110("15.3.6", "a server MUST NOT generate content in a 205 response.")
NO_CHANGE = query(status="304 Not Modified", framing="empty")


async def _assert_no_content(exchange: Exchange, status: str, framing: str) -> Response:
    """Have the app answer with `status`; expect no byte between the head and the next answer."""
    result = await send_request(exchange, exchange.request(f"/respond{query(status=status, framing=framing)}"))
    code = int(status[:3])
    if result.response.status == 500:
        exchange.skip(f"the server takes no {code} with a body from an app, and says so with a 500")
    assertions.assert_equal(result.response.status, code, "the status")
    second_response = result.second_response if result.second_response is not None else Response()
    assertions.assert_that(
        second_response.is_empty or second_response.status == 200, "nothing after the head", second_response.raw[:200]
    )
    assert_in_sync(result)
    return result.response


@case(
    MUST,
    NO_CONTENT,
    basis=from_sender_semantics("A 204 ends with its head by definition: bytes behind it are read as the next answer."),
    breach={"generator": APP},
    variants={"generator": "none", "no-body": "empty"},
)
async def no_body_204(exchange: Exchange, framing: str) -> None:
    """A 204 has no body, no Content-Length and no Transfer-Encoding.

    Sends: a GET to an app that answers 204 without a length, with a body from a generator or with none; then another
    request.
    Expects: a 204 without Content-Length, Transfer-Encoding or a byte of body; the next request on the connection is
    served as itself, or the connection is closed. A server that says 500 to a 204 with a body is left alone.
    Why: Clients know that nothing follows a 204. A last chunk or a body is read as the next answer: the user's next
    click fails.
    """
    response = await _assert_no_content(exchange, "204 No Content", framing)
    for name in ("Content-Length", "Transfer-Encoding"):
        assertions.assert_that(not response.all(name), f"no {name} in a 204", response.all(name))


@case(
    MUST,
    NOT_MODIFIED,
    basis=from_sender_semantics(
        "A 304 ends with its head by definition: bytes behind it, a last chunk too, are read as the next answer."
    ),
    breach={"generator": APP, "length": APP},
    variants={"generator": "none", "no-body": "empty", "length": "length"},
)
async def no_body_304(exchange: Exchange, framing: str) -> None:
    """A 304 has no body, nor a chunk of one.

    Sends: a GET to an app that answers 304 with a body from a generator, with a body and its length, or with none; then
    another request.
    Expects: a 304 with nothing behind its head; the next request on the connection is served as itself, or the
    connection is closed. A Content-Length is allowed, as that of the page; 500 to a 304 with a body is left alone.
    Why: Browsers ask again for what they have cached on connections that are kept. Stray bytes become the next page.
    """
    await _assert_no_content(exchange, "304 Not Modified", framing)


@case(
    MUST,
    rfc9110(
        "8.6",
        "a server MUST NOT send Content-Length in such a response unless its field value equals the decimal number of "
        "octets that would have been sent in the content of a 200 (OK) response to the same request.",
    ),
    basis=MUST_TEXT,
)
async def not_modified_length(exchange: Exchange) -> None:
    """A 304 to which the app gives no length has none, or that of the 200.

    Sends: a GET to an app whose answer is a 200 with a body and its length, and one where it is a 304 with neither.
    Expects: no Content-Length in the 304, or that of the 200.
    Why: A cache that is told of a length of 0 may take it for that of the page, and throw away or cut what it has.
    """
    whole = await exchange.get("/respond")
    response = await exchange.get(f"/respond{NO_CHANGE}")
    if response.status == 500:
        exchange.skip("the server takes no 304 from an app, and says so with a 500")
    assertions.assert_equal(response.status, 304, "the status")
    lengths = response.all("Content-Length")
    assertions.assert_that(
        lengths in ([], whole.all("Content-Length")), "no Content-Length, or that of the 200", lengths
    )


@case(MUST, RESET_CONTENT, basis=MUST_TEXT)
async def no_body_205(exchange: Exchange) -> None:
    """A 205 for which the app gives no body has none, and its end is marked, so that the next answer can be read.

    Sends: a GET to an app that answers 205 with no body and no length; then another request.
    Expects: a 205 without content, its end marked by a length, a last chunk or the end of the connection; the next
    request is served as itself, or the connection is closed.
    Why: Unlike a 204, a 205 is not known to end with its head. A client that is not told waits for a body, and the form
    that it should clear stays as it is.
    """
    result = await send_request(
        exchange, exchange.request(f"/respond{query(status='205 Reset Content', framing='empty')}")
    )
    assertions.assert_equal(result.response.status, 205, "the status")
    whole = result.response.complete and not result.response.length
    assertions.assert_that(
        whole, "no content, and its end marked by a length, a last chunk or the end", result.response.describe()
    )
    assert_in_sync(result)


@case(
    MUST,
    rfc9110(
        "8.6",
        "A server MUST NOT send a Content-Length header field in any response with a status code of 1xx "
        "(Informational) or 204 (No Content).",
    ),
    basis=MUST_TEXT,
    breach=APP,
    variants={"zero": ("0", "empty"), "body": ("5", "none")},
)
async def no_length_204(exchange: Exchange, given: tuple[str, str]) -> None:
    """A 204 has no Content-Length, also where the app gives one.

    Sends: a GET to an app that answers 204 with `Content-Length: 0` and no body, or with `Content-Length: 5` and a
    body; then another request.
    Expects: a 204 without Content-Length and without a byte of body, or a 500 that says that the app is wrong; the next
    request on the connection is served as itself, or the connection is closed. PEP 3333 lets a server add and leave out
    what the message's framing needs.
    Why: Many frameworks set a length on every answer. A client that believes it waits for bytes that never come, or
    takes the next answer for them.
    """
    length, framing = given
    result = await send_request(
        exchange,
        exchange.request(
            f"/respond{query(**{'status': '204 No Content', 'framing': framing, 'h-Content-Length': length})}"
        ),
    )
    if result.response.status == 500:
        return
    assertions.assert_equal(result.response.status, 204, "the status")
    assertions.assert_equal(result.response.all("Content-Length"), [], "the Content-Length of a 204")
    second_response = result.second_response if result.second_response is not None else Response()
    assertions.assert_that(
        second_response.is_empty or second_response.status == 200, "nothing after the head", second_response.raw[:200]
    )
    assert_in_sync(result)


@case(
    MUST,
    rfc9110(
        "15",
        'zero or more "interim" (non-final) responses with status codes in the "informational" (1xx) range, followed '
        'by exactly one "final" response with a status code in one of the other ranges.',
    ),
    basis=from_sender_semantics(
        "One final answer follows by definition. A client that got a 1xx alone waits for it "
        "until it gives up, or takes another's answer for it."
    ),
    breach=APP,
    tags=["security"],
    variants={"100": "100 Continue", "101": "101 Switching Protocols", "103": "103 Early Hints"},
)
async def interim_status(exchange: Exchange, status: str) -> None:
    """An app that answers with a 1xx does not leave the client without a final answer.

    Sends: a GET to an app whose status is 100, 101 or 103, with a body and its length; then another request.
    Expects: a final answer, which can only be an error of the server's: a 1xx is no answer to be waited for. With no
    final answer the connection at least ends at once. The next request on it, if there is one, is served as itself.
    Why: A client reads on behind a 1xx. It takes the body for the final answer's status line, or the next answer,
    another user's behind a proxy, for its own; behind a 101 it speaks another protocol.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request(f"/respond{query(status=status)}"))
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    ending = response.ended
    await connection.close()
    result = await collect_result(exchange, response)
    final = response.status is not None and response.status >= 200
    interim = ", ".join(str(each.status) for each in response.interim) or "no interim answer"
    assertions.assert_that(response.status != 101, "no 101 without an Upgrade in the request", result.describe())
    cut = response.is_empty and ending is not ConnectionState.OPEN
    assertions.assert_that(
        final or cut, "a final answer, or the connection closed", f"{interim}, then {result.describe()}"
    )
