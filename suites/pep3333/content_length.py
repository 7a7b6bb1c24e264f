"""Content-Length: the behaviour of the server when the value of the app is too small, too large or missing."""

from __future__ import annotations

import re

import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_lacks, assert_that
from wsgi_gauntlet.harness.conformance.basis import APP, MUST_TEXT, SENDER_GRAMMAR_RULE, SHOULD_TEXT, pep3333, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.suites.pep3333.assertions import (
    ARRIVED_DATA_WAIT_SECONDS,
    NEEDS_WRITE,
    assert_nothing_unread,
    assert_served,
    assert_step_raises,
    expect_event,
    get_within,
    open_and_send_get,
    response_and_ending,
    skip_behind_proxy,
)

LENGTH = "Handling the Content-Length Header"

SHORT_BODY = pep3333(
    LENGTH,
    "if the application does not provide enough data to meet its stated Content-Length, the server should close "
    "the connection and log or otherwise report the error",
)

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
    """The server sends no byte beyond the Content-Length of the app.

    Sends: A GET request. The app sets Content-Length to 5 and gives 10 bytes or more: in one block, in many blocks, or
    with write().
    Expects: The first 5 bytes and nothing after them. With write(), an error status is allowed too.
    Why: On a keep-alive connection, the client reads the extra bytes as the start of the next response. Behind a proxy
    that response may belong to another user.
    """
    connection = await open_and_send_get(exchange, f"/too-long?what={what}")
    response = await connection.response()
    if what == "write" and response.status != 200:
        return
    assert_served(response, b"hello")
    await connection.ending(timeout=ARRIVED_DATA_WAIT_SECONDS)
    assert_nothing_unread(connection, "the 5 bytes")


@case(SHOULD, EXCEEDED, basis=SHOULD_TEXT, breach=APP)
async def stops_iterating(exchange: Exchange) -> None:
    """The server stops requesting blocks when Content-Length is reached.

    Sends: A GET request. The app has 21 blocks; the first one has the declared length. The client keeps its connection
    open.
    Expects: The server requests at most two blocks. One extra request is allowed, because the server may check whether
    the iterable has ended.
    Why: Otherwise the app spends time and memory on data that nobody gets. An endless body never stops.
    """
    skip_behind_proxy(exchange)
    # The client keeps its connection open: a server that stops because of a disconnect has not counted bytes.
    await open_and_send_get(exchange, "/too-long?what=blocks")
    await expect_event(exchange, "closed", "close() of the body to be called")
    blocks = len(exchange.events("block"))
    assert_that(blocks <= 2, "the server to request at most 2 blocks", f"{blocks} blocks")


@case(SHOULD, EXCEEDED, basis=SHOULD_TEXT, breach=APP, needs=NEEDS_WRITE)
async def write_past_it_raises(exchange: Exchange) -> None:
    """write() raises when the app writes more than Content-Length allows.

    Sends: A GET request. The app writes the 5 bytes that it declared, and then 5 more.
    Expects: The second write() raises.
    Why: Otherwise the server discards the rest silently, and the developer never learns that pages are cut off.
    """
    skip_behind_proxy(exchange)
    await open_and_send_get(exchange, "/too-long?what=write")
    await assert_step_raises(exchange, "write", "the second write()")


@case(SHOULD, SHORT_BODY, basis=SHOULD_TEXT, breach=APP)
async def short_body_closes(exchange: Exchange) -> None:
    """The server closes the connection when the app gives less than its Content-Length.

    Sends: A GET request. The app declares 10 bytes and gives 5.
    Expects: No complete response, and the server closes the connection.
    Why: If the connection stays open, the client waits for the rest until its timeout, or reads the next response as
    the rest.
    """
    connection = await open_and_send_get(exchange, "/too-short")
    response, ending = await response_and_ending(connection)
    assert_that(not response.complete or response.status != 200, "no complete response", response.describe())
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
    """Without a Content-Length, the server frames the response as the HTTP version of the client allows.

    Sends: A GET request of that HTTP version. The app yields two blocks and sets no Content-Length.
    Expects: Both blocks and a clear end. HTTP/1.1 allows chunks or a closed connection; HTTP/1.0 never allows chunks.
    Why: A client that cannot find the end shows an unfinished page. A client that does not know chunks shows their
    sizes as text.
    """
    response = await exchange.get("/unknown-length", version=version)
    assert_served(response, b"one\ntwo\n")
    if version == "HTTP/1.0":
        assert_lacks(response.options("Transfer-Encoding"), "chunked", "Transfer-Encoding")


SHORT_BODY_MESSAGE = re.compile(
    r"content.length|too (few|short|little)|fewer|incomplete|shorter|premature", re.IGNORECASE
)
"""Words of an error about a short body, if it is in one line with the request."""

LOG_WAIT_SECONDS = 0.5
"""Seconds in which a log entry about the end of a response appears."""


@case(SHOULD, SHORT_BODY, basis=SHOULD_TEXT, breach=APP, time_sensitive=True)
async def short_body_logged(exchange: Exchange) -> None:
    """The server logs an error when the app gives less than its Content-Length.

    Sends: A GET request, whose log lines count as usual. Then a GET request to an app that declares 10 bytes and gives
    5.
    Expects: The server writes a line that is not an access line and does not appear for every request. The wording is
    free.
    Why: Users report aborted downloads, and the operator finds no reason in the log.
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
        "a line in the output of the server that reports the short body",
        log[-300:] or "nothing",
    )


def _normalized_line(line: str) -> str:
    # Requests differ in their paths, tokens, times and sizes.
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
    """The server does not send two Content-Length headers of the app.

    Sends: A GET request. The app sets Content-Length twice: to 5 and 9, or to 5 and 5.
    Expects: An error, a response with one Content-Length, or another framing. RFC 9110 forbids two.
    Why: The proxy may use one length and the browser the other. The rest is then read as the next response, which may
    belong to another user.
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
    """The server does not send a Content-Length of the app that is not a number.

    Sends: A GET request. The app sets Content-Length to -5, five, 0x5, or the list 5, 9.
    Expects: An error, or a response with another framing.
    Why: Clients and proxies read such a value as 5, as 0 or as an error. Some users get an empty page, and others get
    the wrong response.
    """
    response = await get_within(exchange, f"/odd-length?what={what}")
    assert_that(
        not response.is_empty or response.ended is not ConnectionState.OPEN,
        "a response or a closed connection",
        response.describe(),
    )
    wrong = [each for each in response.all("Content-Length") if not re.fullmatch(rb"[0-9]+", each)]
    assert_that(not wrong, "a Content-Length of digits, or no Content-Length", wrong)
