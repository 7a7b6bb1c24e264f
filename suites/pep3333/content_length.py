"""Content-Length: what the server does when the app's is too small, too large or missing."""

from __future__ import annotations

import re

import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_lacks, assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT, SENDER_GRAMMAR_RULE, SHOULD_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333, rfc9110
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.suites.pep3333.assertions import (
    ARRIVED_DATA_WAIT_SECONDS,
    HANG_TIMEOUT_SECONDS,
    NEEDS_WRITE,
    assert_served,
    expect_event,
    get_within,
    open_and_send_get,
    skip_behind_proxy,
    step_outcome,
)

LENGTH = "Handling the Content-Length Header"

EXCEEDED = pep3333(
    LENGTH,
    "If the application supplies a Content-Length header, the server should not transmit more bytes to the client than "
    "the header allows, and should stop iterating over the response when enough data has been sent, or raise an error "
    "if the application tries to write() past that point.",
)


@case(
    SHOULD,
    EXCEEDED,
    basis=SHOULD_TEXT,
    breach=APP,
    tags=["security"],
    variants={"list": "list", "blocks": "blocks", "write": "write"},
    needs={"write": NEEDS_WRITE},
)
async def never_exceeded(exchange: Exchange, what: str) -> None:
    """No byte goes out beyond the app's Content-Length.

    Sends: A plain request; the app promises 5 bytes and gives 10 and more: in one block, in many, or by write().
    Expects: The first 5 bytes and nothing behind them; by write() also an error status.
    Why: On a connection that is kept, the rest would be the beginning of the next answer, and somebody else's behind a
    proxy.
    """
    connection = await open_and_send_get(exchange, f"/too-long?what={what}")
    response = await connection.response()
    if what == "write" and response.status != 200:
        return
    assert_served(response, b"hello")
    await connection.ending(timeout=ARRIVED_DATA_WAIT_SECONDS)
    assert_that(not connection.unread, "nothing behind the 5 bytes", connection.unread)


@case(SHOULD, EXCEEDED, basis=SHOULD_TEXT, breach=APP)
async def stops_iterating(exchange: Exchange) -> None:
    """The server stops asking for blocks when Content-Length is reached.

    Sends: A plain request; the app has 21 blocks, of which the first is as long as was promised. The client's end stays
    open.
    Expects: At most two blocks are asked for: asking once more, to see whether it was the last, is forgiven.
    Why: An app that goes on producing what nobody gets costs time and memory; a body without end never stops.
    """
    skip_behind_proxy(exchange)
    # Our end stays open meanwhile: whoever stops because nobody listens any more has not counted.
    await open_and_send_get(exchange, "/too-long?what=blocks")
    await expect_event(exchange, "closed", "close() of the body to be called")
    blocks = len(exchange.events("block"))
    assert_that(blocks <= 2, "at most 2 blocks to be asked for", f"{blocks} blocks")


@case(SHOULD, EXCEEDED, basis=SHOULD_TEXT, breach=APP, needs=NEEDS_WRITE)
async def write_past_it_raises(exchange: Exchange) -> None:
    """write() raises where it is given more than Content-Length allows.

    Sends: A plain request; the app writes the 5 bytes that it promised, and then 5 more.
    Expects: The second write() raises.
    Why: The author never learns that his pages are cut off: the server throws the rest away without a word.
    """
    skip_behind_proxy(exchange)
    await open_and_send_get(exchange, "/too-long?what=write")
    event = await step_outcome(exchange, "write")
    assert_equal(event.kind, "raised", "what the second write() did")


@case(
    SHOULD,
    pep3333(
        LENGTH,
        "if the application does not provide enough data to meet its stated Content-Length, the server should close "
        "the connection and log or otherwise report the error",
    ),
    basis=SHOULD_TEXT,
    breach=APP,
)
async def short_body_closes(exchange: Exchange) -> None:
    """Where the app gives less than its Content-Length, the connection closes.

    Sends: A plain request; the app promises 10 bytes and gives 5.
    Expects: No complete answer, and the connection closes.
    Why: Kept open, the client waits for the rest until it gives up, or takes the next answer for it.
    """
    connection = await open_and_send_get(exchange, "/too-short")
    response = await connection.response(timeout=HANG_TIMEOUT_SECONDS)
    assert_that(not response.complete or response.status != 200, "no complete answer", response.describe())
    ending = await connection.ending(timeout=ARRIVED_DATA_WAIT_SECONDS)
    assert_that(ending is not ConnectionState.OPEN, "the connection to close", f"{response.describe()}; it stays open")


@case(
    MUST,
    pep3333(
        LENGTH,
        "Note that the server must comply fully with RFC 2616 when doing this, or else fall back to one of the other "
        "strategies for dealing with the absence of Content-Length.",
    ),
    basis=MUST_TEXT,
    variants={"http11": "HTTP/1.1", "http10": "HTTP/1.0"},
)
async def unknown_length_legal(exchange: Exchange, version: str) -> None:
    """Where the app gives no length, the answer is framed as the client's version of HTTP allows.

    Sends: A GET of that version of HTTP; the app yields two blocks and gives no length.
    Expects: Both blocks and a clear end: chunks or a closed connection for HTTP/1.1; for HTTP/1.0 never chunks.
    Why: A client that cannot tell the end shows an unfinished page, or numbers from the chunks in the middle of it.
    """
    response = await exchange.get("/unknown-length", version=version)
    assert_served(response, b"one\ntwo\n")
    if version == "HTTP/1.0":
        assert_lacks(response.options("Transfer-Encoding"), "chunked", "Transfer-Encoding")


SHORT_BODY_MESSAGE = re.compile(
    r"content.length|too (few|short|little)|fewer|incomplete|shorter|premature", re.IGNORECASE
)
"""Words that an error about a short body would hold, where it stands in one line with the request."""

LOG_WAIT_SECONDS = 0.5
"""Seconds in which what is logged with an answer's end comes up in the log."""


@case(
    SHOULD,
    pep3333(
        LENGTH,
        "if the application does not provide enough data to meet its stated Content-Length, the server should close "
        "the connection and log or otherwise report the error",
    ),
    basis=SHOULD_TEXT,
    breach=APP,
    time_sensitive=True,
)
async def short_body_logged(exchange: Exchange) -> None:
    """Where the app gives less than its Content-Length, the log says so.

    Sends: A plain request, whose log is taken for what is usual; then one to an app that promises 10 bytes and gives 5.
    Expects: A line in the server's output that is no access line and does not come with every request. How it is
    worded is the server's affair.
    Why: Users complain of downloads that break off, and whoever looks for the reason finds nothing.
    """
    assert_served(await exchange.get("/echo"))
    await exchange.alive()
    usual = {_normalized_line(line) for line in exchange.log_text().splitlines()}
    before = len(exchange.log_text())
    await get_within(exchange, "/too-short")
    await exchange.alive()
    with trio.move_on_after(LOG_WAIT_SECONDS):
        while not _reports_short_body(exchange.log_text()[before:], usual):
            await exchange.server.wait_for_log()
    log = exchange.log_text()[before:]
    assert_that(
        _reports_short_body(log, usual),
        "a line in the server's output that tells of the short body",
        log[-300:] or "nothing",
    )


def _normalized_line(line: str) -> str:
    return re.sub(r"/(echo|sync|too-short)|[0-9a-f]{8,}|[0-9]+(\.[0-9]+)?", "#", line).strip()


def _reports_short_body(log: str, usual: set[str]) -> bool:
    lines = [
        line.replace("/too-short", "")
        for line in log.splitlines()
        if _normalized_line(line) and _normalized_line(line) not in usual
    ]
    return any(SHORT_BODY_MESSAGE.search(line) or "HTTP/1." not in line for line in lines)


ONCE = rfc9110(
    "5.3",
    "a sender MUST NOT generate multiple field lines with the same name in a message (whether in the headers or "
    "trailers) or append a field line when a field line of the same name already exists in the message",
)


@case(MUST, ONCE, basis=MUST_TEXT, breach=APP, tags=["security"], variants={"different": "", "same": "?same=yes"})
async def two_lengths(exchange: Exchange, same: str) -> None:
    """Two Content-Length headers of the app's do not both go out.

    Sends: A plain request; the app gives Content-Length twice, once as 5 and once as 9, or twice as 5.
    Expects: An error, or an answer with one Content-Length, or framed in another way. RFC 9110 forbids two.
    Why: Proxy and browser may each believe another one; what is left over is then read as the answer to the next
    request, which may be somebody else's.
    """
    response = await get_within(exchange, f"/two-lengths{same}")
    lengths = response.all("Content-Length")
    assert_that(len(lengths) <= 1 and not any(b"," in each for each in lengths), "at most one Content-Length", lengths)


@case(
    MUST,
    SENDER_GRAMMAR_RULE,
    basis=MUST_TEXT,
    breach=APP,
    tags=["security"],
    variants={each: each for each in ("negative", "text", "hexadecimal", "list")},
)
async def not_a_number(exchange: Exchange, what: str) -> None:
    """A Content-Length of the app's that is no number does not go out.

    Sends: A plain request; the app gives the Content-Length -5, five, 0x5, or the list 5, 9.
    Expects: An error, or an answer that is framed in another way.
    Why: What one browser or proxy takes for 5, another takes for 0 or for an error: the page is empty for some users,
    and shifted by one answer for others.
    """
    response = await get_within(exchange, f"/odd-length?what={what}")
    assert_that(
        not response.is_empty or response.ended is not ConnectionState.OPEN,
        "an answer or a closed connection",
        response.describe(),
    )
    wrong = [each for each in response.all("Content-Length") if not re.fullmatch(rb"[0-9]+", each)]
    assert_that(not wrong, "a Content-Length of digits, or none", wrong)
