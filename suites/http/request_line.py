"""The request line: its grammar, the protocol's version, and the forms of a target."""

from __future__ import annotations

from ...harness import expect
from ...harness.catalog import INFO, MAY, MUST, SHOULD, case
from ...harness.exchange import Exchange
from ...harness.references import rfc9110, rfc9112
from .verbs import ask, noted, raw, refused, served, was_refused, was_rejected

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
INVALID = rfc9112(
    "3.2",
    "Recipients of an invalid request-line SHOULD respond with either a 400 (Bad Request) error or a 301 (Moved "
    "Permanently) redirect with the request-target properly encoded.",
)
VERSION = rfc9110("6.2", "A server MUST NOT send a version to which it is not conformant.")


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
    """More than one space between the parts of the request line is either skipped or refused."""
    line = f" GET {x.target('/echo')} HTTP/1.1" if between is None else f"GET{between}{x.target('/echo')} HTTP/1.1"
    told = await ask(x, raw(x, line))
    if not was_rejected(told):
        served(told)


@case(MAY, LENIENT)
async def tab_separator(x: Exchange) -> None:
    """Tabs between the parts of the request line are either taken for spaces or refused."""
    told = await ask(x, raw(x, f"GET\t{x.target('/echo')}\tHTTP/1.1"))
    if not was_rejected(told):
        served(told)


@case(MUST, rfc9112("4", "The first line of a response message is the status-line"))
async def http09(x: Exchange) -> None:
    """A request line without a version is not answered with bare bytes.

    Sends `GET /echo` and an empty line, as HTTP/0.9 did. An answer without a status line lets an attacker have a
    browser read chosen bytes as a page of this origin.
    """
    told = await ask(x, f"GET {x.target('/echo')}?t={x.token}\r\n\r\n".encode(), again=False)
    good = told.answer.nothing or told.answer.status is not None
    expect.that(good, "a status line, or the connection closed", told.answer.describe())


@case(MUST, rfc9112("2.3", "HTTP-version is case-sensitive."))
async def version_lowercase(x: Exchange) -> None:
    """`http/1.1` is no version."""
    refused(await ask(x, raw(x, f"GET {x.target('/echo')} http/1.1")), (400, 505))


@case(
    SHOULD,
    rfc9110(
        "6.2",
        "a minor version number higher than what it implements SHOULD process the message as if it were in the highest "
        "minor version within that major version to which the recipient is conformant.",
    ),
)
async def version_minor_2(x: Exchange) -> None:
    """HTTP/1.2 is served as HTTP/1.1, and the reply does not claim more than 1.1."""
    told = await ask(x, raw(x, f"GET {x.target('/echo')} HTTP/1.2"))
    served(told)
    expect.one_of(told.answer.version, (b"HTTP/1.1", b"HTTP/1.0"), "the reply's version")


@case(MUST, VERSION, variants={"2.0": "HTTP/2.0", "3.0": "HTTP/3.0", "9.9": "HTTP/9.9"})
async def version_major_2(x: Exchange, version: str) -> None:
    """A major version that is not spoken here is never echoed; what comes has a status line of HTTP/1.

    A refusal may be 400 or 505; serving it as HTTP/1.1 is allowed too, claiming the version is not.
    """
    told = await ask(x, raw(x, f"GET {x.target('/echo')} {version}"), again=False)
    expect.that(told.answer.status is not None, "a status line", told.answer.describe())
    expect.one_of(told.answer.version, (b"HTTP/1.1", b"HTTP/1.0"), "the reply's version")


@case(
    SHOULD,
    MALFORMED,
    variants={
        "no-dot": "HTTP/11",
        "three-parts": "HTTP/1.1.1",
        "letters": "HTTP/1.1a",
        "misspelt": "HTP/1.1",
        "no-minor": "HTTP/1",
        "two-digits": "HTTP/1.10",
        "signed": "HTTP/+1.1",
    },
)
async def version_junk(x: Exchange, version: str) -> None:
    """What is no HTTP version is refused."""
    refused(await ask(x, raw(x, f"GET {x.target('/echo')} {version}")), (400, 505))


@case(MUST, rfc9110("9.1", "The method token is case-sensitive"))
async def method_case(x: Exchange) -> None:
    """`get` is not GET: it reaches the app as it is, or not at all."""
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
    """A method that nobody knows reaches the app, or gets 501 or 405."""
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
    """A method with characters that no token has is refused."""
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
    """A method of 100,000 letters gets a proper refusal, not a broken connection."""
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
    """A target of 128 KiB is served or gets 414."""
    told = await ask(x, raw(x, f"GET {x.target('/echo')}?q={'q' * 131072} HTTP/1.1"))
    if not told.calls:
        refused(told, (414,))


@case(SHOULD, INVALID, tags=["security"])
async def space_in_target(x: Exchange) -> None:
    """A target with a space in it is refused, or redirected to its encoded form."""
    refused(await ask(x, raw(x, f"GET {x.target('/echo')}/a b HTTP/1.1")), (301, 400))


@case(SHOULD, INVALID)
async def relative_target(x: Exchange) -> None:
    """A target that does not begin with `/` is refused."""
    refused(await ask(x, raw(x, "GET echo HTTP/1.1")), (301, 400))


@case(
    MUST,
    rfc9112(
        "3.2.2",
        "A server MUST accept the absolute-form in requests even though most HTTP/1.1 clients will only send the "
        "absolute-form to a proxy.",
    ),
)
async def absolute_form(x: Exchange) -> None:
    """A whole URL as the target is served as its path.

    PATH_INFO must hold the path alone: an app routes by it.
    """
    url = f"{x.server.address.url}{x.target('/echo')}?a=b"
    told = await ask(x, raw(x, f"GET {url} HTTP/1.1"))
    environ = served(told)
    expect.equal(environ.get("PATH_INFO"), "/echo", "PATH_INFO")
    expect.equal(environ.get("QUERY_STRING"), "a=b", "QUERY_STRING")


@case(
    MUST,
    rfc9112(
        "3.2.2",
        "the origin server MUST ignore the received Host header field (if any) and instead use the host information of "
        "the request-target.",
    ),
)
async def absolute_form_host_wins(x: Exchange) -> None:
    """The host of an absolute target counts, not the Host header.

    Sends `GET http://right.example/echo` with `Host: wrong.example`. An app that is told wrong.example builds links and
    decides access for a host that a proxy in front, which keeps the rule, did not see.
    """
    target = f"http://right.example{x.target('/echo')}"
    told = await ask(x, raw(x, f"GET {target} HTTP/1.1", "Host: wrong.example", host=False))
    if was_refused(told, (400, 421)):
        return
    environ = served(told)
    told_host = environ.get("HTTP_HOST", environ.get("SERVER_NAME"))
    expect.that(told_host != "wrong.example", "the app to be told right.example", f"HTTP_HOST is {told_host!r}")


@case(
    SHOULD,
    rfc9112("3.2.3", "The authority-form of request-target is only used for CONNECT requests"),
)
async def authority_form_only_connect(x: Exchange) -> None:
    """`GET example.com:80` is refused."""
    refused(await ask(x, raw(x, "GET example.com:80 HTTP/1.1")), (301, 400))


@case(
    MUST,
    rfc9110(
        "9.3.6",
        "A server MUST NOT send any Transfer-Encoding or Content-Length header fields in a 2xx (Successful) response "
        "to CONNECT.",
    ),
)
async def connect(x: Exchange) -> None:
    """CONNECT is refused, or its 2xx has neither Content-Length nor Transfer-Encoding.

    A client takes any 2xx for a tunnel that begins right after the head. The reference app answers CONNECT as it
    answers everything, which is what a catch-all route does; the server knows the method.
    """
    told = await ask(x, raw(x, "CONNECT example.com:80 HTTP/1.1"), again=False)
    status = told.answer.status
    if status is not None and 200 <= status < 300:
        for name in ("Content-Length", "Transfer-Encoding"):
            expect.that(not told.answer.all(name), f"no {name} in a 2xx to CONNECT", told.answer.all(name))


@case(
    MUST,
    rfc9112(
        "3.2.4",
        "When a client wishes to request OPTIONS for the server as a whole, as opposed to a specific named resource of "
        'that server, the client MUST send only "*" (%x2A) as the request-target.',
    ),
)
async def options_star(x: Exchange) -> None:
    """`OPTIONS *` is understood: answered by the server or the app, or not implemented, but no parse error."""
    told = await ask(x, raw(x, "OPTIONS * HTTP/1.1"))
    good = told.answer.status in (200, 204, 403, 404, 405, 501)
    expect.that(good, "an answer to a request that is correct", told.describe())


@case(
    SHOULD,
    rfc9112("3.2.4", "The asterisk-form of request-target is only used for a server-wide OPTIONS request"),
)
async def get_star(x: Exchange) -> None:
    """`GET *` is refused."""
    refused(await ask(x, raw(x, "GET * HTTP/1.1")), (301, 400))


@case(SHOULD, INVALID)
async def fragment(x: Exchange) -> None:
    """A fragment in the target is refused, or at least does not reach the app as part of path or query."""
    told = await ask(x, raw(x, f"GET {x.target('/echo')}?a=b#part HTTP/1.1"))
    if not was_refused(told, (301, 400)):
        environ = served(told)
        shown = f"PATH_INFO {environ.get('PATH_INFO')!r}, QUERY_STRING {environ.get('QUERY_STRING')!r}"
        expect.that("#" not in shown, "no fragment in environ", shown)


@case(SHOULD, INVALID, tags=["security"], variants={"nul": "\0", "control": "\x01", "tab": "\t", "delete": "\x7f"})
async def nul_ctl_target(x: Exchange, character: str) -> None:
    """A control character in the target is refused."""
    refused(await ask(x, raw(x, f"GET {x.target('/echo')}/a{character}b HTTP/1.1")), (301, 400))


@case(
    MUST,
    rfc9112(
        "2.2",
        "A recipient MUST parse an HTTP message as a sequence of octets in an encoding that is a superset of US-ASCII",
    ),
)
async def non_ascii_target(x: Exchange) -> None:
    """Raw bytes above 0x7F in the path are refused, or reach the app as those bytes.

    Sends the bytes `/echo/caf<C3><A9>` unencoded, as some tools do.
    """
    told = await ask(x, raw(x, f"GET {x.target('/echo')}/caf\xc3\xa9 HTTP/1.1"))
    if not was_rejected(told):
        expect.equal(served(told).get("PATH_INFO"), "/echo/caf\xc3\xa9", "PATH_INFO")


@case(INFO, rfc9112("3.2.1", 'origin-form = absolute-path [ "?" query ]'))
async def double_slash(x: Exchange) -> None:
    """Whether `//` at the beginning of a path is kept."""
    told = await ask(x, raw(x, f"GET /{x.target('/echo')} HTTP/1.1"))
    paths = [each.detail["path"] for each in told.calls]
    noted("PATH_INFO for the target //echo", repr(paths[0]) if paths else told.answer.describe())


@case(INFO, rfc9112("3.2.1", 'origin-form = absolute-path [ "?" query ]'), tags=["security"])
async def dot_segments(x: Exchange) -> None:
    """Whether `/../` in a path is resolved before the app sees it."""
    told = await ask(x, raw(x, f"GET {x.target('/echo')}/a/../b HTTP/1.1"))
    paths = [each.detail["path"] for each in told.calls]
    noted("PATH_INFO for the target /echo/a/../b", repr(paths[0]) if paths else told.answer.describe())


@case(INFO, rfc9112("3.2.1", 'origin-form = absolute-path [ "?" query ]'))
async def encoded_slash(x: Exchange) -> None:
    """What the app sees of `%2F` and `%252F` in a path; decoded once, it is `/` and `%2F`."""
    told = await ask(x, raw(x, f"GET {x.target('/echo')}/a%2Fb%252Fc HTTP/1.1"))
    paths = [each.detail["path"] for each in told.calls]
    noted("PATH_INFO for the target /echo/a%2Fb%252Fc", repr(paths[0]) if paths else told.answer.describe())


@case(
    MUST,
    rfc9110(
        "5.5",
        "Field values containing CR, LF, or NUL characters are invalid and dangerous, due to the varying ways that "
        "implementations might parse and interpret those characters",
    ),
    tags=["security"],
)
async def encoded_crlf(x: Exchange) -> None:
    """Encoded line breaks in the path make no header: neither of the request that the app sees nor of the answer."""
    told = await ask(x, raw(x, f"GET {x.target('/echo')}%0d%0aX-Smuggled:%20yes HTTP/1.1"))
    for call in told.calls:
        expect.equal(call.detail["environ"].get("HTTP_X_SMUGGLED"), None, "HTTP_X_SMUGGLED")
    expect.that(not told.answer.all("X-Smuggled"), "no header X-Smuggled in the answer", told.answer.raw[:200])
    if told.calls:
        served(told)
