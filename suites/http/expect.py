"""`Expect: 100-continue`, as a server's clients see it on the wire."""

from __future__ import annotations

from ...harness import expect
from ...harness.catalog import MAY, MUST, case
from ...harness.exchange import Exchange
from ...harness.references import rfc9110
from ...harness.response import Response
from .verbs import PATIENCE, ask, post, served, served_body, survives, was_refused

CONTINUE = ("Expect: 100-continue", "Content-Length: 5")
IMMEDIATE = rfc9110(
    "10.1.1",
    "The origin server MUST NOT wait for the content before sending the 100 (Continue) response.",
)
OMITTED = rfc9110(
    "10.1.1",
    "A server MAY omit sending a 100 (Continue) response if it has already received some or all of the content for the "
    "corresponding request",
)


async def _asks_first(
    x: Exchange, fields: tuple[str, ...] = CONTINUE, body: bytes = b"hello"
) -> tuple[bytes, Response]:
    """Send a head with 100-continue; once an interim answer came, the body. Returns that answer and the final one."""
    wire = await x.connect()
    await wire.send(post(x, *fields))
    begun = await wire.receive_until(b"\r\n\r\n", timeout=PATIENCE)
    if begun.startswith(b"HTTP/1.1 1"):
        await wire.send(body)
        final = await wire.response(timeout=PATIENCE)
    else:
        final = Response()
    await wire.close()
    return begun, final


@case(MUST, IMMEDIATE)
async def one_continue(x: Exchange) -> None:
    """A client that asks first gets exactly one 100 before it sends its body, and is served; or a final answer at once.

    curl asks for every upload over 1 MB and waits a second where no 100 comes; other clients wait for ever.
    """
    begun, final = await _asks_first(x)
    await _one_continue(x, begun, final)


@case(MUST, rfc9110("10.1.1", "The Expect field value is case-insensitive."), needs=["http/expect/one-continue"])
async def value_case(x: Exchange) -> None:
    """`100-Continue` asks for a 100 as `100-continue` does.

    Sends the one where the other is usual. RFC 2616 left the case open too, so that clients may spell it as they like.
    """
    begun, final = await _asks_first(x, ("Expect: 100-Continue", "Content-Length: 5"))
    await _one_continue(x, begun, final)


@case(MUST, IMMEDIATE, needs=["http/expect/one-continue", "http/chunked/one-chunk"])
async def before_chunks(x: Exchange) -> None:
    """A client that asks first is also told to send a chunked body.

    Sends a head with `Expect: 100-continue` and `Transfer-Encoding: chunked`, and the chunks once it is told to.
    """
    begun, final = await _asks_first(
        x, ("Expect: 100-continue", "Transfer-Encoding: chunked"), b"5\r\nhello\r\n0\r\n\r\n"
    )
    await _one_continue(x, begun, final)


async def _one_continue(x: Exchange, begun: bytes, final: Response) -> None:
    await survives(x)
    if begun.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")):
        return
    expect.that(begun.startswith(b"HTTP/1.1 100"), "100 before any body is sent", begun[:100] or "nothing")
    expect.that(final.status == 200 and not final.interim, "then one final answer", final.describe())
    expect.equal([e.detail["data"] for e in x.events("body")], ["hello"], "what the app read")


@case(MAY, OMITTED)
async def answered_unread(x: Exchange) -> None:
    """An app that does not read the body may be answered without a 100 before; a 100 is allowed as well.

    Sends a head with `Expect: 100-continue` to an app that answers without reading, and waits for the first line.
    """
    wire = await x.connect()
    await wire.send(post(x, *CONTINUE, target="/echo"))
    begun = await wire.receive_until(b"\r\n\r\n", timeout=PATIENCE)
    await wire.close()
    await survives(x)
    good = begun.startswith((b"HTTP/1.1 100 ", b"HTTP/1.1 200 ", b"HTTP/1.0 200 "))
    expect.that(good, "100 or the final answer, before any body is sent", begun[:100] or "nothing")


@case(
    MUST,
    rfc9110("15.2", "a server MUST NOT send a 1xx response to an HTTP/1.0 client."),
)
async def http10(x: Exchange) -> None:
    """HTTP/1.0 never gets a 100, not even where it asks for one.

    Sends `Expect: 100-continue` in HTTP/1.0, body and all. A client of HTTP/1.0 takes the first status line for the
    answer.
    """
    told = await ask(x, post(x, *CONTINUE, body=b"hello", version="HTTP/1.0"))
    expect.that(not told.answer.interim, "no interim answer", [each.status for each in told.answer.interim])
    served_body(told, b"hello")


@case(
    MAY,
    rfc9110(
        "10.1.1",
        "A server that receives an Expect field value containing a member other than 100-continue MAY respond with a "
        "417 (Expectation Failed) status code",
    ),
)
async def unknown(x: Exchange) -> None:
    """An expectation that nobody knows gets 417 or is ignored.

    Sends `Expect: gauntlet`.
    """
    told = await ask(x, x.request("/echo", headers=[("Expect", "gauntlet")]))
    if not was_refused(told, (417,)):
        served(told)


@case(
    MUST,
    rfc9110(
        "10.1.1",
        "A server that sends a 100 (Continue) response MUST ultimately send a final status code, once it receives and "
        "processes the request content",
    ),
)
async def early_body(x: Exchange) -> None:
    """A client that does not wait for the 100 is served, and the connection stays in step.

    Sends head and body at once, as clients do that tire of waiting, then another request.
    """
    told = await ask(x, post(x, *CONTINUE, body=b"hello"))
    expect.that(len(told.answer.interim) <= 1, "one 100 at most", [each.status for each in told.answer.interim])
    served_body(told, b"hello")


@case(
    MUST,
    rfc9110(
        "8.6",
        "A server MUST NOT send a Content-Length header field in any response with a status code of 1xx "
        "(Informational) or 204 (No Content).",
    ),
    needs=["http/expect/one-continue"],
)
async def interim_clean(x: Exchange) -> None:
    """A 100 has neither Content-Length nor Transfer-Encoding, and no body.

    Sends a head with `Expect: 100-continue` and reads the interim answer. A length on it makes a client read the
    final answer as its body.
    """
    begun, _ = await _asks_first(x)
    if not begun.startswith(b"HTTP/1.1 1"):
        x.skip("no interim answer came")
    fields = begun.lower()
    for name in (b"content-length", b"transfer-encoding"):
        expect.lacks(fields, name, "the 100")
