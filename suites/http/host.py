"""The Host header: required, single and valid."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MUST_TEXT,
    from_recipient_semantics,
    recorded_only,
    rfc9110,
    rfc9112,
)
from wsgi_gauntlet.harness.conformance.catalog import MAY, MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    SECURITY_TAG,
    assert_each_rejected,
    assert_rejected,
    assert_served,
    is_rejected_and_in_sync,
    raw_request,
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
    """An HTTP/1.1 request without Host gets 400.

    Sends: a GET in HTTP/1.1 without a Host header.
    Expects: the server answers 400 and does not call the app. The next request gets its own response, or the server
    closes the connection.
    Why: Without a host, an app builds links and decides on access with a default that the client did not choose.
    """
    assert_rejected(
        await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')} HTTP/1.1", host=False))
    )


@case(MUST, HOST, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG)
async def duplicate_different(exchange: Exchange) -> None:
    """A request with two different Host headers gets 400.

    Sends: a GET with `Host: one.example` and `Host: two.example`.
    Expects: the server answers 400 and does not call the app. The next request gets its own response, or the server
    closes the connection.
    Why: If a proxy routes by the first host and the app uses the second, the app serves one site's pages under another
    name. A cache then gives them to everybody.
    """
    assert_rejected(
        await send_request(
            exchange, exchange.request("/echo", headers=[("Host", "one.example"), ("Host", "two.example")])
        )
    )


@case(MUST, HOST, basis=MUST_TEXT, breach=CLIENT)
async def duplicate_same(exchange: Exchange) -> None:
    """A request with two equal Host headers gets 400.

    Sends: a GET with `Host: one.example` twice.
    Expects: the server answers 400 and does not call the app. The RFC makes no exception for equal values. The next
    request gets its own response, or the server closes the connection.
    Why: Environ joins them with a comma. The result is a host that does not exist, and the app puts it into every link.
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
    tags=SECURITY_TAG,
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
    """A request with an invalid Host gets 400.

    Sends: a GET with an invalid Host. It has a user name, path, query, space, comma, quotes or a byte above 0x7F;
    letters, a sign or a second colon in the port; or brackets around an invalid address.
    Expects: the server answers 400 and does not call the app. The next request gets its own response, or the server
    closes the connection. For a comma, the server may also serve the request if HTTP_HOST is unchanged, because RFC
    3986 allows a comma in a registered name.
    Why: Apps put the host into links and mails. `Host: one.example/path` in a password reset mail sends the user and
    the secret to an address of the attacker's choice.
    """
    result = await send_request(exchange, exchange.request("/echo", headers=[("Host", host)]))
    if "," in host and result.calls:
        assertions.assert_equal(assert_served(result).get("HTTP_HOST"), host, "HTTP_HOST")
        return
    assert_rejected(result)


@case(
    MUST,
    HOST,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "characters": [f"one{each}example" for each in '"#/<>?@\\^`{|}[]\t\x80\xff'],
        "percent": ["%", "one.example%", "one.example%4", "one.example%4g", "one.example%u0041"],
        "authority": ["http://one.example", "//one.example", "one.example/", "@one.example", "user:a@one.example:80"],
        "ports": [f"one.example:{port}" for port in ("-80", "0x50", "8 0", " 80", "80:", ":80", "8_0", "\xb2", "80/")],
        "brackets": [
            "[]",
            "[one.example]",
            "[::1",
            "::1]",
            "[[::1]]",
            "[::1][::2]",
            "[::1]80",
            "a[::1]",
            "[127.0.0.1]",
        ],
        "ipv6": [f"[{each}]" for each in (":", "1::2::3", "12345::", "1:2:3", "::1/64", "::1%eth0", "::1.2.3", "::g")],
        "ipv6-port": ["[::1]:http", "[::1]:-80", "[::1]:80:80", "[::1].80", "[::1][::2]", "[::ffff:999.0.0.1]:80"],
        "future": ["[v.a]", "[vg.a]", "[v1a]", "[v1.a/b]", "[v1.a@b]", "[x1.a]"],
    },
)
async def invalid_forms(exchange: Exchange, hosts: list[str]) -> None:
    """Each request with an invalid Host gets 400, whatever character, port or bracket is wrong.

    Sends: several requests, each with one invalid Host: every character that no host has, incomplete escapes, parts of
    a URL, invalid ports, or brackets around anything that is no address.
    Expects: the server answers 400 to each and does not call the app.
    Why: Apps put the host into links and mails. Each character that one program accepts and the next reads in another
    way lets a stranger choose the host.
    """
    await assert_each_rejected(exchange, {host: exchange.request(headers=[("Host", host)]) for host in hosts})


@case(
    MUST,
    HOST,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "characters": [f"one{chr(code)}example" for code in (1, 7, 8, 11, 12, 27, 31, 127)],
        "at-the-end": ["one.example\x01", "one.example\x0b", "one.example\x7f", "\x0cone.example"],
        "nul": ["one\0example", "one.example\0:80"],
        "cr": ["one\rexample", "one.example\r:80"],
        "folded": ["one.example\r\n .example", "one.example\r\n\t.example", "one.example\r\n  two.example"],
    },
)
async def invalid_control(exchange: Exchange, hosts: list[str]) -> None:
    """A request with a control character or a line break in Host gets 400.

    Sends: several requests, each with one invalid Host. It has a control character, NUL or CR, or continues on the next
    line.
    Expects: the server answers 400 to each and does not call the app. If a server replaces NUL, CR or the line break by
    a space, the host is invalid too: none of them is at its beginning or end.
    Why: Text functions strip or join such values. The proxy in front then checks another host than the app uses.
    """
    await assert_each_rejected(exchange, {host: exchange.request(headers=[("Host", host)]) for host in hosts})


@case(
    MUST,
    HOST,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
)
async def invalid_on_http10(exchange: Exchange) -> None:
    """An HTTP/1.0 request with an invalid Host gets 400 as well.

    Sends: several requests in HTTP/1.0, each with one invalid Host: with a path, a user name, a port of letters or an
    open bracket.
    Expects: the server answers 400 to each and does not call the app. The RFC says "any request message".
    Why: nginx by default speaks HTTP/1.0 to its servers. An app puts the host into links and mails in this version too.
    """
    hosts = ("one.example/path", "user@one.example", "one.example:http", "[::1")
    requests = {host: exchange.request(headers=[("Host", host)], version="HTTP/1.0") for host in hosts}
    await assert_each_rejected(exchange, requests)


@case(
    MAY,
    rfc9112(
        "3.2",
        "If the authority component is missing or undefined for the target URI, then a client MUST send a Host header "
        "field with an empty field value.",
    ),
    basis=recorded_only(
        "A client must send an empty Host only if the URI has no authority, and an http URI always has one. The "
        "server can serve or reject the request."
    ),
)
async def empty(exchange: Exchange) -> None:
    """An empty Host is served, or the request is rejected.

    Sends: a GET with `Host:` and nothing after it, as for a target without authority.
    Expects: the server serves the request, or rejects it without calling the app. The next request gets its own
    response, or the server closes the connection.
    Why: Some monitors and scripts send this. It must not crash a worker.
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
    basis=recorded_only(
        'The specification says "can" for both choices: to reject the request, or to use a configured host.'
    ),
)
async def missing_on_http10(exchange: Exchange) -> None:
    """An HTTP/1.0 request without Host is served.

    Sends: a GET in HTTP/1.0 without a Host header.
    Expects: the server serves the request with one call of the app. The next request gets its own response, or the
    server closes the connection. A server may reject the request; the case records that.
    Why: Health checks of load balancers and old monitors send this request. If the server rejects it, a load balancer
    removes a healthy server.
    """
    assert_served(
        await send_request(exchange, raw_request(exchange, f"GET {exchange.target('/echo')} HTTP/1.0", host=False))
    )


@case(
    MUST,
    rfc9110("7.2", 'Host = uri-host [ ":" port ]'),
    basis=from_recipient_semantics(
        "Each value matches the grammar of a host, so the client makes no error. The value in environ is the one that "
        "the client sent."
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
        "ipv6-no-port": "[::1]",
        "future": "[v1.a:b]:80",
        "final-dot": "one.example.:80",
        "port-zeros": "one.example:0080",
    },
)
async def valid(exchange: Exchange, host: str) -> None:
    """Every valid form of Host is served, and the app gets it unchanged.

    Sends: a GET with a valid Host: a name, a name in capitals, a name or an address with a port, an IPv6 address, a
    name with a colon and no port, or a name with other characters that RFC 3986 allows.
    Expects: the server serves the request, and HTTP_HOST is unchanged. It may be in lower case, and a colon without a
    port may be missing. The next request gets its own response, or the server closes the connection.
    Why: An app uses the host for its links, and many frameworks for access checks. A user with an IP address or an
    unusual port would get an error page or wrong links.
    """
    result = assert_served(await send_request(exchange, exchange.request("/echo", headers=[("Host", host)]))).get(
        "HTTP_HOST", ""
    )
    assertions.assert_equal(result.lower().rstrip(":"), host.lower().rstrip(":"), "HTTP_HOST")


@case(
    MUST,
    HOST,
    basis=MUST_TEXT,
    breach=CLIENT,
    tags=SECURITY_TAG,
    variants={
        "name-case": ("Host: one.example", "HOST: two.example"),
        "apart": ("Host: one.example", "X-A: a", "Host: two.example"),
        "first-empty": ("Host:", "Host: two.example"),
        "second-empty": ("Host: one.example", "Host:"),
    },
)
async def duplicate_forms(exchange: Exchange, fields: tuple[str, ...]) -> None:
    """Two Host headers get 400 in any case of letters, with a header between them, or if one is empty.

    Sends: a GET with `Host` and `HOST`, with another header between two Host headers, or with an empty one before or
    after the other.
    Expects: the server answers 400 and does not call the app. The next request gets its own response, or the server
    closes the connection.
    Why: If a proxy routes by one host and the app uses the other, the app serves one site's pages under another name.
    """
    line = f"GET {exchange.target('/echo')} HTTP/1.1"
    assert_rejected(await send_request(exchange, raw_request(exchange, line, *fields, host=False)))


@case(MUST, HOST, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG)
async def duplicate_on_http10(exchange: Exchange) -> None:
    """An HTTP/1.0 request with two Host headers gets 400 as well.

    Sends: an HTTP/1.0 request with two different Host headers.
    Expects: the server answers 400 and does not call the app. The next request gets its own response, or the server
    closes the connection. The RFC says "any request message".
    Why: nginx by default speaks HTTP/1.0 to its servers and forwards the client's headers. If it uses one host and the
    app the other, the app serves one site's pages under another name.
    """
    headers = [("Host", "one.example"), ("Host", "two.example")]
    assert_rejected(await send_request(exchange, exchange.request("/echo", headers=headers, version="HTTP/1.0")))
