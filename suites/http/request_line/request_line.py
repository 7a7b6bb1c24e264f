"""The request line as a whole: line ends, separators, the method and the maximum length."""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MAY_TEXT,
    MUST_TEXT,
    SHOULD_TEXT,
    from_recipient_semantics,
    rfc9110,
    rfc9112,
)
from wsgi_gauntlet.harness.conformance.catalog import MAY, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    RESPONSE_TIMEOUT_SECONDS,
    SECURITY_TAG,
    assert_body_served,
    assert_in_sync,
    assert_rejected,
    assert_served,
    collect_result,
    is_rejected_and_in_sync,
    is_rejected_with,
    post_request,
    raw_request,
    send_request,
)
from wsgi_gauntlet.suites.http.references import BARE_CR, MALFORMED_MESSAGE, UNKNOWN_METHOD

EMPTY_LINE_IGNORED = rfc9112(
    "2.2",
    "a server that is expecting to receive and parse a request-line SHOULD ignore at least one empty line (CRLF) "
    "received prior to the request-line.",
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


EARLY_RESPONSE_WAIT_SECONDS = 0.3
"""Seconds to wait for a call of the app that may never come."""


@case(
    MUST,
    LINE,
    basis=from_recipient_semantics(
        "The request is the simplest one that the grammar allows. A server that cannot serve it cannot serve any "
        "request."
    ),
)
async def baseline(exchange: Exchange) -> None:
    """A plain request is served.

    Sends: a GET with Host and nothing unusual. Then another request.
    Expects: 200 from one call of the app with REQUEST_METHOD `GET`, and the app's body. The next request gets its own
    response, or the server closes the connection.
    Why: Every visitor sends such requests. If this case passes, the other cases fail because of the bytes that they
    send.
    """
    result = await send_request(exchange, exchange.request("/echo"))
    assert_served(result)
    assertions.assert_equal(result.calls[0].detail["method"], "GET", "REQUEST_METHOD")
    assertions.assert_equal(result.response.body, f"gauntlet {exchange.token}\n".encode(), "the body")


@case(SHOULD, EMPTY_LINE_IGNORED, basis=SHOULD_TEXT, breach=CLIENT)
async def leading_crlf(exchange: Exchange) -> None:
    """An empty line before the request line is ignored.

    Sends: an empty line (CRLF), then a GET.
    Expects: the server serves the GET with one call of the app. The next request gets its own response, or the server
    closes the connection.
    Why: Some old clients send an extra CRLF after a body. Their user must not get an error page for the next click.
    """
    assert_served(await send_request(exchange, b"\r\n" + exchange.request("/echo")))


@case(SHOULD, EMPTY_LINE_IGNORED, basis=SHOULD_TEXT, breach=CLIENT, needs=["http/connection/keep-alive"])
async def crlf_after_body(exchange: Exchange) -> None:
    """An extra CRLF after a body does not break the next request on the connection.

    Sends: a POST of five bytes and an extra CRLF. After the response, another request.
    Expects: the app reads exactly the five bytes. The next request gets its own response, or the server closes the
    connection.
    Why: The RFC says that old clients add such a CRLF. Their users would get an error page after every form.
    """
    result = await send_request(exchange, post_request(exchange, "Content-Length: 5", body=b"hello") + b"\r\n")
    assert_body_served(result, b"hello")


@case(
    MAY,
    rfc9112("2.2", "a recipient MAY recognize a single LF as a line terminator and ignore any preceding CR."),
    basis=MAY_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
)
async def bare_lf(exchange: Exchange) -> None:
    """A request whose lines end with LF alone is understood, rejected or ignored.

    Sends: a GET whose lines all end with LF alone. If the app is not called within 0.3 s, the client closes its sending
    side. Then a server that waits for CRLF knows that none will come.
    Expects: the server serves the request with one call of the app, or does not call the app at all. Both are allowed.
    Why: People who type requests by hand end lines with LF. Attackers use LF if two servers read it differently.
    Operators must know what their server does.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("/echo").replace(b"\r\n", b"\n"))
    try:
        await exchange.event("called", timeout=EARLY_RESPONSE_WAIT_SECONDS)
    except trio.TooSlowError:
        # Not earlier: a proxy may read the half-close as a disconnect and drop the response.
        await connection.half_close()
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    result = await collect_result(exchange, response)
    if result.calls:
        assert_served(result)


@case(MUST, BARE_CR, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG)
async def bare_cr(exchange: Exchange) -> None:
    """A CR without LF does not end the request line.

    Sends: `GET /echo HTTP/1.1`, a bare CR, `X-Smuggled: yes` and CRLF. Then valid headers.
    Expects: the server rejects the request, or calls the app. In that call no variable contains a CR, and
    HTTP_X_SMUGGLED does not exist.
    Why: If a server reads a header after the CR, an attacker can add headers that the proxy in front never saw, for
    example the name of the user.
    """
    result = await send_request(
        exchange, raw_request(exchange, f"GET {exchange.target('/echo')} HTTP/1.1\rX-Smuggled: yes")
    )
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
    """Extra spaces in the request line are skipped, or the request is rejected.

    Sends: a request line with an extra space before the method, the target or the version, or at its end.
    Expects: the server serves the request with one call of the app, or rejects it without calling the app. The next
    request gets its own response, or the server closes the connection.
    Why: Faulty scripts send such lines. A server may accept them if it reads the intended request.
    """
    result = await send_request(exchange, raw_request(exchange, line.format(exchange.target("/echo"))))
    if not is_rejected_and_in_sync(result):
        assert_served(result)


@case(MAY, LENIENT, basis=MAY_TEXT, breach=CLIENT)
async def tab_separator(exchange: Exchange) -> None:
    """Tabs between the parts of the request line are read as spaces, or the request is rejected.

    Sends: a request line with tabs between its three parts.
    Expects: the server serves the request with one call of the app, or rejects it without calling the app. The next
    request gets its own response, or the server closes the connection.
    Why: If a proxy reads the tab as part of the target and the server does not, the server serves a path that nobody
    checked.
    """
    result = await send_request(exchange, raw_request(exchange, f"GET\t{exchange.target('/echo')}\tHTTP/1.1"))
    if not is_rejected_and_in_sync(result):
        assert_served(result)


@case(MAY, LENIENT, basis=MAY_TEXT, breach=CLIENT, tags=SECURITY_TAG, variants={"vt": "\x0b", "ff": "\x0c", "cr": "\r"})
async def other_separators(exchange: Exchange, between: str) -> None:
    """Vertical tab, form feed or CR in the request line is read as a space, or the request is rejected.

    Sends: a request line with one of these characters in place of its two spaces.
    Expects: the server serves the request and PATH_INFO is the target alone, or the server rejects it without calling
    the app. The next request gets its own response, or the server closes the connection.
    Why: A server may read the character as part of the target, or the line as one without a version. Then it sees
    another request than the proxy that checked it.
    """
    result = await send_request(
        exchange, raw_request(exchange, f"GET{between}{exchange.target('/echo')}{between}HTTP/1.1")
    )
    if not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("PATH_INFO"), "/echo", "PATH_INFO")


@case(
    MUST,
    rfc9110("9.1", "The method token is case-sensitive"),
    basis=from_recipient_semantics(
        "Another case is another method. The specification does not define `get`, and it does not mean GET."
    ),
)
async def method_case(exchange: Exchange) -> None:
    """`get` is not GET: it reaches the app unchanged, or the request is rejected.

    Sends: a request with the method `get`.
    Expects: one call of the app with REQUEST_METHOD `get`; or the server answers 400, 405 or 501 without calling the
    app. The next request gets its own response, or the server closes the connection.
    Why: A rule in the proxy that allows or denies methods does not match `get`. A server that changes it to GET evades
    the rule.
    """
    result = await send_request(exchange, raw_request(exchange, f"get {exchange.target('/echo')} HTTP/1.1"))
    if result.calls:
        assert_served(result)
        assertions.assert_equal(result.calls[0].detail["method"], "get", "REQUEST_METHOD")
    else:
        assert_rejected(result, (400, 405, 501))


@case(SHOULD, UNKNOWN_METHOD, basis=SHOULD_TEXT)
async def method_unknown(exchange: Exchange) -> None:
    """An unknown method reaches the app, or gets 501 or 405.

    Sends: a request with the method `BREW`, which has valid syntax but is not a known method.
    Expects: one call of the app with REQUEST_METHOD `BREW`; or the server answers 405 or 501 without calling the app.
    The next request gets its own response, or the server closes the connection.
    Why: WebDAV, calendars and other extensions define their own methods. An app that uses them cannot run if the server
    rejects them as malformed.
    """
    result = await send_request(exchange, raw_request(exchange, f"BREW {exchange.target('/echo')} HTTP/1.1"))
    if is_rejected_with(result, (501, 405)):
        assert_in_sync(result)
    else:
        assert_served(result)
        assertions.assert_equal(result.calls[0].detail["method"], "BREW", "REQUEST_METHOD")


@case(
    SHOULD,
    MALFORMED_MESSAGE,
    basis=SHOULD_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={"parenthesis": "GE(T", "nul": "GE\0T", "non-ascii": "GE\xe9T", "colon": "GET:", "quote": 'G"ET'},
)
async def method_not_token(exchange: Exchange, method: str) -> None:
    """A method with invalid characters is rejected.

    Sends: a request whose method contains a parenthesis, NUL, a byte above 0x7F, a colon or a quote.
    Expects: the server answers 400, 405 or 501 and does not call the app. The next request gets its own response, or
    the server closes the connection.
    Why: Programs that check methods read such a word in different ways. An app may compare, log or store it without
    care.
    """
    assert_rejected(
        await send_request(exchange, raw_request(exchange, f"{method} {exchange.target('/echo')} HTTP/1.1")),
        (400, 405, 501),
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
    """A method of 100,000 letters gets a response, not a broken connection.

    Sends: 100,000 letters in place of a method, then a target and valid headers.
    Expects: the server serves the request, or answers 400, 405, 414, 431 or 501 without calling the app. It does not
    break the connection. After a rejection, the next request gets its own response, or the server closes the
    connection.
    Why: Scanners send this, and so does a client whose body is read as a request. A response tells its operator the
    reason; a reset does not.
    """
    result = await send_request(exchange, raw_request(exchange, f"{'A' * 100_000} {exchange.target('/echo')} HTTP/1.1"))
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

    Sends: a GET whose long query makes the request line 8000 bytes long.
    Expects: the server serves the request with one call of the app. The next request gets its own response, or the
    server closes the connection.
    Why: Search forms and single sign-on create such long URLs. If the server's limit is smaller, users cannot log in.
    """
    start, end = f"GET {exchange.target('/echo')}?q=", " HTTP/1.1"
    assert_served(
        await send_request(exchange, raw_request(exchange, start + "q" * (8000 - len(start) - len(end)) + end))
    )


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
    Expects: the server serves the request, or answers 414 without calling the app. After a rejection, the next request
    gets its own response, or the server closes the connection.
    Why: 414 tells a developer the reason at once. After a plain 400 or a reset the developer has to search for it.
    """
    result = await send_request(
        exchange, raw_request(exchange, f"GET {exchange.target('/echo')}?q={'q' * 131072} HTTP/1.1")
    )
    if not result.calls:
        assert_rejected(result, (414,))
