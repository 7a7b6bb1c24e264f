"""Which connections stay and which end, and what the answer says of it."""

from __future__ import annotations

import contextlib

import trio

from ....harness import expect
from ....harness.attempts.exchange import Exchange
from ....harness.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, conforms, interprets, recorded
from ....harness.catalog import INFO, MAY, MUST, SHOULD, case
from ....harness.references import rfc9112
from ....harness.response import Ending, Response
from ....harness.wire import Wire
from ..verbs import PATIENCE, ask, closed, noted, raw, served, survives

PERSIST = rfc9112("9.3", "HTTP implementations SHOULD support persistent connections.")
CLOSE = rfc9112(
    "9.6",
    'A server that receives a "close" connection option MUST initiate closure of the connection (see below) after it '
    'sends the final response to the request that contained the "close" connection option.',
)
NOT_PERSISTENT = rfc9112("9.3", "The connection will close after the current response.")


@case(SHOULD, PERSIST, basis=SHOULD_TEXT)
async def keep_alive(x: Exchange) -> None:
    """A second request on the same HTTP/1.1 connection is served.

    Sends: a GET in HTTP/1.1, and another on the same connection once it is answered.
    Expects: both served on the one connection.
    Why: Without it every image and script of a page costs the browser a new connection, and every call of a proxy to
    the server one more.
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
    basis=MUST_TEXT,
)
async def says_close(x: Exchange) -> None:
    """A server that closes after its answer says so in it.

    Sends: a GET in HTTP/1.1, and another on the same connection unless the answer says close.
    Expects: the second served; or an answer that says `Connection: close`.
    Why: A client that is not told sends its next request into a closing connection, and cannot know whether it was
    acted on: an order twice, or not at all.
    """
    told = await ask(x, x.request("/echo"))
    expect.equal(told.answer.status, 200, "the status")
    goes_on = told.after is not None and told.after.status is not None
    said = f"Connection: {b', '.join(told.answer.all('connection'))!r} and the connection {told.ending}"
    expect.that(goes_on or told.answer.says_close, "`Connection: close`, or a second answer", said)


async def _closes_after(x: Exchange, version: str = "HTTP/1.1", connection: str = "") -> None:
    """Send one request that ends the connection, and nothing more: a client must not."""
    wire = await x.connect()
    await wire.send(x.request("/echo", headers=[("Connection", connection)] if connection else [], version=version))
    answer = await wire.response(timeout=PATIENCE)
    ending = await wire.ending(PATIENCE)
    left = wire.leftover
    await wire.close()
    await survives(x)
    expect.equal(answer.status, 200, "the answer's status")
    expect.that(not left, "nothing behind the answer", left)
    expect.that(ending is not Ending.OPEN, "the connection closed after the answer", f"open after {PATIENCE:g} s")


@case(MUST, CLOSE, basis=MUST_TEXT)
async def close_honoured(x: Exchange) -> None:
    """After `Connection: close` the connection is closed by the server.

    Sends: a GET with `Connection: close`, and nothing more.
    Expects: 200; then the connection closed by the server.
    Why: The client has said that it reads one answer and then waits for the end. It waits until it gives up.
    """
    await _closes_after(x, connection="close")


@case(
    MUST,
    CLOSE,
    basis=MUST_TEXT,
    variants={
        "last": "x-other, close",
        "case": "Close",
        "lines": "x-other\r\nConnection: close",
        "beside-keep-alive": "keep-alive, close",
        "empty-members": ", ,close,",
    },
)
async def close_in_list(x: Exchange, value: str) -> None:
    """`close` is found among other connection options, in any case and on any line.

    Sends: a GET with `close` among other connection options (`x-other, close`, `keep-alive, close`, between empty
    members), as `Close`, or on a second line; and nothing more.
    Expects: 200; then the connection closed by the server.
    Why: The header is a list. A server that compares it as a whole with `close` keeps waiting for a client that has
    left, or keeps one waiting that has not.
    """
    await _closes_after(x, connection=value)


@case(
    MUST,
    NOT_PERSISTENT,
    basis=interprets(
        "It is the last of the text's rules, and covers what the others do not: HTTP/1.0 without keep-alive."
    ),
)
async def http10_closes(x: Exchange) -> None:
    """The connection of an HTTP/1.0 request without keep-alive is closed after the answer.

    Sends: a GET in HTTP/1.0 without keep-alive, and nothing more.
    Expects: 200; then the connection closed by the server.
    Why: Such a client waits for the end of the connection to know the end of the page: its user sees a page that never
    stops loading.
    """
    await _closes_after(x, version="HTTP/1.0")


async def _behind_close(x: Exchange) -> tuple[Response, bytes]:
    """Send a request that ends the connection and, while the app is at work on it, all of a second one.

    Returns the first answer, and what came behind it.
    """
    second = x.request("/echo", token=f"{x.token}.second")
    wire = await x.connect()
    # Half of it comes with the first request, which a server may have read with it, half while the app is at work,
    # when it cannot have been: neither may make a difference, and none is left to chance.
    first = x.request("/echo?hold=answer", headers=[("Connection", "close")])
    await wire.send(first + second[: len(second) // 2])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_ended, wire, nursery.cancel_scope)
        with contextlib.suppress(trio.TooSlowError):
            await x.event("holding", timeout=PATIENCE)
        nursery.cancel_scope.cancel()
    await wire.send(second[len(second) // 2 :])
    x.release("answer")
    answer = await wire.response(timeout=PATIENCE)
    await wire.ending(PATIENCE)
    left = wire.leftover
    await wire.close()
    await survives(x)
    return answer, left


async def _ended(wire: Wire, waiting: trio.CancelScope) -> None:
    """End the `waiting` for the app where the server has refused the request and closed."""
    if await wire.ending(PATIENCE) is not Ending.OPEN:
        waiting.cancel()


@case(
    MUST,
    rfc9112("9.6", "The server MUST NOT process any further requests received on that connection."),
    basis=MUST_TEXT,
    breach=CLIENT,
    cut=False,
)
async def behind_close_unprocessed(x: Exchange) -> None:
    """A request that is sent behind `Connection: close` is not processed.

    Sends: a GET with `Connection: close` and the first half of a second request behind it, which a client must not;
    the other half once the app is at work on the first.
    Expects: the second request neither answered nor given to the app.
    Why: The client has said that it reads one answer. A server that acts on what follows does what nobody will hear of.
    """
    _, left = await _behind_close(x)
    late = [e.token for e in x.events("called") if e.token.endswith(".second")]
    expect.that(not late and not left, "the second request neither served nor answered", left or "the app was called")


@case(
    SHOULD,
    CLOSE,
    basis=interprets("The request was whole before anything came behind it, so that its final response is due."),
    breach=CLIENT,
    cut=False,
)
async def behind_close_served(x: Exchange) -> None:
    """What is sent behind `Connection: close` does not cost the request before it its answer.

    Sends: a GET with `Connection: close` and the first half of a second request behind it, which a client must not;
    the other half once the app is at work on the first.
    Expects: 200 for the first. What becomes of the second is `behind-close-unprocessed`'s question.
    Why: A proxy or a library with this fault loses the answer to an order that was carried out.
    """
    answer, _ = await _behind_close(x)
    expect.equal(answer.status, 200, "the first answer's status")


@case(
    MAY,
    rfc9112(
        "9.3",
        'the recipient wishes to honor the HTTP/1.0 "keep-alive" mechanism, the connection will persist after the '
        "current response",
    ),
    basis=recorded('"Wishes to honor" leaves the choice to the server.'),
)
async def http10_keep_alive(x: Exchange) -> None:
    """HTTP/1.0 with keep-alive is served; the connection stays only where the answer says keep-alive.

    Sends: a GET in HTTP/1.0 with `Connection: keep-alive`, then a second request where the answer allows it.
    Expects: 200 for the first; the second served exactly where the answer said keep-alive, else the connection closed.
    Why: Benchmarks, old proxies and nginx by default speak so. Told wrongly, they send into a closed connection, or
    wait on an open one.
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
    basis=conforms(
        "On a connection that goes on, each message says how long it is. HTTP/1.0 has no chunks: "
        "a server sends a length, or closes."
    ),
)
async def http10_keep_alive_unknown_length(x: Exchange) -> None:
    """HTTP/1.0 with keep-alive gets the end of a body of unknown length: by a length or by the connection's end.

    Sends: a GET in HTTP/1.0 with `Connection: keep-alive`, to an app that gives no length.
    Expects: the whole body, and its end marked by a Content-Length or by the end of the connection.
    Why: Chunks are not for HTTP/1.0. On a connection that is kept open without a length the client waits for more until
    it gives up.
    """
    request = x.request("/respond?framing=none", version="HTTP/1.0", headers=[("Connection", "keep-alive")])
    told = await ask(x, request)
    expect.equal(told.answer.body, f"gauntlet {x.token}\n".encode(), "the body")
    expect.that(told.answer.complete, "the body's end marked by a length or the connection's end", told.describe())


@case(
    INFO,
    rfc9112("9.5", "Servers will usually have some timeout value beyond which they will no longer maintain"),
    basis=recorded("The text speaks of what servers usually do, and names no time."),
)
async def idle_reaped(x: Exchange) -> None:
    """How long a connection may lie idle after an answer, looked at for three seconds.

    Sends: one request, and nothing for up to three seconds.
    Expects: nothing in particular: how long the connection is kept is recorded.
    Why: What is kept open costs the server; what is closed early costs the next request a new connection, or an error
    behind a load balancer that thought it open.
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


@case(
    MUST,
    rfc9112(
        "9.6",
        'A server that sends a "close" connection option MUST initiate closure of the connection (see below) after it '
        'sends the response containing the "close" connection option.',
    ),
    basis=MUST_TEXT,
    breach={"bad-header": CLIENT, "bad-length": CLIENT, "bad-coding": CLIENT},
    variants={
        "bad-header": ("X-A : 1", "/echo"),
        "bad-length": ("Content-Length: x", "/echo"),
        "bad-coding": ("Transfer-Encoding: chunked, identity", "/echo"),
        "app-failed": ("X-A: 1", "/fail?when=before-start"),
    },
)
async def error_closes(x: Exchange, what: tuple[str, str]) -> None:
    """An error answer that says `Connection: close` is followed by the end of the connection.

    Sends: a GET that must be refused, or one to an app that fails; then nothing, the connection left open on our side.
    Expects: where the answer says close, the connection ends by itself, and nothing more comes on it. An answer that
    does not say so is another case's matter.
    Why: The server counts the connection as done, the client's pool does too, and both sides keep the socket: until no
    descriptor is left, and the site is down.
    """
    field, target = what
    told = await ask(x, raw(x, f"GET {x.target(target)} HTTP/1.1", field))
    if told.answer.status is None or told.answer.status < 400:
        x.skip(f"no error came: {told.answer.describe()}")
    if told.answer.says_close:
        closed(told)
