"""Connections: kept, closed, shared by several requests, and slow in pieces."""

from __future__ import annotations

from itertools import pairwise

import trio

from ...harness import expect
from ...harness.catalog import INFO, MAY, MUST, SHOULD, case
from ...harness.exchange import Exchange
from ...harness.references import rfc9110, rfc9112
from ...harness.response import Ending
from .verbs import PATIENCE, answers, ask, noted, post, raw, served, survives

PERSIST = rfc9112("9.3", "HTTP implementations SHOULD support persistent connections.")
CLOSE = rfc9112(
    "9.6",
    'A server that receives a "close" connection option MUST initiate closure of the connection (see below) after it '
    'sends the final response to the request that contained the "close" connection option.',
)
NOT_PERSISTENT = rfc9112("9.3", "The connection will close after the current response.")
IN_ORDER = rfc9112(
    "9.3.2", "it MUST send the corresponding responses in the same order that the requests were received."
)
WHOLE_HEAD = rfc9110(
    "5.3",
    "A server MUST NOT apply a request to the target resource until it receives the entire request header section",
)
PAUSE = 0.002
"""Seconds between pieces: enough for each to arrive by itself, in all below 50 ms."""


@case(SHOULD, PERSIST)
async def keep_alive(x: Exchange) -> None:
    """A second request on the same HTTP/1.1 connection is served.

    Without it every image and script of a page costs the browser a new connection.
    """
    told = await ask(x, x.request("/echo"))
    served(told)
    good = told.after is not None and told.after.status == 200
    expect.that(good, "a second answer on the same connection", told.answer.describe() + ", then the connection closed")


@case(
    MUST,
    rfc9112(
        "9.3",
        'A server that does not support persistent connections MUST send the "close" connection option in every '
        "response message that does not have a 1xx (Informational) status code.",
    ),
)
async def says_close(x: Exchange) -> None:
    """A server that closes after its answer says so in it.

    A client that is not told sends its next request into a closing connection, and cannot know whether it was acted on.
    """
    told = await ask(x, x.request("/echo"))
    expect.equal(told.answer.status, 200, "the status")
    goes_on = told.after is not None and told.after.status is not None
    said = f"Connection: {b', '.join(told.answer.all('connection'))!r} and the connection {told.ending}"
    expect.that(goes_on or told.answer.says_close, "`Connection: close`, or a second answer", said)


async def _closes_after(x: Exchange, first: bytes) -> None:
    wire = await x.connect()
    await wire.send(first + x.request("/echo", token=f"{x.token}.second"))
    answer = await wire.response(timeout=PATIENCE)
    ending = await wire.ending(PATIENCE)
    left = wire.leftover
    await wire.close()
    expect.equal(answer.status, 200, "the first answer's status")
    await survives(x)
    late = [e.token for e in x.events("called") if e.token.endswith(".second")]
    expect.that(not late and not left, "the second request neither served nor answered", left or "the app was called")
    expect.that(ending is not Ending.OPEN, "the connection closed after the answer", f"open after {PATIENCE:g} s")


@case(MUST, CLOSE)
async def close_honoured(x: Exchange) -> None:
    """After `Connection: close` the connection is closed, and a request sent behind it is not processed.

    Sends a request with `Connection: close` and a second one behind it. The client has said that it will not read
    another answer.
    """
    await _closes_after(x, x.request("/echo", headers=[("Connection", "close")]))


@case(
    MUST,
    CLOSE,
    variants={
        "last": "x-other, close",
        "case": "Close",
        "lines": "x-other\r\nConnection: close",
        "beside-keep-alive": "keep-alive, close",
    },
)
async def close_in_list(x: Exchange, value: str) -> None:
    """`close` is found among other connection options, in any case and on any line.

    Sends `x-other, close`, `Close`, the two on lines of their own, and `keep-alive, close`. The header is a list; a
    server that compares it as a whole with `close` keeps waiting for a client that has left.
    """
    await _closes_after(x, x.request("/echo", headers=[("Connection", value)]))


@case(MUST, NOT_PERSISTENT)
async def http10_closes(x: Exchange) -> None:
    """The connection of an HTTP/1.0 request without keep-alive is closed after the answer.

    Such a client waits for the end of the connection to know the end of the page.
    """
    await _closes_after(x, x.request("/echo", version="HTTP/1.0"))


@case(
    MAY,
    rfc9112(
        "9.3",
        'the recipient wishes to honor the HTTP/1.0 "keep-alive" mechanism, the connection will persist after the '
        "current response",
    ),
)
async def http10_keep_alive(x: Exchange) -> None:
    """HTTP/1.0 with keep-alive is served; the connection stays only where the answer says keep-alive.

    Sends HTTP/1.0 with `Connection: keep-alive`, then a second request where the answer allows it.
    """
    told = await ask(x, x.request("/echo", version="HTTP/1.0", headers=[("Connection", "keep-alive")]))
    served(told)
    stays = told.after is not None and told.after.status == 200
    said = "keep-alive" in told.answer.options("connection") or not told.answer.says_close
    expect.that(stays == said, "the connection to do what the answer says", told.answer.all("connection"))


@case(
    MUST,
    rfc9112(
        "9.3",
        "In order to remain persistent, all messages on a connection need to have a self-defined message length (i.e., "
        "one not defined by closure of the connection)",
    ),
)
async def http10_keep_alive_unknown_length(x: Exchange) -> None:
    """HTTP/1.0 with keep-alive gets the end of a body of unknown length: by a length or by the connection's end.

    Sends HTTP/1.0 with `Connection: keep-alive` to an app that gives no length. Chunks are not for HTTP/1.0; on a
    connection kept open without a length the client waits for more until it gives up.
    """
    request = x.request("/respond?framing=none", version="HTTP/1.0", headers=[("Connection", "keep-alive")])
    told = await ask(x, request)
    expect.equal(told.answer.body, f"gauntlet {x.token}\n".encode(), "the body")
    expect.that(told.answer.complete, "the body's end marked by a length or the connection's end", told.describe())


@case(MUST, IN_ORDER, needs=["http/connection/keep-alive"], variants={"2": 2, "10": 10})
async def pipeline_order(x: Exchange, depth: int) -> None:
    """Requests sent at once on one connection are answered one by one, in their order.

    Sends 2 or 10 requests in one piece, each with a token of its own, and compares the answers with the tokens.
    """
    wire = await x.connect()
    tokens = [f"{x.token}.{number}" for number in range(depth)]
    await wire.send(b"".join(x.request("/echo", token=token) for token in tokens))
    got = await answers(wire, depth)
    await wire.close()
    wanted = [f"gauntlet {token}\n".encode() for token in tokens]
    expect.equal([each.body for each in got], wanted[: len(got)], "the answers' bodies")
    stopped = bool(got) and got[-1].says_close
    expect.that(len(got) == depth or stopped, f"{depth} answers, or one that says close", f"{len(got)} answers")


@case(MUST, IN_ORDER)
async def pipeline_bad_second(x: Exchange) -> None:
    """A broken request behind a good one does not cost the good one its answer.

    Sends a good request and, right behind it, lines that are no HTTP. The first was complete before anything was
    wrong.
    """
    wire = await x.connect()
    await wire.send(x.request("/echo") + b"BROKEN\r\nno colon here\r\n\r\n")
    answer = await wire.response(timeout=PATIENCE)
    await wire.close()
    expect.equal(answer.body, f"gauntlet {x.token}\n".encode(), "the first answer")
    await survives(x)


@case(
    SHOULD,
    rfc9112(
        "9.6",
        "If a server performs an immediate close of a TCP connection, there is a significant risk that the client will "
        "not be able to read the last HTTP response.",
    ),
)
async def error_readable_after_upload(x: Exchange) -> None:
    """The answer to an upload that is refused at its head can be read by a client that first sends all of it.

    Sends 512 KiB behind an impossible Content-Length, without reading meanwhile, as most HTTP libraries do. A server
    that closes at once resets the connection under such a client: its user sees a network error, not the reason.
    """
    wire = await x.connect()
    sent = await wire.send(post(x, "Content-Length: 1x", body=b"." * 524288), reading=False)
    answer = await wire.response(timeout=PATIENCE)
    ending = await wire.ending(0.05)
    await wire.close()
    if answer.status is not None and answer.status < 400:
        x.skip(f"nothing was refused: {answer.describe()}")
    good = sent and answer.status is not None and ending is not Ending.RESET
    how = "all of it was sent" if sent else "sending it was cut short"
    expect.that(good, "the upload taken and its answer readable", f"{answer.describe()}; {how}; connection {ending}")


@case(INFO, rfc9112("9.6", "Note that a TCP connection that is half-closed by the client does not delimit a request"))
async def half_close(x: Exchange) -> None:
    """Whether a client that has closed its sending side still gets its answer.

    Sends a request, closes the sending side, and waits. `nc -N` and some load balancers' health checks do so.
    """
    told = await ask(x, x.request("/echo"), fin=True)
    noted("the answer to a client that has closed its sending side", told.answer.describe())


@case(
    MUST,
    rfc9110(
        "7.8",
        "A server MUST NOT switch to a protocol that was not indicated by the client in the corresponding request's "
        "Upgrade header field.",
    ),
)
async def upgrade_unknown(x: Exchange) -> None:
    """An upgrade to a protocol that nobody speaks is ignored: an ordinary answer, no 101.

    Sends `Connection: Upgrade` and `Upgrade: gauntlet/1`. A client that is told 101 stops speaking HTTP.
    """
    headers = [("Connection", "Upgrade"), ("Upgrade", "gauntlet/1")]
    told = await ask(x, x.request("/echo", headers=headers))
    expect.that(told.answer.status != 101, "no 101", told.answer.describe())
    served(told)


@case(MUST, WHOLE_HEAD)
async def fragmented_head(x: Exchange) -> None:
    """A head that comes in small pieces is waited for, and served.

    Cuts fall within the request line, between CR and LF, and within the empty line.
    """
    data = x.request("/echo", headers=[("X-A", "b")])
    cuts = [1, 3, 8, data.index(b"\r\n") + 1, data.index(b"X-A"), len(data) - 3, len(data) - 2, len(data) - 1]
    wire = await x.connect()
    edges = [0, *sorted(cuts), len(data)]
    await wire.send_each((data[a:b] for a, b in pairwise(edges)), PAUSE)
    answer = await wire.response(timeout=PATIENCE)
    await wire.close()
    expect.equal(answer.body, f"gauntlet {x.token}\n".encode(), "the answer")


@case(MUST, rfc9112("6.3", "its decimal value defines the expected message body length in octets."))
async def fragmented_body(x: Exchange) -> None:
    """A body that comes in small pieces reaches the app whole.

    Sends the head and 8 bytes of body in six pieces, a moment apart.
    """
    wire = await x.connect()
    await wire.send_each([post(x, "Content-Length: 8"), b"a", b"bc", b"def", b"g", b"h"], PAUSE)
    answer = await wire.response(timeout=PATIENCE)
    await wire.close()
    expect.equal(answer.status, 200, "the status")
    await survives(x)
    expect.equal([e.detail["data"] for e in x.events("body")], ["abcdefgh"], "what the app read")


@case(
    INFO,
    rfc9112("9.5", "Servers will usually have some timeout value beyond which they will no longer maintain"),
)
async def idle_reaped(x: Exchange) -> None:
    """How long a connection may lie idle after an answer, looked at for three seconds.

    Sends one request and then nothing. What is kept open costs the server; what is closed early costs the next
    request a new connection.
    """
    wire = await x.connect()
    await wire.send(raw(x, f"GET {x.target('/echo')} HTTP/1.1"))
    answer = await wire.response(timeout=PATIENCE)
    if answer.says_close:
        noted("the time an idle connection is kept", "closed with the answer")
    began = trio.current_time()
    if await wire.ending(3.0) is Ending.OPEN:
        noted("the time an idle connection is kept", "longer than 3 s")
    noted("the time an idle connection is kept", f"{trio.current_time() - began:.1f} s")
