"""Too much, too slow, or no HTTP at all."""

from __future__ import annotations

from ...harness import expect
from ...harness.answer import H2_PREFACE, speaks_h2
from ...harness.attempts.exchange import Exchange
from ...harness.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, recorded
from ...harness.catalog import INFO, MUST, SHOULD, case
from ...harness.references import rfc9110, rfc9112
from ...harness.response import Ending
from .verbs import PATIENCE, REFUSED, ask, noted, post, raw, refused, served, survives

TOO_LARGE = rfc9110(
    "5.4",
    "A server that receives a request header field line, field value, or set of fields larger than it wishes to "
    "process MUST respond with an appropriate 4xx (Client Error) status code.",
)
WHOLE_HEAD = rfc9110(
    "5.3",
    "A server MUST NOT apply a request to the target resource until it receives the entire request header section",
)
NOT_HTTP = rfc9112(
    "2.2",
    "receives a sequence of octets that does not match the HTTP-message grammar aside from the robustness exceptions "
    "listed above, the server SHOULD respond with a 400 (Bad Request) response and close the connection.",
)
SETTINGS = bytes.fromhex("000000040000000000")
"""An empty SETTINGS frame of HTTP/2."""

TLS_HELLO = bytes.fromhex("160301002f0100002b0303") + bytes(range(32)) + bytes.fromhex("000002c02f0100")
"""A TLS 1.2 ClientHello of one cipher suite, as a client sends it that was given the wrong port."""


@case(MUST, TOO_LARGE, basis=MUST_TEXT)
async def header_too_large(x: Exchange) -> None:
    """A header of 256 KiB is served or gets a 4xx, never a bare reset.

    Sends: a GET with a header of 256 KiB.
    Expects: served, or a status from 400 to 499 without a call of the app; not a bare reset. The next request on the
    connection is served as itself, or the connection is closed.
    Why: A user whose cookies have grown too large learns the reason only where an answer comes; with a reset, the site
    is just down for him.
    """
    told = await ask(x, x.request("/echo", headers=[("X-A", "a" * 262144)]))
    if told.calls:
        served(told)
    else:
        refused(told, REFUSED)


@case(MUST, TOO_LARGE, basis=MUST_TEXT)
async def too_many_headers(x: Exchange) -> None:
    """20,000 headers are served or get a 4xx, never a bare reset.

    Sends: a GET with 20,000 headers, X-0 to X-19999.
    Expects: served, or a status from 400 to 499 without a call of the app; not a bare reset. The next request on the
    connection is served as itself, or the connection is closed.
    Why: Each header costs the server far more memory than it costs the client. Without a limit, one client can take the
    site down.
    """
    told = await ask(x, x.request("/echo", headers=[(f"X-{number}", "a") for number in range(20000)]))
    if told.calls:
        served(told)
    else:
        refused(told, REFUSED)


@case(
    INFO,
    rfc9110("15.5.14", "the server is refusing to process a request because the request content is larger than"),
    basis=recorded("The text says how to refuse a body that is too large. It does not say which one is."),
)
async def body_limit(x: Exchange) -> None:
    """What comes of a declared body of 10 GB, of which nothing is sent.

    Sends: the head of a POST with `Content-Length: 10000000000` to an app that does not read, and nothing of the body
    for half a second.
    Expects: nothing in particular: what is answered within that time is recorded.
    Why: An operator should know whether the server itself says no to such an upload, or leaves that to the app.
    """
    wire = await x.connect()
    await wire.send(post(x, "Content-Length: 10000000000", target="/echo"))
    answer = await wire.response(timeout=0.5)
    await wire.close()
    noted("the answer to a declared body of 10 GB", answer.describe())


@case(MUST, WHOLE_HEAD, basis=MUST_TEXT, variants={"line": 10, "headers": -20, "empty-line": -2})
async def half_request_then_fin(x: Exchange, size: int) -> None:
    """A request that ends within its head never reaches the app.

    Sends: a request cut within its first line, its headers or its empty line; then our sending side is closed.
    Expects: the app never called, and a plain request on a new connection served. A refusal may be sent or not.
    Why: An order that was cut off in transit must not be carried out: the header that was lost may be the one that
    forbids it.
    """
    wire = await x.connect()
    await wire.send(x.request("/echo", headers=[("X-Some-Header", "some value")])[:size])
    await wire.half_close()
    await wire.ending(PATIENCE)
    await wire.close()
    await survives(x)
    expect.equal([e.detail["path"] for e in x.events("called")], [], "the app's calls")


async def _not_http(x: Exchange, data: bytes, *, or_h2: bool = False) -> None:
    wire = await x.connect()
    await wire.send(data)
    await wire.half_close()
    answer = await wire.response(timeout=PATIENCE)
    ending = await wire.ending(PATIENCE)
    await wire.close()
    await survives(x)
    expect.equal([e.detail["path"] for e in x.events("called")], [], "the app's calls")
    if or_h2 and speaks_h2(answer.raw):
        return
    expect.that(ending is not Ending.OPEN, "the connection closed", f"{answer.describe()}; open after {PATIENCE:g} s")
    good = answer.nothing or (answer.status is not None and answer.status >= 400)
    expect.that(good, "400, or the connection closed", answer.describe())


@case(SHOULD, NOT_HTTP, basis=SHOULD_TEXT, breach=CLIENT)
async def garbage(x: Exchange) -> None:
    """Bytes that are no HTTP get 400 or a closed connection, never an answer of the app.

    Sends: the bytes 14 to 255 and an empty line; then our sending side is closed.
    Expects: a refusal, or nothing; the connection closed; the app never called; a plain request on a new connection
    served.
    Why: Scanners send such bytes all day. An app that is called for them fills its log with errors, and may do worse.
    """
    await _not_http(x, bytes(range(14, 256)) + b"\r\n\r\n")


@case(SHOULD, NOT_HTTP, basis=SHOULD_TEXT, breach=CLIENT)
async def tls_hello(x: Exchange) -> None:
    """A TLS handshake on a plain port gets 400 or a closed connection once the client gives up, and no call.

    Sends: a TLS ClientHello on a plain port; then our sending side is closed.
    Expects: a refusal, or nothing; the connection closed; the app never called; a plain request on a new connection
    served.
    Why: Somebody typed https:// for a plain port. The browser can say so if the connection ends, and shows a blank page
    if it does not.
    """
    await _not_http(x, TLS_HELLO)


@case(
    SHOULD,
    rfc9112(
        "3.2",
        "Recipients of an invalid request-line SHOULD respond with either a 400 (Bad Request) error or a 301 (Moved "
        "Permanently) redirect with the request-target properly encoded.",
    ),
    basis=SHOULD_TEXT,
)
async def h2_preface(x: Exchange) -> None:
    """The preface of HTTP/2 is answered in HTTP/2, or gets an error or a closed connection; the app is not called.

    Sends: what a client of HTTP/2 says first on a plain connection: `PRI * HTTP/2.0` and the rest, and an empty
    SETTINGS frame; then our sending side is closed.
    Expects: a SETTINGS frame, from a server that speaks HTTP/2; else a refusal, or nothing, and the connection closed.
    The app never called; a plain request on a new connection served.
    Why: Clients try HTTP/2 in this way and fall back where it is refused. PRI is a method made to be refused by servers
    of HTTP/1, where `*` is for OPTIONS alone.
    """
    await _not_http(x, H2_PREFACE + SETTINGS, or_h2=True)


@case(
    INFO,
    rfc9112("9.5", "Servers will usually have some timeout value beyond which they will no longer maintain"),
    basis=recorded("No sentence says whether a slow client may hold up others; scenarios of load measure it."),
)
async def slow_headers(x: Exchange) -> None:
    """Whether others are served while one client is half-way through its head.

    Sends: a head without its empty line; then, on another connection, a whole request.
    Expects: nothing in particular: whether the second is answered within one second is recorded.
    Why: A server with one worker that waits for the one client keeps all others waiting: a phone in a tunnel is enough,
    no attacker needed.
    """
    slow = await x.connect()
    await slow.send(raw(x, f"GET {x.target('/echo')} HTTP/1.1")[:-2])
    other = await x.connect()
    await other.send(x.request("/echo"))
    answer = await other.response(timeout=1.0)
    await slow.close()
    await other.close()
    noted("what another client gets meanwhile", answer.describe())


@case(
    INFO,
    rfc9112("9.5", "Servers will usually have some timeout value beyond which they will no longer maintain"),
    basis=recorded("No sentence says whether a slow upload may hold up others; scenarios of load measure it."),
)
async def slow_body(x: Exchange) -> None:
    """Whether others are served while one client is half-way through its body.

    Sends: half the body of a POST; then, on another connection, a whole request.
    Expects: nothing in particular: whether the second is answered within one second is recorded.
    Why: An upload over a slow line must not keep all others from the site. Whether it does decides if a buffering proxy
    is needed in front.
    """
    slow = await x.connect()
    await slow.send(post(x, "Content-Length: 10", body=b"hello"))
    other = await x.connect()
    await other.send(x.request("/echo"))
    answer = await other.response(timeout=1.0)
    await slow.close()
    await other.close()
    noted("what another client gets meanwhile", answer.describe())
