"""The place of the app: the address of the server, and the prefix of the mount."""

from __future__ import annotations

import socket

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_one_of, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, cgi_variable, definition, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.pep3333.assertions import (
    EXTRA_WAIT_SECONDS,
    expect_event,
    request_of_version,
    skip_behind_proxy,
)

VARIABLES = "environ Variables"

URL_RECONSTRUCTION = pep3333(
    "URL Reconstruction",
    "If an application wishes to reconstruct a request's complete URL, it may do so using the following algorithm",
)


@case(
    MUST,
    pep3333(VARIABLES, 'This may be an empty string, if the application corresponds to the "root" of the server.'),
    basis=cgi_variable(
        "The app is at the root in this case. The PEP defines the empty string for the root, and a server may omit an "
        "empty variable."
    ),
)
async def script_name(exchange: Exchange) -> None:
    """SCRIPT_NAME is empty or absent for an app at the root of the server.

    Sends: A GET request to a server whose app is not mounted below a prefix.
    Expects: SCRIPT_NAME is empty or absent.
    Why: Every link of the app begins with SCRIPT_NAME. With "/", links begin with "//", and browsers take the next part
    for a host name.
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
        "The PEP defines the two variables as parts of one path: the location of the app, and the rest. Only one "
        "split matches both definitions."
    ),
    setup=Setup(mount="/mounted"),
    variants={"below": "/echo/x", "slash": "/", "exact": ""},
)
async def script_name_mounted(exchange: Exchange, path: str) -> None:
    """SCRIPT_NAME is the prefix of the mount, and PATH_INFO is the rest of the path.

    Sends: A GET request below the mount, to the mount with a slash, or to the mount itself.
    Expects: SCRIPT_NAME is /mounted. PATH_INFO is the rest of the path, which may be empty.
    Why: Apps build links from SCRIPT_NAME and find routes with PATH_INFO. Otherwise an app that moves below a prefix
    loses all its pages.
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
    """SERVER_NAME and SERVER_PORT are present and not empty, also when the client sent no Host.

    Sends: A GET request over TCP. In HTTP/1.0 it has no Host header, so the app knows its address only from these
    variables.
    Expects: Both are present and not empty.
    Why: A framework that builds an absolute link fails if one is missing. Health checks and old clients notice this
    first.
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
    """SERVER_NAME and SERVER_PORT are present and not empty, also on a Unix socket, which has neither.

    Sends: A GET request over a Unix socket. In HTTP/1.0 it has no Host header.
    Expects: Both are present and not empty. Their values are free.
    Why: Proxies often reach a server on the same machine through a Unix socket. Otherwise the first absolute link fails
    only there.
    """
    await _assert_server_name_and_port(exchange, version)


async def _assert_server_name_and_port(exchange: Exchange, version: str) -> None:
    environ = await _environ_of_version(exchange, version)
    for name in ("SERVER_NAME", "SERVER_PORT"):
        assert_that(environ.get(name), f"{name} to be present and not empty", environ.get(name))


async def _environ_of_version(exchange: Exchange, version: str) -> dict[str, str]:
    connection = await exchange.connect()
    await connection.send(request_of_version(exchange, "/echo", version))
    environ: dict[str, str] = (await expect_event(exchange, "called", "the app to be called")).detail["environ"]
    return environ


@case(
    MUST,
    URL_RECONSTRUCTION,
    basis=cgi_variable(
        "The PEP gives the algorithm. If it makes another URL than the client requested, a variable that it uses has "
        "a value that the PEP does not define."
    ),
)
async def url_reconstruction(exchange: Exchange) -> None:
    """The URL algorithm of the PEP rebuilds the URL of the request.

    Sends: A GET request for a path with an encoded space and a query. The app runs the algorithm of the PEP and reports
    the result.
    Expects: The URL of the request, character by character.
    Why: Login and payment services send users back to the URL that the app names. With a wrong URL, users do not come
    back.
    """
    skip_behind_proxy(exchange)
    path = "/reconstruct/a%20b/c?d=%20e"
    await exchange.get(path)
    event = await expect_event(exchange, "url", "environ to have every variable of the algorithm")
    assert_equal(event.detail["url"], exchange.server.address.url + exchange.target(path), "the rebuilt URL")


@case(
    SHOULD,
    pep3333(VARIABLES, "When HTTP_HOST is not set, these variables can be combined to determine a default."),
    basis=definition(
        "If the client sends no host, only these variables lead back to the server. The PEP does not define an exact "
        "value of SERVER_NAME. Therefore this is not a must."
    ),
    variants={"name": "SERVER_NAME", "port": "SERVER_PORT"},
)
async def server_address(exchange: Exchange, name: str) -> None:
    """SERVER_NAME and SERVER_PORT lead back to the server when the client sent no Host.

    Sends: An HTTP/1.0 request without Host, over TCP.
    Expects: SERVER_PORT is the port of the connection. SERVER_NAME is the address of the connection, localhost, or the
    host name of the machine.
    Why: Otherwise links and redirects of the app lead to another port or to a name that nobody can resolve.
    """
    skip_behind_proxy(exchange)
    address = exchange.server.address
    if address.path or address.pipe_socket:
        exchange.skip("the harness does not reach this server over TCP, so it has no host and port")
    value = (await _environ_of_version(exchange, "HTTP/1.0")).get(name)
    host_names = {address.host, "localhost", socket.gethostname()}
    assert_one_of(value, [str(address.port)] if name == "SERVER_PORT" else sorted(host_names), name)


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
    """A path that only starts with the letters of the mount is not below the mount.

    Sends: A GET request for /mountedx/y to a server whose app is mounted at /mounted.
    Expects: A response without a call of the app, for example 404, or a call with a PATH_INFO that begins with a slash.
    CGI allows only an empty PATH_INFO or one with a slash.
    Why: If the app at /shop also gets /shopping, it gets the requests of another app. Access rules for /shop/ do not
    protect it, and its routes fail.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("x/y"))
    await connection.response(timeout=EXTRA_WAIT_SECONDS)
    await connection.close()
    paths = [call.detail["environ"].get("PATH_INFO", "") for call in await exchange.calls()]
    assert_that(all(path[:1] == "/" for path in paths), "no call, or a PATH_INFO that begins with a slash", paths)


@case(
    SHOULD,
    pep3333(VARIABLES, "A server or gateway should attempt to provide as many other CGI variables as are applicable."),
    basis=SHOULD_TEXT,
    setup=Setup(host="::1"),
)
async def ipv6(exchange: Exchange) -> None:
    """Over IPv6, REMOTE_ADDR is the address of the client, and SERVER_PORT and Host are those of the connection.

    Sends: A GET request from ::1 to a server that listens on ::1. Its Host is `[::1]` and the port.
    Expects: REMOTE_ADDR is `::1`, SERVER_PORT is the port, and HTTP_HOST is the Host as sent.
    Why: A server that splits the address at the first colon gives the app a wrong address: access lists and links fail,
    and only for the users with IPv6.
    """
    address = exchange.server.address
    detail = (await exchange.app()).detail
    environ = detail["environ"]
    if detail["types"].get("SERVER_PORT") == "int":
        exchange.skip("SERVER_PORT is a number; another case reports that")
    got = (environ.get("REMOTE_ADDR"), environ.get("SERVER_PORT"), environ.get("HTTP_HOST"))
    wanted = (address.host, str(address.port), address.authority)
    assert_equal(got, wanted, "REMOTE_ADDR, SERVER_PORT and HTTP_HOST")
