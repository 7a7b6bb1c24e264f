"""Content-Length: what the server does when the app's is too small, too large or missing."""

from __future__ import annotations

import re

import trio

from ...harness.attempts.exchange import Exchange
from ...harness.basis import APP, GENERATES, MUST_TEXT, SHOULD_TEXT
from ...harness.catalog import MUST, SHOULD, case
from ...harness.expect import equal, lacks, that
from ...harness.references import pep3333, rfc9110
from ...harness.response import Ending
from .asking import GLANCE, HANG, WRITES, asked, direct, outcome, sent, served, told

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
    needs={"write": WRITES},
)
async def never_exceeded(x: Exchange, what: str) -> None:
    """No byte goes out beyond the app's Content-Length.

    Sends: A plain request; the app promises 5 bytes and gives 10 and more: in one block, in many, or by write().
    Expects: The first 5 bytes and nothing behind them; by write() also an error status.
    Why: On a connection that is kept, the rest would be the beginning of the next answer, and somebody else's behind a
    proxy.
    """
    wire = await sent(x, f"/too-long?what={what}")
    answer = await wire.response()
    if what == "write" and answer.status != 200:
        return
    served(answer, b"hello")
    await wire.ending(timeout=GLANCE)
    that(not wire.leftover, "nothing behind the 5 bytes", wire.leftover)


@case(SHOULD, EXCEEDED, basis=SHOULD_TEXT, breach=APP)
async def stops_iterating(x: Exchange) -> None:
    """The server stops asking for blocks when Content-Length is reached.

    Sends: A plain request; the app has 21 blocks, of which the first is as long as was promised. The client's end stays
    open.
    Expects: At most two blocks are asked for: asking once more, to see whether it was the last, is forgiven.
    Why: An app that goes on producing what nobody gets costs time and memory; a body without end never stops.
    """
    direct(x)
    # Our end stays open meanwhile: whoever stops because nobody listens any more has not counted.
    await sent(x, "/too-long?what=blocks")
    await told(x, "closed", "close() of the body to be called")
    blocks = len(x.events("block"))
    that(blocks <= 2, "at most 2 blocks to be asked for", f"{blocks} blocks")


@case(SHOULD, EXCEEDED, basis=SHOULD_TEXT, breach=APP, needs=WRITES)
async def write_past_it_raises(x: Exchange) -> None:
    """write() raises where it is given more than Content-Length allows.

    Sends: A plain request; the app writes the 5 bytes that it promised, and then 5 more.
    Expects: The second write() raises.
    Why: The author never learns that his pages are cut off: the server throws the rest away without a word.
    """
    direct(x)
    await sent(x, "/too-long?what=write")
    event = await outcome(x, "write")
    equal(event.kind, "raised", "what the second write() did")


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
async def short_body_closes(x: Exchange) -> None:
    """Where the app gives less than its Content-Length, the connection closes.

    Sends: A plain request; the app promises 10 bytes and gives 5.
    Expects: No complete answer, and the connection closes.
    Why: Kept open, the client waits for the rest until it gives up, or takes the next answer for it.
    """
    wire = await sent(x, "/too-short")
    answer = await wire.response(timeout=HANG)
    that(not answer.complete or answer.status != 200, "no complete answer", answer.describe())
    ending = await wire.ending(timeout=GLANCE)
    that(ending is not Ending.OPEN, "the connection to close", f"{answer.describe()}; it stays open")


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
async def unknown_length_legal(x: Exchange, version: str) -> None:
    """Where the app gives no length, the answer is framed as the client's version of HTTP allows.

    Sends: A GET of that version of HTTP; the app yields two blocks and gives no length.
    Expects: Both blocks and a clear end: chunks or a closed connection for HTTP/1.1; for HTTP/1.0 never chunks.
    Why: A client that cannot tell the end shows an unfinished page, or numbers from the chunks in the middle of it.
    """
    answer = await x.get("/unknown-length", version=version)
    served(answer, b"one\ntwo\n")
    if version == "HTTP/1.0":
        lacks(answer.options("Transfer-Encoding"), "chunked", "Transfer-Encoding")


REPORTED = re.compile(r"content.length|too (few|short|little)|fewer|incomplete|shorter|premature", re.IGNORECASE)
"""Words that an error about a short body would hold, where it stands in one line with the request."""

LATER = 0.5
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
    timed=True,
)
async def short_body_logged(x: Exchange) -> None:
    """Where the app gives less than its Content-Length, the log says so.

    Sends: A plain request, whose log is taken for what is usual; then one to an app that promises 10 bytes and gives 5.
    Expects: A line in the server's output that is no access line and does not come with every request. How it is
    worded is the server's affair.
    Why: Users complain of downloads that break off, and whoever looks for the reason finds nothing.
    """
    served(await x.get("/echo"))
    await x.alive()
    usual = {_shape(line) for line in x.log_so_far().splitlines()}
    before = len(x.log_so_far())
    await asked(x, "/too-short")
    await x.alive()
    with trio.move_on_after(LATER):
        while not _reports(x.log_so_far()[before:], usual):
            await x.server.log_grew()
    log = x.log_so_far()[before:]
    that(_reports(log, usual), "a line in the server's output that tells of the short body", log[-300:] or "nothing")


def _shape(line: str) -> str:
    return re.sub(r"/(echo|fence|too-short)|[0-9a-f]{8,}|[0-9]+(\.[0-9]+)?", "#", line).strip()


def _reports(log: str, usual: set[str]) -> bool:
    lines = [line.replace("/too-short", "") for line in log.splitlines() if _shape(line) and _shape(line) not in usual]
    return any(REPORTED.search(line) or "HTTP/1." not in line for line in lines)


ONCE = rfc9110(
    "5.3",
    "a sender MUST NOT generate multiple field lines with the same name in a message (whether in the headers or "
    "trailers) or append a field line when a field line of the same name already exists in the message",
)


@case(MUST, ONCE, basis=MUST_TEXT, breach=APP, tags=["security"], variants={"different": "", "same": "?same=yes"})
async def two_lengths(x: Exchange, same: str) -> None:
    """Two Content-Length headers of the app's do not both go out.

    Sends: A plain request; the app gives Content-Length twice, once as 5 and once as 9, or twice as 5.
    Expects: An error, or an answer with one Content-Length, or framed in another way. RFC 9110 forbids two.
    Why: Proxy and browser may each believe another one; what is left over is then read as the answer to the next
    request, which may be somebody else's.
    """
    answer = await asked(x, f"/two-lengths{same}")
    lengths = answer.all("Content-Length")
    that(len(lengths) <= 1 and not any(b"," in each for each in lengths), "at most one Content-Length", lengths)


@case(
    MUST,
    GENERATES,
    basis=MUST_TEXT,
    breach=APP,
    tags=["security"],
    variants={each: each for each in ("negative", "text", "hexadecimal", "list")},
)
async def not_a_number(x: Exchange, what: str) -> None:
    """A Content-Length of the app's that is no number does not go out.

    Sends: A plain request; the app gives the Content-Length -5, five, 0x5, or the list 5, 9.
    Expects: An error, or an answer that is framed in another way.
    Why: What one browser or proxy takes for 5, another takes for 0 or for an error: the page is empty for some users,
    and shifted by one answer for others.
    """
    answer = await asked(x, f"/odd-length?what={what}")
    that(not answer.nothing or answer.ended is not Ending.OPEN, "an answer or a closed connection", answer.describe())
    wrong = [each for each in answer.all("Content-Length") if not re.fullmatch(rb"[0-9]+", each)]
    that(not wrong, "a Content-Length of digits, or none", wrong)
