"""What the variables say of a request that came over TLS."""

from __future__ import annotations

from ....harness.attempts.exchange import Exchange
from ....harness.basis import SHOULD_TEXT, variable, wsgi_variable
from ....harness.catalog import MUST, SHOULD, case
from ....harness.expect import equal, one_of
from ....harness.model import Setup
from ....harness.references import pep3333
from ..asking import BEHIND_TLS, direct, knows_of_tls, told

VARIABLES = "environ Variables"

OVER_TLS = Setup(tls=True)

ON = ("on", "1")
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
async def tls_variables(x: Exchange, name: str) -> None:
    """Over TLS environ has HTTPS, which is `on`, and SSL_PROTOCOL, as under Apache.

    Sends: A plain GET over TLS.

    Expects: HTTPS to be `on`, or `1`, which the PEP's own gateway takes for the same; SSL_PROTOCOL to be there and
    not empty. Behind a proxy TLS ends before the server, which tells of it what it is told: the case is skipped where
    that is nothing, as over plain HTTP, and SSL_PROTOCOL over uwsgi too, which nginx's own parameters leave out.

    Why: An app that sets cookies for https alone, or writes into its log how safe a connection was, looks here.
    """
    if not knows_of_tls(x):
        x.skip(BEHIND_TLS)
    if name == "SSL_PROTOCOL" and x.server.plan.upstream is not None and not x.server.plan.upstream.settings.tls:
        x.skip("TLS ends at the proxy in front, whose standard parameters tell the server of HTTPS alone")
    environ = (await x.app()).detail["environ"]
    if name == "HTTPS":
        one_of(str(environ.get(name, "not there")).lower(), ON, name)
    else:
        equal(bool(environ.get(name)), True, f"whether {name} is there")


@case(
    MUST,
    pep3333(
        VARIABLES,
        'A string representing the "scheme" portion of the URL at which the application is being invoked.',
    ),
    basis=wsgi_variable("A request over TLS invokes the app at a URL whose scheme is https."),
    setup=OVER_TLS,
)
async def url_scheme_tls(x: Exchange) -> None:
    """wsgi.url_scheme is `https` for a request that came over TLS.

    Sends: A plain GET over TLS.

    Expects: `https`. Behind a proxy that speaks plain HTTP to the server, `http` as well: which of the two URLs is
    the app's the PEP leaves open, and what the proxy says in a header need not be believed.

    Why: With `http` the app's links and redirects lead out of TLS, or around in a circle.
    """
    scheme = (await x.app()).detail["environ"].get("wsgi.url_scheme")
    one_of(scheme, ("https",) if knows_of_tls(x) else ("https", "http"), "wsgi.url_scheme")


@case(
    MUST,
    pep3333(
        "URL Reconstruction",
        "If an application wishes to reconstruct a request's complete URL, it may do so using the following algorithm",
    ),
    basis=variable(
        "The algorithm is the PEP's own. Where it makes of a request over TLS another URL than "
        "was asked for, a variable is not what the PEP defines."
    ),
    setup=OVER_TLS,
    variants={"host": "HTTP/1.1", "no-host": "HTTP/1.0"},
)
async def url_reconstruction_tls(x: Exchange, version: str) -> None:
    """The PEP's algorithm rebuilds the https URL that was asked for.

    Sends: A GET over TLS for a path with an encoded space and a query; then the same in HTTP/1.0 without Host, where
    the algorithm goes by SERVER_NAME and SERVER_PORT. The app runs it and reports what comes out.

    Expects: The URL that the client used; without Host, the same but for the server's name for itself.

    Why: A link in a mail, or one that an identity provider is to lead back to, is made so.
    """
    direct(x)
    path = "/reconstruct/a%20b/c?d=%20e"
    wire = await x.connect()
    request = x.request(path, version=version)
    if version == "HTTP/1.0":
        request = request.replace(f"Host: {x.server.address.authority}\r\n".encode(), b"")
    await wire.send(request)
    url = str((await told(x, "url", "the algorithm to find all it needs in environ")).detail["url"])
    wanted = x.server.address.url + x.target(path)
    if version == "HTTP/1.0":
        url, wanted = (_without_name(each) for each in (url, wanted))
    equal(url, wanted, "the rebuilt URL")


def _without_name(url: str) -> str:
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://*:{authority.rpartition(':')[2]}{slash}{path}"
