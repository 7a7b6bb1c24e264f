"""The Upgrade header: a server that does not take the other protocol serves the request as if it were not there."""

from __future__ import annotations

import base64
import hashlib

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    MUST_TEXT,
    from_recipient_semantics,
    recorded_only,
    rfc6455,
    rfc7540,
    rfc9110,
)
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.http.response import starts_with_h2_settings
from wsgi_gauntlet.suites.http.assertions import (
    LONG_DEADLINE_SECONDS,
    NEEDS_CHUNKED,
    NEEDS_UNREAD_CHUNKS,
    READ_TO_END_TARGET,
    RESPONSE_TIMEOUT_SECONDS,
    SECURITY_TAG,
    RequestResult,
    assert_body_served,
    assert_following_get_served,
    assert_for_each,
    assert_in_sync,
    assert_not_smuggled,
    assert_served,
    assert_server_alive,
    is_rejected_with,
    post_request,
    raw_request,
    record_behaviour,
    send_request,
    send_with_following_get,
    smuggled_request,
)
from wsgi_gauntlet.suites.http.references import READ_OR_CLOSE

HTTP_OK, SWITCHING_PROTOCOLS = 200, 101

H2_SETTINGS = "HTTP2-Settings: AAMAAABkAAQAAP__"
"""The payload of a SETTINGS frame, in base64url: 100 concurrent streams, a window of 65,535 bytes."""

H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", H2_SETTINGS)

WEBSOCKET_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    f"Sec-WebSocket-Key: {WEBSOCKET_KEY}",
    "Sec-WebSocket-Version: 13",
)
TLS = ("Connection: Upgrade", "Upgrade: TLS/1.0")
UNKNOWN = ("Connection: Upgrade", "Upgrade: gauntlet/1")

MAY_IGNORE = rfc9110(
    "7.8",
    "A server MAY ignore a received Upgrade header field if it wishes to continue using the current protocol on that "
    "connection.",
)
UNTAKEN = {
    "unknown": UNKNOWN,
    "list": ("Connection: upgrade", "Upgrade: gauntlet/1, other"),
    "tls": TLS,
    "websocket": WEBSOCKET,
    "websocket-alone": ("Connection: Upgrade", "Upgrade: websocket"),
    "h2c-alone": ("Connection: Upgrade", "Upgrade: h2c"),
    "no-option": ("Upgrade: gauntlet/1",),
    "option-alone": ("Connection: Upgrade",),
}
"""Upgrades that no server may take for a POST: the protocol is unknown, or its handshake is incomplete."""

OF_WEBSOCKET = ("websocket", "websocket-alone")
"""Those that a server with WebSocket may reject (RFC 6455, 4.2.1): its handshake is a GET."""


@case(
    MUST,
    MAY_IGNORE,
    basis=from_recipient_semantics(
        "A server that ignores the header continues in HTTP/1.1. Then all rules for HTTP/1.1 apply to the request and "
        "its body."
    ),
    variants={
        "length": (tuple(name for name in UNTAKEN if name not in OF_WEBSOCKET), False),
        "chunks": (("unknown", "option-alone"), True),
        "websocket-length": (OF_WEBSOCKET, False),
        "websocket-chunks": (OF_WEBSOCKET, True),
    },
    needs={"chunks": NEEDS_CHUNKED, "websocket-chunks": NEEDS_CHUNKED},
    deadline=LONG_DEADLINE_SECONDS,
)
async def with_body(exchange: Exchange, names_and_chunks: tuple[tuple[str, ...], bool]) -> None:
    """A request with a body and an Upgrade that the server does not take is served in HTTP/1.1.

    Sends: several POSTs of five bytes, with a length or in a chunk, and with `Upgrade: gauntlet/1`, `TLS/1.0`,
    `websocket` or `h2c`. None of these handshakes is one that a server can take for a POST.
    Expects: for each, the app reads the five bytes. A server that accepts no chunks may answer 411, and one with
    WebSocket may answer 4xx to `websocket`. The next request gets its own response, or the server closes the
    connection.
    Why: Browsers, proxies and libraries offer upgrades in plain requests. Their users' uploads, and the requests
    after them, must not be lost.
    """
    names, chunks = names_and_chunks
    framing, body = (
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n") if chunks else ("Content-Length: 5", b"hello")
    )
    target = READ_TO_END_TARGET if chunks else "/read"
    requests = {name: post_request(exchange, *UNTAKEN[name], framing, body=body, target=target) for name in names}
    await assert_for_each(exchange, requests, _assert_read_or_rejected if names is OF_WEBSOCKET else _assert_read)


def _assert_read(result: RequestResult) -> None:
    assert_body_served(result, b"hello")


def _assert_read_or_rejected(result: RequestResult) -> None:
    if is_rejected_with(result):
        assert_in_sync(result)
    else:
        _assert_read(result)


@case(
    MUST,
    MAY_IGNORE,
    basis=from_recipient_semantics(
        "A server that ignores the header continues in HTTP/1.1. Then the next request on the connection is one in "
        "HTTP/1.1 too."
    ),
    variants={name: UNTAKEN[name] for name in ("list", "tls", "no-option", "option-alone")},
)
async def without_body(exchange: Exchange, fields: tuple[str, ...]) -> None:
    """After a GET with an Upgrade that the server does not take, the next request is served in HTTP/1.1.

    Sends: a GET with `Upgrade: gauntlet/1, other` or `TLS/1.0`, or with only one of the two headers of an upgrade. Then
    another request.
    Expects: the server serves the request with one call of the app. The next request gets its own response, or the
    server closes the connection.
    Why: Clients offer an upgrade with their first request and go on if the server does not take it. All their later
    requests must not be lost.
    """
    assert_served(await send_request(exchange, _get(exchange, *fields)))


@case(
    MUST,
    MAY_IGNORE,
    basis=from_recipient_semantics(
        "A server that ignores the header continues in HTTP/1.1. Then the bytes after the request are the next request."
    ),
    variants={
        "get": ("GET", (), b""),
        "length": ("POST", ("Content-Length: 5",), b"hello"),
        "chunks": ("POST", ("Transfer-Encoding: chunked",), b"5\r\nhello\r\n0\r\n\r\n"),
    },
    needs={
        "get": ["http/framing/cl-then-next"],
        "length": ["http/framing/cl-then-next"],
        "chunks": ["http/chunked/then-next"],
    },
)
async def then_next(exchange: Exchange, what: tuple[str, tuple[str, ...], bytes]) -> None:
    """A request that directly follows one with an Upgrade that the server does not take is served.

    Sends: a GET or POST with `Upgrade: gauntlet/1`, and a GET, in one piece.
    Expects: after a 200, the second request gets its own response, or the first response says that the connection
    closes. The case `with-body` checks the first response.
    Why: A proxy sends its users' requests in such sequences. A server that reads everything after an Upgrade as another
    protocol loses the next user's request.
    """
    method, framing, body = what
    target = READ_TO_END_TARGET if b"\r\n" in body else "/read"
    first, second = await send_with_following_get(
        exchange, post_request(exchange, *UNKNOWN, *framing, body=body, target=target, method=method)
    )
    await assert_server_alive(exchange)
    if first.status == HTTP_OK:
        assert_following_get_served(exchange, first, second)


@case(
    MUST,
    READ_OR_CLOSE,
    basis=MUST_TEXT,
    tags=SECURITY_TAG,
    variants={
        "unknown": (UNKNOWN, False),
        "tls": (TLS, False),
        "h2c": (H2C, False),
        "websocket": (WEBSOCKET, False),
        "unknown-chunks": (UNKNOWN, True),
        "h2c-chunks": (H2C, True),
    },
    needs={"unknown-chunks": NEEDS_UNREAD_CHUNKS, "h2c-chunks": NEEDS_UNREAD_CHUNKS},
)
async def unread_body(exchange: Exchange, what: tuple[tuple[str, ...], bool]) -> None:
    """The body of a request with Upgrade, which the app does not read, never becomes a request.

    Sends: a POST with an Upgrade whose body, with a length or in a chunk, is a whole request. The app does not read it.
    Then another request.
    Expects: a response. The request in the body is never served in HTTP/1.1. The next request gets its own response,
    or the server closes the connection. After a 101 nothing more is checked.
    Why: Some servers treat everything after an Upgrade as another protocol, and forget that the request has a body. A
    proxy in front forwarded that body unchecked.
    """
    fields, chunks = what
    hidden = smuggled_request(exchange)
    framing = "Transfer-Encoding: chunked" if chunks else f"Content-Length: {len(hidden)}"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden) if chunks else hidden
    result = await send_request(exchange, post_request(exchange, *fields, framing, body=body, target="/echo"))
    if result.response.status != SWITCHING_PROTOCOLS:
        assertions.assert_that(result.response.status is not None, "a response", result.describe())
        assert_not_smuggled(result)


async def _response_to_upgrade(exchange: Exchange, data: bytes) -> tuple[Response, bytes]:
    """Send `data` on a new connection. Return the response and, after a 101, the first bytes behind it."""
    connection = await exchange.connect()
    await connection.send(data)
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    following = b""
    if response.status == SWITCHING_PROTOCOLS:
        following = (await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)).raw
    await connection.close()
    await assert_server_alive(exchange)
    return response, following


def _get(exchange: Exchange, *fields: str, version: str = "HTTP/1.1", method: str = "GET") -> bytes:
    return raw_request(exchange, f"{method} {exchange.target('/echo')} {version}", *fields)


@case(
    MUST,
    rfc7540(
        "3.2.1",
        "A server MUST NOT upgrade the connection to HTTP/2 if this header field is not present or if more than one is "
        "present.",
    ),
    basis=MUST_TEXT,
    variants={
        "no-settings": H2C[:2],
        "no-settings-named": ("Connection: Upgrade", "Upgrade: h2c"),
        "two-settings": (*H2C, H2_SETTINGS),
    },
)
async def h2c_settings(exchange: Exchange, fields: tuple[str, ...]) -> None:
    """A request for h2c without exactly one HTTP2-Settings does not switch to HTTP/2.

    Sends: a GET with `Upgrade: h2c`, and with no HTTP2-Settings or with two of them.
    Expects: any response but 101.
    Why: The settings are the client's first HTTP/2 message. Without them the server may send what the client cannot
    take, and the connection breaks.
    """
    response, _ = await _response_to_upgrade(exchange, _get(exchange, *fields))
    assertions.assert_that(
        response.status not in (None, SWITCHING_PROTOCOLS), "a response other than 101", response.describe()
    )


@case(
    MUST,
    rfc7540("3.2", 'A server MUST ignore an "h2" token in an Upgrade header field.'),
    basis=MUST_TEXT,
)
async def h2_token(exchange: Exchange) -> None:
    """An Upgrade to `h2`, which means HTTP/2 over TLS, is ignored.

    Sends: a GET with `Upgrade: h2`, `HTTP2-Settings` and the two connection options.
    Expects: any response but 101.
    Why: A client that confuses the two names expects TLS next. After a 101, neither side understands the other.
    """
    response, _ = await _response_to_upgrade(exchange, _get(exchange, H2C[0], "Upgrade: h2", H2_SETTINGS))
    assertions.assert_that(
        response.status not in (None, SWITCHING_PROTOCOLS), "a response other than 101", response.describe()
    )


@case(
    MUST,
    rfc7540("3.2", "The first HTTP/2 frame sent by the server MUST be a server connection preface"),
    basis=MUST_TEXT,
)
async def h2c_switch(exchange: Exchange) -> None:
    """A server that switches to h2c says so and begins with SETTINGS; another one serves the request in HTTP/1.1.

    Sends: a GET with `Upgrade: h2c`, `HTTP2-Settings` and the two connection options.
    Expects: 101 with `Upgrade: h2c`, and a SETTINGS frame after it. Or any other response.
    Why: curl and Java's client ask in this way. After a 101 they read HTTP/2, and any other byte breaks the connection.
    """
    response, following = await _response_to_upgrade(exchange, _get(exchange, *H2C))
    assertions.assert_that(response.status is not None, "a response", response.describe())
    if response.status == SWITCHING_PROTOCOLS:
        assertions.assert_equal(response.options("upgrade"), ["h2c"], "the Upgrade header of the 101")
        assertions.assert_that(starts_with_h2_settings(following), "a SETTINGS frame after the 101", following[:40])


@case(
    MUST,
    rfc6455(
        "4.2.1",
        "If the server, while reading the handshake, finds that the client did not send a handshake that matches the "
        "description below (note that as per [RFC2616], the order of the header fields is not important), including "
        "but not limited to any violations of the ABNF grammar specified for the components of the handshake, the "
        "server MUST stop processing the client's handshake and return an HTTP response with an appropriate error code "
        "(such as 400 Bad Request).",
    ),
    basis=MUST_TEXT,
    variants={
        "no-key": (WEBSOCKET[0], WEBSOCKET[1], WEBSOCKET[3]),
        "short-key": (WEBSOCKET[0], WEBSOCKET[1], "Sec-WebSocket-Key: c2hvcnQ=", WEBSOCKET[3]),
        "no-version": WEBSOCKET[:3],
        "old-version": (*WEBSOCKET[:3], "Sec-WebSocket-Version: 8"),
        "no-connection-option": WEBSOCKET[1:],
    },
)
async def websocket_incomplete(exchange: Exchange, fields: tuple[str, ...]) -> None:
    """An incomplete WebSocket handshake does not switch to WebSocket.

    Sends: a GET with `Upgrade: websocket`. The key, the version or the connection option is missing or wrong.
    Expects: any response but 101. A server without WebSocket ignores the header and may answer 200.
    Why: The handshake proves that the client really speaks WebSocket. Without the proof, a page can make a browser send
    bytes of its choice to a server in the user's network.
    """
    response, _ = await _response_to_upgrade(exchange, _get(exchange, *fields))
    assertions.assert_that(
        response.status not in (None, SWITCHING_PROTOCOLS), "a response other than 101", response.describe()
    )


@case(
    MUST,
    rfc6455(
        "4.2.2",
        "If the server chooses to accept the incoming connection, it MUST reply with a valid HTTP response indicating "
        "the following.",
    ),
    basis=MUST_TEXT,
)
async def websocket_switch(exchange: Exchange) -> None:
    """A server that switches to WebSocket proves that it read the key; another one responds in HTTP/1.1.

    Sends: a GET with a complete WebSocket handshake.
    Expects: 101 with `Upgrade: websocket` and the Sec-WebSocket-Accept that belongs to the key. Or any other response.
    Why: A browser closes the connection without this proof. The user sees an app that never connects.
    """
    response, _ = await _response_to_upgrade(exchange, _get(exchange, *WEBSOCKET))
    assertions.assert_that(response.status is not None, "a response", response.describe())
    if response.status == SWITCHING_PROTOCOLS:
        proof = base64.b64encode(hashlib.sha1((WEBSOCKET_KEY + WEBSOCKET_GUID).encode()).digest())  # noqa: S324
        assertions.assert_equal(response.options("upgrade"), ["websocket"], "the Upgrade header of the 101")
        assertions.assert_equal(response.header("sec-websocket-accept"), proof, "Sec-WebSocket-Accept")


@case(
    MUST,
    rfc9110("7.8", "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request."),
    basis=MUST_TEXT,
    variants={"unknown": UNKNOWN, "tls": TLS, "h2c": H2C, "websocket": WEBSOCKET},
)
async def http10(exchange: Exchange, fields: tuple[str, ...]) -> None:
    """An Upgrade in an HTTP/1.0 request is ignored.

    Sends: a POST of five bytes in HTTP/1.0 with an Upgrade.
    Expects: the app reads the five bytes. The next request gets its own response, or the server closes the connection.
    Why: An old proxy forwards the header of its client without understanding it. If the server switches, the proxy
    reads the other protocol as the rest of an HTTP response.
    """
    data = post_request(exchange, *fields, "Content-Length: 5", body=b"hello", version="HTTP/1.0")
    assert_body_served(await send_request(exchange, data), b"hello")


@case(
    INFO,
    MAY_IGNORE,
    basis=recorded_only("A server may switch to a protocol that the client offers, or ignore the offer."),
    variants={"h2c": H2C, "websocket": WEBSOCKET, "tls": TLS},
)
async def offered(exchange: Exchange, fields: tuple[str, ...]) -> None:
    """Record the response to a GET that offers another protocol.

    Sends: a GET with a complete offer of h2c or WebSocket, or with `Upgrade: TLS/1.0`.
    Expects: nothing is required. The case records the response.
    Why: Operators should know whether their server takes such an offer, or rejects a request that contains one.
    """
    response, _ = await _response_to_upgrade(exchange, _get(exchange, *fields))
    record_behaviour("the response to an offer of another protocol", response.describe())
