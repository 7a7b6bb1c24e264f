"""The end of wsgi.input: it is the end of the body, whatever follows on the connection."""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import (
    SHOULD_TEXT,
    from_recipient_semantics,
    pep3333,
    recorded_only,
    rfc9112,
)
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.http.connection import Connection
from wsgi_gauntlet.suites.pep3333.assertions import (
    HANG_TIMEOUT_SECONDS,
    NEEDS_EOF,
    bytes_read,
    read_in_app,
    step_results,
)
from wsgi_gauntlet.suites.pep3333.input.body_delivery import INPUT_STREAM

STREAMS = "Input and Error Streams"

LINES = b"first\nsecond\r\nthird\n\nno end"


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


@case(
    SHOULD,
    EOF,
    basis=SHOULD_TEXT,
    variants={"read": "read:100,read:100", "readlines": "readlines", "iteration": "iter"},
)
async def eof_at_content_length(exchange: Exchange, steps: str) -> None:
    """Reading ends at Content-Length while the client keeps the connection open.

    Sends: A POST of five lines, the last without a line ending. Then the client sends nothing and keeps the connection
    open. The app reads to the end in one of three ways.
    Expects: The body, and the end of file at Content-Length.
    Why: Otherwise an app that reads to the end waits, and a worker with it, for as long as the client wants.
    """
    parts = [bytes_read(each) for each in await read_in_app(exchange, steps, LINES)]
    assert_equal(b"".join(parts), LINES, "the bytes that the app read")


@case(SHOULD, NO_ARGUMENT, basis=SHOULD_TEXT, needs=[NEEDS_EOF], variants={"whole": "read", "rest": "read:6,read"})
async def read_no_argument(exchange: Exchange, steps: str) -> None:
    """read() without a size returns the rest of the body without waiting.

    Sends: A POST on a connection that stays open. The app calls read() without a size, immediately or after 6 bytes.
    Expects: The rest of the body. The server does not wait for more data.
    Why: `json.load(environ["wsgi.input"])` calls read() without a size. Otherwise it hangs.
    """
    parts = [bytes_read(each) for each in await read_in_app(exchange, steps, LINES)]
    assert_equal(parts, [LINES] if steps == "read" else [LINES[:6], LINES[6:]], "the bytes that the app read")


@case(
    SHOULD,
    EXHAUSTED,
    basis=SHOULD_TEXT,
    needs=[NEEDS_EOF],
    variants={"used-up": b"hello", "empty": b"", "no-body": None},
)
async def read_past_end(exchange: Exchange, body: bytes | None) -> None:
    """Reading past the end returns b'' each time.

    Sends: A POST with 5 bytes, a POST with an empty body, or a GET. The connection stays open. The app reads everything
    and then reads on with every method.
    Expects: b'' each time, and an empty list from readlines().
    Why: Otherwise a parser that checks for more data hangs or raises after a valid form.
    """
    steps = "rest,read:10,readline,read:1,readlines,read:10"
    connection = await exchange.connect()
    await connection.send(
        exchange.request("/reads" + query(do=steps), method="GET" if body is None else "POST", body=body)
    )
    parts = [bytes_read(each) for each in await step_results(exchange, steps, connection)]
    assert_equal(parts, [body or b""] + [b""] * 5, "the bytes that the app read")


@case(SHOULD, EOF, basis=SHOULD_TEXT, tags=["security"])
async def no_bleed(exchange: Exchange) -> None:
    """Data after the body never comes out of wsgi.input.

    Sends: A POST of 5 bytes with a second request directly after it. The app asks for 15 bytes and then for 5.
    Expects: The 5 bytes, then b''.
    Why: Behind a proxy that shares the connection, the next request may belong to another user and contain cookies.
    """
    parts = [
        bytes_read(each)
        for each in await read_in_app(
            exchange, "read:15,read:5", b"hello", following_bytes=exchange.request("/echo?second")
        )
    ]
    assert_equal(parts, [b"hello", b""], "the bytes that the app read")


CHUNKED = [("Transfer-Encoding", "chunked")]
HELLO = b"5\r\nhello\r\n0\r\n\r\n"


@case(
    INFO,
    INPUT_STREAM,
    basis=recorded_only("The PEP does not define the key. Frameworks agreed on it later."),
    needs=["http/chunked/one-chunk"],
)
async def terminated(exchange: Exchange) -> None:
    """The harness records whether the server sets wsgi.input_terminated for a chunked body.

    Sends: A chunked POST.
    Expects: Either. Whether the variable is present and true is recorded; nothing is required. Without it, Flask reads
    nothing from a body without a length.
    Why: Otherwise a chunked upload is silently lost, although the server could have passed it to the app.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("/read?to=end", method="POST", headers=CHUNKED, body=HELLO))
    assert_that(
        await _input_terminated(exchange, connection),
        "wsgi.input_terminated to be true for a chunked body",
        "it is missing or false",
    )


@case(
    MUST,
    rfc9112(
        "6",
        "The presence of a message body in a request is signaled by a Content-Length or Transfer-Encoding header "
        "field.",
    ),
    basis=from_recipient_semantics(
        "With the key a server says that its input ends with the body. The fields of the message define that end."
    ),
    variants={
        "chunks": (CHUNKED, HELLO, "loop:100"),
        "chunks-read": (CHUNKED, HELLO, "read"),
        "chunks-lines": (CHUNKED, HELLO, "readline,readline"),
        "chunks-readlines": (CHUNKED, HELLO, "readlines"),
        "chunks-iteration": (CHUNKED, HELLO, "iter"),
        "length": ([("Content-Length", "5")], b"hello", "loop:100"),
        "none": ([], b"", "loop:100"),
    },
    needs={
        name: ["http/chunked/one-chunk"]
        for name in ("chunks", "chunks-read", "chunks-lines", "chunks-readlines", "chunks-iteration")
    },
)
async def terminated_ends(exchange: Exchange, framing_and_steps: tuple[list[tuple[str, str]], bytes, str]) -> None:
    """If wsgi.input_terminated is true, reading without a length ends at the end of the body.

    Sends: A POST with a chunked body, with a Content-Length, or without a body, on a connection that stays open. The
    app reads until it gets nothing: with read(), readline(), readlines() or iteration.
    Expects: The body, and then b'' immediately. The case is unsupported when the server does not set the variable.
    Why: Frameworks that find the variable read to the end. Otherwise they wait for as long as the client wants.
    """
    headers, sent, steps = framing_and_steps
    connection = await exchange.connect()
    await connection.send(exchange.request("/reads" + query(do=steps), method="POST", headers=headers) + sent)
    if not await _input_terminated(exchange, connection):
        exchange.unsupported("the server does not set wsgi.input_terminated")
    parts = [bytes_read(each) for each in await step_results(exchange, steps, connection)]
    assert_equal(b"".join(parts), b"hello" if sent else b"", "the bytes that the app read")


async def _input_terminated(exchange: Exchange, connection: Connection) -> bool:
    try:
        call = await exchange.event("called", timeout=HANG_TIMEOUT_SECONDS)
    except trio.TooSlowError:
        await exchange.fail_app_not_called(await connection.response(timeout=HANG_TIMEOUT_SECONDS))
    return bool(call.detail["wsgi"].get("wsgi.input_terminated", {}).get("true"))
