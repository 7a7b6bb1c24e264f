"""What the cases of this folder share."""

from __future__ import annotations

from ....harness import expect
from ....harness.attempts.exchange import Exchange
from ....harness.references import rfc9112
from ..verbs import PATIENCE, TO_END, post, seen

SECURITY = ["security"]
END = b"0\r\n\r\n"
DECODES = ["http/chunked/one-chunk"]
"""Cases on broken chunks say nothing about a server that does not decode good ones."""

BARE_CR = rfc9112(
    "2.2",
    "A recipient of such a bare CR MUST consider that element to be invalid or replace each bare CR with SP before "
    "processing the element or forwarding the message.",
)


def chunked(x: Exchange, body: bytes) -> bytes:
    """Return a POST to the app's reader with this body, chunks and all."""
    return post(x, "Transfer-Encoding: chunked", body=body, target=TO_END)


async def followed(x: Exchange, body: bytes) -> None:
    """Send a chunked POST whose `body` holds `hello`, and a GET, in one piece; expect both to be served as themselves.

    Whether the connection goes on is the server's choice, as is 411 to the first.
    """
    wire = await x.connect()
    await wire.send(chunked(x, body) + x.request("/echo", token=f"{x.token}.second"))
    first = await wire.response(timeout=PATIENCE)
    second = await wire.response(timeout=PATIENCE)
    await wire.close()
    told = await seen(x, first)
    if first.status != 411:
        expect.equal(first.status, 200, "the first answer's status")
        expect.equal([e.detail["data"] for e in told.bodies], ["hello"], "what the app read")
    if not (first.says_close and second.nothing):
        expect.equal(second.body, f"gauntlet {x.token}.second\n".encode(), "the second answer")
