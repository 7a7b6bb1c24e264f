"""The environment of the server's process: its variables never pass for variables of a request.

PEP 3333 lets a server copy os.environ into environ. The variables of the request must win, and a variable that the
request does not have must not come from the process. SCRIPT_NAME is left out: gunicorn documents it as its setting of
the mount.
"""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import SHOULD_TEXT, cgi_variable, pep3333, wsgi_variable
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.pep3333.assertions import TLS_ENDS_AT_PROXY, server_sees_tls
from wsgi_gauntlet.suites.pep3333.environ.request_variables import HTTP_VARIABLES
from wsgi_gauntlet.suites.pep3333.environ.wsgi_variables import SCHEME

VARIABLES = "environ Variables"

PROCESS = {
    "AUTH_TYPE": "Process",
    "CONTENT_LENGTH": "5",
    "CONTENT_TYPE": "text/x-process",
    "HTTPS": "on",
    "HTTP_AUTHORIZATION": "Basic cHJvY2Vzcw==",
    "HTTP_COOKIE": "process=1",
    "HTTP_HOST": "process.example:99",
    "HTTP_PROXY": "http://process.example:3128",
    "HTTP_X_FORWARDED_FOR": "192.0.2.9",
    "HTTP_X_SENT": "by the process",
    "QUERY_STRING": "process=1",
    "REMOTE_ADDR": "192.0.2.9",
    "REMOTE_USER": "process",
    "REQUEST_METHOD": "PUT",
    "SERVER_PORT": "99",
    "SERVER_PROTOCOL": "HTTP/0.9",
    "wsgi.url_scheme": "process",
}
"""What an operator's shell, a unit file or a parent that is a CGI program may set."""

SETUP = Setup(environment=tuple(PROCESS.items()))

PATH_SETUP = Setup(environment=(("PATH_INFO", "/nonce"),))
"""The harness starts a server with a request for this path, so a server with this fault starts too."""


async def _value(exchange: Exchange, name: str, sent: str = "") -> str:
    """Return a variable of a GET request, '' if it is absent."""
    event = await exchange.app(f"/echo{sent}", headers=[("X-Sent", "by the client")])
    environ: dict[str, str] = event.detail["environ"]
    # The app reports only the name of a variable that the process has with the same value.
    return environ.get(name, PROCESS.get(name, "") if name in event.detail["from_os"] else "")


def _assert_not_of_process(name: str, value: str) -> None:
    assert_that(value != PROCESS[name], f"{name} not to be that of the process", value)


@case(
    MUST,
    pep3333(
        VARIABLES,
        "The environ dictionary is required to contain these CGI environment variables, as defined by the Common "
        "Gateway Interface specification",
    ),
    basis=cgi_variable(
        "CGI defines these variables as parts of the request. A value from the process belongs to no request. The PEP "
        "lets a variable be empty or absent if the request has no such part."
    ),
    tags=["security"],
    setup=SETUP,
    variants={
        "request-method": ("REQUEST_METHOD", ""),
        "query-string": ("QUERY_STRING", "?sent=1"),
        "query-string-none": ("QUERY_STRING", ""),
        "content-type-none": ("CONTENT_TYPE", ""),
        "content-length-none": ("CONTENT_LENGTH", ""),
        "server-protocol": ("SERVER_PROTOCOL", ""),
    },
    segmentable=False,
)
async def process_for_request(exchange: Exchange, name_and_query: tuple[str, str]) -> None:
    """The process environment of the server never replaces a variable of the request.

    Sends: A GET request, with or without a query, to a server with REQUEST_METHOD=PUT and other variables of CGI in its
    process environment.
    Expects: Another value than that of the process. Other cases check the value of the request.
    Why: A server started from a CGI program or by a test runner inherits such variables. Every GET is then a PUT, or
    has a query that nobody sent.
    """
    name, sent = name_and_query
    _assert_not_of_process(name, await _value(exchange, name, sent))


@case(
    MUST,
    pep3333(
        VARIABLES,
        'The remainder of the request URL\'s "path", designating the virtual "location" of '
        "the request's target within the application.",
    ),
    basis=cgi_variable("CGI defines PATH_INFO as a part of the URL. A value from the process belongs to no request."),
    tags=["security"],
    setup=PATH_SETUP,
    segmentable=False,
)
async def process_for_path(exchange: Exchange) -> None:
    """PATH_INFO of the process never replaces that of the request.

    Sends: A GET request for /echo/x to a server with PATH_INFO=/nonce in its process environment.
    Expects: PATH_INFO is /echo/x.
    Why: Otherwise every URL shows the same page.
    """
    assert_equal((await exchange.app("/echo/x")).detail["environ"].get("PATH_INFO"), "/echo/x", "PATH_INFO")


@case(
    MUST,
    SCHEME,
    basis=wsgi_variable("The scheme of the URL is that of the connection, whatever the process inherited."),
    tags=["security"],
    setup=SETUP,
    segmentable=False,
)
async def process_for_scheme(exchange: Exchange) -> None:
    """HTTPS=on in the process environment does not change wsgi.url_scheme.

    Sends: A GET request to a server with HTTPS=on and wsgi.url_scheme=process in its process environment.
    Expects: wsgi.url_scheme is the scheme that the client used.
    Why: With https, an app sends its users to a port that does not respond, and its cookies only over TLS.
    """
    if exchange.server.address.tls and not server_sees_tls(exchange):
        exchange.skip(TLS_ENDS_AT_PROXY)
    wanted = "https" if exchange.server.address.tls else "http"
    assert_equal(await _value(exchange, "wsgi.url_scheme"), wanted, "wsgi.url_scheme")


@case(
    MUST,
    pep3333(
        VARIABLES,
        "When HTTP_HOST is not set, these variables can be combined to determine a default.",
    ),
    basis=cgi_variable(
        "SERVER_PORT is the port of the server, which the app combines into its URL. A port from the process is none."
    ),
    setup=SETUP,
    segmentable=False,
)
async def process_for_port(exchange: Exchange) -> None:
    """SERVER_PORT of the process never replaces the port of the server.

    Sends: A GET request to a server with SERVER_PORT=99 in its process environment.
    Expects: SERVER_PORT is another one.
    Why: Otherwise links that the app builds without Host lead to a port that does not respond.
    """
    _assert_not_of_process("SERVER_PORT", await _value(exchange, "SERVER_PORT"))


@case(
    SHOULD,
    HTTP_VARIABLES,
    basis=SHOULD_TEXT,
    tags=["security"],
    setup=SETUP,
    variants={
        "host": "HTTP_HOST",
        "sent": "HTTP_X_SENT",
        "authorization": "HTTP_AUTHORIZATION",
        "cookie": "HTTP_COOKIE",
        "proxy": "HTTP_PROXY",
        "forwarded-for": "HTTP_X_FORWARDED_FOR",
    },
    segmentable=False,
)
async def process_for_header(exchange: Exchange, name: str) -> None:
    """An HTTP_* variable of the process never passes for a header of the client.

    Sends: A GET request with Host and X-Sent to a server with HTTP_HOST, HTTP_X_SENT, HTTP_AUTHORIZATION, HTTP_COOKIE,
    HTTP_PROXY and HTTP_X_FORWARDED_FOR in its process environment.
    Expects: The headers that the client sent have its values, and the others have no variable.
    Why: With a login or a cookie of the process, every visitor is logged in as somebody else.
    """
    _assert_not_of_process(name, await _value(exchange, name))


@case(
    SHOULD,
    pep3333(
        VARIABLES,
        "Note: missing variables (such as REMOTE_USER when no authentication has occurred) "
        "should be left out of the environ dictionary.",
    ),
    basis=SHOULD_TEXT,
    tags=["security"],
    setup=SETUP,
    variants={"user": "REMOTE_USER", "auth-type": "AUTH_TYPE", "address": "REMOTE_ADDR"},
    segmentable=False,
)
async def process_for_client(exchange: Exchange, name: str) -> None:
    """REMOTE_USER, AUTH_TYPE and REMOTE_ADDR of the process never pass for those of a client.

    Sends: A GET request without a login to a server with REMOTE_USER, AUTH_TYPE and REMOTE_ADDR in its process
    environment.
    Expects: No REMOTE_USER and no AUTH_TYPE. REMOTE_ADDR is not that of the process.
    Why: Frameworks trust REMOTE_USER: every visitor is logged in as that user.
    """
    _assert_not_of_process(name, await _value(exchange, name))
