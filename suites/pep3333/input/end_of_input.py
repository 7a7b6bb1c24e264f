"""Where reading stops: at the body's end, whatever follows it on the connection or does not."""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import SHOULD_TEXT, from_recipient_semantics, recorded_only
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.conformance.references import pep3333, rfc9112
from wsgi_gauntlet.harness.http.connection import Connection
from wsgi_gauntlet.suites.pep3333.assertions import HANG_TIMEOUT_SECONDS, bytes_read, read_in_app, step_results

STREAMS = "Input and Error Streams"

LINES = b"first\nsecond\r\nthird\n\nno end"

NEEDS_EOF = "pep3333/input/eof-at-content-length/read"
"""The case without which the others that read to the end would only find the same again."""

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
async def eof_at_content_length(exchange: Exchange, do: str) -> None:
    """Reading ends at Content-Length, while the client keeps the connection open.

    Sends: A POST of five lines, the last without an end, then silence on an open connection; the app reads to the end
    in one of three ways.
    Expects: The body, and the end of file at Content-Length.
    Why: An app that reads to the end would hang for as long as the client likes, and hold a worker with it.
    """
    parts = [bytes_read(each) for each in await read_in_app(exchange, do, LINES)]
    assert_equal(b"".join(parts), LINES, "what was read")


@case(SHOULD, NO_ARGUMENT, basis=SHOULD_TEXT, needs=[NEEDS_EOF], variants={"whole": "read", "rest": "read:6,read"})
async def read_no_argument(exchange: Exchange, do: str) -> None:
    """read() without a size returns what is left of the body, and returns.

    Sends: A POST whose connection stays open; the app calls read() without a size, at once or after 6 bytes.
    Expects: What is left of the body, without waiting for more.
    Why: `json.load(environ["wsgi.input"])` does just that; it would hang.
    """
    parts = [bytes_read(each) for each in await read_in_app(exchange, do, LINES)]
    assert_equal(parts, [LINES] if do == "read" else [LINES[:6], LINES[6:]], "what was read")


@case(
    SHOULD,
    EXHAUSTED,
    basis=SHOULD_TEXT,
    needs=[NEEDS_EOF],
    variants={"used-up": b"hello", "empty": b"", "no-body": None},
)
async def read_past_end(exchange: Exchange, body: bytes | None) -> None:
    """Reading past the end gives b'' and goes on giving it.

    Sends: A POST whose body is used up, one with an empty body, or a GET; the connection stays open, and the app goes
    on reading with every method.
    Expects: b'' each time, and an empty list for readlines().
    Why: A parser that looks once more whether there is anything left would hang, or raise an error, behind a form that
    was sent rightly.
    """
    do = "rest,read:10,readline,read:1,readlines,read:10"
    connection = await exchange.connect()
    await connection.send(
        exchange.request("/reads" + query(do=do), method="GET" if body is None else "POST", body=body)
    )
    parts = [bytes_read(each) for each in await step_results(exchange, do, connection)]
    assert_equal(parts, [body or b""] + [b""] * 5, "what was read")


@case(SHOULD, EOF, basis=SHOULD_TEXT, tags=["security"])
async def no_bleed(exchange: Exchange) -> None:
    """What follows the body on the connection never comes out of wsgi.input.

    Sends: A POST of 5 bytes with a second request right behind it; the app asks for 15 bytes and then for 5.
    Expects: The 5 bytes, then b''.
    Why: Bytes of the next request in this one's body may be another user's, with his cookies, behind a proxy that
    shares the connection.
    """
    parts = [
        bytes_read(each)
        for each in await read_in_app(
            exchange, "read:15,read:5", b"hello", following_bytes=exchange.request("/echo?second")
        )
    ]
    assert_equal(parts, [b"hello", b""], "what was read")


CHUNKED = [("Transfer-Encoding", "chunked")]
HELLO = b"5\r\nhello\r\n0\r\n\r\n"


@case(
    INFO,
    pep3333(
        "environ Variables", "An input stream (file-like object) from which the HTTP request body bytes can be read."
    ),
    basis=recorded_only("The PEP knows nothing of the key; frameworks agreed on it later."),
    needs=["http/chunked/one-chunk"],
)
async def terminated(exchange: Exchange) -> None:
    """Whether the app is told that a chunked body has an end: wsgi.input_terminated is there, and true.

    Sends: A chunked POST.
    Expects: Nothing in particular: whether the key is there is recorded. Without it, Flask reads nothing of a body
    without a length.
    Why: An upload in chunks is lost in silence, though the server could have handed it over.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("/read?to=end", method="POST", headers=CHUNKED, body=HELLO))
    assert_that(
        await _input_terminated(exchange, connection),
        "wsgi.input_terminated, with a chunked body",
        "it is not there, or not true",
    )


@case(
    MUST,
    rfc9112(
        "6",
        "The presence of a message body in a request is signaled by a Content-Length or Transfer-Encoding header "
        "field.",
    ),
    basis=from_recipient_semantics(
        "With the key a server says that its input ends with the body. The message's fields say where that is."
    ),
    variants={
        "chunks": (CHUNKED, HELLO, b"hello"),
        "length": ([("Content-Length", "5")], b"hello", b"hello"),
        "none": ([], b"", b""),
    },
    needs={"chunks": ["http/chunked/one-chunk"]},
)
async def terminated_ends(exchange: Exchange, what: tuple[list[tuple[str, str]], bytes, bytes]) -> None:
    """Where wsgi.input_terminated is true, reading on without a length comes to an end.

    Sends: A POST with a chunked body, one with a length, and one without a body, on a connection that stays open; the
    app reads until it gets nothing.
    Expects: The body, and then b'' at once. A server that does not set the key promises nothing.
    Why: Frameworks that find the key read to the end, whatever the length says. They would wait for as long as the
    client likes.
    """
    headers, sent, body = what
    connection = await exchange.connect()
    await connection.send(exchange.request("/reads?do=loop:100", method="POST", headers=headers) + sent)
    if not await _input_terminated(exchange, connection):
        exchange.unsupported("the server does not set wsgi.input_terminated")
    (part,) = await step_results(exchange, "loop:100", connection)
    assert_equal(bytes_read(part), body, "what was read")


async def _input_terminated(exchange: Exchange, connection: Connection) -> bool:
    try:
        call = await exchange.event("called", timeout=HANG_TIMEOUT_SECONDS)
    except trio.TooSlowError:
        await exchange.fail_app_not_called(await connection.response(timeout=HANG_TIMEOUT_SECONDS))
    return bool(call.detail["wsgi"].get("wsgi.input_terminated", {}).get("true"))
