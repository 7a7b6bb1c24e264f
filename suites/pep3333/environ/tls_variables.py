"""What the variables say of a request that came over TLS."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_one_of
from wsgi_gauntlet.harness.conformance.basis import SHOULD_TEXT, cgi_variable, wsgi_variable
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.pep3333.assertions import (
    TLS_ENDS_AT_PROXY,
    expect_event,
    server_knows_of_tls,
    skip_behind_proxy,
)

VARIABLES = "environ Variables"

OVER_TLS = Setup(tls=True)

HTTPS_VALUES = ("on", "1")
"""Both mean it to the CGI gateway in the PEP's section The Server/Gateway Side."""


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
    """Over TLS environ has HTTPS, which is `on`, and SSL_PROTOCOL, as under Apache.

    Sends: A plain GET over TLS.

    Expects: HTTPS to be `on`, or `1`, which the PEP's own gateway takes for the same; SSL_PROTOCOL to be there and
    not empty. Behind a proxy TLS ends before the server, which tells of it what it is told: the case is skipped where
    that is nothing, as over plain HTTP, and SSL_PROTOCOL over uwsgi too, which nginx's own parameters leave out.

    Why: An app that sets cookies for https alone, or writes into its log how safe a connection was, looks here.
    """
    if not server_knows_of_tls(exchange):
        exchange.skip(TLS_ENDS_AT_PROXY)
    if (
        name == "SSL_PROTOCOL"
        and exchange.server.plan.upstream is not None
        and not exchange.server.plan.upstream.settings.tls
    ):
        exchange.skip("TLS ends at the proxy in front, whose standard parameters tell the server of HTTPS alone")
    environ = (await exchange.app()).detail["environ"]
    if name == "HTTPS":
        assert_one_of(str(environ.get(name, "not there")).lower(), HTTPS_VALUES, name)
    else:
        assert_equal(bool(environ.get(name)), True, f"whether {name} is there")


@case(
    MUST,
    pep3333(
        VARIABLES,
        'A string representing the "scheme" portion of the URL at which the application is being invoked.',
    ),
    basis=wsgi_variable("A request over TLS invokes the app at a URL whose scheme is https."),
    setup=OVER_TLS,
)
async def url_scheme_tls(exchange: Exchange) -> None:
    """wsgi.url_scheme is `https` for a request that came over TLS.

    Sends: A plain GET over TLS.

    Expects: `https`. Behind a proxy that speaks plain HTTP to the server, `http` as well: which of the two URLs is
    the app's the PEP leaves open, and what the proxy says in a header need not be believed.

    Why: With `http` the app's links and redirects lead out of TLS, or around in a circle.
    """
    scheme = (await exchange.app()).detail["environ"].get("wsgi.url_scheme")
    assert_one_of(scheme, ("https",) if server_knows_of_tls(exchange) else ("https", "http"), "wsgi.url_scheme")


@case(
    MUST,
    pep3333(
        "URL Reconstruction",
        "If an application wishes to reconstruct a request's complete URL, it may do so using the following algorithm",
    ),
    basis=cgi_variable(
        "The algorithm is the PEP's own. Where it makes of a request over TLS another URL than "
        "was asked for, a variable is not what the PEP defines."
    ),
    setup=OVER_TLS,
    variants={"host": "HTTP/1.1", "no-host": "HTTP/1.0"},
)
async def url_reconstruction_tls(exchange: Exchange, version: str) -> None:
    """The PEP's algorithm rebuilds the https URL that was asked for.

    Sends: A GET over TLS for a path with an encoded space and a query; then the same in HTTP/1.0 without Host, where
    the algorithm goes by SERVER_NAME and SERVER_PORT. The app runs it and reports what comes out.

    Expects: The URL that the client used; without Host, the same but for the server's name for itself.

    Why: A link in a mail, or one that an identity provider is to lead back to, is made so.
    """
    skip_behind_proxy(exchange)
    path = "/reconstruct/a%20b/c?d=%20e"
    connection = await exchange.connect()
    request = exchange.request(path, version=version)
    if version == "HTTP/1.0":
        request = request.replace(f"Host: {exchange.server.address.authority}\r\n".encode(), b"")
    await connection.send(request)
    url = str((await expect_event(exchange, "url", "the algorithm to find all it needs in environ")).detail["url"])
    wanted = exchange.server.address.url + exchange.target(path)
    if version == "HTTP/1.0":
        url, wanted = (_without_host_name(each) for each in (url, wanted))
    assert_equal(url, wanted, "the rebuilt URL")


def _without_host_name(url: str) -> str:
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://*:{authority.rpartition(':')[2]}{slash}{path}"
