"""The environment of the server's process: its variables never pass for variables of a request.

PEP 3333 lets a server copy os.environ into environ. The variables of the request must win, and a variable that the
request does not have must not come from the process. SCRIPT_NAME is left out: gunicorn documents it as its setting of
the mount.
"""

from __future__ import annotations

from collections.abc import Iterable

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
    "PATH_INFO": "/nonce",
    "QUERY_STRING": "process=1",
    "REMOTE_ADDR": "192.0.2.9",
    "REMOTE_USER": "process",
    "REQUEST_METHOD": "PUT",
    "SERVER_PORT": "99",
    "SERVER_PROTOCOL": "HTTP/0.9",
    "wsgi.url_scheme": "process",
}
"""What an operator's shell, a unit file or a parent that is a CGI program may set.

The harness starts a server with a request for /nonce, so a server that takes its PATH_INFO from here starts too.
"""

SETUP = Setup(environment=tuple(PROCESS.items()))

NEEDS_PATH = ["pep3333/environ/process-for-path"]
"""Without it, a request reaches another behaviour of the app."""


async def _values(exchange: Exchange, names: Iterable[str], query: str = "") -> dict[str, str]:
    """Return variables of a GET request by their names, without those that are absent."""
    event = await exchange.app(f"/echo{query}", headers=[("X-Sent", "by the client")])
    # The app reports only the name of a variable that the process has with the same value.
    of_process = {name: PROCESS[name] for name in PROCESS if name in event.detail["from_os"]}
    found: dict[str, str] = {**of_process, **event.detail["environ"]}
    return {name: found[name] for name in names if name in found}


async def _assert_none_of_process(exchange: Exchange, *names: str, query: str = "") -> None:
    values = await _values(exchange, names, query)
    wrong = {name: value for name, value in values.items() if value == PROCESS[name]}
    assert_that(not wrong, f"no value of the process in {', '.join(names)}", wrong)


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
        "present": ("?sent=1", ("REQUEST_METHOD", "QUERY_STRING", "SERVER_PROTOCOL")),
        "absent": ("", ("QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH")),
    },
    needs=NEEDS_PATH,
    segmentable=False,
)
async def process_for_request(exchange: Exchange, query_and_names: tuple[str, tuple[str, ...]]) -> None:
    """The process environment of the server never replaces a variable of the request.

    Sends: A GET request, with or without a query, to a server with REQUEST_METHOD=PUT and other variables of CGI in its
    process environment.
    Expects: Other values of REQUEST_METHOD, QUERY_STRING and SERVER_PROTOCOL than those of the process. Without a query
    and a body: no QUERY_STRING, CONTENT_TYPE and CONTENT_LENGTH of the process. Other cases check the values.
    Why: A server started from a CGI program or by a test runner inherits such variables. Every GET is then a PUT, or
    has a query that nobody sent.
    """
    query, names = query_and_names
    await _assert_none_of_process(exchange, *names, query=query)


@case(
    MUST,
    pep3333(
        VARIABLES,
        'The remainder of the request URL\'s "path", designating the virtual "location" of '
        "the request's target within the application.",
    ),
    basis=cgi_variable("CGI defines PATH_INFO as a part of the URL. A value from the process belongs to no request."),
    tags=["security"],
    setup=SETUP,
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
    needs=NEEDS_PATH,
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
    found = await _values(exchange, ["wsgi.url_scheme"])
    assert_equal(found.get("wsgi.url_scheme", ""), wanted, "wsgi.url_scheme")


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
    needs=NEEDS_PATH,
    segmentable=False,
)
async def process_for_port(exchange: Exchange) -> None:
    """SERVER_PORT of the process never replaces the port of the server.

    Sends: A GET request to a server with SERVER_PORT=99 in its process environment.
    Expects: SERVER_PORT is another one.
    Why: Otherwise links that the app builds without Host lead to a port that does not respond.
    """
    await _assert_none_of_process(exchange, "SERVER_PORT")


@case(
    SHOULD,
    HTTP_VARIABLES,
    basis=SHOULD_TEXT,
    tags=["security"],
    setup=SETUP,
    variants={
        "sent": ("HTTP_HOST", "HTTP_X_SENT"),
        "not-sent": ("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_PROXY", "HTTP_X_FORWARDED_FOR"),
    },
    needs=NEEDS_PATH,
    segmentable=False,
)
async def process_for_header(exchange: Exchange, names: tuple[str, ...]) -> None:
    """An HTTP_* variable of the process never passes for a header of the client.

    Sends: A GET request with Host and X-Sent to a server with HTTP_HOST, HTTP_X_SENT, HTTP_AUTHORIZATION, HTTP_COOKIE,
    HTTP_PROXY and HTTP_X_FORWARDED_FOR in its process environment.
    Expects: The headers that the client sent have its values, and the others have no variable.
    Why: With a login or a cookie of the process, every visitor is logged in as somebody else.
    """
    await _assert_none_of_process(exchange, *names)


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
    needs=NEEDS_PATH,
    segmentable=False,
)
async def process_for_client(exchange: Exchange) -> None:
    """REMOTE_USER, AUTH_TYPE and REMOTE_ADDR of the process never pass for those of a client.

    Sends: A GET request without a login to a server with REMOTE_USER, AUTH_TYPE and REMOTE_ADDR in its process
    environment.
    Expects: No REMOTE_USER and no AUTH_TYPE. REMOTE_ADDR is not that of the process.
    Why: Frameworks trust REMOTE_USER: every visitor is logged in as that user.
    """
    await _assert_none_of_process(exchange, "REMOTE_USER", "AUTH_TYPE", "REMOTE_ADDR")
