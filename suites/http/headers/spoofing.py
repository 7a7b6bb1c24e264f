"""Headers whose names resemble variables of environ, and headers that only a trusted proxy should send."""

from __future__ import annotations

from dataclasses import replace

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import cgi_variable, pep3333, recorded_only, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.suites.http.assertions import SECURITY_TAG, assert_served, get_request, is_rejected, send_request

SCHEME = "wsgi.url_scheme"

SERVER_VARIABLES = (
    "AUTH_TYPE",
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "GATEWAY_INTERFACE",
    "HTTPS",
    "HTTP_HOST",
    "PATH_INFO",
    "PATH_TRANSLATED",
    "QUERY_STRING",
    "REMOTE_ADDR",
    "REMOTE_HOST",
    "REMOTE_IDENT",
    "REMOTE_USER",
    "REQUEST_METHOD",
    "REQUEST_SCHEME",
    "REQUEST_URI",
    "SCRIPT_NAME",
    "SERVER_ADDR",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "SERVER_SOFTWARE",
    "SSL_CLIENT_VERIFY",
    "SSL_CLIENT_S_DN",
    SCHEME,
)
"""Variables that describe the request or its connection. They are the same for two equal requests."""

CGI_LIKE_NAMES = (
    "Auth-Type",
    "Gateway-Interface",
    "Https",
    "Path-Info",
    "Path-Translated",
    "Query-String",
    "Remote-Addr",
    "Remote-Host",
    "Remote-Ident",
    "Remote-User",
    "Request-Method",
    "Request-Scheme",
    "Request-Uri",
    "Script-Name",
    "Server-Addr",
    "Server-Name",
    "Server-Port",
    "Server-Protocol",
    "Server-Software",
    "Ssl-Client-Verify",
    "Ssl-Client-S-Dn",
    "Http-Host",
    "Wsgi.Url-Scheme",
)

FORWARDED = (
    "Forwarded: for=203.0.113.7;proto=https;host=spoofed.example",
    "X-Forwarded-For: 203.0.113.7",
    "X-Forwarded-Host: spoofed.example",
    "X-Forwarded-Port: 4443",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Protocol: ssl",
    "X-Forwarded-Scheme: https",
    "X-Forwarded-Ssl: on",
    "X-Forwarded-Prefix: /spoofed",
    "X-Forwarded-Server: spoofed.example",
    "X-Forwarded-User: spoofed",
    "X-Forwarded-Method: DELETE",
    "X-Real-Ip: 203.0.113.7",
    "X-Client-Ip: 203.0.113.7",
    "True-Client-Ip: 203.0.113.7",
    "Front-End-Https: on",
    "X-Url-Scheme: https",
    "X-Scheme: https",
    "X-Script-Name: /spoofed",
    "X-Original-Url: /spoofed",
    "X-Rewrite-Url: /spoofed",
    "X-Http-Method-Override: DELETE",
    "X-Remote-User: spoofed",
    "X-Host: spoofed.example",
)


async def _changed_variables(exchange: Exchange, *fields: str) -> dict[str, str]:
    """Return the server's variables that `fields` changed, with their new values. Rejected fields change nothing."""
    plain = await exchange.app()
    result = await send_request(exchange, get_request(exchange, *fields), send_second=False)
    _, *calls = result.calls
    result = replace(result, calls=tuple(calls))
    if is_rejected(result):
        return {}
    assert_served(result)
    before, after = _server_variables(plain), _server_variables(calls[0])
    return {name: after[name] for name in SERVER_VARIABLES if after[name] != before[name]}


def _server_variables(call: AppEvent) -> dict[str, str]:
    environ, wsgi = call.detail["environ"], call.detail["wsgi"]
    values = {name: environ.get(name, "absent") for name in SERVER_VARIABLES}
    return values | {SCHEME: wsgi.get(SCHEME, {}).get("repr", "absent")}


def _assert_unchanged(changed: dict[str, str]) -> None:
    assertions.assert_that(not changed, "the server's own variables in environ unchanged", changed)


@case(
    MUST,
    pep3333(
        "environ Variables",
        "Variables corresponding to the client-supplied HTTP request headers (i.e., variables whose names begin with "
        '"HTTP_").',
    ),
    basis=cgi_variable(
        "A header of the client becomes a variable whose name begins with HTTP_, and no other. The PEP and CGI define "
        "the other variables without it."
    ),
    tags=SECURITY_TAG,
)
async def cgi_like_names(exchange: Exchange) -> None:
    """Headers such as Remote-User and Path-Info do not change the variables of these names.

    Sends: a plain GET. Then the same with a header for each variable of CGI: Remote-User, Script-Name, Path-Info,
    Https, Server-Name, Request-Method and others.
    Expects: REMOTE_USER, SCRIPT_NAME, PATH_INFO and all other variables of the server are the same for both requests.
    Or the server rejects the second request without calling the app.
    Why: Apps trust these variables. A client that sets REMOTE_USER is logged in as anybody.
    """
    _assert_unchanged(await _changed_variables(exchange, *(f"{name}: spoofed" for name in CGI_LIKE_NAMES)))


@case(
    INFO,
    rfc9110(
        "17.10",
        "mapping field names to different interface names can lead to security vulnerabilities if the mapping is "
        "incomplete or ambiguous.",
    ),
    basis=recorded_only(
        "Some servers let a trusted proxy set a variable with such a header, and trust this machine. No specification "
        "forbids that."
    ),
    tags=SECURITY_TAG,
)
async def cgi_like_names_underscore(exchange: Exchange) -> None:
    """Record whether headers named like variables, such as SCRIPT_NAME, change these variables.

    Sends: a plain GET. Then the same with the headers REMOTE_USER, SCRIPT_NAME, PATH_INFO, HTTPS, CONTENT_LENGTH,
    HTTP_HOST, wsgi.url_scheme and others.
    Expects: nothing is required. The case records the variables of the server that differ between the two requests.
    Why: A server may trust every client on this machine or in a network. Behind a proxy that passes such headers on,
    any client can set them.
    """
    names = [name.replace("-", "_").upper() for name in CGI_LIKE_NAMES if "Wsgi" not in name]
    fields = [f"{name}: spoofed" for name in [*names, "CONTENT_TYPE", SCHEME]]
    _assert_unchanged(await _changed_variables(exchange, *fields, "CONTENT_LENGTH: 5"))


@case(
    INFO,
    rfc9110(
        "7.4",
        "Unless the connection is from a trusted gateway, an origin server MUST reject a request if any "
        "scheme-specific requirements for the target URI are not met.",
    ),
    basis=recorded_only(
        "A server may trust a proxy on this machine and take the client's address from these headers. No "
        "specification says which proxies to trust."
    ),
    tags=SECURITY_TAG,
)
async def forwarded(exchange: Exchange) -> None:
    """Record whether X-Forwarded-For and similar headers change the variables of the server.

    Sends: a plain GET. Then the same with Forwarded, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host,
    X-Forwarded-Prefix, X-Real-Ip, X-Script-Name and others.
    Expects: nothing is required. The case records the variables of the server that differ between the two requests.
    Why: A server that trusts this machine trusts every client if the proxy passes these headers on. Such a client
    chooses its own address, and access lists and rate limits fail.
    """
    _assert_unchanged(await _changed_variables(exchange, *FORWARDED))
