"""Statuses without a body: 204, 205, 304 and interim responses."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT, from_sender_semantics, rfc9110, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.suites.http.assertions import (
    RESPONSE_TIMEOUT_SECONDS,
    SECURITY_TAG,
    assert_in_sync,
    assert_no_body,
    collect_result,
    send_request,
)
from wsgi_gauntlet.suites.http.references import NO_LENGTH_IN_1XX_AND_204

NO_CONTENT = rfc9110(
    "15.3.5", "A 204 response is terminated by the end of the header section; it cannot contain content"
)
NOT_MODIFIED = rfc9110(
    "15.4.5", "A 304 response is terminated by the end of the header section; it cannot contain content"
)
RESET_CONTENT = rfc9110("15.3.6", "a server MUST NOT generate content in a 205 response.")
NO_CHANGE = query(status="304 Not Modified", framing="empty")


async def _assert_no_content(exchange: Exchange, status: str, framing: str) -> Response:
    """Make the app respond with `status`; expect no byte between the headers and the next response."""
    result = await send_request(exchange, exchange.request(f"/respond{query(status=status, framing=framing)}"))
    code = int(status[:3])
    if result.response.status == 500:
        exchange.skip(f"the server answers 500 to an app's {code} with a body")
    assertions.assert_equal(result.response.status, code, "the status")
    assert_no_body(result)
    return result.response


@case(
    MUST,
    NO_CONTENT,
    basis=from_sender_semantics(
        "By definition a 204 ends with its head. A client reads any further bytes as the next response."
    ),
    breach={"generator": APP},
    variants={"generator": "none", "no-body": "empty"},
)
async def no_body_204(exchange: Exchange, framing: str) -> None:
    """A 204 has no body, no Content-Length and no Transfer-Encoding.

    Sends: a GET to an app that responds with 204 and no length, with a body from a generator or without a body. Then
    another request.
    Expects: a 204 without Content-Length, Transfer-Encoding or body. The next request gets its own response, or the
    server closes the connection. If the server answers 500 to a 204 with a body, the case is skipped.
    Why: Clients know that nothing follows the headers of a 204. They read a last chunk or a body as the next response,
    and the user's next click fails.
    """
    response = await _assert_no_content(exchange, "204 No Content", framing)
    for name in ("Content-Length", "Transfer-Encoding"):
        assertions.assert_that(not response.all(name), f"no {name} in a 204", response.all(name))


@case(
    MUST,
    NOT_MODIFIED,
    basis=from_sender_semantics(
        "By definition a 304 ends with its head. A client reads any further bytes, even a last chunk, as the next "
        "response."
    ),
    breach={"generator": APP, "length": APP},
    variants={"generator": "none", "no-body": "empty", "length": "length"},
)
async def no_body_304(exchange: Exchange, framing: str) -> None:
    """A 304 has no body, not even an empty chunk.

    Sends: a GET to an app that responds with 304: with a body from a generator, with a body and its length, or without
    a body. Then another request.
    Expects: a 304 with nothing after its headers. The next request gets its own response, or the server closes the
    connection. The page's Content-Length is allowed. If the server answers 500 to a 304 with a body, the case is
    skipped.
    Why: Browsers revalidate cached pages on persistent connections. Extra bytes become the next page.
    """
    await _assert_no_content(exchange, "304 Not Modified", framing)


@case(
    MUST,
    rfc9112(
        "6.3",
        "Any response to a HEAD request and any response with a 1xx (Informational), 204 (No Content), or 304 (Not "
        "Modified) status code is always terminated by the first empty line after the header fields, regardless of the "
        "header fields present in the message, and thus cannot contain a message body or trailer section.",
    ),
    basis=from_sender_semantics(
        "By definition these responses end with their head. A client reads the bytes of the file as the next response."
    ),
    breach=dict.fromkeys(("204", "204-length", "304", "304-length"), APP),
    variants={
        "204": ("GET", "204 No Content", False),
        "204-length": ("GET", "204 No Content", True),
        "304": ("GET", "304 Not Modified", False),
        "304-length": ("GET", "304 Not Modified", True),
        "head": ("HEAD", "200 OK", False),
        "head-length": ("HEAD", "200 OK", True),
    },
    segmentable=False,
)
async def file_no_body(exchange: Exchange, method_status_length: tuple[str, str, bool]) -> None:
    """A file that the app wraps with wsgi.file_wrapper does not become the body of a 204, a 304 or a HEAD.

    Sends: a GET to an app that responds with 204 or 304 and a wrapped file, or a HEAD to an app that responds with a
    wrapped file. The app sets a Content-Length or none. Then another request, if the response allows it.
    Expects: the status of the app. After the headers come only the next response or the end of the connection. If the
    server answers 500 to a 204 or 304 with a body, the case is skipped. The case is unsupported without
    wsgi.file_wrapper.
    Why: Servers often send files in separate code, with sendfile(). If that code forgets HEAD and 304, each revalidated
    picture damages the next response.
    """
    method, status, declared = method_status_length
    target = "/shaped" + query(what="file", status=status, **({"length": "yes"} if declared else {}))
    result = await send_request(exchange, exchange.request(target, method=method), head=method == "HEAD")
    if exchange.events("absent"):
        exchange.unsupported("environ has no wsgi.file_wrapper, which the PEP does not require")
    if method == "GET" and result.response.status == 500:
        exchange.skip(f"the server answers 500 to an app's {status[:3]} with a body")
    assertions.assert_equal(result.response.status, int(status[:3]), "the status")
    assert_no_body(result)


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
    """If the app gives a 304 no length, the 304 has no Content-Length or that of the 200.

    Sends: a GET to an app that responds with a 200 with a body and its length, and a GET to an app that responds with a
    304 with neither.
    Expects: no Content-Length in the 304, or that of the 200.
    Why: A cache may use a length of 0 as the length of the page, and discard or truncate its copy.
    """
    whole = await exchange.get("/respond")
    response = await exchange.get(f"/respond{NO_CHANGE}")
    if response.status == 500:
        exchange.skip("the server answers 500 to an app's 304")
    assertions.assert_equal(response.status, 304, "the status")
    lengths = response.all("Content-Length")
    assertions.assert_that(
        lengths in ([], whole.all("Content-Length")), "no Content-Length, or that of the 200", lengths
    )


@case(MUST, RESET_CONTENT, basis=MUST_TEXT)
async def no_body_205(exchange: Exchange) -> None:
    """A 205 without a body from the app has none, and its end is marked.

    Sends: a GET to an app that responds with 205, no body and no length. Then another request.
    Expects: a 205 without content. A length, a last chunk or the end of the connection marks its end. The next request
    gets its own response, or the server closes the connection.
    Why: Unlike a 204, a 205 does not end with its headers. Without a marked end, the client waits for a body, and the
    form that it should clear stays filled.
    """
    result = await send_request(
        exchange, exchange.request(f"/respond{query(status='205 Reset Content', framing='empty')}")
    )
    assertions.assert_equal(result.response.status, 205, "the status")
    whole = result.response.complete and not result.response.length
    assertions.assert_that(
        whole,
        "no content, and its end marked by a length, a last chunk or the end of the connection",
        result.response.describe(),
    )
    assert_in_sync(result)


@case(
    MUST,
    NO_LENGTH_IN_1XX_AND_204,
    basis=MUST_TEXT,
    breach=APP,
    variants={"zero": ("0", "empty"), "body": ("5", "none")},
)
async def no_length_204(exchange: Exchange, given: tuple[str, str]) -> None:
    """A 204 has no Content-Length, even if the app gives one.

    Sends: a GET to an app that responds with 204, with `Content-Length: 0` and no body, or with `Content-Length: 5` and
    a body. Then another request.
    Expects: a 204 without Content-Length and without a body, or a 500 because the app is wrong. The next request gets
    its own response, or the server closes the connection. PEP 3333 lets a server add or remove headers that define the
    body.
    Why: Many frameworks set a length on every response. A client that believes it waits for bytes that never come, or
    reads the next response as these bytes.
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
    assert_no_body(result)


@case(
    MUST,
    rfc9110(
        "15",
        'zero or more "interim" (non-final) responses with status codes in the "informational" (1xx) range, followed '
        'by exactly one "final" response with a status code in one of the other ranges.',
    ),
    basis=from_sender_semantics(
        "By definition one final response follows. A client that gets only a 1xx waits until its timeout, or takes "
        "the response to another request as its own."
    ),
    breach=APP,
    tags=SECURITY_TAG,
    variants={"100": "100 Continue", "101": "101 Switching Protocols", "103": "103 Early Hints"},
)
async def interim_status(exchange: Exchange, status: str) -> None:
    """If an app responds with a 1xx, the client still gets a final response.

    Sends: a GET to an app whose status is 100, 101 or 103, with a body and its length.
    Expects: a final response, which can only be an error status from the server. Without a final response, the server
    closes the connection at once. The server never sends 101, because the request has no Upgrade.
    Why: A client continues to read after a 1xx. It reads the body as a status line, or another user's response as its
    own. After a 101 it uses another protocol.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request(f"/respond{query(status=status)}"))
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    connection_state = response.ended
    await connection.close()
    result = await collect_result(exchange, response)
    final = response.status is not None and response.status >= 200
    interim = ", ".join(str(each.status) for each in response.interim) or "no interim response"
    assertions.assert_that(response.status != 101, "no 101 without an Upgrade in the request", result.describe())
    cut = response.is_empty and connection_state is not ConnectionState.OPEN
    assertions.assert_that(
        final or cut, "a final response, or the connection closed", f"{interim}, then {result.describe()}"
    )
