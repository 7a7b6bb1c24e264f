"""Paths and queries of many sizes: the app sees them complete, or the server rejects the request."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import LONG_DEADLINE_SECONDS
from wsgi_gauntlet.suites.http.kept_connection import KeptConnection, fingerprint_of
from wsgi_gauntlet.suites.sizes import HEADER_SIZES
from wsgi_gauntlet.suites.testapp.behaviours.fingerprint import short
from wsgi_gauntlet.suites.testapp.core.pattern import letters


@case(
    MUST,
    rfc9112(
        "3",
        "A server that receives a request-target longer than any URI it wishes to parse MUST respond with a 414 (URI "
        "Too Long) status code",
    ),
    basis=MUST_TEXT,
    variants={"path": "path", "segments": "segments", "query": "query", "pairs": "pairs"},
    segmentable=False,
    deadline=LONG_DEADLINE_SECONDS,
)
async def target_sizes(exchange: Exchange, part: str) -> None:
    """A path or a query of any size reaches the app complete, or the server rejects the request.

    Sends: GETs with a path or a query of 127 bytes and more, up to the first that the server rejects or 64 KiB. A path
    is one long segment, or segments of 50 bytes. A query is one long text, or pairs of 10 bytes. The sizes are powers
    of two, usual limits and the numbers next to them.
    Expects: the app sees every byte of PATH_INFO and QUERY_STRING, unless the server rejects the request. Another case
    checks the status of a rejection.
    Why: A search form or a signed link that is cut leads to another page, or its signature is wrong.
    """
    client = KeptConnection(exchange)
    for size in HEADER_SIZES:
        text = letters(size, size)
        if part == "segments":
            text = "/".join(text[start : start + 50] for start in range(0, size, 50))
        if part == "pairs":
            text = "&".join(f"{number}={text[start : start + 5]}" for number, start in enumerate(range(0, size, 10)))
        path, query = ("/fingerprint", text) if part in ("query", "pairs") else (f"/fingerprint/{text}", "")
        response = await client.ask(exchange.request(f"{path}?{query}" if query else path))
        if response.status != 200:
            return
        seen = fingerprint_of(response)
        assertions.assert_equal(
            (seen["path"], seen["query"]),
            (short(path), short(query)),
            f"PATH_INFO and QUERY_STRING of a target with {size} bytes",
        )
