"""Bodies of requests that the server itself rejects, for a reason that has nothing to do with the body."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.suites.http.assertions import (
    LONG_DEADLINE_SECONDS,
    SECURITY_TAG,
    RequestResult,
    assert_called_at_most_once,
    assert_for_each,
    assert_in_sync,
    assert_smuggled_request_not_called,
    raw_request,
    smuggled_request,
)
from wsgi_gauntlet.suites.http.references import READ_OR_CLOSE

HeadOfRejected = Callable[[Exchange, str], bytes]
"""Returns the head of a request. The second argument is the field that frames its body."""


def _head(
    *fields: str, method: str = "POST", target: str = "", version: str = "HTTP/1.1", host: bool = True
) -> HeadOfRejected:
    def make(exchange: Exchange, framing: str) -> bytes:
        line = f"{method} {target or exchange.target('/echo')} {version}"
        return raw_request(exchange, line, *fields, framing, host=host)

    return make


REASONS: dict[str, HeadOfRejected] = {
    "no-host": _head(host=False),
    "two-hosts": _head("Host: stranger.example"),
    "bad-host": _head("Host: a/b", host=False),
    "unknown-method": _head(method="BREW"),
    "lower-case-method": _head(method="post"),
    "method-not-token": _head(method="PO(ST"),
    "long-method": _head(method="A" * 300),
    "trace": _head(method="TRACE"),
    "options-star": _head(method="OPTIONS", target="*"),
    "bad-target": _head(target="echo"),
    "target-control": _head(target="/echo\x01"),
    "version-2": _head(version="HTTP/2.0"),
    "version-junk": _head(version="HTTP/1.1a"),
    "long-target": _head(target=f"/echo?q={'q' * 131072}"),
    "large-header": _head(f"X-A: {'a' * 131072}"),
    "many-headers": _head(*(f"X-{number}: a" for number in range(3000))),
    "no-colon": _head("X-A"),
    "space-before-colon": _head("X-A : a"),
    "nul-in-value": _head("X-A: a\0b"),
    "name-not-token": _head("X(A): a"),
    "folded": _head("X-A: a\r\n b"),
    "unknown-coding": _head("Transfer-Encoding: gauntlet"),
}
"""Requests that many servers reject. Their bodies are well framed."""

WELL_FORMED = (
    "unknown-method",
    "lower-case-method",
    "long-method",
    "options-star",
    "long-target",
    "large-header",
    "many-headers",
)
"""Requests that break no rule: a server may reject them because it does not know or want them."""


MALFORMED = tuple(name for name in REASONS if name not in WELL_FORMED)


def _requests(exchange: Exchange, names: Iterable[str], *, chunks: bool) -> dict[str, bytes]:
    hidden = smuggled_request(exchange)
    framing = "Transfer-Encoding: chunked" if chunks else f"Content-Length: {len(hidden)}"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden) if chunks else hidden
    return {name: REASONS[name](exchange, framing) + body for name in names}


def _assert_hidden_not_served(result: RequestResult) -> None:
    assert_smuggled_request_not_called(result)
    assert_called_at_most_once(result)
    if not result.calls:
        # The cases unread-small and unread-chunks judge what follows a request that the app has answered.
        assert_in_sync(result)
        silent = result.response.is_empty and result.connection_state is ConnectionState.OPEN
        assertions.assert_that(not silent, "a response, or the connection closed", result.describe())


@case(
    MUST,
    READ_OR_CLOSE,
    basis=MUST_TEXT,
    breach={"malformed-length": CLIENT, "malformed-chunks": CLIENT},
    tags=SECURITY_TAG,
    variants={
        "malformed-length": (MALFORMED, False),
        "malformed-chunks": (MALFORMED, True),
        "unwanted-length": (WELL_FORMED, False),
        "unwanted-chunks": (WELL_FORMED, True),
    },
    deadline=LONG_DEADLINE_SECONDS,
)
async def rejected_then_body(exchange: Exchange, names_and_chunks: tuple[tuple[str, ...], bool]) -> None:
    """The body of a request that the server rejects never becomes a request.

    Sends: several requests that a server may reject: for the host, method, target, version, a header, or a size. The
    body of each, with a length or in a chunk, is a whole request. Then another request, if the response allows one.
    Expects: for each, a response, or the server closes the connection. The request in the body is never served. The
    next request gets its own response, or the server closes the connection. A server may serve the request instead of
    rejecting it.
    Why: A rejection is written before the server has looked at the body. If it keeps the connection and forgets the
    body, an attacker gets any request served, past the proxy's rules.
    """
    names, chunks = names_and_chunks
    await assert_for_each(exchange, _requests(exchange, names, chunks=chunks), _assert_hidden_not_served)
