"""What the cases of this folder share."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9112
from wsgi_gauntlet.suites.http.assertions import READ_TO_END_TARGET, RESPONSE_TIMEOUT_SECONDS, collect_result, post

SECURITY_TAG = ["security"]
LAST_CHUNK = b"0\r\n\r\n"
NEEDS_CHUNKED = ["http/chunked/one-chunk"]
"""Cases on broken chunks say nothing about a server that does not decode good ones."""

BARE_CR = rfc9112(
    "2.2",
    "A recipient of such a bare CR MUST consider that element to be invalid or replace each bare CR with SP before "
    "processing the element or forwarding the message.",
)


def chunked_post(exchange: Exchange, body: bytes) -> bytes:
    """Return a POST to the app's reader with this body, chunks and all."""
    return post(exchange, "Transfer-Encoding: chunked", body=body, target=READ_TO_END_TARGET)


async def assert_following_request_served(exchange: Exchange, body: bytes) -> None:
    """Send a chunked POST whose `body` holds `hello`, and a GET, in one piece; expect both to be served as themselves.

    Whether the connection goes on is the server's choice, as is 411 to the first.
    """
    connection = await exchange.connect()
    await connection.send(chunked_post(exchange, body) + exchange.request("/echo", token=f"{exchange.token}.second"))
    first = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    second = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    result = await collect_result(exchange, first)
    if first.status != 411:
        assertions.assert_equal(first.status, 200, "the first answer's status")
        assertions.assert_equal([e.detail["data"] for e in result.bodies], ["hello"], "what the app read")
    if not (first.announces_close and second.is_empty):
        assertions.assert_equal(second.body, f"gauntlet {exchange.token}.second\n".encode(), "the second answer")
