"""The methods of wsgi.input: read, readline, readlines and iteration, with sizes and hints."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_every
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, STREAM_METHODS_RULE, input_method, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.pep3333.assertions import NEEDS_EOF, bytes_read, expect_event, read_in_app
from wsgi_gauntlet.suites.pep3333.body.blocks import BYTES_ONLY

STREAMS = "Input and Error Streams"


INPUT_LINES = b"first\nsecond\r\nthird\n\n"


@case(MUST, STREAM_METHODS_RULE, basis=MUST_TEXT)
async def methods(exchange: Exchange) -> None:
    """wsgi.input has read, readline, readlines and iteration.

    Sends: A POST of one byte. The app checks which of the four wsgi.input has.
    Expects: All four.
    Why: The form parser of every framework uses some of them. If one is missing, forms and uploads fail on this server.
    """
    await exchange.get("/input-methods", method="POST", body=b"x")
    event = await expect_event(exchange, "methods", "the app to be called")
    assert_equal(event.detail["present"], ["read", "readline", "readlines", "__iter__"], "the methods of wsgi.input")


@case(
    MUST,
    STREAM_METHODS_RULE,
    basis=MUST_TEXT,
    variants={"read": "rest", "readline": ",".join(["readline"] * 4), "next": ",".join(["next"] * 4)},
)
async def methods_work(exchange: Exchange, steps: str) -> None:
    """read(size), readline() and iteration return the body unchanged, the last two line by line.

    Sends: A POST of four lines, one of them empty and one ending in CR LF. The app reads all of it with one method:
    read(size), readline() or next(). It does not read past the last line.
    Expects: The sent bytes. readline() and next() return them line by line.
    Why: Uploads and forms are damaged if line endings change or lines are split.
    """
    parts = [bytes_read(each) for each in await read_in_app(exchange, steps, INPUT_LINES)]
    assert_equal(
        parts,
        [INPUT_LINES] if steps == "rest" else INPUT_LINES.splitlines(keepends=True),
        "the bytes that the app read",
    )


@case(SHOULD, pep3333(STREAMS, 'Servers should support the optional "size" argument to readline()'), basis=SHOULD_TEXT)
async def readline_size(exchange: Exchange) -> None:
    """readline(size) stops after `size` bytes, or at an earlier line ending.

    Sends: A POST of two lines. The app calls readline(3) twice and readline(100).
    Expects: Three bytes, the rest of the first line, and the second line.
    Why: Form parsers use the size so that a very long line does not fill the memory. Without it, one request can stop
    the server.
    """
    parts = [
        bytes_read(each) for each in await read_in_app(exchange, "readline:3,readline:3,readline:100", b"abcde\nxyz\n")
    ]
    assert_equal(parts, [b"abc", b"de\n", b"xyz\n"], "the bytes that the app read")


@case(
    MUST,
    pep3333(
        STREAMS,
        "Note that the hint argument to readlines() is optional for both caller and implementer. The application is "
        "free not to supply it, and the server or gateway is free to ignore it.",
    ),
    basis=input_method(
        "A server may ignore the hint, but it must not lose lines. The lines that readlines() does not return remain "
        "in the stream."
    ),
)
async def readlines_hint(exchange: Exchange) -> None:
    """readlines(hint) returns complete lines and leaves the rest in the stream.

    Sends: A POST of four lines. The app calls readlines(1) and then reads the rest.
    Expects: Any number of complete lines. The remaining lines are still in the stream.
    Why: If a hint cuts or loses lines, an uploaded list becomes shorter and nobody notices.
    """
    parts = await read_in_app(exchange, "readlines:1,rest", INPUT_LINES)
    assert_equal(b"".join(bytes_read(each) for each in parts), INPUT_LINES, "the bytes that the app read")
    lines = [line.encode("latin-1") for line in parts[0]["lines"]]
    assert_equal(lines, INPUT_LINES.splitlines(keepends=True)[: len(lines)], "the lines")


@case(MUST, BYTES_ONLY, basis=MUST_TEXT)
async def bytes_only(exchange: Exchange) -> None:
    """Every value that the app reads is exactly bytes.

    Sends: A POST of four lines. The app uses each method once.
    Expects: Exactly bytes each time, or lists of bytes.
    Why: A framework that gets a str or a bytearray fails when it joins, hashes or compares it.
    """
    parts = await read_in_app(exchange, "read:2,readline,next,readlines:1,rest", INPUT_LINES)
    assert_every(parts, lambda part: part["types"] in (["bytes"], []), "bytes")


SEMANTICS = pep3333(
    STREAMS, "The semantics of each method are as documented in the Python Library Reference, except for these notes"
)

LONG_LINE_BYTES = 200_000
"""Bytes of a line that is larger than common buffers."""


@case(
    SHOULD,
    SEMANTICS,
    basis=input_method(
        "The library documentation says that size 0 reads nothing and a negative size reads everything. The notes of "
        "the PEP mention neither. Therefore this is not a must."
    ),
    needs=[NEEDS_EOF],
    variants={"zero": "read:0,rest", "minus-one": "read:6,read:-1"},
)
async def sizes(exchange: Exchange, steps: str) -> None:
    """read(0) reads nothing and read(-1) reads the rest, as in the Python library.

    Sends: A POST of four lines on a connection that stays open. The app calls read(0) and reads the rest, or reads 6
    bytes and then calls read(-1).
    Expects: b'' and the complete body; or 6 bytes and all the others.
    Why: io.TextIOWrapper, tarfile and other modules use such sizes. Otherwise an upload is cut short or hangs.
    """
    parts = [bytes_read(each) for each in await read_in_app(exchange, steps, INPUT_LINES)]
    wanted = [b"", INPUT_LINES] if steps.startswith("read:0") else [INPUT_LINES[:6], INPUT_LINES[6:]]
    assert_equal(parts, wanted, "the bytes that the app read")


@case(
    MUST,
    SEMANTICS,
    basis=input_method(
        "The library documentation says that readline() returns one complete line. It gives no maximum length."
    ),
)
async def long_line(exchange: Exchange) -> None:
    """readline() returns a complete line of any length.

    Sends: A POST with a line of 200,000 bytes and three more bytes. The app calls readline() and reads the rest.
    Expects: The line with its ending, then the three bytes.
    Why: Otherwise a long line of JSON or CSV, or a Base64 photo, arrives in two pieces, and the app cannot parse it.
    """
    parts = await read_in_app(exchange, "readline,rest", b"x" * LONG_LINE_BYTES + b"\nend")
    assert_equal([part.get("length") for part in parts], [LONG_LINE_BYTES + 1, 3], "the numbers of bytes read")
