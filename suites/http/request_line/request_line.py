"""The request line as a whole: line ends, separators, the method, and how long it may be."""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MAY_TEXT, MUST_TEXT, SHOULD_TEXT, from_recipient_semantics
from wsgi_gauntlet.harness.conformance.catalog import MAY, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.suites.http.assertions import (
    RESPONSE_TIMEOUT_SECONDS,
    assert_body_served,
    assert_in_sync,
    assert_rejected,
    assert_served,
    collect_result,
    is_rejected_and_in_sync,
    is_rejected_with,
    post,
    raw,
    send_request,
)

LINE = rfc9112(
    "3",
    "A request-line begins with a method token, followed by a single space (SP), the request-target, and another "
    "single space (SP), and ends with the protocol version.",
)
LENIENT = rfc9112(
    "3",
    "Although the request-line grammar rule requires that each of the component elements be separated by a single SP "
    "octet, recipients MAY instead parse on whitespace-delimited word boundaries",
)
MALFORMED = rfc9112(
    "2.2",
    "receives a sequence of octets that does not match the HTTP-message grammar aside from the robustness exceptions "
    "listed above, the server SHOULD respond with a 400 (Bad Request) response and close the connection.",
)


EARLY_RESPONSE_WAIT_SECONDS = 0.3
"""Seconds for the app to be called where that need not be."""


@case(
    MUST,
    LINE,
    basis=from_recipient_semantics(
        "The request is as plain as the grammar has it; a server that cannot take it takes none."
    ),
)
async def baseline(exchange: Exchange) -> None:
    """A plain request is served.

    Sends: a GET with Host and nothing unusual, then another request.
    Expects: 200 from one call of the app, REQUEST_METHOD `GET`, the app's body; the next request on the connection is
    served as itself, or the connection is closed.
    Why: What every visitor sends. Whatever else fails here fails because of what it sends.
    """
    result = await send_request(exchange, exchange.request("/echo"))
    assert_served(result)
    assertions.assert_equal(result.calls[0].detail["method"], "GET", "REQUEST_METHOD")
    assertions.assert_equal(result.response.body, f"gauntlet {exchange.token}\n".encode(), "the body")


@case(
    SHOULD,
    rfc9112(
        "2.2",
        "a server that is expecting to receive and parse a request-line SHOULD ignore at least one empty line (CRLF) "
        "received prior to the request-line.",
    ),
    basis=SHOULD_TEXT,
    breach=CLIENT,
)
async def leading_crlf(exchange: Exchange) -> None:
    """An empty line before the request line is ignored.

    Sends: an empty line (CRLF), then a GET.
    Expects: the GET served by one call of the app; the next request on the connection is served as itself, or the
    connection is closed.
    Why: Some old clients send a CRLF too many after a body. Their user's next click must not get an error page for it.
    """
    assert_served(await send_request(exchange, b"\r\n" + exchange.request("/echo")))


@case(
    SHOULD,
    rfc9112(
        "2.2",
        "a server that is expecting to receive and parse a request-line SHOULD ignore at least one empty line (CRLF) "
        "received prior to the request-line.",
    ),
    basis=SHOULD_TEXT,
    breach=CLIENT,
    needs=["http/connection/keep-alive"],
)
async def crlf_after_body(exchange: Exchange) -> None:
    """A CRLF too many behind a body does not spoil the next request on the connection.

    Sends: a POST of five bytes, a CRLF that belongs to nothing, and another request once the answer has come.
    Expects: the app reads the five bytes, and no more; the next request is served as itself, or the connection is
    closed.
    Why: Old clients add such a CRLF, as the text tells. Their users would get an error page after every form.
    """
    result = await send_request(exchange, post(exchange, "Content-Length: 5", body=b"hello") + b"\r\n")
    assert_body_served(result, b"hello")


@case(
    MAY,
    rfc9112("2.2", "a recipient MAY recognize a single LF as a line terminator and ignore any preceding CR."),
    basis=MAY_TEXT,
    breach=CLIENT,
    tags=["security"],
)
async def bare_lf(exchange: Exchange) -> None:
    """Lines that end with LF alone are understood, refused, or no lines at all.

    Sends: a GET all of whose lines end with LF alone. Where nothing comes of it for 0.3 s, our sending side is closed,
    so that a server which waits for CRLF can tell that none will come.
    Expects: served by one call of the app, or the app not called at all: understood, refused, or no lines. All three
    are allowed.
    Why: People who type requests by hand end lines so, and attackers do where two servers read it differently. What is
    done here should be known.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("/echo").replace(b"\r\n", b"\n"))
    try:
        await exchange.event("called", timeout=EARLY_RESPONSE_WAIT_SECONDS)
    except trio.TooSlowError:
        # Not before: a proxy may take our end for a client that has gone, and drop the answer.
        await connection.half_close()
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    result = await collect_result(exchange, response)
    if result.calls:
        assert_served(result)


@case(
    MUST,
    rfc9112(
        "2.2",
        "A recipient of such a bare CR MUST consider that element to be invalid or replace each bare CR with SP before "
        "processing the element or forwarding the message.",
    ),
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=["security"],
)
async def bare_cr(exchange: Exchange) -> None:
    """A CR without LF does not end the request line.

    Sends: `GET /echo HTTP/1.1`, a bare CR, `X-Smuggled: yes` and CRLF, then good headers.
    Expects: a refusal, or a call of the app in which no variable has a CR and HTTP_X_SMUGGLED is not there.
    Why: A server that sees a header behind the CR can be made to see headers that the proxy in front never saw: who is
    logged in, for one.
    """
    result = await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')} HTTP/1.1\rX-Smuggled: yes"))
    for call in result.calls:
        environ = call.detail["environ"]
        assertions.assert_equal(environ.get("HTTP_X_SMUGGLED"), None, "HTTP_X_SMUGGLED")
        values_with_cr = [name for name, value in environ.items() if "\r" in value]
        assertions.assert_that(not values_with_cr, "no bare CR in any variable", values_with_cr)


@case(
    MAY,
    LENIENT,
    basis=MAY_TEXT,
    breach=CLIENT,
    variants={
        "two": "GET  {} HTTP/1.1",
        "leading": " GET {} HTTP/1.1",
        "before-version": "GET {}  HTTP/1.1",
        "trailing": "GET {} HTTP/1.1 ",
    },
)
async def several_spaces(exchange: Exchange, line: str) -> None:
    """More than one space between the parts of the request line is either skipped or refused.

    Sends: a request line with a blank too many: before the method, the target or the version, or at its end.
    Expects: served by one call of the app, or a refusal without one; the next request on the connection is served as
    itself, or the connection is closed.
    Why: Scripts with a slip in them send such lines. Being lenient is allowed, as long as what is read is what was
    meant.
    """
    result = await send_request(exchange, raw(exchange, line.format(exchange.target("/echo"))))
    if not is_rejected_and_in_sync(result):
        assert_served(result)


@case(MAY, LENIENT, basis=MAY_TEXT, breach=CLIENT)
async def tab_separator(exchange: Exchange) -> None:
    """Tabs between the parts of the request line are either taken for spaces or refused.

    Sends: a request line with tabs between its three parts.
    Expects: served by one call of the app, or a refusal without one; the next request on the connection is served as
    itself, or the connection is closed.
    Why: Where a proxy takes the tab for part of the target and the server does not, the path that was checked is not
    the path that is served.
    """
    result = await send_request(exchange, raw(exchange, f"GET\t{exchange.target('/echo')}\tHTTP/1.1"))
    if not is_rejected_and_in_sync(result):
        assert_served(result)


@case(MAY, LENIENT, basis=MAY_TEXT, breach=CLIENT, tags=["security"], variants={"vt": "\x0b", "ff": "\x0c", "cr": "\r"})
async def other_separators(exchange: Exchange, between: str) -> None:
    """Vertical tab, form feed or CR between the parts of the request line are either taken for a space or refused.

    Sends: a request line with one of these in place of its two blanks.
    Expects: the request served with the target alone as PATH_INFO, or a refusal without a call of the app; the next
    request on the connection is served as itself, or the connection is closed.
    Why: A server that takes the sign for part of the target, or the line for one without a version, sees another
    request than the proxy that has checked it.
    """
    result = await send_request(exchange, raw(exchange, f"GET{between}{exchange.target('/echo')}{between}HTTP/1.1"))
    if not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("PATH_INFO"), "/echo", "PATH_INFO")


@case(
    MUST,
    rfc9110("9.1", "The method token is case-sensitive"),
    basis=from_recipient_semantics(
        "Case makes another method of it: `get` is none that the text defines, and does not mean GET."
    ),
)
async def method_case(exchange: Exchange) -> None:
    """`get` is not GET: it reaches the app as it is, or not at all.

    Sends: a request with the method `get`.
    Expects: one call of the app with REQUEST_METHOD `get`; or 400, 405 or 501 without a call. The next request on the
    connection is served as itself, or the connection is closed.
    Why: A rule in front that allows or denies by method does not know `get`. A server that makes it GET passes by the
    rule.
    """
    result = await send_request(exchange, raw(exchange, f"get {exchange.target('/echo')} HTTP/1.1"))
    if result.calls:
        assert_served(result)
        assertions.assert_equal(result.calls[0].detail["method"], "get", "REQUEST_METHOD")
    else:
        assert_rejected(result, (400, 405, 501))


@case(
    SHOULD,
    rfc9110(
        "9.1",
        "An origin server that receives a request method that is unrecognized or not implemented SHOULD respond with "
        "the 501 (Not Implemented) status code.",
    ),
    basis=SHOULD_TEXT,
)
async def method_unknown(exchange: Exchange) -> None:
    """A method that nobody knows reaches the app, or gets 501 or 405.

    Sends: a request with the method `BREW`, which is a token and no method.
    Expects: one call of the app with REQUEST_METHOD `BREW`; or 405 or 501 without a call. The next request on the
    connection is served as itself, or the connection is closed.
    Why: WebDAV, calendars and other extensions have methods of their own. An app that speaks them cannot be served
    where they are refused as broken.
    """
    result = await send_request(exchange, raw(exchange, f"BREW {exchange.target('/echo')} HTTP/1.1"))
    if is_rejected_with(result, (501, 405)):
        assert_in_sync(result)
    else:
        assert_served(result)
        assertions.assert_equal(result.calls[0].detail["method"], "BREW", "REQUEST_METHOD")


@case(
    SHOULD,
    MALFORMED,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=["security"],
    variants={"parenthesis": "GE(T", "nul": "GE\0T", "non-ascii": "GE\xe9T", "colon": "GET:", "quote": 'G"ET'},
)
async def method_not_token(exchange: Exchange, method: str) -> None:
    """A method with characters that no token has is refused.

    Sends: a request whose method holds what no token has: a parenthesis, NUL, a byte above 0x7F, a colon or a quote.
    Expects: 400, 405 or 501, the app not called; the next request on the connection is served as itself, or the
    connection is closed.
    Why: Whatever checks methods in front reads such a word in its own way. An app that gets it may compare, log or
    store it without care.
    """
    assert_rejected(
        await send_request(exchange, raw(exchange, f"{method} {exchange.target('/echo')} HTTP/1.1")), (400, 405, 501)
    )


@case(
    SHOULD,
    rfc9112(
        "3",
        "A server that receives a method longer than any that it implements SHOULD respond with a 501 (Not "
        "Implemented) status code.",
    ),
    basis=SHOULD_TEXT,
)
async def method_100k(exchange: Exchange) -> None:
    """A method of 100,000 letters gets a proper refusal, not a broken connection.

    Sends: 100,000 letters in place of a method, then a target and good headers.
    Expects: served, or 400, 405, 414, 431 or 501 without a call of the app; not a broken connection. A further request
    is served as itself, or the connection is closed.
    Why: A scanner's noise, or a client whose body was taken for a request: its operator finds the reason in an answer,
    and nothing in a reset.
    """
    result = await send_request(exchange, raw(exchange, f"{'A' * 100_000} {exchange.target('/echo')} HTTP/1.1"))
    if not result.calls:
        assert_rejected(result, (400, 405, 414, 431, 501))


@case(
    SHOULD,
    rfc9112(
        "3",
        "It is RECOMMENDED that all HTTP senders and recipients support, at a minimum, request-line lengths of 8000 "
        "octets.",
    ),
    basis=SHOULD_TEXT,
)
async def uri_8000(exchange: Exchange) -> None:
    """A request line of 8000 bytes is served.

    Sends: a GET whose request line has 8000 bytes, by a long query.
    Expects: served by one call of the app; the next request on the connection is served as itself, or the connection is
    closed.
    Why: Search forms and single sign-on make such addresses. The user of a server with a smaller limit cannot log in.
    """
    start, end = f"GET {exchange.target('/echo')}?q=", " HTTP/1.1"
    assert_served(await send_request(exchange, raw(exchange, start + "q" * (8000 - len(start) - len(end)) + end)))


@case(
    MUST,
    rfc9112(
        "3",
        "A server that receives a request-target longer than any URI it wishes to parse MUST respond with a 414 (URI "
        "Too Long) status code",
    ),
    basis=MUST_TEXT,
)
async def uri_huge(exchange: Exchange) -> None:
    """A target of 128 KiB is served or gets 414.

    Sends: a GET with a query of 131,072 letters.
    Expects: served, or 414 without a call of the app; the next request on the connection is served as itself, or the
    connection is closed.
    Why: 414 tells a developer at once what is wrong; a bare 400 or a reset has him look everywhere else first.
    """
    result = await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')}?q={'q' * 131072} HTTP/1.1"))
    if not result.calls:
        assert_rejected(result, (414,))
