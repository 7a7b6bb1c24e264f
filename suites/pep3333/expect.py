"""Expect: 100-continue: a client that asks before it sends its body."""

from __future__ import annotations

from ...harness.catalog import MAY, MUST, case
from ...harness.exchange import Exchange
from ...harness.expect import equal, that
from ...harness.references import pep3333, rfc9110
from ...harness.response import Response
from .asking import HANG, data, results, served

CONTINUE = "HTTP 1.1 Expect/Continue"
CLIENT_WAITS = 0.3
"""Seconds that our client waits for a 100 before it goes on without one. curl waits one; nothing is concluded from "
"it."""

EXPECT = [("Expect", "100-continue"), ("Content-Length", "5")]


@case(
    MUST,
    pep3333(
        CONTINUE,
        "Servers and gateways that implement HTTP 1.1 must provide transparent support for HTTP 1.1's "
        '"expect/continue" '
        "mechanism.",
    ),
)
async def continue_on_read(x: Exchange) -> None:
    """A client that asks whether it may send its body is served.

    The head says `Expect: 100-continue`, and the app reads. The body follows on a 100, which may come at once or when
    the app reads; where none comes the client sends it after a while all the same, as the PEP's third way has it.
    curl asks so for every upload beyond a megabyte.
    """
    wire = await x.connect()
    await wire.send(x.request("/reads?do=rest", method="POST", headers=EXPECT))
    interim = await wire.receive_until(b"\r\n\r\n", timeout=CLIENT_WAITS)
    that(not interim or interim.split(b" ", 2)[1:2] == [b"100"], "100, or nothing, before the body is sent", interim)
    await wire.send(b"hello")
    answer = await wire.response()
    served(answer)
    (part,) = await results(x, "rest", wire)
    equal(data(part), b"hello", "what the app read")


@case(
    MAY,
    pep3333(
        CONTINUE,
        "Proceed with the request normally, but provide the application with a wsgi.input stream that will send the "
        '"100 Continue" response if/when the application first attempts to read from the input stream.',
    ),
)
async def no_continue_unread(x: Exchange) -> None:
    """Where the app answers without reading, no 100 asks for the body first; told, and nobody blamed.

    A large upload that is refused by its head alone need then never be sent.
    """
    answer = await _asked(x, "HTTP/1.1")
    equal(len(answer.interim), 0, "the number of interim answers")


@case(
    MUST,
    rfc9110(
        "10.1.1",
        "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that expectation.",
    ),
)
async def ignored_on_http10(x: Exchange) -> None:
    """An HTTP/1.0 client never gets a 1xx.

    It does not know of interim answers and takes one for the final.
    """
    answer = await _asked(x, "HTTP/1.0")
    equal(len(answer.interim), 0, "the number of interim answers")


async def _asked(x: Exchange, version: str) -> Response:
    wire = await x.connect()
    await wire.send(x.request("/echo", method="POST", headers=EXPECT, version=version))
    answer = await wire.response(timeout=CLIENT_WAITS)
    if answer.status is None:
        # Some wait for the body before they do anything; then it is time to send it.
        await wire.send(b"hello")
        answer = await wire.response(timeout=HANG)
    that(answer.status is not None, "a final answer", answer.describe())
    return answer
