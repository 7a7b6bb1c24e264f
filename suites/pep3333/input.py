"""wsgi.input: its methods, where it ends, and that it holds this request's body and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from ...harness.catalog import MUST, SHOULD, case
from ...harness.exchange import Exchange, query
from ...harness.expect import equal, every, that
from ...harness.references import pep3333, rfc9112
from ...harness.wire import Wire
from .asking import HANG, SECOND_LOOK, data, reading, results, served, told

STREAMS = "Input and Error Streams"

WHOLE_LINES = b"first\nsecond\r\nthird\n\n"
LINES = WHOLE_LINES + b"no end"

ENDS = "pep3333/input/eof-at-content-length/read"
"""The case without which the others that read to the end would only find the same again."""

METHODS = pep3333(
    STREAMS,
    "The methods listed in the table above must be supported by all servers conforming to this specification.",
)
EOF = pep3333(
    STREAMS,
    "The server is not required to read past the client's specified Content-Length, and should simulate an end-of-file "
    "condition if the application attempts to read past that point.",
)
NO_ARGUMENT = pep3333(
    STREAMS,
    "A server should allow read() to be called without an argument, and return the remainder of the client's input "
    "stream.",
)
EXHAUSTED = pep3333(
    STREAMS,
    "A server should return empty bytestrings from any attempt to read from an empty or exhausted input stream.",
)


@case(MUST, METHODS)
async def methods(x: Exchange) -> None:
    """wsgi.input has read, readline, readlines and iteration.

    The app looks for the four.
    """
    await x.get("/input-methods", method="POST", body=b"x")
    event = await told(x, "methods", "the app to be called")
    equal(event.detail["present"], ["read", "readline", "readlines", "__iter__"], "the methods of wsgi.input")


@case(
    MUST,
    METHODS,
    variants={"read": "rest", "readline": ",".join(["readline"] * 4), "next": ",".join(["next"] * 4)},
)
async def methods_work(x: Exchange, do: str) -> None:
    """read(size), readline() and iteration give the body as it was sent, line by line where they should.

    Four lines, among them an empty one and one that ends in CR LF. Nothing is read beyond the last of them.
    """
    parts = [data(each) for each in await reading(x, do, WHOLE_LINES)]
    equal(parts, [WHOLE_LINES] if do == "rest" else WHOLE_LINES.splitlines(keepends=True), "what was read")


@case(SHOULD, EOF, variants={"read": "read:100,read:100", "readlines": "readlines", "iteration": "iter"})
async def eof_at_content_length(x: Exchange, do: str) -> None:
    """Reading ends at Content-Length, while the client keeps the connection open.

    A body of five lines, the last without an end, then silence. An app that reads to the end would hang for as long as
    the client likes.
    """
    parts = [data(each) for each in await reading(x, do, LINES)]
    equal(b"".join(parts), LINES, "what was read")


@case(SHOULD, NO_ARGUMENT, needs=[ENDS], variants={"whole": "read", "rest": "read:6,read"})
async def read_no_argument(x: Exchange, do: str) -> None:
    """read() without a size returns what is left of the body, and returns.

    The connection stays open. `json.load(environ["wsgi.input"])` does just that.
    """
    parts = [data(each) for each in await reading(x, do, LINES)]
    equal(parts, [LINES] if do == "read" else [LINES[:6], LINES[6:]], "what was read")


@case(SHOULD, EXHAUSTED, needs=[ENDS], variants={"used-up": b"hello", "empty": b"", "no-body": None})
async def read_past_end(x: Exchange, body: bytes | None) -> None:
    """Reading past the end gives b'' and goes on giving it.

    With a body that is used up, an empty one and none at all; the connection stays open.
    """
    do = "rest,read:10,readline,read:1,readlines,read:10"
    wire = await x.connect()
    await wire.send(x.request("/reads" + query(do=do), method="GET" if body is None else "POST", body=body))
    parts = [data(each) for each in await results(x, do, wire)]
    equal(parts, [body or b""] + [b""] * 5, "what was read")


@case(SHOULD, pep3333(STREAMS, 'Servers should support the optional "size" argument to readline()'))
async def readline_size(x: Exchange) -> None:
    """readline(size) stops after `size` bytes, or at the line's end if that comes first.

    Parsers of forms use it to keep a line without end from filling the memory.
    """
    parts = [data(each) for each in await reading(x, "readline:3,readline:3,readline:100", b"abcde\nxyz\n")]
    equal(parts, [b"abc", b"de\n", b"xyz\n"], "what was read")


@case(
    MUST,
    pep3333(
        STREAMS,
        "Note that the hint argument to readlines() is optional for both caller and implementer. The application is "
        "free not to supply it, and the server or gateway is free to ignore it.",
    ),
)
async def readlines_hint(x: Exchange) -> None:
    """readlines(hint) gives whole lines, and whatever it leaves is still there.

    With a hint of 1 the server may stop after the first line, or go on to the last.
    """
    parts = await reading(x, "readlines:1,rest", WHOLE_LINES)
    equal(b"".join(data(each) for each in parts), WHOLE_LINES, "what was read")
    lines = [line.encode("latin-1") for line in parts[0]["lines"]]
    equal(lines, WHOLE_LINES.splitlines(keepends=True)[: len(lines)], "the lines")


@case(
    MUST,
    pep3333(
        "Unicode Issues",
        "(i.e., values read from wsgi.input, passed to write() or yielded by the application), the value must be of "
        "type bytes under Python 3",
    ),
)
async def bytes_only(x: Exchange) -> None:
    """Whatever is read is bytes, and exactly bytes.

    One step of each kind.
    """
    parts = await reading(x, "read:2,readline,next,readlines:1,rest", WHOLE_LINES)
    every(parts, lambda part: part["types"] in (["bytes"], []), "bytes")


@case(SHOULD, EOF, tags=["security"])
async def no_bleed(x: Exchange) -> None:
    """What follows the body on the connection never comes out of wsgi.input.

    A POST of 5 bytes with a second request right behind it; the app asks for 15. Bytes of the next request in this
    one's body may be another user's.
    """
    parts = [data(each) for each in await reading(x, "read:15,read:5", b"hello", more=x.request("/echo?second"))]
    equal(parts, [b"hello", b""], "what was read")


BODY = b"\0first\x7f\x80\xff\r\n0\r\n\r\nPOST / HTTP/1.1\r\n\nlast\xfe"
"""Bytes of all kinds, and what a parser might take for the end of something."""


async def _one_piece(wire: Wire, head: bytes, body: bytes) -> None:
    await wire.send(head + body)


async def _byte_by_byte(wire: Wire, head: bytes, body: bytes) -> None:
    await wire.send(head)
    await wire.send_each(bytes([byte]) for byte in body)


async def _split_at_crlf(wire: Wire, head: bytes, body: bytes) -> None:
    whole = (head + body).split(b"\r")
    await wire.send_each([part + b"\r" for part in whole[:-1]] + [whole[-1]], pause=0.002)


async def _paused(wire: Wire, head: bytes, body: bytes) -> None:
    await wire.send_each([head + body[:7], body[7:30], body[30:]], pause=0.02)


async def _apart(wire: Wire, head: bytes, body: bytes) -> None:
    await wire.send_each([head, body], pause=0.02)


@case(
    MUST,
    pep3333(
        "environ Variables", "An input stream (file-like object) from which the HTTP request body bytes can be read."
    ),
    variants={
        "one-piece": _one_piece,
        "byte-by-byte": _byte_by_byte,
        "split-at-crlf": _split_at_crlf,
        "paused": _paused,
        "head-and-body-apart": _apart,
    },
)
async def delivery_matrix(x: Exchange, deliver: Callable[[Wire, bytes, bytes], Awaitable[None]]) -> None:
    """The body is the same however it arrives and however it is read.

    A body of some 40 bytes in one way of sending, four times, read in four ways: as a whole, in pieces, by lines, by
    lines and iteration. Networks cut where they like.
    """
    for do in ("rest", "until:7,rest", "readline,rest", "readline,readline,next,rest"):
        wire = await x.connect()
        head = x.request("/reads" + query(do=do), method="POST", headers=[("Content-Length", str(len(BODY)))])
        before = len(x.events("read"))
        await deliver(wire, head, BODY)
        served(await wire.response())
        parts = x.events("read")[before:]
        equal(b"".join(data(each.detail) for each in parts), BODY, f"the body as read by {do}")
        await wire.close()


@case(
    MUST,
    pep3333(
        "environ Variables", "An input stream (file-like object) from which the HTTP request body bytes can be read."
    ),
)
async def large_body(x: Exchange) -> None:
    """A body of 1 MiB reaches the app whole.

    Bytes of every value, which the app reads in pieces of 64 KiB and hashes. Photos and videos are sent so.
    """
    body = bytes(range(256)) * 4096
    served(await x.get("/read", method="POST", body=body))
    detail = (await told(x, "body", "the app to read the body")).detail
    equal(
        (detail["length"], detail["sha256"]),
        (len(body), hashlib.sha256(body).hexdigest()),
        "the length and SHA-256 of what the app read",
    )


@case(
    MUST,
    pep3333(
        "Other HTTP Features",
        'WSGI servers must handle any supported inbound "hop-by-hop" headers on their own, such as by decoding any '
        "inbound Transfer-Encoding, including chunked encoding if applicable.",
    ),
)
async def chunked_decoded(x: Exchange) -> None:
    """A chunked body reaches the app decoded, or is refused with a status; never raw and never as nothing.

    Two chunks, which the app reads as `hello world`. Uploads from phones and proxies come like this.
    """
    wire = await x.connect()
    head = x.request("/reads" + query(do="until:11"), method="POST", headers=[("Transfer-Encoding", "chunked")])
    await wire.send(head + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    answer = await wire.response(timeout=HANG)
    if not x.events("called"):
        refused = answer.status is not None and 400 <= answer.status < 600
        that(refused, "the app to be called, or a status that refuses", answer.describe())
        return
    (part,) = await results(x, "until:11", wire)
    if answer.version == b"HTTP/1.0" and data(part) != b"hello world":
        x.unsupported("the server speaks HTTP/1.0, which has no chunks")
    equal(data(part), b"hello world", "what was read")


@case(
    MUST,
    rfc9112(
        "9.3", "A server MUST read the entire request message body or close the connection after sending its response"
    ),
    tags=["security"],
)
async def unread_body(x: Exchange) -> None:
    """A body that the app leaves unread never becomes the next request.

    A POST to an app that does not read, whose body is itself a request; then, where the connection is still open,
    a real one. Taken for a request, an uploaded file speaks for its sender behind the proxy's back.
    """
    inner = x.request("/echo/smuggled")
    wire = await x.connect()
    await wire.send(x.request("/echo", method="POST", body=inner))
    first = await wire.response()
    that(first.status == 200, "the POST to be answered", first.describe())
    await wire.send(x.request("/echo/real"))
    await wire.response(timeout=SECOND_LOOK)
    await wire.close()
    paths = [call.detail["path"] for call in await x.calls()]
    that(not any(path.endswith("/smuggled") for path in paths), "the body not to be taken for a request", paths)
