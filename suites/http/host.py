"""The Host header: required, single, and valid."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, from_recipient_semantics, recorded_only
from wsgi_gauntlet.harness.conformance.catalog import MAY, MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.suites.http.assertions import (
    assert_rejected,
    assert_served,
    is_rejected_and_in_sync,
    raw,
    send_request,
)

HOST = rfc9112(
    "3.2",
    "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host "
    "header field and to any request message that contains more than one Host header field line or a Host header field "
    "with an invalid field value.",
)


@case(MUST, HOST, basis=MUST_TEXT, breach=CLIENT)
async def missing(exchange: Exchange) -> None:
    """HTTP/1.1 without Host is refused with 400.

    Sends: a GET in HTTP/1.1 without a Host header.
    Expects: 400, the app not called; the next request on the connection is served as itself, or the connection is
    closed.
    Why: An app that gets no host builds its links, and decides who may do what, by a default that the client did not
    choose.
    """
    assert_rejected(await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')} HTTP/1.1", host=False)))


@case(MUST, HOST, basis=MUST_TEXT, breach=CLIENT, tags=["security"])
async def duplicate_different(exchange: Exchange) -> None:
    """Two different Host headers are refused with 400.

    Sends: a GET with `Host: one.example` and `Host: two.example`.
    Expects: 400, the app not called; the next request on the connection is served as itself, or the connection is
    closed.
    Why: A proxy that routes by the first and an app that believes the second serve one site's pages under another's
    name, and a cache keeps them for everybody.
    """
    assert_rejected(
        await send_request(
            exchange, exchange.request("/echo", headers=[("Host", "one.example"), ("Host", "two.example")])
        )
    )


@case(MUST, HOST, basis=MUST_TEXT, breach=CLIENT)
async def duplicate_same(exchange: Exchange) -> None:
    """Two equal Host headers are refused with 400.

    Sends: a GET with `Host: one.example` twice.
    Expects: 400, the app not called; the text makes no exception for equal values. The next request on the connection
    is served as itself, or the connection is closed.
    Why: Joined by a comma, as environ has them, they are a host that nobody has, in every link that the app builds.
    """
    assert_rejected(
        await send_request(
            exchange, exchange.request("/echo", headers=[("Host", "one.example"), ("Host", "one.example")])
        )
    )


@case(
    MUST,
    HOST,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=["security"],
    variants={
        "userinfo": "user@one.example",
        "path": "one.example/path",
        "space": "one.example two.example",
        "comma": "one.example,two.example",
        "port-letters": "one.example:http",
        "port-signed": "one.example:+80",
        "two-ports": "one.example:1:2",
        "query": "one.example?a",
        "fragment": "one.example#a",
        "quotes": '"one.example"',
        "percent": "one.example%zz",
        "obs-text": "\xe9.example",
        "ipv6-bare": "::1",
        "ipv6-unclosed": "[::1",
        "ipv6-letters": "[zz]",
        "ipv6-colons": "[:::::]",
        "ipv6-groups": "[1:2:3:4:5:6:7:8:9]",
        "ipv6-and-more": "[::1]x",
        "future-empty": "[v1.]",
    },
)
async def invalid(exchange: Exchange, host: str) -> None:
    """A Host that is no host and port is refused with 400.

    Sends: a GET whose Host is no host and port: with a user name, a path, a query, a blank, a comma, quotes or a byte
    above 0x7F, with letters, a sign or a second colon in the port, or with brackets around what is no address.
    Expects: 400, the app not called; the next request on the connection is served as itself, or the connection is
    closed. With a comma also served, if HTTP_HOST is just as sent: RFC 3986 lets a registered name have one.
    Why: Apps put the host into links and mails. `Host: one.example/path` in a mail to reset a password sends the user,
    and the secret, wherever an attacker likes.
    """
    result = await send_request(exchange, exchange.request("/echo", headers=[("Host", host)]))
    if "," in host and result.calls:
        assertions.assert_equal(assert_served(result).get("HTTP_HOST"), host, "HTTP_HOST")
        return
    assert_rejected(result)


@case(
    MAY,
    rfc9112(
        "3.2",
        "If the authority component is missing or undefined for the target URI, then a client MUST send a Host header "
        "field with an empty field value.",
    ),
    basis=recorded_only(
        "A client must send it where there is no authority, and for http there always is one: a "
        "server can serve it or refuse it."
    ),
)
async def empty(exchange: Exchange) -> None:
    """An empty Host is served or refused with 400.

    Sends: a GET with `Host:` and nothing behind it, as for a target without authority.
    Expects: served, or refused without a call of the app; the next request on the connection is served as itself, or
    the connection is closed.
    Why: Some monitors and scripts send this. It must not be what takes a worker down.
    """
    result = await send_request(exchange, exchange.request("/echo", headers=[("Host", "")]))
    if not is_rejected_and_in_sync(result):
        assert_served(result)


@case(
    MAY,
    rfc9112(
        "3.3",
        "If the target URI's authority component is empty and its URI scheme requires a non-empty authority (as is the "
        'case for "http" and "https"), the server can reject the request or determine whether a configured default '
        "applies that is consistent with the incoming connection's context.",
    ),
    basis=recorded_only('The text says "can" of both ways: to refuse, or to take a host that was configured.'),
)
async def missing_on_http10(exchange: Exchange) -> None:
    """HTTP/1.0 without Host is served.

    Sends: a GET in HTTP/1.0 without a Host header.
    Expects: served by one call of the app; then the connection is closed, or in step. A server may refuse it,
    and then that is recorded.
    Why: Health checks of load balancers and old monitors send just this. A server that refuses them is taken out of
    service, though it is well.
    """
    assert_served(await send_request(exchange, raw(exchange, f"GET {exchange.target('/echo')} HTTP/1.0", host=False)))


@case(
    MUST,
    rfc9110("7.2", 'Host = uri-host [ ":" port ]'),
    basis=from_recipient_semantics(
        "Each is a host as the grammar has it, so none of them is the client's error, and its value is what was sent."
    ),
    variants={
        "name": "one.example",
        "port": "one.example:8080",
        "address": "192.0.2.1:80",
        "ipv6": "[2001:db8::1]:80",
        "capitals": "ONE.example",
        "empty-port": "one.example:",
        "percent": "ex%C3%A9.example",
        "sub-delims": "a!$&'()*+;=b.example",
        "unreserved": "a_b~c.example",
        "ipv4-in-ipv6": "[::ffff:192.0.2.1]:80",
    },
)
async def valid(exchange: Exchange, host: str) -> None:
    """Every form that a host may have is served, and the app is told of it as it was sent.

    Sends: a GET with a good Host: a name, a name in capitals, a name or an address with a port, an IPv6 address, a
    name with a colon and no port, or with any other character that RFC 3986 lets a name have.
    Expects: the request served, and HTTP_HOST as sent (names in lower case are allowed, an empty port may be left
    out); the next request on the connection is served as itself.
    Why: An app builds its links, and many frameworks their access checks, on it. A user who comes by an address or
    an odd port gets an error page, or links that lead elsewhere.
    """
    result = assert_served(await send_request(exchange, exchange.request("/echo", headers=[("Host", host)]))).get(
        "HTTP_HOST", ""
    )
    assertions.assert_equal(result.lower().rstrip(":"), host.lower().rstrip(":"), "HTTP_HOST")


@case(MUST, HOST, basis=MUST_TEXT, breach=CLIENT, tags=["security"])
async def duplicate_on_http10(exchange: Exchange) -> None:
    """Two Host headers are refused in HTTP/1.0 too.

    Sends: an HTTP/1.0 request with two different Host headers.
    Expects: 400, the app not called, and the connection closed or in step. The sentence says "any request message".
    Why: A proxy that speaks HTTP/1.0 to its servers, as nginx does by default, passes on what its client sent. Where it
    believes the one host and the app the other, one site's pages are served under another's name.
    """
    headers = [("Host", "one.example"), ("Host", "two.example")]
    assert_rejected(await send_request(exchange, exchange.request("/echo", headers=headers, version="HTTP/1.0")))
