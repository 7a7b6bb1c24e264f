"""The environ variables that describe the request."""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, cgi_variable, pep3333, rfc3875
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import EVENT_DRAIN_SECONDS, Exchange
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
    variants={
        "get": "GET",
        "post": "POST",
        "put": "PUT",
        "delete": "DELETE",
        "head": "HEAD",
        "options": "OPTIONS",
        "patch": "PATCH",
    },
)
async def request_method(exchange: Exchange, method: str) -> None:
    """REQUEST_METHOD is the method of the request.

    Sends: A request with that method. POST, PUT and PATCH have an empty body.
    Expects: The name of the method, as the client sent it.
    Why: Apps use it to decide whether to show a page or to change data.
    """
    event = await exchange.app(method=method, body=b"" if method in ("POST", "PUT", "PATCH") else None)
    assert_equal(event.detail["environ"].get("REQUEST_METHOD"), method, "REQUEST_METHOD")


@case(
    MUST,
    pep3333(
        VARIABLES,
        'The remainder of the request URL\'s "path", designating the virtual "location" of '
        "the request's target within the application.",
    ),
    basis=cgi_variable(
        "CGI defines PATH_INFO as the remaining path, decoded once. The algorithm of the PEP encodes it once to "
        "rebuild the URL."
    ),
    variants={
        "plain": ("/echo/a/b", "/echo/a/b"),
        "decoded": ("/echo/a%20b%3f", "/echo/a b?"),
        "decoded-once": ("/echo/100%2525", "/echo/100%25"),
        "double-slash": ("/echo//x", "/echo//x"),
        "trailing-slash": ("/echo/x/", "/echo/x/"),
        "parameters": ("/echo/a;b=c/d;e", "/echo/a;b=c/d;e"),
        "plus": ("/echo/a+b%2Bc", "/echo/a+b+c"),
        "sub-delims": ("/echo/!$&'()*,=:@-._~", "/echo/!$&'()*,=:@-._~"),
    },
)
async def path_info(exchange: Exchange, sent_and_expected: tuple[str, str]) -> None:
    """PATH_INFO is the path, percent-decoded once, with its slashes unchanged.

    Sends: A GET request for a path: plain, percent-encoded, encoded twice, with two slashes in a row, with a slash at
    the end, with parameters such as `;b=c`, with a plus, or with other characters that need no encoding.
    Expects: The path, percent-decoded once, with every slash in its place. A plus is a plus: only queries of forms use
    it for a space.
    Why: The PEP rebuilds the URL with quote(PATH_INFO), which needs a path that was decoded exactly once. If the server
    decodes twice, `..%252f` bypasses the rules that keep a path in its folder.
    """
    path, expected = sent_and_expected
    if "//" in path:
        skip_behind_proxy(exchange)
    assert_equal((await exchange.app(path)).detail["environ"].get("PATH_INFO"), expected, "PATH_INFO")


@case(
    MUST,
    pep3333(VARIABLES, 'The portion of the request URL that follows the "?", if any. May be empty or absent.'),
    basis=cgi_variable(
        "QUERY_STRING is everything after the first `?`. The server must not decode, remove or add anything."
    ),
    variants={"kept": ("?a=%20b&c=d%2Be+f&?", "a=%20b&c=d%2Be+f&?"), "none": ("", "")},
)
async def query_string(exchange: Exchange, sent_and_expected: tuple[str, str]) -> None:
    """QUERY_STRING is the text after the first `?`, not decoded. It is empty or absent without a query.

    Sends: A GET request with a query that contains percent escapes, a plus and another `?`, or a GET request without a
    query.
    Expects: The text after the first `?`, not decoded. Without a query, the variable is empty or absent.
    Why: Only the app knows where its parameters begin and end. If the server decodes first, a value with an `&` becomes
    two parameters.
    """
    query, expected = sent_and_expected
    environ = (await exchange.app(f"/echo{query}")).detail["environ"]
    assert_equal(environ.get("QUERY_STRING", ""), expected, "QUERY_STRING")


@case(
    MUST,
    pep3333(VARIABLES, "The contents of any Content-Type fields in the HTTP request. May be empty or absent."),
    basis=cgi_variable(
        "CONTENT_TYPE is the content of the field, so no other value is right. Without the field no value is right."
    ),
    variants={"sent": "text/x-gauntlet; charset=utf-8", "not-sent": ""},
)
async def content_type(exchange: Exchange, value: str) -> None:
    """CONTENT_TYPE is the value of the header. It is empty or absent without the header.

    Sends: A POST of one byte, with a Content-Type or without one.
    Expects: The value of the header. Without the header, the variable is empty or absent.
    Why: A framework parses the body by this type. With a type that nobody sent, it loses the upload.
    """
    event = await exchange.app(headers=[("Content-Type", value)] if value else [], method="POST", body=b"x")
    assert_equal(event.detail["environ"].get("CONTENT_TYPE", ""), value, "CONTENT_TYPE")


@case(
    MUST,
    pep3333(VARIABLES, "The contents of any Content-Length fields in the HTTP request. May be empty or absent."),
    basis=cgi_variable(
        "CONTENT_LENGTH is the content of the field, so no other number is right. Without the field no number is right."
    ),
    variants={"sent": b"hello", "zero": b"", "not-sent": None},
)
async def content_length(exchange: Exchange, body: bytes | None) -> None:
    """CONTENT_LENGTH is the value of the header. It is empty or absent without the header.

    Sends: A POST of 5 bytes, a POST of 0 bytes, or a GET without a body.
    Expects: The value of the header. For 0 bytes, empty or absent is allowed too. Without the header, the variable is
    empty or absent.
    Why: Apps read as many bytes as it says. If it is too small, the end of a form is lost; if it is too large, the page
    hangs.
    """
    event = await exchange.app(method="GET" if body is None else "POST", body=body)
    value = event.detail["environ"].get("CONTENT_LENGTH", "")
    # For an empty body, an absent length and a length of 0 mean the same.
    wanted = ("",) if body is None else ("0", "") if body == b"" else (str(len(body)),)
    assert_that(value in wanted, f"CONTENT_LENGTH to be {' or '.join(map(repr, wanted))}", value)


@case(
    MUST,
    pep3333(VARIABLES, "The version of the protocol the client used to send the request."),
    basis=cgi_variable(
        "The PEP defines SERVER_PROTOCOL as the version that the client used, not the version that the server supports."
    ),
    variants={"http11": "HTTP/1.1", "http10": "HTTP/1.0"},
)
async def server_protocol(exchange: Exchange, version: str) -> None:
    """SERVER_PROTOCOL is the HTTP version of the client.

    Sends: A GET request with that HTTP version.
    Expects: The version, as the client wrote it.
    Why: Apps use it to decide whether they may use features that HTTP/1.0 lacks, such as a response without a known
    length.
    """
    skip_behind_proxy(exchange)
    assert_equal(
        (await exchange.app(version=version)).detail["environ"].get("SERVER_PROTOCOL"), version, "SERVER_PROTOCOL"
    )


@case(SHOULD, HTTP_VARIABLES, basis=SHOULD_TEXT)
async def http_variables(exchange: Exchange) -> None:
    """Each header of the request has an HTTP_* variable with its value, and no other headers do.

    Sends: A GET request with only Host, X-Gauntlet and X-Present.
    Expects: HTTP_X_PRESENT with its value, and no HTTP_* variable for a header that the client did not send.
    Why: Cookies, languages and logins are headers. A lost header logs the user out; an invented header acts in the name
    of the user.
    """
    environ = (await exchange.app(headers=[("X-Present", "one, two")])).detail["environ"]
    assert_equal(environ.get("HTTP_X_PRESENT"), "one, two", "HTTP_X_PRESENT")
    skip_behind_proxy(exchange)
    extra = sorted({n for n in environ if n.startswith("HTTP_")} - {"HTTP_HOST", "HTTP_X_GAUNTLET", "HTTP_X_PRESENT"})
    assert_that(not extra, "no HTTP_* variable for a header that the client did not send", extra)


@case(
    SHOULD,
    rfc3875(
        "4.1.18",
        "In particular, it SHOULD remove any header fields carrying authentication data, such as 'Authorization'; or "
        "that are available to the script in other variables, such as 'Content-Length' and 'Content-Type'.",
    ),
    basis=SHOULD_TEXT,
    variants={"content-type": "HTTP_CONTENT_TYPE", "content-length": "HTTP_CONTENT_LENGTH"},
)
async def no_http_content(exchange: Exchange, name: str) -> None:
    """Content-Type and Content-Length have no second variable that begins with HTTP_.

    Sends: A POST of 5 bytes with a Content-Type.
    Expects: No HTTP_CONTENT_TYPE and no HTTP_CONTENT_LENGTH. PEP 3333 takes its variables from the CGI specification.
    Why: Frameworks build the headers of a request from all HTTP_* variables. With both, a header appears twice, and two
    parts of the app may use different values.
    """
    event = await exchange.app(method="POST", body=b"hello", headers=[("Content-Type", "text/x-gauntlet")])
    assert_that(name not in event.detail["types"], f"no {name}", event.detail["environ"].get(name))


@case(
    SHOULD,
    HTTP_VARIABLES,
    basis=SHOULD_TEXT,
    tags=["security"],
    setup=Setup(environment=(("HTTP_X_LEAKED", "from the shell"),)),
)
async def http_variables_not_from_os(exchange: Exchange) -> None:
    """A variable HTTP_X of the server's process does not appear as a header of a client.

    Sends: A GET request to a server with HTTP_X_LEAKED in its process environment.
    Expects: No HTTP_X_LEAKED in environ.
    Why: Many machines set HTTP_PROXY, which would look like a header. The shell could also set a header that the app
    trusts.
    """
    types = (await exchange.app()).detail["types"]
    assert_that("HTTP_X_LEAKED" not in types, "no HTTP_X_LEAKED in environ", "environ has it like a header of a client")


@case(
    SHOULD,
    pep3333(VARIABLES, "A server or gateway should attempt to provide as many other CGI variables as are applicable."),
    basis=SHOULD_TEXT,
)
async def cgi_extras(exchange: Exchange) -> None:
    """REMOTE_ADDR is the address of the client.

    Sends: A GET request over TCP from 127.0.0.1, or from ::1 on a machine that has only IPv6.
    Expects: REMOTE_ADDR is that address.
    Why: Logs, rate limits and access lists use it. Without it, all clients look the same.
    """
    skip_behind_proxy(exchange)
    assert_equal(
        (await exchange.app()).detail["environ"].get("REMOTE_ADDR"), exchange.server.address.host, "REMOTE_ADDR"
    )


OTHER_ADDRESS = "127.0.0.2"
"""On Linux, all of 127.0.0.0/8 is this machine."""


@case(
    SHOULD,
    pep3333(VARIABLES, "A server or gateway should attempt to provide as many other CGI variables as are applicable."),
    basis=SHOULD_TEXT,
    needs=["pep3333/environ/cgi-extras"],
    segmentable=False,
)
async def client_address(exchange: Exchange) -> None:
    """REMOTE_ADDR and REMOTE_PORT are those of this connection, not of the server or of an earlier connection.

    Sends: A GET request from 127.0.0.2 to a server on 127.0.0.1. Two more GET requests on connections of their own.
    Expects: REMOTE_ADDR is the address of the client. REMOTE_PORT is its port, if the server has this variable.
    Why: Rate limits and access lists use the address. A test on one machine does not notice if all clients look alike.
    """
    skip_behind_proxy(exchange)
    if exchange.server.address.host != "127.0.0.1" or exchange.server.address.path:
        exchange.skip("the server does not listen on 127.0.0.1")
    for number, source in enumerate((OTHER_ADDRESS, "", "")):
        connection = await exchange.connect(source=source)
        port = str(connection.local_port)
        await connection.send(exchange.request("/echo", headers=[("Connection", "close")]))
        response = await connection.response()
        await connection.close()
        try:
            event = await exchange.event("called", timeout=EVENT_DRAIN_SECONDS, count=number + 1)
        except trio.TooSlowError:
            await exchange.fail_app_not_called(response)
        environ = event.detail["environ"]
        wanted = source or exchange.server.address.host
        assert_equal(environ.get("REMOTE_ADDR"), wanted, f"REMOTE_ADDR of a client at {wanted}")
        assert_equal(environ.get("REMOTE_PORT", port), port, "REMOTE_PORT")
