"""The request line as a whole: line ends, separators, the method, and how long it may be."""

from __future__ import annotations

from ....harness import expect
from ....harness.catalog import MAY, MUST, SHOULD, case
from ....harness.exchange import Exchange
from ....harness.references import rfc9110, rfc9112
from ..verbs import ask, raw, refused, served, was_refused, was_rejected

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


@case(MUST, LINE)
async def baseline(x: Exchange) -> None:
    """A plain request is served.

    Sends GET with Host and nothing unusual. Whatever else fails here fails because of what it sends.
    """
    told = await ask(x, x.request("/echo"))
    served(told)
    expect.equal(told.calls[0].detail["method"], "GET", "REQUEST_METHOD")
    expect.equal(told.answer.body, f"gauntlet {x.token}\n".encode(), "the body")


@case(
    SHOULD,
    rfc9112(
        "2.2",
        "a server that is expecting to receive and parse a request-line SHOULD ignore at least one empty line (CRLF) "
        "received prior to the request-line.",
    ),
)
async def leading_crlf(x: Exchange) -> None:
    """An empty line before the request line is ignored.

    Some old clients send a CRLF too many after a body; the next request on the connection must not suffer for it.
    """
    served(await ask(x, b"\r\n" + x.request("/echo")))


@case(
    MAY,
    rfc9112("2.2", "a recipient MAY recognize a single LF as a line terminator and ignore any preceding CR."),
    tags=["security"],
)
async def bare_lf(x: Exchange) -> None:
    """Lines that end with LF alone are understood, refused, or no lines at all.

    Our sending side is closed behind them, so that a server which waits for CRLF can tell that none will come.
    """
    told = await ask(x, x.request("/echo").replace(b"\r\n", b"\n"), fin=True)
    if told.calls:
        served(told)


@case(
    MUST,
    rfc9112(
        "2.2",
        "A recipient of such a bare CR MUST consider that element to be invalid or replace each bare CR with SP before "
        "processing the element or forwarding the message.",
    ),
    tags=["security"],
)
async def bare_cr(x: Exchange) -> None:
    """A CR without LF does not end the request line.

    Sends `GET /echo HTTP/1.1<CR>X-Smuggled: yes<CR><LF>`. A server that sees a header there can be made to see headers
    that the proxy in front of it never saw.
    """
    told = await ask(x, raw(x, f"GET {x.target('/echo')} HTTP/1.1\rX-Smuggled: yes"))
    for call in told.calls:
        environ = call.detail["environ"]
        expect.equal(environ.get("HTTP_X_SMUGGLED"), None, "HTTP_X_SMUGGLED")
        held = [name for name, value in environ.items() if "\r" in value]
        expect.that(not held, "no bare CR in any variable", held)


@case(MAY, LENIENT, variants={"two": "  ", "leading": None})
async def several_spaces(x: Exchange, between: str | None) -> None:
    """More than one space between the parts of the request line is either skipped or refused.

    Sends two spaces before the target, or one before the method.
    """
    line = f" GET {x.target('/echo')} HTTP/1.1" if between is None else f"GET{between}{x.target('/echo')} HTTP/1.1"
    told = await ask(x, raw(x, line))
    if not was_rejected(told):
        served(told)


@case(MAY, LENIENT)
async def tab_separator(x: Exchange) -> None:
    """Tabs between the parts of the request line are either taken for spaces or refused.

    Sends the three parts with tabs between them.
    """
    told = await ask(x, raw(x, f"GET\t{x.target('/echo')}\tHTTP/1.1"))
    if not was_rejected(told):
        served(told)


@case(MUST, rfc9110("9.1", "The method token is case-sensitive"))
async def method_case(x: Exchange) -> None:
    """`get` is not GET: it reaches the app as it is, or not at all.

    Sends `get`. A server that makes it GET passes by a rule in front that allows or denies by method.
    """
    told = await ask(x, raw(x, f"get {x.target('/echo')} HTTP/1.1"))
    for call in told.calls:
        expect.equal(call.detail["method"], "get", "REQUEST_METHOD")
    if not told.calls:
        expect.one_of(told.answer.status, (400, 405, 501), "the status")


@case(
    SHOULD,
    rfc9110(
        "9.1",
        "An origin server that receives a request method that is unrecognized or not implemented SHOULD respond with "
        "the 501 (Not Implemented) status code.",
    ),
)
async def method_unknown(x: Exchange) -> None:
    """A method that nobody knows reaches the app, or gets 501 or 405.

    Sends `BREW`, which is a token and no method. WebDAV and other extensions need such methods to reach the app.
    """
    told = await ask(x, raw(x, f"BREW {x.target('/echo')} HTTP/1.1"))
    if not was_refused(told, (501, 405)):
        served(told)
        expect.equal(told.calls[0].detail["method"], "BREW", "REQUEST_METHOD")


@case(
    SHOULD,
    MALFORMED,
    tags=["security"],
    variants={"parenthesis": "GE(T", "nul": "GE\0T", "non-ascii": "GE\xe9T", "colon": "GET:", "quote": 'G"ET'},
)
async def method_not_token(x: Exchange, method: str) -> None:
    """A method with characters that no token has is refused.

    Sends methods such as `GE(T` and `G"ET`. Whatever checks methods in front reads them in its own way.
    """
    refused(await ask(x, raw(x, f"{method} {x.target('/echo')} HTTP/1.1")), (400, 405, 501))


@case(
    SHOULD,
    rfc9112(
        "3",
        "A server that receives a method longer than any that it implements SHOULD respond with a 501 (Not "
        "Implemented) status code.",
    ),
)
async def method_100k(x: Exchange) -> None:
    """A method of 100,000 letters gets a proper refusal, not a broken connection.

    Sends 100,000 letters, a space and the target.
    """
    told = await ask(x, raw(x, f"{'A' * 100_000} {x.target('/echo')} HTTP/1.1"))
    if not told.calls:
        refused(told, (400, 405, 414, 431, 501))


@case(
    SHOULD,
    rfc9112(
        "3",
        "It is RECOMMENDED that all HTTP senders and recipients support, at a minimum, request-line lengths of 8000 "
        "octets.",
    ),
)
async def uri_8000(x: Exchange) -> None:
    """A request line of 8000 bytes is served.

    Search forms and single sign-on make such addresses; the user of a smaller limit sees an error page.
    """
    start, end = f"GET {x.target('/echo')}?q=", " HTTP/1.1"
    served(await ask(x, raw(x, start + "q" * (8000 - len(start) - len(end)) + end)))


@case(
    MUST,
    rfc9112(
        "3",
        "A server that receives a request-target longer than any URI it wishes to parse MUST respond with a 414 (URI "
        "Too Long) status code",
    ),
)
async def uri_huge(x: Exchange) -> None:
    """A target of 128 KiB is served or gets 414.

    Sends a query of 131,072 letters. 414 tells a developer at once what is wrong; a bare 400 or a reset does not.
    """
    told = await ask(x, raw(x, f"GET {x.target('/echo')}?q={'q' * 131072} HTTP/1.1"))
    if not told.calls:
        refused(told, (414,))
