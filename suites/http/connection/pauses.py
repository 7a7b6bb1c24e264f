"""Pauses of a second in a request."""

from __future__ import annotations

from collections.abc import Callable

import trio

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import NEEDS_CHUNKED, RESPONSE_TIMEOUT_SECONDS
from wsgi_gauntlet.suites.http.kept_connection import fingerprint_of
from wsgi_gauntlet.suites.http.references import INCOMPLETE_BODY, WHOLE_HEADER_SECTION

PAUSE_SECONDS = 1.25
"""Seconds of each pause: longer than a second, and shorter than the two seconds after which servers give up."""

BODY = b"first half, second half"
HALF = len(BODY) // 2
AFTER_RESPONSE = "after a response"
CHUNKS = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
LAST_HEADER = ("X-Last", "of the head")


def _head_cuts(data: bytes) -> dict[str, int]:
    """Return places in the head of a request, by their names."""
    return {
        "in the request line": 8,
        "after the request line": data.index(b"\r\n") + 2,
        "between two headers": data.index(b"X-Last"),
        "in a header": data.index(b"of the head") + 3,
        "before the empty line": data.index(b"\r\n\r\n") + 2,
    }


async def _outcomes(exchange: Exchange, cuts: dict[str, tuple[bytes, int]]) -> dict[str, tuple[int | None, object]]:
    """Send each request in two parts with a pause between them, all at the same time; return status and fingerprint.

    A request that is cut at 0 is sent twice, with the pause after the first response.
    """
    connections = {}
    for name, (data, cut) in cuts.items():
        connections[name] = await exchange.connect()
        await connections[name].send(data[:cut] if cut else data)
        if not cut:
            await connections[name].response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await trio.sleep(PAUSE_SECONDS)
    for name, (data, cut) in cuts.items():
        await connections[name].send(data[cut:])
    found: dict[str, tuple[int | None, object]] = {}
    for name, connection in connections.items():
        response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
        found[name] = (response.status, fingerprint_of(response) if response.status == 200 else None)
        await connection.close()
    return found


@case(MUST, WHOLE_HEADER_SECTION, basis=MUST_TEXT, segmentable=False)
async def pause_in_head(exchange: Exchange) -> None:
    """A request whose head comes with a pause of 1.25 s is complete for the app, or it is rejected.

    Sends: six GETs side by side. Five pause at different places in the head. The sixth follows 1.25 s after the
    response to another GET on its connection.
    Expects: the app gets the path and the last header of each request that is answered 200. The server may reject a
    request or close the connection instead.
    Why: On a bad network a packet is late. If the server takes the pause for the end, it serves half a request: another
    path, or one without its login.
    """
    data = exchange.request("/fingerprint/whole/path", headers=[LAST_HEADER])
    # A server with one thread must send this response before it waits for the rest of another head.
    cuts = {AFTER_RESPONSE: (data, 0), **{name: (data, cut) for name, cut in _head_cuts(data).items()}}
    for place, (status, seen) in (await _outcomes(exchange, cuts)).items():
        if status == 200 and isinstance(seen, dict):
            got = (seen.get("method"), seen.get("path"), seen.get("headers", {}).get("HTTP_X_LAST"))
            wanted = ("GET", "/fingerprint/whole/path", LAST_HEADER[1])
            assertions.assert_equal(got, wanted, f"method, path and last header of a request with a pause {place}")


def _length_cuts(exchange: Exchange) -> tuple[bytes, bytes, dict[str, int]]:
    """Return a request with a length, its body, and places to cut it."""
    request = exchange.request("/fingerprint", method="POST", body=BODY)
    start = len(request) - len(BODY)
    places = {"after the head": start, "in the body": start + HALF, "before the last byte": len(request) - 1}
    return request, BODY, places


def _chunk_cuts(exchange: Exchange) -> tuple[bytes, bytes, dict[str, int]]:
    """Return a chunked request, its decoded body, and places to cut it."""
    headers = [("Transfer-Encoding", "chunked")]
    request = exchange.request("/fingerprint?to=end", method="POST", headers=headers, body=CHUNKS)
    start = len(request) - len(CHUNKS)
    offsets = {
        "before the first chunk": 0,
        "in a chunk's line": 2,
        "in a chunk": 5,
        "after a chunk": 8,
        "before the last chunk": CHUNKS.index(b"0\r\n\r\n"),
    }
    return request, b"hello world", {place: start + offset for place, offset in offsets.items()}


@case(
    MUST,
    INCOMPLETE_BODY,
    basis=MUST_TEXT,
    variants={"length": _length_cuts, "chunks": _chunk_cuts},
    needs={"chunks": NEEDS_CHUNKED},
    segmentable=False,
)
async def pause_in_body(exchange: Exchange, cuts_of: Callable[[Exchange], tuple[bytes, bytes, dict[str, int]]]) -> None:
    """A body that comes with a pause of 1.25 s is complete for the app, or the request fails.

    Sends: POSTs side by side, with a length or in chunks. Each pauses at another place: after its head, in its body, or
    in and between the lines of its chunks.
    Expects: the app gets the whole body of each request that is answered 200. The server may reject a request or close
    the connection instead.
    Why: On a bad network a packet is late. If the server takes the pause for the end, the app stores half an upload.
    """
    request, body, places = cuts_of(exchange)
    outcomes = await _outcomes(exchange, {place: (request, cut) for place, cut in places.items()})
    for place, (status, seen) in outcomes.items():
        if status == 200 and isinstance(seen, dict):
            size = str(seen.get("body", "")).partition(" bytes")[0]
            subject = f"the number of bytes that the app read of a body with a pause {place}"
            assertions.assert_equal(size, str(len(body)), subject)
