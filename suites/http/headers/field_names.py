"""A header's name: what is the same header, and what is another."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, from_recipient_semantics, recorded_only, security
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.suites.http.assertions import (
    RESPONSE_TIMEOUT_SECONDS,
    assert_body_served,
    assert_served,
    is_rejected_and_in_sync,
    post,
    record_behaviour,
    send_request,
)
from wsgi_gauntlet.suites.http.headers.helpers import get

FIELD_NAME_MAPPING = rfc9110(
    "17.10",
    "mapping field names to different interface names can lead to security vulnerabilities if the mapping is "
    "incomplete or ambiguous.",
)


@case(
    MUST,
    rfc9110("5.1", "Field names are case-insensitive"),
    basis=from_recipient_semantics("The name is the same in any case, so a field that is there in capitals is there."),
)
async def name_case(exchange: Exchange) -> None:
    """A header's name means the same in any case, in framing as well.

    Sends: a POST of five bytes with `cONTENT-lENGTH: 5` and `x-MiXeD: yes`.
    Expects: the app reads the five bytes and finds HTTP_X_MIXED; the next request on the connection is served as
    itself.
    Why: Clients are free in this, and proxies that speak HTTP/2 to browsers send all names in lower case. A body whose
    length is overlooked becomes the next request.
    """
    result = await send_request(exchange, post(exchange, "cONTENT-lENGTH: 5", "x-MiXeD: yes", body=b"hello"))
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
        "The combined value is defined as all of the values in their order; a lost or a moved one is another value."
    ),
)
async def repeats_joined(exchange: Exchange) -> None:
    """Header lines of one name reach the app joined by commas, in order; none is lost.

    Sends: a GET with `X-A: 1`, `X-B: b` and `X-A: 2`.
    Expects: the request served, and HTTP_X_A the list of 1 and 2, in this order; the next request on the connection is
    served as itself.
    Why: Each proxy on the way adds a line to X-Forwarded-For and the like. With a line lost or the order changed, an
    app believes the wrong client's address.
    """
    value = assert_served(await send_request(exchange, get(exchange, "X-A: 1", "X-B: b", "X-A: 2"))).get("HTTP_X_A", "")
    assertions.assert_equal([each.strip(" \t") for each in value.split(",")], ["1", "2"], "the list in HTTP_X_A")


@case(
    INFO,
    rfc9110("8.3", 'The "Content-Type" header field indicates the media type of the associated representation'),
    basis=recorded_only("The text defines one media type, and not what two of them mean."),
    breach=CLIENT,
)
async def duplicate_content_type(exchange: Exchange) -> None:
    """What the app is told where Content-Type comes twice.

    Sends: a POST without a body with `Content-Type: text/a` and `Content-Type: text/b`.
    Expects: nothing in particular: what the app finds in CONTENT_TYPE, or the refusal, is recorded.
    Why: A filter in front that looks at the one and an app that looks at the other parse different bodies.
    """
    result = await send_request(
        exchange, post(exchange, "Content-Length: 0", "Content-Type: text/a", "Content-Type: text/b")
    )
    values = [repr(each.detail["environ"].get("CONTENT_TYPE")) for each in result.calls]
    record_behaviour("CONTENT_TYPE", values[0] if values else result.response.describe())


@case(
    SHOULD,
    FIELD_NAME_MAPPING,
    basis=security(
        "A proxy strips or sets X-A and lets X_A pass. Where both become HTTP_X_A, any client "
        "can forge what the proxy vouches for, such as who is logged in."
    ),
    tags=["security"],
    variants={"before": ("X_A: bad", "X-A: good"), "after": ("X-A: good", "X_A: bad")},
)
async def underscore_alias(exchange: Exchange, fields: tuple[str, str]) -> None:
    """`X_A` is not mixed up with `X-A`, although both map to HTTP_X_A.

    Sends: a GET with `X_A: bad` and `X-A: good`, in either order.
    Expects: a refusal without a call of the app, or the request served with HTTP_X_A `good` and nothing else; the next
    request on the connection is served as itself, or the connection is closed.
    Why: A proxy that sets and cleans `X-User` lets a client's `X_User` through. An app that reads it there takes the
    client for whom he likes.
    """
    result = await send_request(exchange, get(exchange, *fields))
    if not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("HTTP_X_A"), "good", "HTTP_X_A")


@case(
    MUST,
    rfc9112(
        "6",
        "The presence of a message body in a request is signaled by a Content-Length or Transfer-Encoding header "
        "field.",
    ),
    basis=from_recipient_semantics(
        "No field with an underscore signals a body. A server that takes one for it sees "
        "another end of the request than the proxy in front."
    ),
    tags=["security"],
    variants={"length": "Content_Length: 5", "coding": "Transfer_Encoding: chunked"},
)
async def underscore_framing(exchange: Exchange, field: str) -> None:
    """`Content_Length` and `Transfer_Encoding` frame nothing.

    Sends: a POST with `Content_Length: 5` or `Transfer_Encoding: chunked` and no body, and a GET behind it, in one
    piece.
    Expects: the POST served without a body, and the GET answered as itself or the connection closed; or a 4xx before
    the app is called.
    Why: The GET would be swallowed as a body: a user's request lost. Where the proxy in front sees it the other way
    round, one is smuggled.
    """
    connection = await exchange.connect()
    await connection.send(post(exchange, field) + exchange.request("/echo", token=f"{exchange.token}.second"))
    first = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    second = (
        await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
        if first.complete and not first.announces_close
        else None
    )
    await connection.close()
    # A refusal comes before the app is called; one that comes after it is of a body that should not be there.
    if first.status is not None and 400 <= first.status < 500 and not exchange.events("called"):
        return
    assertions.assert_equal(first.status, 200, "the first answer's status")
    lengths = [e.detail["length"] for e in exchange.events("body")]
    assertions.assert_that(not any(lengths), "no body for the app to read", lengths)
    if second is not None and not second.is_empty:
        assertions.assert_equal(second.body, f"gauntlet {exchange.token}.second\n".encode(), "the second answer")


@case(
    INFO,
    FIELD_NAME_MAPPING,
    basis=recorded_only(
        "The PEP maps each field to HTTP_*, this one too. Whether an exception is made for it "
        "is worth knowing, and demanded by no text."
    ),
    tags=["security"],
)
async def proxy_header(exchange: Exchange) -> None:
    """Whether a client's `Proxy` header becomes HTTP_PROXY, which some HTTP libraries take for their configuration.

    Sends: a GET with `Proxy: http://stranger.example`.
    Expects: nothing in particular: whether the app finds it as HTTP_PROXY, or the refusal, is recorded.
    Why: Known as httpoxy: some HTTP libraries take HTTP_PROXY for their configuration, and then a client has the app's
    outgoing requests pass through his own machine.
    """
    result = await send_request(exchange, get(exchange, "Proxy: http://stranger.example"))
    values = [repr(each.detail["environ"].get("HTTP_PROXY")) for each in result.calls]
    record_behaviour("HTTP_PROXY", values[0] if values else result.response.describe())
