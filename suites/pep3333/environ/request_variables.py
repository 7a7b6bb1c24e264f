"""What the variables say of the request."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, cgi_variable
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.pep3333.assertions import skip_behind_proxy

VARIABLES = "environ Variables"

HTTP_VARIABLES = pep3333(
    VARIABLES,
    "The presence or absence of these variables should correspond with the presence or absence of the appropriate "
    "HTTP header in the request.",
)


@case(
    MUST,
    pep3333(
        VARIABLES,
        'The HTTP request method, such as "GET" or "POST". This cannot ever be an empty '
        "string, and so is always required.",
    ),
    basis=MUST_TEXT,
    variants={"get": "GET", "post": "POST", "put": "PUT", "delete": "DELETE"},
)
async def request_method(exchange: Exchange, method: str) -> None:
    """REQUEST_METHOD is the method that the client used.

    Sends: A request with that method and, but for GET and DELETE, an empty body.
    Expects: The method's name, as it was sent.
    Why: An app chooses by it between showing a page and changing data.
    """
    event = await exchange.app(method=method, body=b"" if method in ("POST", "PUT") else None)
    assert_equal(event.detail["environ"].get("REQUEST_METHOD"), method, "REQUEST_METHOD")


@case(
    MUST,
    pep3333(
        VARIABLES,
        'The remainder of the request URL\'s "path", designating the virtual "location" of '
        "the request's target within the application.",
    ),
    basis=cgi_variable(
        "It is the path's remainder as CGI defines it: decoded once. The PEP's algorithm "
        "encodes it once to get the URL back."
    ),
    variants={
        "plain": ("/echo/a/b", "/echo/a/b"),
        "decoded": ("/echo/a%20b%3f", "/echo/a b?"),
        "decoded-once": ("/echo/100%2525", "/echo/100%25"),
        "double-slash": ("/echo//x", "/echo//x"),
        "trailing-slash": ("/echo/x/", "/echo/x/"),
    },
)
async def path_info(exchange: Exchange, paths: tuple[str, str]) -> None:
    """PATH_INFO is the path, percent-decoded once, with its slashes as they were.

    Sends: A GET for a path: plain, percent-encoded, encoded twice, with two slashes in a row, or with a slash at the
    end.
    Expects: The path with its escapes decoded once, and each slash where it was.
    Why: The PEP rebuilds the URL with quote(PATH_INFO), which holds only for a path decoded exactly once; decoded
    twice, `..%252f` gets past the rules that keep a path in its folder.
    """
    sent_value, wanted = paths
    if "//" in sent_value:
        skip_behind_proxy(exchange)
    assert_equal((await exchange.app(sent_value)).detail["environ"].get("PATH_INFO"), wanted, "PATH_INFO")


@case(
    MUST,
    pep3333(VARIABLES, 'The portion of the request URL that follows the "?", if any. May be empty or absent.'),
    basis=cgi_variable("All that follows the first ? is the value, so nothing of it may be decoded, cut off or added."),
    variants={"kept": ("?a=%20b&c=d%2Be+f&?", "a=%20b&c=d%2Be+f&?"), "none": ("", "")},
)
async def query_string(exchange: Exchange, queries: tuple[str, str]) -> None:
    """QUERY_STRING is what follows the first `?`, not decoded; empty or left out where there was none.

    Sends: A GET with a query that holds escapes, a plus and another `?`, or with none at all.
    Expects: What follows the first `?`, not decoded; empty or left out where there was none.
    Why: Only the app knows where its parameters begin and end: decoded before, a name with an `&` in it becomes two
    parameters.
    """
    sent_value, wanted = queries
    assert_equal(
        (await exchange.app(f"/echo{sent_value}")).detail["environ"].get("QUERY_STRING", ""), wanted, "QUERY_STRING"
    )


@case(
    MUST,
    pep3333(VARIABLES, "The contents of any Content-Type fields in the HTTP request. May be empty or absent."),
    basis=cgi_variable(
        "It is the field's content, so no other value is right, and no value is right where no field came."
    ),
    variants={"sent": "text/x-gauntlet; charset=utf-8", "not-sent": ""},
)
async def content_type(exchange: Exchange, value: str) -> None:
    """CONTENT_TYPE is the header's value, and empty or left out where no such header came.

    Sends: A POST of one byte, with a Content-Type of its own or with none.
    Expects: The header's value; empty or left out where no such header came.
    Why: A type that nobody sent makes a framework parse the body by it, and the upload is lost.
    """
    event = await exchange.app(headers=[("Content-Type", value)] if value else [], method="POST", body=b"x")
    assert_equal(event.detail["environ"].get("CONTENT_TYPE", ""), value, "CONTENT_TYPE")


@case(
    MUST,
    pep3333(VARIABLES, "The contents of any Content-Length fields in the HTTP request. May be empty or absent."),
    basis=cgi_variable(
        "It is the field's content, so no other number is right, and none is right where no field came."
    ),
    variants={"sent": b"hello", "zero": b"", "not-sent": None},
)
async def content_length(exchange: Exchange, body: bytes | None) -> None:
    """CONTENT_LENGTH is the header's value, and empty or left out where no such header came.

    Sends: A POST of 5 bytes, a POST of none, or a GET without a body.
    Expects: The header's value; for no bytes also an empty string or none; empty or left out where no such header came.
    Why: An app reads as many bytes as it says: too few lose the end of a form, too many make the page hang.
    """
    event = await exchange.app(method="GET" if body is None else "POST", body=body)
    value = event.detail["environ"].get("CONTENT_LENGTH", "")
    # An absent length and one of no bytes say the same of a request whose body is empty.
    wanted = ("",) if body is None else ("0", "") if body == b"" else (str(len(body)),)
    assert_that(value in wanted, f"CONTENT_LENGTH to be {' or '.join(map(repr, wanted))}", value)


@case(
    MUST,
    pep3333(VARIABLES, "The version of the protocol the client used to send the request."),
    basis=cgi_variable("It is defined as the version that the client used, not as the one that the server speaks."),
    variants={"http11": "HTTP/1.1", "http10": "HTTP/1.0"},
)
async def server_protocol(exchange: Exchange, version: str) -> None:
    """SERVER_PROTOCOL is the version that the client used.

    Sends: A plain request of that version of HTTP.
    Expects: The version as the client wrote it.
    Why: An app decides by it whether it may rely on what HTTP/1.0 lacks, such as an answer without a known length.
    """
    skip_behind_proxy(exchange)
    assert_equal(
        (await exchange.app(version=version)).detail["environ"].get("SERVER_PROTOCOL"), version, "SERVER_PROTOCOL"
    )


@case(SHOULD, HTTP_VARIABLES, basis=SHOULD_TEXT)
async def http_variables(exchange: Exchange) -> None:
    """A header that was sent is there as HTTP_*, with its value, and none is that was not sent.

    Sends: A request with Host, X-Gauntlet and X-Present, and nothing else.
    Expects: HTTP_X_PRESENT with its value, and no HTTP_* variable of a header that was not sent.
    Why: Cookies, languages and logins come by headers: one that is lost logs the user out, one that is invented speaks
    for him.
    """
    environ = (await exchange.app(headers=[("X-Present", "one, two")])).detail["environ"]
    assert_equal(environ.get("HTTP_X_PRESENT"), "one, two", "HTTP_X_PRESENT")
    skip_behind_proxy(exchange)
    extra = sorted({n for n in environ if n.startswith("HTTP_")} - {"HTTP_HOST", "HTTP_X_GAUNTLET", "HTTP_X_PRESENT"})
    assert_equal(extra, [], "the HTTP_* variables of headers that were not sent")


@case(
    SHOULD,
    HTTP_VARIABLES,
    basis=SHOULD_TEXT,
    tags=["security"],
    setup=Setup(environment=(("HTTP_X_LEAKED", "from the shell"),)),
)
async def http_variables_not_from_os(exchange: Exchange) -> None:
    """A variable HTTP_X of the server's own process does not pass for a client's header.

    Sends: A plain request to a server that was started with HTTP_X_LEAKED in its own environment.
    Expects: No HTTP_X_LEAKED in environ.
    Why: HTTP_PROXY, which many machines have, would pass for a header; and a header that the app trusts could come from
    the shell.
    """
    types = (await exchange.app()).detail["types"]
    assert_that("HTTP_X_LEAKED" not in types, "no HTTP_X_LEAKED in environ", "it is there, as if a client had sent it")


@case(
    SHOULD,
    pep3333(VARIABLES, "A server or gateway should attempt to provide as many other CGI variables as are applicable."),
    basis=SHOULD_TEXT,
)
async def cgi_extras(exchange: Exchange) -> None:
    """REMOTE_ADDR is the client's address.

    Sends: A plain request over TCP from 127.0.0.1, or from ::1 on a machine with IPv6 alone.
    Expects: REMOTE_ADDR is that.
    Why: Logs, rate limits and lists of who may come in read it; without it all clients look the same.
    """
    skip_behind_proxy(exchange)
    assert_equal(
        (await exchange.app()).detail["environ"].get("REMOTE_ADDR"), exchange.server.address.host, "REMOTE_ADDR"
    )
