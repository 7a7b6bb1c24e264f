"""The environ variables of a request over TLS."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_one_of, assert_that
from wsgi_gauntlet.harness.conformance.basis import SHOULD_TEXT, cgi_variable, pep3333, wsgi_variable
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.pep3333.assertions import (
    TLS_ENDS_AT_PROXY,
    expect_event,
    request_of_version,
    server_sees_tls,
    skip_behind_proxy,
)
from wsgi_gauntlet.suites.pep3333.environ.server_and_mount import URL_RECONSTRUCTION
from wsgi_gauntlet.suites.pep3333.environ.wsgi_variables import SCHEME

VARIABLES = "environ Variables"

OVER_TLS = Setup(tls=True)

HTTPS_VALUES = ("on", "1")
"""The CGI gateway in the section The Server/Gateway Side of the PEP accepts both."""


@case(
    SHOULD,
    pep3333(
        VARIABLES,
        "In addition, if SSL is in use, the server or gateway should also provide as many of the Apache SSL "
        "environment variables [5] as are applicable, such as HTTPS=on and SSL_PROTOCOL.",
    ),
    basis=SHOULD_TEXT,
    setup=OVER_TLS,
    variants={"https": "HTTPS", "ssl-protocol": "SSL_PROTOCOL"},
)
async def tls_variables(exchange: Exchange, name: str) -> None:
    """Over TLS, environ has HTTPS with the value `on`, and SSL_PROTOCOL, as Apache does.

    Sends: A GET request over TLS.
    Expects: HTTPS is `on`, or `1`, which the gateway of the PEP also accepts. SSL_PROTOCOL is present and not empty.
    The case is skipped when a proxy ends TLS and does not report the variable to the server. Over plain HTTP it reports
    neither; over uwsgi, nginx reports only HTTPS by default.
    Why: Apps use these variables to set cookies only for https, or to log how secure a connection was.
    """
    if not server_sees_tls(exchange):
        exchange.skip(TLS_ENDS_AT_PROXY)
    if (
        name == "SSL_PROTOCOL"
        and exchange.server.plan.upstream is not None
        and not exchange.server.plan.upstream.settings.tls
    ):
        exchange.skip("TLS ends at the proxy, whose standard parameters report only HTTPS to the server")
    environ = (await exchange.app()).detail["environ"]
    if name == "HTTPS":
        assert_one_of(str(environ.get(name, "absent")).lower(), HTTPS_VALUES, name)
    else:
        assert_that(environ.get(name), f"{name} to be present and not empty", environ.get(name))


@case(
    MUST,
    SCHEME,
    basis=wsgi_variable("A request over TLS calls the app at a URL with the scheme https."),
    setup=OVER_TLS,
)
async def url_scheme_tls(exchange: Exchange) -> None:
    """wsgi.url_scheme is `https` for a request over TLS.

    Sends: A GET request over TLS.
    Expects: `https`. Behind a proxy that speaks plain HTTP to the server, `http` is allowed too. The PEP does not say
    which of the two URLs belongs to the app, and a server need not trust headers of a proxy.
    Why: With `http`, links and redirects of the app leave TLS or form a redirect loop.
    """
    scheme = (await exchange.app()).detail["environ"].get("wsgi.url_scheme")
    assert_one_of(scheme, ("https",) if server_sees_tls(exchange) else ("https", "http"), "wsgi.url_scheme")


@case(
    MUST,
    URL_RECONSTRUCTION,
    basis=cgi_variable(
        "The PEP gives the algorithm. If it makes another URL than the client requested over TLS, a variable has a "
        "value that the PEP does not define."
    ),
    setup=OVER_TLS,
    variants={"host": "HTTP/1.1", "no-host": "HTTP/1.0"},
)
async def url_reconstruction_tls(exchange: Exchange, version: str) -> None:
    """The URL algorithm of the PEP rebuilds the https URL of the request.

    Sends: A GET request over TLS for a path with an encoded space and a query. In one variant, an HTTP/1.0 request
    without Host; there the algorithm uses SERVER_NAME and SERVER_PORT. The app runs the algorithm and reports the
    result.
    Expects: The URL that the client used. Without Host, the server may use any name for itself.
    Why: Apps build links in e-mails and return URLs for identity providers this way.
    """
    skip_behind_proxy(exchange)
    path = "/reconstruct/a%20b/c?d=%20e"
    connection = await exchange.connect()
    await connection.send(request_of_version(exchange, path, version))
    url = str((await expect_event(exchange, "url", "environ to have every variable of the algorithm")).detail["url"])
    wanted = exchange.server.address.url + exchange.target(path)
    if version == "HTTP/1.0":
        url, wanted = (_without_host_name(each) for each in (url, wanted))
    assert_equal(url, wanted, "the rebuilt URL")


def _without_host_name(url: str) -> str:
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://*:{authority.rpartition(':')[2]}{slash}{path}"
