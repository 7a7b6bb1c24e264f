"""Good chunks: one, many, none, large, with extensions."""

from __future__ import annotations

import hashlib

from ....harness import expect
from ....harness.attempts.exchange import Exchange
from ....harness.basis import CLIENT, MUST_TEXT, SHOULD_TEXT, coding
from ....harness.catalog import MUST, SHOULD, case
from ....harness.references import rfc9110, rfc9112
from ..verbs import REFUSED, ask, in_step, served, served_body, was_refused
from .sending import DECODES, END, SECURITY, chunked, followed

DECODE = rfc9112("7.1", "A recipient MUST be able to parse and decode the chunked transfer coding.")
COMPLETE = rfc9112(
    "7.1",
    "The chunked transfer coding is complete when a chunk with a chunk-size of zero is received, possibly followed by "
    "a trailer section, and finally terminated by an empty line.",
)
IGNORED = rfc9112("7.1.1", "A recipient MUST ignore unrecognized chunk extensions.")


@case(MUST, DECODE, basis=MUST_TEXT)
async def one_chunk(x: Exchange) -> None:
    """A body of one chunk reaches the app decoded.

    Sends: a POST with `hello` in one chunk, and the last chunk.
    Expects: the app reads `hello` (or 411 without a call: a server need not take chunks); the next request on the
    connection is served as itself. A server that answers in HTTP/1.0 need not know of chunks.
    Why: Browsers, curl and phones send uploads of unknown length in chunks. On a server that does not decode them the
    upload is lost or arrives as rubbish.
    """
    told = await ask(x, chunked(x, b"5\r\nhello\r\n" + END))
    decoded = [each.detail["data"] for each in told.bodies] == ["hello"]
    if told.calls and not decoded and (await x.get("/echo")).version == b"HTTP/1.0":
        # RFC 9112, 6.1: "implementations advertising only HTTP/1.0 support will not understand" transfer codings.
        x.unsupported("the server speaks HTTP/1.0, which has no chunks")
    served_body(told, b"hello")


@case(MUST, DECODE, basis=MUST_TEXT, needs=DECODES)
async def many_chunks(x: Exchange) -> None:
    """A body of many chunks of many sizes reaches the app in one piece.

    Sends: a POST with 59 chunks of 1 to 177 bytes.
    Expects: the app reads all of the data in one piece (or 411 without a call); the next request on the connection is
    served as itself.
    Why: A reader that loses count at a buffer's edge corrupts uploads now and then, and nobody can tell why.
    """
    parts = [b"%d;" % number * number for number in range(1, 60)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    told = await ask(x, chunked(x, body + END))
    if was_refused(told, (411,)):
        in_step(told)
    else:
        served(told)
        lengths = [each.detail["length"] for each in told.bodies]
        expect.equal(lengths, [sum(map(len, parts))], "the length that the app read")
        expect.equal(told.bodies[0].detail["data"].encode("latin-1"), b"".join(parts)[:4096], "what the app read")


@case(MUST, DECODE, basis=MUST_TEXT, needs=DECODES)
async def large_chunk(x: Exchange) -> None:
    """A chunk of 256 KiB, more than a server reads at once, reaches the app whole.

    Sends: a POST with one chunk of 256 KiB, and the last chunk.
    Expects: the app reads all of it, byte by byte the same (or 411 or 413 without a call); the next request on the
    connection is served as itself.
    Why: Clients that send a file send chunks as large as their buffers. A server that takes what it reads at once for
    the chunk cuts the file.
    """
    part = bytes(range(256)) * 1024
    told = await ask(x, chunked(x, b"%x\r\n%b\r\n" % (len(part), part) + END))
    if was_refused(told, (411, 413)):
        in_step(told)
    else:
        served(told)
        read = [(each.detail["length"], each.detail["sha256"]) for each in told.bodies]
        expect.equal(read, [(len(part), hashlib.sha256(part).hexdigest())], "length and SHA-256 of what the app read")


@case(MUST, COMPLETE, basis=coding("The first chunk may be the last, which leaves a body of no bytes."), needs=DECODES)
async def empty(x: Exchange) -> None:
    """A chunked body without any data is an empty body.

    Sends: a POST whose body is the last chunk alone.
    Expects: the app reads an empty body (or 411 without a call); the next request on the connection is served as
    itself.
    Why: A client that finds nothing to send ends its body so. A server that waits for more lets it hang; one that
    refuses fails it for nothing.
    """
    served_body(await ask(x, chunked(x, END)), b"")


@case(
    MUST,
    IGNORED,
    basis=MUST_TEXT,
    needs=DECODES,
    variants={"name": b";a", "value": b";a=b", "two": b";a=b;c", "last": b""},
)
async def extension_token(x: Exchange, extension: bytes) -> None:
    """A chunk extension that is not known is ignored.

    Sends: `5;a`, `5;a=b` or `5;a=b;c` as the line of a chunk that holds `hello`, or an extension on the last chunk.
    Expects: the app reads `hello` (or 411 without a call); the next request on the connection is served as itself.
    Why: Proxies and clients that sign their uploads add such extensions. Their users' uploads fail on a server that
    takes them for an error.
    """
    end = END if extension else b"0;a=b\r\n\r\n"
    served_body(await ask(x, chunked(x, b"5" + extension + b"\r\nhello\r\n" + end)), b"hello")


@case(MUST, IGNORED, basis=MUST_TEXT, needs=DECODES)
async def extension_quoted(x: Exchange) -> None:
    """A chunk extension with a quoted value is ignored, whatever the quotes hold.

    Sends: a chunk that holds `hello`, with an extension whose quoted value holds a semicolon, a comma, an escaped quote
    and a zero.
    Expects: the app reads `hello` (or 411 without a call); the next request on the connection is served as itself.
    Why: A reader that splits at signs within the quotes finds a size or an end that is not there, and loses the upload.
    """
    served_body(await ask(x, chunked(x, b'5;a="b;c, d\\" 0"\r\nhello\r\n' + END)), b"hello")


@case(
    SHOULD,
    rfc9112(
        "7.1.1",
        "A server ought to limit the total length of chunk extensions received in a request to an amount reasonable "
        "for the services provided, in the same way that it applies length limitations and timeouts for other parts of "
        "a message, and generate an appropriate 4xx (Client Error) response if that amount is exceeded.",
    ),
    basis=SHOULD_TEXT,
    needs=DECODES,
)
async def extension_64k(x: Exchange) -> None:
    """A chunk extension of 64 KiB is refused.

    Sends: a chunk that holds `hello`, with 65,536 letters of extension behind its size.
    Expects: a status from 400 to 499; the next request on the connection is served as itself, or the connection is
    closed.
    Why: Without a limit one client has the server read and keep for ever, for no byte of body: memory and time for
    nothing.
    """
    told = await ask(x, chunked(x, b"5;" + b"a" * 65536 + b"\r\nhello\r\n" + END))
    expect.that(told.answer.status in REFUSED, "a status from 400 to 499", told.describe())
    in_step(told)


@case(
    MUST,
    rfc9110(
        "5.6.3",
        "A recipient MUST parse for such bad whitespace and remove it before interpreting the protocol element.",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    needs=DECODES,
    variants={"before": b" ;a", "after": b"; a=b", "tab": b"\t;\ta=b", "around-equals": b';a = "b"'},
)
async def extension_whitespace(x: Exchange, extension: bytes) -> None:
    """Blanks and tabs around the signs of a chunk extension are passed over.

    Sends: `5 ;a`, `5; a=b`, `5;a = "b"` and the like as a chunk's line, with `hello` behind it.
    Expects: the app reads `hello` (or 411 without a call); the next request on the connection is served as itself.
    Why: The grammar has such blanks for old senders' sake. Their users' uploads fail on a server that does not know.
    """
    served_body(await ask(x, chunked(x, b"5" + extension + b"\r\nhello\r\n" + END)), b"hello")


@case(
    MUST,
    COMPLETE,
    basis=coding("The coding says to the byte where the body is complete, so the next request begins just behind it."),
    tags=SECURITY,
    needs=DECODES,
)
async def then_next(x: Exchange) -> None:
    """The request that follows the last chunk at once is read from its first byte.

    Sends: a chunked POST that holds `hello` and a GET, in one piece.
    Expects: the app reads `hello` and nothing of the GET (or 411 without a call); then the GET is answered as itself,
    or the connection is closed.
    Why: Proxies send their users' requests in such rows. One byte too many or too few, and every answer that follows on
    the connection goes to the wrong user.
    """
    await followed(x, b"5\r\nhello\r\n" + END)
