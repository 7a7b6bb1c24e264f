"""Expect: 100-continue: a client that asks before it sends its body."""

from __future__ import annotations

from ...harness.attempts.exchange import Exchange
from ...harness.basis import MUST_TEXT, recorded
from ...harness.catalog import MAY, MUST, case
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
    basis=MUST_TEXT,
)
async def continue_on_read(x: Exchange) -> None:
    """A client that asks whether it may send its body is served.

    Sends: The head of a POST that says `Expect: 100-continue`, to an app that reads its body. The body follows on a 100
    or, where none comes, after a while.
    Expects: A 100 at once, or when the app reads, or none at all, as the PEP's three ways have it; then the app reads
    the body and a 200 comes.
    Why: curl asks so for every upload beyond a megabyte; refused or misunderstood, such uploads fail.
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
    basis=recorded("The quoted way is one of three that the PEP offers; the other two are as good."),
)
async def no_continue_unread(x: Exchange) -> None:
    """Where the app answers without reading, no 100 asks for the body first; told, and nobody blamed.

    Sends: The head of a POST that says `Expect: 100-continue`, to an app that answers without reading.
    Expects: Either: a final answer alone, or behind a 100. What was seen is told, and nobody blamed.
    Why: A large upload that is refused by its head alone need not be sent, on a phone's paid connection.
    """
    answer = await _asked(x, "HTTP/1.1")
    equal(len(answer.interim), 0, "the number of interim answers")


@case(
    MUST,
    rfc9110(
        "10.1.1",
        "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that expectation.",
    ),
    basis=MUST_TEXT,
)
async def ignored_on_http10(x: Exchange) -> None:
    """An HTTP/1.0 client never gets a 1xx.

    Sends: The head of a POST of HTTP/1.0 that says `Expect: 100-continue`, and its body where the server waits for
    that.
    Expects: One final answer and no 1xx before it.
    Why: A client of HTTP/1.0 does not know of interim answers and takes one for the final: it shows an empty page.
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
