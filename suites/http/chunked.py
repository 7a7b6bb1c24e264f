"""Chunked request bodies: decoded where they are right, refused where their framing is broken.

411 is allowed to a server that takes no chunked bodies at all (RFC 9112, section 6.3).
"""

from __future__ import annotations

import hashlib

from ...harness import expect
from ...harness.catalog import MUST, SHOULD, case
from ...harness.exchange import Exchange
from ...harness.references import rfc9112
from .verbs import PATIENCE, REFUSED, ask, post, served, served_body, spoiled, was_refused

SECURITY = ["security"]
END = b"0\r\n\r\n"
DECODES = ["http/chunked/one-chunk"]
"""Cases on broken chunks say nothing about a server that does not decode good ones."""

DECODE = rfc9112("7.1", "A recipient MUST be able to parse and decode the chunked transfer coding.")
COMPLETE = rfc9112(
    "7.1",
    "The chunked transfer coding is complete when a chunk with a chunk-size of zero is received, possibly followed by "
    "a trailer section, and finally terminated by an empty line.",
)
SIZE = rfc9112("7.1", "The chunk-size field is a string of hex digits indicating the size of the chunk-data in octets.")
GRAMMAR = rfc9112("7.1", "chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF")
IGNORED = rfc9112("7.1.1", "A recipient MUST ignore unrecognized chunk extensions.")
INCOMPLETE = rfc9112(
    "8",
    "A message body that uses the chunked transfer coding is incomplete if the zero-sized chunk that terminates the "
    "encoding has not been received.",
)
NOT_MERGED = rfc9112(
    "7.1.2",
    "A recipient MUST NOT merge a received trailer field into the header section unless its corresponding header field "
    "definition explicitly permits and instructs how the trailer field value can be safely merged.",
)


def chunked(x: Exchange, body: bytes) -> bytes:
    """Return a POST to the app's reader with this body, chunks and all."""
    return post(x, "Transfer-Encoding: chunked", body=body)


@case(MUST, DECODE)
async def one_chunk(x: Exchange) -> None:
    """A body of one chunk reaches the app decoded.

    Sends five bytes in one chunk and the last chunk. Browsers and curl send uploads of unknown length so.
    """
    served_body(await ask(x, chunked(x, b"5\r\nhello\r\n" + END)), b"hello")


@case(MUST, DECODE, needs=DECODES)
async def many_chunks(x: Exchange) -> None:
    """A body of many chunks of many sizes reaches the app in one piece.

    Sends 59 chunks of 1 to 177 bytes. A reader that loses count at a buffer's edge corrupts uploads now and then.
    """
    parts = [b"%d;" % number * number for number in range(1, 60)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    told = await ask(x, chunked(x, body + END))
    if not was_refused(told, (411,)):
        served(told)
        lengths = [each.detail["length"] for each in told.bodies]
        expect.equal(lengths, [sum(map(len, parts))], "the length that the app read")
        expect.equal(told.bodies[0].detail["data"].encode("latin-1"), b"".join(parts)[:4096], "what the app read")


@case(MUST, DECODE, needs=DECODES)
async def large_chunk(x: Exchange) -> None:
    """A chunk of 256 KiB, more than a server reads at once, reaches the app whole.

    Sends one chunk and the last.
    """
    part = bytes(range(256)) * 1024
    told = await ask(x, chunked(x, b"%x\r\n%b\r\n" % (len(part), part) + END))
    if not was_refused(told, (411, 413)):
        served(told)
        read = [(each.detail["length"], each.detail["sha256"]) for each in told.bodies]
        expect.equal(read, [(len(part), hashlib.sha256(part).hexdigest())], "length and SHA-256 of what the app read")


@case(MUST, COMPLETE, needs=DECODES)
async def empty(x: Exchange) -> None:
    """A chunked body without any data is an empty body.

    Sends the last chunk alone. A server that waits for more lets the client hang.
    """
    served_body(await ask(x, chunked(x, END)), b"")


@case(MUST, SIZE, needs=DECODES, variants={"upper": b"A", "lower": b"a"})
async def hex_case(x: Exchange, size: bytes) -> None:
    """A chunk's size may be written in either case.

    Sends ten bytes with the size `A` or `a`.
    """
    served_body(await ask(x, chunked(x, size + b"\r\nhellohello\r\n" + END)), b"hellohello")


@case(MUST, SIZE, needs=DECODES, variants={"one": b"05", "many": b"0000000005", "last": b"5"})
async def zero_padded(x: Exchange, size: bytes) -> None:
    """Leading zeros of a chunk's size change nothing, in the last chunk either.

    Sends sizes such as `0000000005` and a last chunk `000`. Some clients write sizes with a fixed number of digits.
    """
    end = b"000\r\n\r\n" if size == b"5" else END
    served_body(await ask(x, chunked(x, size + b"\r\nhello\r\n" + end)), b"hello")


@case(MUST, IGNORED, needs=DECODES, variants={"name": b";a", "value": b";a=b", "two": b";a=b;c", "last": b""})
async def extension_token(x: Exchange, extension: bytes) -> None:
    """A chunk extension that is not known is ignored.

    Sends `5;a`, `5;a=b` and the like as the chunk's line. Proxies and signing clients add such extensions.
    """
    end = END if extension else b"0;a=b\r\n\r\n"
    served_body(await ask(x, chunked(x, b"5" + extension + b"\r\nhello\r\n" + end)), b"hello")


@case(MUST, IGNORED, needs=DECODES)
async def extension_quoted(x: Exchange) -> None:
    """A chunk extension with a quoted value is ignored, whatever the quotes hold.

    Sends a quoted value that holds a semicolon, a comma, an escaped quote and a zero.
    """
    served_body(await ask(x, chunked(x, b'5;a="b;c, d\\" 0"\r\nhello\r\n' + END)), b"hello")


@case(
    MUST,
    rfc9112(
        "2.2",
        "A recipient of such a bare CR MUST consider that element to be invalid or replace each bare CR with SP before "
        "processing the element or forwarding the message.",
    ),
    tags=SECURITY,
    needs=DECODES,
)
async def extension_bad(x: Exchange) -> None:
    """A bare CR in a chunk extension does not end the line: the chunk is read as its size says, or refused.

    Sends `5;a<CR>b<CRLF>hello`. Where CR ends a line for one of two servers, the body ends elsewhere for it.
    """
    told = await ask(x, chunked(x, b"5;a\rb\r\nhello\r\n" + END))
    if told.answer.status == 200:
        served_body(told, b"hello")
    else:
        spoiled(told)


@case(
    SHOULD,
    rfc9112(
        "7.1.1",
        "A server ought to limit the total length of chunk extensions received in a request to an amount reasonable "
        "for the services provided, in the same way that it applies length limitations and timeouts for other parts of "
        "a message, and generate an appropriate 4xx (Client Error) response if that amount is exceeded.",
    ),
    needs=DECODES,
)
async def extension_64k(x: Exchange) -> None:
    """A chunk extension of 64 KiB is refused.

    Sends 65,536 letters behind a chunk's size. Without a limit a client has the server read for ever, for no byte
    of body.
    """
    told = await ask(x, chunked(x, b"5;" + b"a" * 65536 + b"\r\nhello\r\n" + END))
    expect.that(told.answer.status in REFUSED, "a status from 400 to 499", told.describe())


@case(
    MUST,
    SIZE,
    tags=SECURITY,
    needs=DECODES,
    variants={
        "0x": (b"0x5", 5),
        "underscore": (b"5_0", 80),
        "plus": (b"+5", 5),
        "minus": (b"-5", 5),
        "space-before": (b" 5", 5),
        "empty": (b"", 5),
        "letter": (b"5g", 5),
        "nul": (b"5\0", 5),
    },
)
async def size_syntax(x: Exchange, size: tuple[bytes, int]) -> None:
    """A chunk's size that is not just hexadecimal digits spoils the body: no good answer, and the connection ends.

    The number parsers of programming languages take prefixes, signs, spaces and underscores; the next server does not.
    """
    text, length = size
    spoiled(await ask(x, chunked(x, text + b"\r\n" + b"h" * length + b"\r\n" + END)))


@case(
    MUST,
    rfc9112(
        "7.1",
        "recipients MUST anticipate potentially large hexadecimal numerals and prevent parsing errors due to integer "
        "conversion overflows or precision loss due to integer representation.",
    ),
    tags=SECURITY,
    needs=DECODES,
    variants={"64-bits": b"10000000000000005", "digits": b"f" * 2000},
)
async def size_overflow(x: Exchange, size: bytes) -> None:
    """A chunk's size too large for a machine word is refused or waited for, never cut to its low bits.

    Our sending side is closed behind five bytes of data, so that a server which waits for the rest can tell that none
    will come. One that goes on waiting, or reading from the ended connection, holds a worker for ever.
    """
    spoiled(await ask(x, chunked(x, size + b"\r\nhello\r\n" + END), fin=True))


@case(MUST, GRAMMAR, tags=SECURITY, needs=DECODES)
async def spill(x: Exchange) -> None:
    """Data longer than its chunk's size spoils the body.

    Sends 12 bytes in a chunk that announces 5. What follows the fifth would be read as chunk lines of the client's
    choice.
    """
    spoiled(await ask(x, chunked(x, b"5\r\nhello, world\r\n" + END)))


@case(MUST, GRAMMAR, tags=SECURITY, needs=DECODES)
async def no_crlf_after_data(x: Exchange) -> None:
    """A chunk's data without CRLF behind it spoils the body.

    Sends the next chunk's size right behind the data. A reader that skips two bytes unseen loses its place.
    """
    spoiled(await ask(x, chunked(x, b"5\r\nhello" + END)))


@case(
    MUST,
    INCOMPLETE,
    tags=SECURITY,
    needs=DECODES,
    variants={"between": b"5\r\nhello\r\n", "within": b"5\r\nhel", "early": b"fffff\r\nhello"},
)
async def no_last_chunk_then_fin(x: Exchange, body: bytes) -> None:
    """A chunked body that ends without its last chunk is not taken for a whole one.

    Sends a part and closes the sending side. An app that is told of a normal end stores half an upload as a whole one:
    there is no Content-Length by which it could know.
    """
    spoiled(await ask(x, chunked(x, body), fin=True))


@case(MUST, COMPLETE, tags=SECURITY, needs=DECODES)
async def no_final_crlf(x: Exchange) -> None:
    """A chunked body without the empty line at its end is not complete.

    Sends the last chunk's line, not the line after it, and closes the sending side.
    """
    spoiled(await ask(x, chunked(x, b"5\r\nhello\r\n0\r\n"), fin=True))


@case(
    MUST,
    rfc9112(
        "2.2",
        "Although the line terminator for the start-line and fields is the sequence CRLF, a recipient MAY recognize a "
        "single LF as a line terminator and ignore any preceding CR.",
    ),
    tags=SECURITY,
    needs=DECODES,
    variants={
        "size": b"5\nhello\r\n" + END,
        "extension": b"5;a\nhello\r\n" + END,
        "data": b"5\r\nhello\n" + END,
        "last": b"5\r\nhello\r\n0\n\r\n",
    },
)
async def lf_terminators(x: Exchange, body: bytes) -> None:
    """LF alone ends no line of the chunked coding: the body is spoilt.

    The leave to take LF for CRLF is given for the request line and headers only; here it opens a way to smuggle. Our
    sending side is closed behind the body, so that a server which waits for CRLF can tell that none will come.
    """
    spoiled(await ask(x, chunked(x, body), fin=True))


@case(MUST, COMPLETE, needs=DECODES)
async def trailer(x: Exchange) -> None:
    """Trailer fields are taken, and are no headers to the app.

    Sends `X-Trailer: yes` behind the last chunk. environ is made from the head, and must not be added to
    afterwards.
    """
    told = await ask(x, chunked(x, b"5\r\nhello\r\n0\r\nX-Trailer: yes\r\n\r\n"))
    served_body(told, b"hello")
    for call in told.calls:
        expect.equal(call.detail["environ"].get("HTTP_X_TRAILER"), None, "HTTP_X_TRAILER")


@case(
    MUST,
    NOT_MERGED,
    tags=SECURITY,
    needs=DECODES,
    variants={"length": "Content-Length: 100", "host": "Host: stranger.example", "coding": "Transfer-Encoding: gzip"},
)
async def trailer_forbidden(x: Exchange, field: str) -> None:
    """A trailer that would change routing or framing takes no effect: served without it, or refused.

    Sends Content-Length, Host or Transfer-Encoding behind the last chunk, where a proxy in front does not look for
    them.
    """
    told = await ask(x, chunked(x, b"5\r\nhello\r\n0\r\n" + field.encode() + b"\r\n\r\n"))
    for call in told.calls:
        environ = call.detail["environ"]
        expect.equal(environ.get("HTTP_HOST"), x.server.address.authority, "HTTP_HOST")
        expect.that(environ.get("CONTENT_LENGTH") != "100", "the length unchanged", environ.get("CONTENT_LENGTH"))
    if told.answer.status == 200:
        served_body(told, b"hello")


@case(MUST, COMPLETE, needs=DECODES)
async def trailer_then_next(x: Exchange) -> None:
    """The request that follows trailer fields on the connection is read from its beginning.

    Sends two trailer fields and the next request at once. A trailer left unread would be taken for its first line.
    """
    wire = await x.connect()
    body = b"5\r\nhello\r\n0\r\nX-Trailer: yes\r\nX-Other: yes\r\n\r\n"
    await wire.send(chunked(x, body) + x.request("/echo", token=f"{x.token}.second"))
    first = await wire.response(timeout=PATIENCE)
    second = await wire.response(timeout=PATIENCE)
    await wire.close()
    if first.status == 411:
        return
    expect.equal(first.status, 200, "the first answer's status")
    if not (first.says_close and second.nothing):
        expect.equal(second.body, f"gauntlet {x.token}.second\n".encode(), "the second answer")
