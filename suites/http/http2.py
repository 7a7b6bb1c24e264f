"""HTTP/2 with prior knowledge, on the same port as HTTP/1.1 (RFC 9113). Servers without it are `unsupported`.

Frames are the business of other suites. These cases are about requests and responses: what the app gets, and what the
client gets. Nothing of the connection may reach the app, because environ is no HTTP/2 context.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MUST_TEXT,
    cgi_variable,
    from_recipient_semantics,
    from_sender_semantics,
    pep3333,
    rfc9110,
    rfc9113,
    security,
)
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.suites.http.assertions import (
    READ_TO_END_TARGET,
    RESPONSE_TIMEOUT_SECONDS,
    SECURITY_TAG,
    assert_server_alive,
)

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.http.http2 import Field, Http2Connection, Http2Response

UNSUPPORTED_MESSAGE = "the server does not use HTTP/2 on this port"

BODY = bytes(range(256)) * 4

CONNECTION_FIELDS = (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
"""The fields of RFC 9110, section 7.6.1, which belong to a connection of HTTP/1.1."""

INVALID_FIELD = rfc9113(
    "8.2.1",
    "A request or response that contains a field that violates any of these conditions MUST be treated as malformed "
    "(Section 8.1.1).",
)

PSEUDO_FIELDS = rfc9113(
    "8.1.1",
    "Malformed requests or responses that are detected MUST be treated as a stream error (Section 5.4.2) of type "
    "PROTOCOL_ERROR.",
)
"""A request without one of these fields is malformed (8.3.1), and so is one that has a field twice (8.3)."""


async def _open(exchange: Exchange) -> Http2Connection:
    """Return a connection that uses HTTP/2. Raises Unsupported if the server does not."""
    from wsgi_gauntlet.harness.http.http2 import Http2Connection  # loading hpack and hyperframe takes 50 ms

    connection = Http2Connection(await exchange.connect())
    if not await connection.open(RESPONSE_TIMEOUT_SECONDS):
        exchange.unsupported(UNSUPPORTED_MESSAGE)
    return connection


def _fields(exchange: Exchange, target: str, *, method: str = "GET", token: str = "") -> list[Field]:
    return [
        (b":method", method.encode()),
        (b":scheme", b"http"),
        (b":authority", exchange.server.address.authority.encode()),
        (b":path", exchange.target(target).encode()),
        (b"x-gauntlet", (token or exchange.token).encode()),
    ]


async def _ask(connection: Http2Connection, fields: Sequence[Field], blocks: Sequence[bytes] = ()) -> Http2Response:
    """Send one request and return its response. Raises Violation if the server broke the framing of HTTP/2."""
    response = await connection.response(await connection.send(fields, blocks), RESPONSE_TIMEOUT_SECONDS)
    assertions.assert_equal(connection.error, "", "the errors in the frames of the server")
    return response


async def _called(exchange: Exchange, response: Http2Response) -> AppEvent:
    """Return the app's call for a well-formed request. Skips the case if the request was not served."""
    if response.status != 200 or not response.complete:
        exchange.skip(f"a plain request over HTTP/2 got {response.describe()}")
    return await exchange.event("called")


async def _assert_malformed_rejected(exchange: Exchange, fields: Sequence[Field], blocks: Sequence[bytes] = ()) -> None:
    """Expect the server to reject the request on a new connection, and to serve others afterwards."""
    connection = await _open(exchange)
    response = await _ask(connection, fields, blocks)
    nothing = response.status is None and response.error_code is None
    ended = nothing and await connection.ended(RESPONSE_TIMEOUT_SECONDS)
    assertions.assert_that(
        response.rejected or (ended and not exchange.events("called")),
        "a stream error, an error status, or the end of the connection",
        response.describe(),
    )
    await assert_server_alive(exchange)


@case(
    MUST,
    rfc9113(
        "8.3.1",
        "The recipient of an HTTP/2 request MUST NOT use the Host header field to determine the target URI "
        'if ":authority" is present.',
    ),
    basis=MUST_TEXT,
    segmentable=False,
)
async def authority(exchange: Exchange) -> None:
    """HTTP_HOST is the authority of the request.

    Sends: a GET over HTTP/2 with `:authority: one.example:8080` and no Host.
    Expects: HTTP_HOST is `one.example:8080`.
    Why: Clients of HTTP/2 send no Host. Without HTTP_HOST, links and redirects lead to the internal name of the server.
    """
    connection = await _open(exchange)
    fields = [
        (name, b"one.example:8080" if name == b":authority" else value) for name, value in _fields(exchange, "/echo")
    ]
    call = await _called(exchange, await _ask(connection, fields))
    assertions.assert_equal(call.detail["environ"].get("HTTP_HOST"), "one.example:8080", "HTTP_HOST")


@case(
    MUST,
    rfc9113(
        "8.2.3",
        "If there are multiple Cookie header fields after decompression, these MUST be concatenated into a single "
        'octet string using the two-octet delimiter of 0x3b, 0x20 (the ASCII string "; ") before being passed into a '
        "non-HTTP/2 context, such as an HTTP/1.1 connection, or a generic HTTP server application.",
    ),
    basis=MUST_TEXT,
    segmentable=False,
)
async def cookie_crumbs(exchange: Exchange) -> None:
    """Several Cookie fields become one value with `; ` between them.

    Sends: a GET over HTTP/2 with the fields `cookie: a=1`, `cookie: b=2` and `cookie: c=3`, as browsers send them.
    Expects: HTTP_COOKIE is `a=1; b=2; c=3`.
    Why: A comma is a part of a cookie's value. With a comma between the cookies, the app loses the session of the user.
    """
    connection = await _open(exchange)
    crumbs = [(b"cookie", each) for each in (b"a=1", b"b=2", b"c=3")]
    call = await _called(exchange, await _ask(connection, [*_fields(exchange, "/echo"), *crumbs]))
    assertions.assert_equal(call.detail["environ"].get("HTTP_COOKIE"), "a=1; b=2; c=3", "HTTP_COOKIE")


@case(
    MUST,
    pep3333("environ Variables", "The version of the protocol the client used to send the request."),
    basis=cgi_variable("The client used HTTP/2, so the value names version 2."),
    segmentable=False,
)
async def server_protocol(exchange: Exchange) -> None:
    """SERVER_PROTOCOL says HTTP/2.

    Sends: a GET over HTTP/2.
    Expects: SERVER_PROTOCOL is `HTTP/2` or `HTTP/2.0`.
    Why: Apps and middleware choose by it whether they may use features of HTTP/1.1, such as chunks.
    """
    connection = await _open(exchange)
    call = await _called(exchange, await _ask(connection, _fields(exchange, "/echo")))
    assertions.assert_one_of(call.detail["environ"].get("SERVER_PROTOCOL"), ("HTTP/2", "HTTP/2.0"), "SERVER_PROTOCOL")


@case(
    MUST,
    rfc9113(
        "8.1",
        "An HTTP message (request or response) consists of: one HEADERS frame (followed by zero or more CONTINUATION "
        "frames) containing the header section (see Section 6.3 of [HTTP]), zero or more DATA frames containing the "
        "message content (see Section 6.4 of [HTTP])",
    ),
    basis=from_recipient_semantics("The DATA frames together are the content, and the app reads the content."),
    variants={"length": True, "no-length": False},
    segmentable=False,
)
async def body(exchange: Exchange, declared: bool) -> None:
    """The DATA frames of a request are its body, with a Content-Length and without.

    Sends: a POST over HTTP/2 with 1,024 bytes in three DATA frames. One variant has no Content-Length.
    Expects: the app reads these 1,024 bytes. Without a length, the app reads until the input ends.
    Why: Clients of HTTP/2 need no Content-Length. An app that gets an empty upload loses the file of the user.
    """
    connection = await _open(exchange)
    length = [(b"content-length", str(len(BODY)).encode())] if declared else []
    fields = [*_fields(exchange, "/read" if declared else READ_TO_END_TARGET, method="POST"), *length]
    response = await _ask(connection, fields, [BODY[:1], BODY[1:600], BODY[600:]])
    if response.status in (411, 501):
        exchange.skip(f"the server refuses a body without a length: {response.describe()}")
    await _called(exchange, response)
    read = await exchange.event("body")
    assertions.assert_equal(read.detail["data"].encode("latin-1"), BODY, "the body that the app read")


@case(
    MUST,
    rfc9110(
        "6.4.1", "All 1xx (Informational), 204 (No Content), and 304 (Not Modified) responses do not include content."
    ),
    basis=from_sender_semantics(
        "Content in such a response contradicts its meaning. HEAD forbids it likewise (9.3.2)."
    ),
    variants={
        "head": ("HEAD", "/respond"),
        "204": ("GET", "/respond?status=204+No+Content"),
        "304": ("GET", "/respond?status=304+Not+Modified"),
    },
    segmentable=False,
)
async def no_content(exchange: Exchange, request: tuple[str, str]) -> None:
    """The response to HEAD, a 204 and a 304 have no DATA frame with bytes.

    Sends: over HTTP/2, a HEAD or a GET whose response is a 204 or a 304. The app returns a body all the same.
    Expects: a complete response without content.
    Why: Caches and clients reject a response that must be empty and is not. The user then sees an error page.
    """
    method, target = request
    connection = await _open(exchange)
    response = await _ask(connection, _fields(exchange, target, method=method))
    assertions.assert_that(response.status in (200, 204, 304), "the status of the app", response.describe())
    assertions.assert_equal(response.body, b"", "the content")
    assertions.assert_that(response.complete, "a complete response", response.describe())


@case(
    MUST,
    rfc9113("8.2.2", "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields."),
    basis=MUST_TEXT,
    variants={"page": "/echo", "no-length": "/respond?framing=none", "error": "/fail?when=before-start"},
    segmentable=False,
)
async def no_connection_fields(exchange: Exchange, target: str) -> None:
    """A response has no field that belongs to a connection of HTTP/1.1.

    Sends: a GET over HTTP/2, for a page, a response without a Content-Length, and a failure of the app.
    Expects: no Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding or Upgrade.
    Why: Browsers reject such a response completely, and the user sees an error of the protocol.
    """
    connection = await _open(exchange)
    response = await _ask(connection, _fields(exchange, target))
    if response.status is None:
        exchange.skip(f"no response: {response.describe()}")
    found = [name for name, _ in response.fields if name.lower() in CONNECTION_FIELDS]
    assertions.assert_equal(found, [], "the connection-specific fields")


@case(
    MUST,
    rfc9113(
        "5",
        "A single HTTP/2 connection can contain multiple concurrently open streams, with either endpoint interleaving "
        "frames from multiple streams.",
    ),
    basis=from_sender_semantics("A frame belongs to the stream whose number it has."),
    segmentable=False,
)
async def own_response(exchange: Exchange) -> None:
    """Each of twenty requests on one connection gets its own response.

    Sends: twenty GET requests on one connection, before the first response.
    Expects: each stream gets the body that its request names.
    Why: A response on another stream shows one user the page of another, if a proxy shares the connection.
    """
    connection = await _open(exchange)
    names = [f"{exchange.token}.{number}" for number in range(20)]
    streams = [await connection.send(_fields(exchange, f"/mine?n={name}")) for name in names]
    bodies = [
        (await connection.response(stream, RESPONSE_TIMEOUT_SECONDS)).body.decode("latin-1") for stream in streams
    ]
    assertions.assert_equal(connection.error, "", "the errors in the frames of the server")
    if not any(bodies):
        exchange.skip("the server answered none of the requests")
    wrong = [(name, each) for name, each in zip(names, bodies, strict=True) if each and each != name]
    assertions.assert_equal(wrong, [], "the responses with another body")


@case(
    MUST,
    rfc9113(
        "6.9.1",
        "The sender MUST NOT send a flow-controlled frame with a length that exceeds the space available in either of "
        "the flow-control windows advertised by the receiver.",
    ),
    basis=MUST_TEXT,
    segmentable=False,
)
async def large_response(exchange: Exchange) -> None:
    """A response that is larger than the window of the client arrives complete.

    Sends: a GET over HTTP/2 for a page of 300,000 bytes. The client opens its window again as it reads.
    Expects: 300,000 bytes, and never more at once than the window allows.
    Why: The window is 65,535 bytes at first. A server that ignores it loses the connection, and the user the download.
    """
    connection = await _open(exchange)
    response = await _ask(connection, _fields(exchange, "/page?size=300000"))
    if response.status != 200:
        exchange.skip(f"a large page got {response.describe()}")
    assertions.assert_that(response.complete, "a complete response", response.describe())
    assertions.assert_that(len(response.body) >= 300_000, "300,000 bytes", response.describe())


@case(
    MUST,
    rfc9113(
        "8.1.1",
        "A request or response that is defined as having content when it contains a Content-Length header field "
        "(Section 8.6 of [HTTP]) is malformed if the value of the Content-Length header field does not equal the sum "
        "of the DATA frame payload lengths that form the content, unless the message is defined as having no content.",
    ),
    basis=security(
        "The app reads as many bytes as the length says. It waits for bytes that never come, or takes a part of an "
        "upload for the whole. The section calls its rules deliberately strict because permissive servers are attacked."
    ),
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"short": b"3", "long": b"7", "none": b"5"},
    segmentable=False,
)
async def length_mismatch(exchange: Exchange, length: bytes) -> None:
    """A request whose Content-Length is not the size of its DATA frames is malformed.

    Sends: a POST over HTTP/2 with five bytes and a Content-Length of 3 or 7, and one with a length of 5 and no DATA.
    Expects: a stream error, an error status, or the end of the connection.
    Why: The server behind, or the app, reads as many bytes as the length says: the rest becomes the next request.
    """
    fields = [*_fields(exchange, "/read", method="POST"), (b"content-length", length)]
    await _assert_malformed_rejected(exchange, fields, [] if length == b"5" else [b"hello"])


@case(
    MUST,
    INVALID_FIELD,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "value-nul": (b"x-field", b"a\0b"),
        "value-lf": (b"x-field", b"a\nx-added: 1"),
        "value-cr": (b"x-field", b"a\rx-added: 1"),
        "value-crlf": (b"x-field", b"a\r\nx-added: 1"),
        "name-upper-case": (b"X-Field", b"a"),
        "name-blank": (b"x field", b"a"),
        "name-colon": (b"x-field: a", b"b"),
        "name-crlf": (b"x-field: a\r\nx-added", b"1"),
        "name-obs-text": (b"x-f\xe9eld", b"a"),
        "name-empty": (b"", b"a"),
    },
    segmentable=False,
)
async def invalid_field(exchange: Exchange, added: Field) -> None:
    """A request with a field that HTTP/2 forbids is rejected.

    Sends: a GET over HTTP/2 with one field: NUL, CR or LF in its value, or a character in its name that is forbidden.
    Expects: a stream error, an error status, or the end of the connection.
    Why: In HTTP/1.1 these bytes end a line. A proxy that passes them on lets one request carry another one.
    """
    await _assert_malformed_rejected(exchange, [*_fields(exchange, "/echo"), added])


@case(
    MUST,
    rfc9113(
        "8.2.2",
        "Any message containing connection-specific header fields MUST be treated as malformed (Section 8.1.1).",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "connection": (b"connection", b"close"),
        "keep-alive": (b"keep-alive", b"timeout=5"),
        "proxy-connection": (b"proxy-connection", b"keep-alive"),
        "transfer-encoding": (b"transfer-encoding", b"chunked"),
        "upgrade": (b"upgrade", b"websocket"),
    },
    segmentable=False,
)
async def connection_field(exchange: Exchange, added: Field) -> None:
    """A request with a field that belongs to a connection of HTTP/1.1 is rejected.

    Sends: a GET over HTTP/2 with Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding or Upgrade.
    Expects: a stream error, an error status, or the end of the connection.
    Why: `Transfer-Encoding: chunked` that a proxy passes on makes the server behind it read the body in another way.
    """
    await _assert_malformed_rejected(exchange, [*_fields(exchange, "/echo"), added])


@case(
    MUST,
    PSEUDO_FIELDS,
    basis=MUST_TEXT,
    breach=CLIENT,
    variants={
        "no-method": (b":method", b""),
        "no-scheme": (b":scheme", b""),
        "no-path": (b":path", b""),
        "two-methods": (b":method", b"POST"),
        "two-paths": (b":path", b"/other"),
    },
    segmentable=False,
)
async def pseudo_fields(exchange: Exchange, changed: Field) -> None:
    """A request that lacks a pseudo-header field, or has one twice, is rejected.

    Sends: a GET over HTTP/2 without `:method`, `:scheme` or `:path`, or with two values of `:method` or `:path`.
    Expects: a stream error, an error status, or the end of the connection.
    Why: Two paths let a proxy check one and the app serve the other.
    """
    name, value = changed
    fields = _fields(exchange, "/echo")
    if value:
        last = max(number for number, (field, _) in enumerate(fields) if field.startswith(b":"))
        fields.insert(last + 1, (name, value))
    else:
        fields = [each for each in fields if each[0] != name]
    await _assert_malformed_rejected(exchange, fields)
