"""What wsgi.input can do: read, lines, sizes and hints."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_every
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, input_method
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.suites.pep3333.assertions import bytes_read, expect_event, read_in_app

STREAMS = "Input and Error Streams"

NEEDS_EOF = "pep3333/input/eof-at-content-length/read"
"""The case without which one that reads to the end would only find the same again."""

INPUT_LINES = b"first\nsecond\r\nthird\n\n"

METHODS = pep3333(
    STREAMS,
    "The methods listed in the table above must be supported by all servers conforming to this specification.",
)


@case(MUST, METHODS, basis=MUST_TEXT)
async def methods(exchange: Exchange) -> None:
    """wsgi.input has read, readline, readlines and iteration.

    Sends: A POST of one byte; the app looks which of the four wsgi.input has.
    Expects: All four.
    Why: Every framework's parser of forms uses some of them; without one, forms and uploads fail on this server.
    """
    await exchange.get("/input-methods", method="POST", body=b"x")
    event = await expect_event(exchange, "methods", "the app to be called")
    assert_equal(event.detail["present"], ["read", "readline", "readlines", "__iter__"], "the methods of wsgi.input")


@case(
    MUST,
    METHODS,
    basis=MUST_TEXT,
    variants={"read": "rest", "readline": ",".join(["readline"] * 4), "next": ",".join(["next"] * 4)},
)
async def methods_work(exchange: Exchange, do: str) -> None:
    """read(size), readline() and iteration give the body as it was sent, line by line where they should.

    Sends: A POST of four lines, among them an empty one and one that ends in CR LF; the app reads all with one method:
    read(size), readline() or next(). Nothing is read beyond the last line.
    Expects: The bytes as they were sent, and line by line where lines were asked for.
    Why: Uploads and forms that are split or changed at line ends arrive broken.
    """
    parts = [bytes_read(each) for each in await read_in_app(exchange, do, INPUT_LINES)]
    assert_equal(parts, [INPUT_LINES] if do == "rest" else INPUT_LINES.splitlines(keepends=True), "what was read")


@case(SHOULD, pep3333(STREAMS, 'Servers should support the optional "size" argument to readline()'), basis=SHOULD_TEXT)
async def readline_size(exchange: Exchange) -> None:
    """readline(size) stops after `size` bytes, or at the line's end if that comes first.

    Sends: A POST of two lines; the app calls readline(3) twice and readline(100).
    Expects: Three bytes, the rest of the first line, and the second line.
    Why: Parsers of forms use the size to keep a line without end from filling the memory; without it one request can
    bring the server down.
    """
    parts = [
        bytes_read(each) for each in await read_in_app(exchange, "readline:3,readline:3,readline:100", b"abcde\nxyz\n")
    ]
    assert_equal(parts, [b"abc", b"de\n", b"xyz\n"], "what was read")


@case(
    MUST,
    pep3333(
        STREAMS,
        "Note that the hint argument to readlines() is optional for both caller and implementer. The application is "
        "free not to supply it, and the server or gateway is free to ignore it.",
    ),
    basis=input_method(
        "To ignore the hint is allowed, to lose what it left unread is not: the lines that "
        "readlines() has not given are still in the stream."
    ),
)
async def readlines_hint(exchange: Exchange) -> None:
    """readlines(hint) gives whole lines, and whatever it leaves is still there.

    Sends: A POST of four lines; the app calls readlines(1) and then reads the rest.
    Expects: Whole lines, as many as the server likes, and what they leave is still there.
    Why: A hint that cuts or loses lines shortens an uploaded list without anybody's noticing.
    """
    parts = await read_in_app(exchange, "readlines:1,rest", INPUT_LINES)
    assert_equal(b"".join(bytes_read(each) for each in parts), INPUT_LINES, "what was read")
    lines = [line.encode("latin-1") for line in parts[0]["lines"]]
    assert_equal(lines, INPUT_LINES.splitlines(keepends=True)[: len(lines)], "the lines")


@case(
    MUST,
    pep3333(
        "Unicode Issues",
        "(i.e., values read from wsgi.input, passed to write() or yielded by the application), the value must be of "
        "type bytes under Python 3",
    ),
    basis=MUST_TEXT,
)
async def bytes_only(exchange: Exchange) -> None:
    """Whatever is read is bytes, and exactly bytes.

    Sends: A POST of four lines; the app takes a step with each method.
    Expects: Exactly bytes each time, or lists of bytes.
    Why: A framework that is handed text, or a bytearray, fails when it joins, hashes or compares it.
    """
    parts = await read_in_app(exchange, "read:2,readline,next,readlines:1,rest", INPUT_LINES)
    assert_every(parts, lambda part: part["types"] in (["bytes"], []), "bytes")


SEMANTICS = pep3333(
    STREAMS, "The semantics of each method are as documented in the Python Library Reference, except for these notes"
)

LONG_LINE_BYTES = 200_000
"""Bytes of a line that no buffer of a usual size holds."""


@case(
    SHOULD,
    SEMANTICS,
    basis=input_method(
        "The library documents a size of 0 as nothing and a negative one as all the rest. The "
        "PEP's own notes have no word on either; hence no must."
    ),
    needs=[NEEDS_EOF],
    variants={"zero": "read:0,rest", "minus-one": "read:6,read:-1"},
)
async def sizes(exchange: Exchange, do: str) -> None:
    """read(0) reads nothing, and read(-1) all that is left, as in Python's library.

    Sends: Four lines, the connection staying open. The app calls read(0) and reads the rest, or reads 6 bytes and then
    calls read(-1).
    Expects: b'' and the whole body; or 6 bytes and all the others.
    Why: io.TextIOWrapper, tarfile and the like pass such sizes on; an upload that is handed to them is cut short, or
    hangs.
    """
    parts = [bytes_read(each) for each in await read_in_app(exchange, do, INPUT_LINES)]
    wanted = [b"", INPUT_LINES] if do.startswith("read:0") else [INPUT_LINES[:6], INPUT_LINES[6:]]
    assert_equal(parts, wanted, "what was read")


@case(
    MUST,
    SEMANTICS,
    basis=input_method("The library documents readline() as giving one whole line; it names no longest one."),
)
async def long_line(exchange: Exchange) -> None:
    """readline() gives a line as a whole, however long it is.

    Sends: A line of 200,000 bytes and three bytes more; the app calls readline() and reads the rest.
    Expects: The line with its end, then the three bytes.
    Why: A line of JSON or CSV, or a photo in Base64, comes in two pieces, and the app's parser calls it broken.
    """
    parts = await read_in_app(exchange, "readline,rest", b"x" * LONG_LINE_BYTES + b"\nend")
    assert_equal([part.get("length") for part in parts], [LONG_LINE_BYTES + 1, 3], "the lengths of what was read")
