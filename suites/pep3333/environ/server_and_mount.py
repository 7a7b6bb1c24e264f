"""Where the app is: the address that it is served at, and the prefix that it is mounted under."""

from __future__ import annotations

import re
import socket

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_one_of, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, cgi_variable, definition
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.pep3333.assertions import EXTRA_WAIT_SECONDS, expect_event, skip_behind_proxy

VARIABLES = "environ Variables"


@case(
    MUST,
    pep3333(VARIABLES, 'This may be an empty string, if the application corresponds to the "root" of the server.'),
    basis=cgi_variable(
        "The app stands at the root here. The empty string is the value that is defined for "
        "that place, and an empty variable may be omitted."
    ),
)
async def script_name(exchange: Exchange) -> None:
    """SCRIPT_NAME is empty, or left out, for an app at the root of the server.

    Sends: A plain request to a server that mounts its app nowhere in particular.
    Expects: An empty SCRIPT_NAME, or none.
    Why: Every link that the app makes begins with it: with a "/" they begin with "//", which browsers take for another
    host.
    """
    environ = (await exchange.app("/echo/x")).detail["environ"]
    assert_equal(environ.get("SCRIPT_NAME", ""), "", "SCRIPT_NAME")


@case(
    MUST,
    pep3333(
        VARIABLES,
        'The initial portion of the request URL\'s "path" that corresponds to the application '
        'object, so that the application knows its virtual "location".',
    ),
    basis=cgi_variable(
        "The two variables are defined as the parts of one path, in front of the app's place "
        "and behind it; no other cut fits both."
    ),
    setup=Setup(mount="/mounted"),
    variants={"below": "/echo/x", "slash": "/", "exact": ""},
)
async def script_name_mounted(exchange: Exchange, path: str) -> None:
    """SCRIPT_NAME is the prefix that the app is mounted under, and PATH_INFO what follows it.

    Sends: A request below the mount, to the mount with a slash, or to the mount itself.
    Expects: SCRIPT_NAME is /mounted, and PATH_INFO what follows it, which may be empty.
    Why: Links are built from the one and routes found by the other; an app that is moved below a prefix loses all its
    pages.
    """
    environ = (await exchange.app(path)).detail["environ"]
    assert_equal(
        (environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")), ("/mounted", path), "SCRIPT_NAME, PATH_INFO"
    )


@case(
    MUST,
    pep3333(VARIABLES, "SERVER_NAME and SERVER_PORT are required strings and must never be empty."),
    basis=MUST_TEXT,
    variants={"http11": "HTTP/1.1", "http10-without-host": "HTTP/1.0"},
)
async def server_name_port(exchange: Exchange, version: str) -> None:
    """SERVER_NAME and SERVER_PORT are there and not empty, also where the client named no host.

    Sends: A request over TCP; with HTTP/1.0 it has no Host header, and the two are all that the app knows of its
    address.
    Expects: Both are there and not empty.
    Why: A framework that builds an absolute link fails on a missing one, for health checks and old clients first.
    """
    await _assert_server_name_and_port(exchange, version)


@case(
    MUST,
    pep3333(VARIABLES, "SERVER_NAME and SERVER_PORT are required strings and must never be empty."),
    basis=MUST_TEXT,
    setup=Setup(unix=True),
    variants={"http11": "HTTP/1.1", "http10-without-host": "HTTP/1.0"},
)
async def server_name_port_unix(exchange: Exchange, version: str) -> None:
    """SERVER_NAME and SERVER_PORT are there and not empty, also on a Unix socket, which has neither.

    Sends: A request over a Unix socket, which has neither name nor port; with HTTP/1.0 without a Host header.
    Expects: Both are there and not empty; what they say is the server's affair.
    Why: This is how a server is reached behind a proxy on the same machine; the first absolute link would be an error
    there, and nowhere else.
    """
    await _assert_server_name_and_port(exchange, version)


async def _assert_server_name_and_port(exchange: Exchange, version: str) -> None:
    request = exchange.request("/echo", version=version)
    if version == "HTTP/1.0":
        request = re.sub(rb"Host: [^\r]*\r\n", b"", request)
    connection = await exchange.connect()
    await connection.send(request)
    event = await expect_event(exchange, "called", "the app to be called")
    for name in ("SERVER_NAME", "SERVER_PORT"):
        assert_that(
            event.detail["environ"].get(name), f"{name} to be there and not empty", event.detail["environ"].get(name)
        )


@case(
    MUST,
    pep3333(
        "URL Reconstruction",
        "If an application wishes to reconstruct a request's complete URL, it may do so using the following algorithm",
    ),
    basis=cgi_variable(
        "The algorithm is the PEP's own. Where it makes another URL than was asked for, one of "
        "the variables that it uses is not what the PEP defines."
    ),
)
async def url_reconstruction(exchange: Exchange) -> None:
    """The PEP's algorithm rebuilds the URL that was asked for.

    Sends: A GET for a path with an encoded space and a query; the app runs the PEP's algorithm and reports what comes
    out.
    Expects: The URL that was asked for, character by character.
    Why: Logins and payment services send users back to the URL that the app names; a wrong one loses them on the way.
    """
    skip_behind_proxy(exchange)
    path = "/reconstruct/a%20b/c?d=%20e"
    await exchange.get(path)
    event = await expect_event(exchange, "url", "the algorithm to find all it needs in environ")
    assert_equal(event.detail["url"], exchange.server.address.url + exchange.target(path), "the rebuilt URL")


@case(
    SHOULD,
    pep3333(VARIABLES, "When HTTP_HOST is not set, these variables can be combined to determine a default."),
    basis=definition(
        "Where no host was named, these variables are the only way back to the server. The PEP "
        "gives no exact value for SERVER_NAME; hence no must."
    ),
    variants={"name": "SERVER_NAME", "port": "SERVER_PORT"},
)
async def server_address(exchange: Exchange, name: str) -> None:
    """SERVER_NAME and SERVER_PORT lead back to the server where the client named no host.

    Sends: A request of HTTP/1.0 without Host, over TCP.
    Expects: SERVER_PORT is the port that the client has connected to; SERVER_NAME is the address that it has connected
    to, or localhost, or the machine's own name.
    Why: The links and redirects that the app makes then lead to this server, and not to a name that nobody can resolve
    or to another port.
    """
    skip_behind_proxy(exchange)
    address = exchange.server.address
    if address.path or address.pipe_socket:
        exchange.skip("this server is not reached over TCP, and has no address of that kind")
    value = (await _environ_without_host(exchange)).get(name)
    known = {address.host, "localhost", socket.gethostname()}
    assert_one_of(value, [str(address.port)] if name == "SERVER_PORT" else sorted(known), name)


async def _environ_without_host(exchange: Exchange) -> dict[str, str]:
    connection = await exchange.connect()
    await connection.send(re.sub(rb"Host: [^\r]*\r\n", b"", exchange.request("/echo", version="HTTP/1.0")))
    environ: dict[str, str] = (await expect_event(exchange, "called", "the app to be called")).detail["environ"]
    return environ


@case(
    MUST,
    pep3333(
        VARIABLES,
        "The environ dictionary is required to contain these CGI environment variables, as defined by the Common "
        "Gateway Interface specification",
    ),
    basis=MUST_TEXT,
    setup=Setup(mount="/mounted"),
)
async def mount_boundary(exchange: Exchange) -> None:
    """A path that only begins with the letters of the mount is not below it.

    Sends: A request for /mountedx/y to a server whose app is mounted under /mounted.
    Expects: An answer without the app (404, say), or a call of it with a PATH_INFO that begins with a slash: CGI's
    PATH_INFO is empty or does so.
    Why: An app under /shop that also answers for /shopping gets the requests of another app on the same host, access
    rules for /shop/ do not cover them, and its routes fail on a path without a slash.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("x/y"))
    await connection.response(timeout=EXTRA_WAIT_SECONDS)
    await connection.close()
    paths = [call.detail["environ"].get("PATH_INFO", "") for call in await exchange.calls()]
    assert_that(all(path[:1] == "/" for path in paths), "no call, or a PATH_INFO that begins with a slash", paths)
