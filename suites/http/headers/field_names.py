"""Header names: when two names mean the same header."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    SHOULD_TEXT,
    from_recipient_semantics,
    recorded_only,
    rfc9110,
    rfc9112,
    security,
)
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    RESPONSE_TIMEOUT_SECONDS,
    SECURITY_TAG,
    assert_body_served,
    assert_served,
    get_request,
    is_rejected,
    is_rejected_and_in_sync,
    post_request,
    record_environ_value,
    send_request,
)

FIELD_NAME_MAPPING = rfc9110(
    "17.10",
    "mapping field names to different interface names can lead to security vulnerabilities if the mapping is "
    "incomplete or ambiguous.",
)


@case(
    MUST,
    rfc9110("5.1", "Field names are case-insensitive"),
    basis=from_recipient_semantics(
        "Upper and lower case give the same name. Therefore the server must recognize a field whose name is in "
        "capitals."
    ),
)
async def name_case(exchange: Exchange) -> None:
    """Header names are case-insensitive, also for the headers that define the body.

    Sends: a POST of five bytes with `cONTENT-lENGTH: 5` and `x-MiXeD: yes`.
    Expects: the app reads the five bytes and finds HTTP_X_MIXED. The next request gets its own response, or the server
    closes the connection.
    Why: Clients may use any case, and proxies that speak HTTP/2 to browsers send all names in lower case. If the server
    misses a length, the body becomes the next request.
    """
    result = await send_request(exchange, post_request(exchange, "cONTENT-lENGTH: 5", "x-MiXeD: yes", body=b"hello"))
    assert_body_served(result, b"hello")
    assertions.assert_equal(assert_served(result).get("HTTP_X_MIXED"), "yes", "HTTP_X_MIXED")


@case(
    MUST,
    rfc9110(
        "5.2",
        "When a field name is repeated within a section, its combined field value consists of the list of "
        "corresponding field line values within that section, concatenated in order, with each field line value "
        "separated by a comma.",
    ),
    basis=from_recipient_semantics(
        "By definition the combined value contains all values in their order. If one is lost or moved, the value is "
        "another one."
    ),
)
async def repeats_joined(exchange: Exchange) -> None:
    """Repeated headers reach the app joined by commas, in order and complete.

    Sends: a GET with `X-A: 1`, `X-B: b` and `X-A: 2`.
    Expects: the server serves the request, and HTTP_X_A is the list of 1 and 2 in this order. The next request gets its
    own response, or the server closes the connection.
    Why: Each proxy adds a line to X-Forwarded-For and similar headers. If a line is lost or the order changes, the app
    uses the wrong client address.
    """
    value = assert_served(await send_request(exchange, get_request(exchange, "X-A: 1", "X-B: b", "X-A: 2"))).get(
        "HTTP_X_A", ""
    )
    assertions.assert_equal([each.strip(" \t") for each in value.split(",")], ["1", "2"], "the list in HTTP_X_A")


@case(
    INFO,
    rfc9110(
        "5.3",
        "A recipient MAY combine multiple field lines within a field section that have the same field name into one "
        "field line, without changing the semantics of the message",
    ),
    basis=recorded_only(
        "A client must not send two Cookie lines in HTTP/1.1 (RFC 6265, 5.4). In HTTP/2 it may, and a gateway joins "
        "them with a semicolon and a space (RFC 9113, 8.2.3). A comma is part of the value of a cookie."
    ),
    breach=CLIENT,
    variants={
        "two": ("Cookie: a=1", "Cookie: b=2"),
        "apart": ("Cookie: a=1", "X-A: a", "Cookie: b=2"),
        "name-case": ("Cookie: a=1", "cookie: b=2"),
    },
)
async def cookie_two_lines(exchange: Exchange, fields: tuple[str, ...]) -> None:
    """Record how two Cookie headers reach the app; a semicolon between them keeps both cookies.

    Sends: a GET with `Cookie: a=1` and `Cookie: b=2`, one directly after the other, with a header between them, or
    with the second name in lower case.
    Expects: nothing is required. If HTTP_COOKIE is `a=1; b=2`, with or without the space, or the server rejects the
    request, the case has nothing to say. Otherwise it records HTTP_COOKIE.
    Why: A proxy that speaks HTTP/2 to browsers may forward several Cookie lines. With a comma between them, the app
    finds one cookie with a wrong value, and the user is logged out.
    """
    result = await send_request(exchange, get_request(exchange, *fields))
    if not is_rejected(result):
        cookies = [call.detail["environ"].get("HTTP_COOKIE") for call in result.calls] or [result.response.describe()]
        assertions.assert_one_of(cookies[0], ("a=1; b=2", "a=1;b=2"), "HTTP_COOKIE")


@case(
    INFO,
    rfc9110("8.3", 'The "Content-Type" header field indicates the media type of the associated representation'),
    basis=recorded_only(
        "The specification defines the meaning of one media type. It does not define the meaning of two."
    ),
    breach=CLIENT,
)
async def duplicate_content_type(exchange: Exchange) -> None:
    """Record the CONTENT_TYPE that the app gets for two Content-Type headers.

    Sends: a POST without a body, with `Content-Type: text/a` and `Content-Type: text/b`.
    Expects: nothing is required. The case records the app's CONTENT_TYPE or the rejection.
    Why: If a filter in front uses one type and the app uses the other, they parse different bodies.
    """
    result = await send_request(
        exchange, post_request(exchange, "Content-Length: 0", "Content-Type: text/a", "Content-Type: text/b")
    )
    record_environ_value("CONTENT_TYPE", [each.detail["environ"].get("CONTENT_TYPE") for each in result.calls], result)


@case(
    SHOULD,
    FIELD_NAME_MAPPING,
    basis=security(
        "A proxy removes or sets X-A and does not change X_A. If both become HTTP_X_A, any client can forge the "
        "values that the proxy guarantees, such as the name of the logged-in user."
    ),
    tags=SECURITY_TAG,
    variants={"before": ("X_A: bad", "X-A: good"), "after": ("X-A: good", "X_A: bad")},
)
async def underscore_alias(exchange: Exchange, fields: tuple[str, str]) -> None:
    """`X_A` does not replace or join `X-A`, although both map to HTTP_X_A.

    Sends: a GET with `X_A: bad` and `X-A: good`, in either order.
    Expects: the server rejects the request without calling the app, or serves it and HTTP_X_A is exactly `good`. The
    next request gets its own response, or the server closes the connection.
    Why: A proxy that sets and removes `X-User` forwards a client's `X_User`. An app that reads it accepts any user name
    that the client claims.
    """
    result = await send_request(exchange, get_request(exchange, *fields))
    if not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("HTTP_X_A"), "good", "HTTP_X_A")


PUNCTUATION = "!#$%&'*+.^`|~"
"""The punctuation that a name may contain, without hyphen and underscore (RFC 9110, section 5.6.2)."""


@case(
    SHOULD,
    FIELD_NAME_MAPPING,
    basis=security(
        "A proxy removes or sets X-A and does not change X.A. If both become HTTP_X_A, any client can forge the values "
        "that the proxy guarantees."
    ),
    tags=SECURITY_TAG,
    variants={"before": False, "after": True},
)
async def punctuation_alias(exchange: Exchange, after: bool) -> None:
    """`X.A` and names with other punctuation do not replace or join `X-A`.

    Sends: a GET with `X-A: good`, and with `X.A: bad` and the same for each other punctuation character of a name, in
    either order.
    Expects: the server rejects the request without calling the app, or serves it and HTTP_X_A is exactly `good`. The
    next request gets its own response, or the server closes the connection.
    Why: CGI programs get every character that is no letter or digit as an underscore. Then a client's `X.User` reaches
    the app as the header that a proxy sets.
    """
    fields = [f"X{character}A: bad" for character in PUNCTUATION]
    fields.insert(0 if after else len(fields), "X-A: good")
    result = await send_request(exchange, get_request(exchange, *fields))
    if not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("HTTP_X_A"), "good", "HTTP_X_A")


@case(
    SHOULD,
    rfc9110("5.1", "Other recipients SHOULD ignore unrecognized header and trailer fields."),
    basis=SHOULD_TEXT,
    variants={
        "punctuation": ["X" + PUNCTUATION + "A", "!X", "X~", PUNCTUATION],
        "others": ["0123456789", "X", "--X--", "X_A"],
    },
)
async def name_tchars(exchange: Exchange, names: list[str]) -> None:
    """Header names of any valid characters do not make the request invalid.

    Sends: a GET with headers whose names have all the punctuation, or digits, hyphens and an underscore, that a name
    may have. Another header follows.
    Expects: the server serves the request, and the last header is unchanged. The app need not get the unusual ones. The
    next request gets its own response, or the server closes the connection.
    Why: Browsers and proxies add new headers all the time. A server that answers 400 to a valid name breaks the site
    for their users.
    """
    fields = [f"{name}: 1" for name in names]
    environ = assert_served(await send_request(exchange, get_request(exchange, *fields, "X-After: yes")))
    assertions.assert_equal(environ.get("HTTP_X_AFTER"), "yes", "the next header")


@case(
    MUST,
    rfc9112(
        "6",
        "The presence of a message body in a request is signaled by a Content-Length or Transfer-Encoding header "
        "field.",
    ),
    basis=from_recipient_semantics(
        "A field with an underscore does not signal a body. A server that accepts it as a length sees another end of "
        "the request than the proxy in front."
    ),
    tags=SECURITY_TAG,
    variants={"length": "Content_Length: 5", "coding": "Transfer_Encoding: chunked"},
)
async def underscore_framing(exchange: Exchange, field: str) -> None:
    """`Content_Length` and `Transfer_Encoding` do not define a body.

    Sends: a POST with `Content_Length: 5` or `Transfer_Encoding: chunked` and no body, and a GET after it, in one
    piece.
    Expects: the server serves the POST without a body. The GET gets its own response, or the server closes the
    connection. Or the server answers 4xx before it calls the app.
    Why: The server would read the GET as a body, and a user's request would be lost. If the proxy in front reads it the
    other way, an attacker can smuggle a request.
    """
    connection = await exchange.connect()
    await connection.send(post_request(exchange, field) + exchange.request("/echo", token=f"{exchange.token}.second"))
    first = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    second = (
        await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
        if first.complete and not first.announces_close
        else None
    )
    await connection.close()
    # A rejection after the call of the app is about a body that should not exist.
    if first.status is not None and 400 <= first.status < 500 and not exchange.events("called"):
        return
    assertions.assert_equal(first.status, 200, "the status of the first response")
    lengths = [e.detail["length"] for e in exchange.events("body")]
    assertions.assert_that(not any(lengths), "no body for the app to read", lengths)
    if second is not None and not second.is_empty:
        assertions.assert_equal(second.body, f"gauntlet {exchange.token}.second\n".encode(), "the second response")


@case(
    INFO,
    FIELD_NAME_MAPPING,
    basis=recorded_only(
        "The PEP maps every field to HTTP_*, including this one. No specification requires an exception, but users "
        "want to know whether the server makes one."
    ),
    tags=SECURITY_TAG,
)
async def proxy_header(exchange: Exchange) -> None:
    """Record whether a client's `Proxy` header becomes HTTP_PROXY.

    Sends: a GET with `Proxy: http://stranger.example`.
    Expects: nothing is required. The case records the app's HTTP_PROXY or the rejection.
    Why: This attack is known as httpoxy. Some HTTP libraries use HTTP_PROXY as their configuration, so a client can
    redirect the app's outgoing requests to its own machine.
    """
    result = await send_request(exchange, get_request(exchange, "Proxy: http://stranger.example"))
    record_environ_value("HTTP_PROXY", [each.detail["environ"].get("HTTP_PROXY") for each in result.calls], result)
