"""Different methods of wsgi.input in one request: together they read one stream, and no byte is lost or repeated."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import STREAM_METHODS_RULE, input_method
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.suites.pep3333.assertions import NEEDS_EOF, bytes_read, step_as_python, step_results

LINES = b"first line\nsecond\r\n\nfourth\nthe fifth line is longer\n\r\nseven\nand no end"

LONG_LINES = b"x" * 8190 + b"\n" + b"y" * 8191 + b"\n" + b"z" * 16384 + b"\n" + b"." * 65535 + b"\nthe end"
"""Lines that end just before, at and after the usual sizes of buffers: 8192, 16384 and 65536 bytes."""

NEEDED = {
    "readline": "pep3333/input/methods-work/readline",
    "next": "pep3333/input/methods-work/next",
    "readline:": "pep3333/input/readline-size",
    "read:0": "pep3333/input/sizes/zero",
    "readlines:": "pep3333/input/readlines-hint",
    "readlines": "pep3333/input/eof-at-content-length/readlines",
    "iter": "pep3333/input/eof-at-content-length/iteration",
    "read": NEEDS_EOF,
}
"""The case that a step needs, by the step or its name: alone, the method must do what the PEP says."""


@dataclass(frozen=True)
class Reads:
    """The steps of the app, and how the client sends the body: in chunks or pieces of these sizes, the last repeated.

    Without `sizes` the body is one piece.
    """

    steps: str
    body: bytes = LINES
    sizes: tuple[int, ...] = ()
    chunked: bool = False

    @property
    def pieces(self) -> list[bytes]:
        """The body in pieces of `sizes`."""
        pieces, rest, sizes = [], self.body, list(self.sizes) or [len(self.body)]
        while rest:
            size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
            pieces.append(rest[:size])
            rest = rest[size:]
        return pieces

    @property
    def needs(self) -> list[str]:
        """The cases that must pass first."""
        steps = [step if step in NEEDED else f"{step.partition(':')[0]}:" for step in self.steps.split(",")]
        needed = [NEEDED[step] for step in steps if step in NEEDED]
        return [*dict.fromkeys(needed), *(["http/chunked/one-chunk"] if self.chunked else [])]


READS = {
    "byte-first": Reads("read:1,readline,next,read:4,readlines:1,rest"),
    "line-first": Reads("readline,read:3,readline,read:1,next,rest"),
    "next-first": Reads("next,read:2,next,readline,read:5,readline,rest"),
    "sized-lines": Reads("readline:3,read:2,readline:100,next,readline:1,rest"),
    "readlines-between": Reads("read:2,readlines:10,read:1,readline,rest"),
    "nothing-between": Reads("read:0,readline,read:0,next,read:0,rest"),
    "readlines-last": Reads("read:3,next,readline,readlines"),
    "iteration-last": Reads("readline,read:3,readline:2,iter"),
    "read-last": Reads("next,readline:2,read:1,read"),
    "long-lines": Reads("readline,read:1,readline,read:8192,next,rest", LONG_LINES),
    "long-lines-next": Reads("read:8191,next,read:8190,readline,next,read:1,rest", LONG_LINES),
    "buffer-edge": Reads("read:8192,readline,read:65536,next,rest", LONG_LINES),
    "pieces": Reads("read:1,readline,next,read:4,readlines:1,rest", sizes=(3, 8, 1)),
    "pieces-at-lines": Reads("readline,read:3,next,readline,rest", sizes=(11, 8, 1, 7, 5)),
    "chunks-of-one": Reads("read:1,readline,next,read:4,readline,loop:7", sizes=(1,), chunked=True),
    "chunks": Reads("read:5,readline,next,read:2,readline:3,readline,loop:7", sizes=(7, 2, 10, 1, 30), chunked=True),
    "chunks-at-lines": Reads("readline,read:8,next,readline,read:1,loop:100", sizes=(11, 8, 1, 7), chunked=True),
    "chunks-next-first": Reads("next,read:2,next,read:100,readline", sizes=(12, 20), chunked=True),
    "chunks-readlines": Reads("read:3,readline,readlines", sizes=(6, 9), chunked=True),
    "chunks-long-lines": Reads("readline,read:1,readline,read:8192,next,loop:8192", LONG_LINES, (8192,), chunked=True),
}


@case(
    MUST,
    STREAM_METHODS_RULE,
    basis=input_method(
        "The methods read one stream. The library documentation gives each of them the bytes that follow those of the "
        "call before, and no bytes twice."
    ),
    variants=READS,
    needs={name: reads.needs for name, reads in READS.items()},
    segmentable=False,
)
async def mixed(exchange: Exchange, reads: Reads) -> None:
    """read(), readline(), readlines() and iteration in one request return one stream, in its order.

    Sends: A POST of eight lines, or of five lines as long as common buffers, in one piece, several pieces or chunks.
    The app reads it with different methods, one after the other.
    Expects: Each step returns the bytes after those of the step before. A line ends with its line ending. At the end no
    byte is missing.
    Why: Form parsers read the head of a part by lines and its content by size. If a method reads ahead for itself, the
    next one misses the beginning of the uploaded file.
    """
    connection = await exchange.connect()
    if reads.chunked:
        body = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in reads.pieces) + b"0\r\n\r\n"
        head = exchange.request(_target(reads), method="POST", headers=[("Transfer-Encoding", "chunked")])
        await connection.send(head + body)
    else:
        length = [("Content-Length", str(len(reads.body)))]
        head = exchange.request(_target(reads), method="POST", headers=length)
        first, *others = reads.pieces
        await connection.send_segments([head + first, *others])
    parts = await step_results(exchange, reads.steps, connection)
    position = 0
    for step, part in zip(reads.steps.split(","), parts, strict=True):
        bytes_read(part)  # another type is a violation
        _assert_follows(step, part, reads.body, position)
        position += part["length"]
    assert_that(position == len(reads.body), f"{len(reads.body)} bytes in total", f"{position} bytes")


def _target(reads: Reads) -> str:
    return "/reads" + query(do=reads.steps)


def _assert_follows(step: str, part: dict[str, Any], body: bytes, position: int) -> None:
    """Expect the result of `step` to be the bytes of `body` from `position` on, and a line to be whole."""
    name, _, argument = step.partition(":")
    length = part["length"]
    call = f"{step_as_python(step)} after {position} bytes"
    expected = body[position : position + length]
    same = length == len(expected) and part["sha256"] == hashlib.sha256(expected).hexdigest()
    assert_that(same, f"the next bytes of the body from {call}, {expected[:60]!r}", f"{length} bytes: {part['data']!r}")
    left = len(body) - position
    line = (body.find(b"\n", position) + 1 or len(body)) - position
    if name in ("next", "readline"):
        wanted = min(line, int(argument)) if argument else line
        assert_that(length == wanted, f"a line of {wanted} bytes from {call}", f"{length} bytes")
    elif name == "read" and argument:
        assert_that(length <= int(argument), f"at most {argument} bytes from {call}", f"{length} bytes")
        assert_that(length or not left or argument == "0", f"at least one byte from {call}", "none")
