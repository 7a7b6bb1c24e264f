"""Many requests on one connection: nothing of a request is left for the next, and the connection goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    MUST_TEXT,
    SHOULD_TEXT,
    from_recipient_semantics,
    recorded_only,
    rfc9110,
    rfc9112,
)
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.harness.load.probes.memory import memory
from wsgi_gauntlet.suites.http.assertions import (
    CLIENT_ERRORS,
    LONG_DEADLINE_SECONDS,
    RESPONSE_TIMEOUT_SECONDS,
    read_responses,
)
from wsgi_gauntlet.suites.http.connection.persistence import CLOSE
from wsgi_gauntlet.suites.http.connection.pipelining import IN_ORDER
from wsgi_gauntlet.suites.http.kept_connection import KeptConnection, fingerprint_of
from wsgi_gauntlet.suites.http.references import IDLE_TIMEOUT
from wsgi_gauntlet.suites.testapp.core.pattern import letters

NEEDS_KEEP_ALIVE = ["http/connection/keep-alive"]

CONNECTION_HEADERS = frozenset({b"connection", b"date", b"keep-alive", b"server", b"via", b"x-cache"})
"""Headers of a response that belong to the connection or the moment."""

REQUESTS_TO_OUTLAST = 1010
"""Requests on one connection: more than a hundred and a thousand, the usual limits."""

REQUESTS_OF_A_MEASUREMENT = 100
KEPT_BYTES = 2048
"""Bytes of memory for each request that are recorded: memory grows in steps of a megabyte at most."""

PIPELINED_REQUESTS = 40
PIPELINED_HEADER_BYTES = 6000
"""Bytes of a header of each pipelined request: 240 KB in all, and no request is larger than servers accept."""


@dataclass(frozen=True)
class RequestKind:
    """A request: its target, method, headers, body and version. With `waits` the body follows the server's 100."""

    target: str = "/fingerprint"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    version: str = "HTTP/1.1"
    waits: bool = False


KINDS = {
    "a plain GET": RequestKind(),
    "a GET with a login": RequestKind(
        headers=(
            ("Host", "user.example:8080"),
            ("Authorization", "Basic QTpC"),
            ("Cookie", "session=1"),
            ("Accept-Language", "eo"),
            ("X-Only", "1"),
        )
    ),
    "a HEAD": RequestKind("/fingerprint?of=head", "HEAD"),
    "a POST with a length": RequestKind(
        method="POST", headers=(("Content-Type", "text/x-sent"),), body=b"body with a length\r\n\r\n"
    ),
    "a chunked POST with trailers": RequestKind(
        "/fingerprint?to=end",
        "POST",
        (("Transfer-Encoding", "chunked"), ("Trailer", "X-Trailer")),
        b"5\r\nhello\r\n6;x=1\r\n world\r\n0\r\nX-Trailer: of the body\r\nX-Only: of the trailer\r\n\r\n",
    ),
    "a PUT with an empty body": RequestKind(method="PUT", body=b""),
    "a GET whose response has no length": RequestKind("/fingerprint?framing=none&cookie=of-the-stream"),
    "a GET that gets 204": RequestKind("/fingerprint?status=204+No+Content"),
    "a GET that gets 304": RequestKind("/fingerprint?status=304+Not+Modified", headers=(("If-None-Match", '"1"'),)),
    "a POST that expects 100": RequestKind(
        method="POST", headers=(("Expect", "100-continue"), ("Content-Length", "8")), body=b"expected", waits=True
    ),
    "a POST whose body the app does not read": RequestKind(
        "/fingerprint?read=no", "POST", body=b"GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"
    ),
    "a GET in HTTP/1.0 with keep-alive": RequestKind(version="HTTP/1.0", headers=(("Connection", "keep-alive"),)),
    "a GET whose app replaces its response": RequestKind("/fingerprint?replace=yes&status=503+Changed+Mind"),
    "a DELETE with a long path": RequestKind(
        "/fingerprint/a;b=c/%2B+?" + letters(500), "DELETE", headers=(("Cookie", f"long={letters(2000)}"),)
    ),
}
"""Requests and responses that differ in everything that a server could keep for the next request."""

SENT_HEADERS = frozenset(
    f"HTTP_{name.upper().replace('-', '_')}"
    for name in (
        "Host",
        "Authorization",
        "Cookie",
        "Accept-Language",
        "X-Only",
        "X-Trailer",
        "If-None-Match",
        "Trailer",
    )
)
"""The headers that are compared. Proxies add others, and change those of the connection."""


def _pairs(count: int) -> Iterator[int]:
    """Yield numbers below `count` so that each number follows each number once (a De Bruijn sequence)."""
    yield 0
    for first in range(count):
        yield first
        for second in range(first + 1, count):
            yield second
            yield first


@dataclass(frozen=True)
class Outcome:
    """What came of a request: the status and body of its response, its headers, and whether a 100 came."""

    status: int | None
    seen: dict[str, Any]
    headers: tuple[tuple[bytes, bytes], ...]
    got_continue: bool


async def _outcome(client: KeptConnection, exchange: Exchange, kind: RequestKind) -> Outcome | None:
    """Send a request of `kind`; None if the app did not respond to it."""
    request = exchange.request(
        kind.target, method=kind.method, headers=kind.headers, body=kind.body, version=kind.version
    )
    after_continue = kind.body if kind.waits else None
    if kind.waits and kind.body:
        request = request[: -len(kind.body)]
    response = await client.ask(request, head=kind.method == "HEAD", body=after_continue)
    if not response.complete or not response.all("X-Seen"):
        return None
    seen = fingerprint_of(response) if response.body else {}
    seen["headers"] = {name: value for name, value in seen.get("headers", {}).items() if name in SENT_HEADERS}
    headers = tuple(sorted(each for each in response.headers if each[0].lower() not in CONNECTION_HEADERS))
    return Outcome(response.status, seen, headers, client.got_continue if kind.waits else False)


@case(
    MUST,
    rfc9110(
        "3.3",
        "HTTP is defined as a stateless protocol, meaning that each request message's semantics can be understood in "
        "isolation, and that the relationship between connections and messages on them has no impact on the "
        "interpretation of those messages.",
    ),
    basis=from_recipient_semantics(
        "The interpretation of a request depends on the request alone. Therefore it must be the same on a new "
        "connection and after any other request."
    ),
    needs=NEEDS_KEEP_ALIVE,
    segmentable=False,
    tags=["security"],
    deadline=LONG_DEADLINE_SECONDS,
)
async def each_after_each(exchange: Exchange) -> None:
    """On a kept connection, each request gets the same environ and the same response as on a new connection.

    Sends: 14 kinds of requests, each on a connection of its own. Then some 200 requests on one connection, so that each
    kind follows each kind. The kinds differ in method, headers, body, trailers, version and response.
    Expects: each request on the kept connection has the outcome that it had alone: the same method, path, query,
    version, headers and body for the app, and the same response. Kinds that the server does not serve alone, or after
    which it sends bytes that are no response, are left out. If the server closes the connection, a new one is used.
    Why: A proxy sends the requests of many users on one connection. A login, a cookie or a trailer that the server
    keeps lets one user act as another.
    """
    alone: dict[str, Outcome] = {}
    client = KeptConnection(exchange)
    for name, kind in KINDS.items():
        outcome = await _outcome(client, exchange, kind)
        usable = outcome is not None and (outcome.got_continue or not kind.waits)
        if usable and outcome is not None and await _leaves_connection_in_sync(client, exchange):
            alone[name] = outcome
        await client.close()
    if len(alone) < 2:
        exchange.skip("the server serves fewer than two of the requests alone")
    names = list(alone)
    previous = ""
    for number in _pairs(len(names)):
        name = names[number]
        outcome = await _outcome(client, exchange, KINDS[name])
        after = f"after {previous}" if previous and client.requests_before else "on a new connection"
        if outcome != alone[name]:
            _report_difference(f"{name} {after}", alone[name], outcome)
        previous = name


async def _leaves_connection_in_sync(client: KeptConnection, exchange: Exchange) -> bool:
    """Say whether the next request on the connection is not taken for another; other cases report that it is."""
    response = await client.ask(exchange.request("/mine?n=next"))
    return response.complete and response.status not in CLIENT_ERRORS


def _report_difference(subject: str, wanted: Outcome, got: Outcome | None) -> None:
    if got is None:
        assertions.fail_case(f"{subject} to get the app's response", "no complete response of the app")
        return
    for what, left, right in (
        ("status", wanted.status, got.status),
        ("100 (Continue)", wanted.got_continue, got.got_continue),
        *((part, wanted.seen.get(part), got.seen.get(part)) for part in sorted({*wanted.seen, *got.seen})),
        ("response headers", wanted.headers, got.headers),
    ):
        assertions.assert_equal(right, left, f"{subject}: the {what}")


@case(MUST, CLOSE, basis=MUST_TEXT, needs=NEEDS_KEEP_ALIVE, variants={"second": 1, "tenth": 9}, segmentable=False)
async def close_honoured_later(exchange: Exchange, before: int) -> None:
    """The server also honours `Connection: close` in the second or the tenth request of a connection.

    Sends: one or nine GETs on a connection, each after the response to the one before. Then a GET with
    `Connection: close`, and nothing more.
    Expects: 200. Then the server closes the connection.
    Why: The last request of a client says close, not the first one. If the server does not close, the client waits
    until its timeout.
    """
    connection = await exchange.connect()
    for _ in range(before):
        await connection.send(exchange.request("/mine?n=kept"))
        response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
        if not response.complete or response.announces_close:
            exchange.skip(f"the server does not keep the connection: {response.describe()}")
    await connection.send(exchange.request("/mine?n=last", headers=[("Connection", "close")]))
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    state = await connection.ending(RESPONSE_TIMEOUT_SECONDS)
    assertions.assert_equal(response.status, 200, "the status of the response")
    assertions.assert_that(
        state is not ConnectionState.OPEN,
        f"the connection closed after request {before + 1}, which says close",
        f"open after {RESPONSE_TIMEOUT_SECONDS:g} s",
    )


@case(
    SHOULD,
    rfc9112(
        "9.6",
        'A sender SHOULD send a Connection header field (Section 7.6.1 of [HTTP]) containing the "close" connection '
        "option when it intends to close a connection.",
    ),
    basis=SHOULD_TEXT,
    needs=NEEDS_KEEP_ALIVE,
    segmentable=False,
    deadline=LONG_DEADLINE_SECONDS,
)
async def thousand_requests(exchange: Exchange) -> None:
    """A connection that ends after a number of requests ends with `Connection: close`.

    Sends: 1010 POSTs on one connection, each after the response to the one before. Each has a query, a header and a
    body of its own.
    Expects: each reaches the app unchanged and gets its own response. The server may close the connection after any of
    them, if that response says close.
    Why: A client sends its next request into the closing connection. It cannot know whether the request was processed.
    """
    connection = await exchange.connect()
    for number in range(1, REQUESTS_TO_OUTLAST + 1):
        text = str(number)
        request = exchange.request(
            f"/fingerprint?{text}", method="POST", headers=[("X-Only", text)], body=b"." * (number % 100 + 1)
        )
        await connection.send(request)
        response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
        assertions.assert_that(
            response.status == 200,
            f"request {number} of the connection to be served, or `Connection: close` in the response before it",
            response.describe(),
        )
        seen = fingerprint_of(response)
        got = (seen["query"], seen["headers"].get("HTTP_X_ONLY"), seen["body"].partition(",")[0])
        wanted = (text, text, f"{number % 100 + 1} bytes")
        assertions.assert_equal(got, wanted, f"query, header and body of request {number} of the connection")
        if response.announces_close:
            return


@case(MUST, IN_ORDER, basis=MUST_TEXT, needs=["http/connection/pipeline-order/10"], segmentable=False)
async def pipelined_bytes(exchange: Exchange) -> None:
    """Pipelined requests that are larger than all usual buffers get their responses one by one, in order.

    Sends: 40 requests in one piece. Each has a header of 6000 bytes.
    Expects: one response for each request, in order. There may be fewer responses only if the last one says close.
    Why: A server that reads ahead must keep what it has read. Lost bytes cut a request in two, and its second half
    becomes another request.
    """
    connection = await exchange.connect()
    wanted = [str(number).encode() for number in range(PIPELINED_REQUESTS)]
    pad = letters(PIPELINED_HEADER_BYTES)
    await connection.send(
        b"".join(exchange.request(f"/mine?n={number}", headers=[("X-Pad", pad)]) for number in range(len(wanted)))
    )
    responses: list[Response] = await read_responses(connection, len(wanted))
    await connection.close()
    if responses and responses[0].status in range(400, 500):
        exchange.skip(f"the server rejects such a request: {responses[0].describe()}")
    assertions.assert_equal([each.body for each in responses], wanted[: len(responses)], "the bodies of the responses")
    stopped = bool(responses) and responses[-1].announces_close
    assertions.assert_that(
        len(responses) == len(wanted) or stopped,
        f"{len(wanted)} responses, or a last one that says close",
        f"{len(responses)} responses",
    )


@case(
    INFO,
    IDLE_TIMEOUT,
    basis=recorded_only("No sentence limits the memory of a server. A server that needs more for each request ends."),
    needs=NEEDS_KEEP_ALIVE,
    segmentable=False,
    deadline=LONG_DEADLINE_SECONDS,
)
async def memory_kept(exchange: Exchange) -> None:
    """Record whether the server keeps memory for each request that it has served.

    Sends: five times 100 GETs on one connection.
    Expects: nothing is required. The case records a growth of 2 KB or more for each request in each of the last three
    hundreds: the first two fill caches and buffers.
    Why: A server that keeps 4 KB a request needs a gigabyte more after a day with three requests a second. The load
    scenario `soak` finds smaller growth.
    """
    client = KeptConnection(exchange)
    used: list[int] = []
    for _ in range(5):
        for number in range(REQUESTS_OF_A_MEASUREMENT):
            response = await client.ask(exchange.request(f"/mine?n={number}"))
            if response.status != 200:
                exchange.skip(f"the server does not serve a plain request: {response.describe()}")
        used.append(await memory(exchange.server.processes()))
    grown = [(after - before) / REQUESTS_OF_A_MEASUREMENT for before, after in pairwise(used[1:])]
    assertions.assert_that(
        min(grown) < KEPT_BYTES,
        f"less than {KEPT_BYTES} bytes of memory kept for each request",
        ", ".join(f"{each:.0f} bytes" for each in grown),
    )
