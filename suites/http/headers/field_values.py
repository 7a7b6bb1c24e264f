"""A header's value, byte by byte."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MUST_TEXT,
    SHOULD_TEXT,
    from_recipient_semantics,
    recorded_only,
)
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110
from wsgi_gauntlet.suites.http.assertions import assert_served, is_rejected_and_in_sync, record_behaviour, send_request
from wsgi_gauntlet.suites.http.headers.helpers import get

INVALID_VALUE = rfc9110(
    "5.5",
    "a recipient of CR, LF, or NUL within a field value MUST either reject the message or replace each of those "
    "characters with SP before further processing or forwarding of that message.",
)


@case(MUST, INVALID_VALUE, basis=MUST_TEXT, breach=CLIENT, tags=["security"])
async def nul_in_value(exchange: Exchange) -> None:
    """NUL in a header's value is refused or replaced by a space.

    Sends: a GET with `X-A: a`, a NUL, and `b`.
    Expects: a refusal without a call of the app, or the request served with a blank in the NUL's place; the next
    request on the connection is served as itself, or the connection is closed.
    Why: What is written in C stops at a NUL, what is written in Python does not: a check that reads the one passes what
    the app reads as the other.
    """
    result = await send_request(exchange, get(exchange, "X-A: a\0b"))
    if not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("HTTP_X_A"), "a b", "HTTP_X_A")


@case(MUST, INVALID_VALUE, basis=MUST_TEXT, breach=CLIENT, tags=["security"])
async def cr_in_value(exchange: Exchange) -> None:
    """A bare CR in a header's value is refused or replaced by a space, and never ends the line.

    Sends: a GET with `X-A: a`, a bare CR, and `X-Smuggled: yes`.
    Expects: a refusal without a call of the app, or the request served with a blank in the CR's place; HTTP_X_SMUGGLED
    is never there. The next request on the connection is served as itself, or the connection is closed.
    Why: Where CR ends a line, a client adds headers that the proxy in front would have removed: who is logged in, for
    one.
    """
    result = await send_request(exchange, get(exchange, "X-A: a\rX-Smuggled: yes"))
    if not is_rejected_and_in_sync(result):
        environ = assert_served(result)
        assertions.assert_equal(environ.get("HTTP_X_SMUGGLED"), None, "HTTP_X_SMUGGLED")
        assertions.assert_equal(environ.get("HTTP_X_A"), "a X-Smuggled: yes", "HTTP_X_A")


@case(
    INFO,
    rfc9110("5.5", "Field values containing other CTL characters are also invalid"),
    basis=recorded_only("The text calls them invalid, and then lets a recipient keep them."),
    breach=CLIENT,
    variants={"bel": "\x07", "del": "\x7f"},
)
async def bel_del_in_value(exchange: Exchange, character: str) -> None:
    """What becomes of other control characters in a header's value.

    Sends: a GET with a header whose value holds 0x07 or 0x7F.
    Expects: nothing in particular: the text calls them invalid, and allows keeping them. What the app is told, or the
    refusal, is recorded.
    Why: Such characters move the cursor or ring the bell in a terminal that shows a log; an operator may want to know
    whether they get that far.
    """
    result = await send_request(exchange, get(exchange, f"X-A: a{character}b"))
    values = [repr(each.detail["environ"].get("HTTP_X_A")) for each in result.calls]
    record_behaviour("the treatment of a control character", values[0] if values else result.response.describe())


@case(
    SHOULD,
    rfc9110("5.5", "A recipient SHOULD treat other allowed octets in field content (i.e., obs-text) as opaque data."),
    basis=SHOULD_TEXT,
    tags=["security"],
)
async def obs_text(exchange: Exchange) -> None:
    """Bytes above 0x7F in a header's value reach the app as they are, also those that look like space to Unicode.

    Sends: a GET with a header whose value begins with 0x85 and ends with 0xA0, and has UTF-8 between them.
    Expects: the request served, and HTTP_X_A of exactly these bytes; the next request on the connection is served as
    itself.
    Why: Text functions take 0x85 and 0xA0 for blanks and strip them. A name then passes a check in front and is another
    name in the app.
    """
    value = "\x85caf\xc3\xa9\xa0"
    assertions.assert_equal(
        assert_served(await send_request(exchange, get(exchange, f"X-A: {value}"))).get("HTTP_X_A"), value, "HTTP_X_A"
    )


@case(
    MUST,
    rfc9110(
        "5.5",
        "When a specific version of HTTP allows such whitespace to appear in a message, a field parsing implementation "
        "MUST exclude such whitespace prior to evaluating the field value.",
    ),
    basis=MUST_TEXT,
    variants={"both": " \t a b \t ", "none": "a b", "before": "\ta b", "after": "a b\t"},
)
async def ows_trimmed(exchange: Exchange, value: str) -> None:
    """Spaces and tabs around a header's value are no part of it.

    Sends: a GET with a header whose value is `a b`, with blanks and tabs before or behind it, or with nothing between
    colon and value.
    Expects: the request served, and HTTP_X_A exactly `a b`; the next request on the connection is served as itself.
    Why: A value that keeps them fails comparisons in the app: an access rule that does not match, or one that should
    not.
    """
    assertions.assert_equal(
        assert_served(await send_request(exchange, get(exchange, f"X-A:{value}"))).get("HTTP_X_A"), "a b", "HTTP_X_A"
    )


@case(
    MUST,
    rfc9110("5.5", "field-value = *field-content"),
    basis=from_recipient_semantics("The grammar has an empty value, so the field is there and its value is empty."),
    variants={"nothing": "", "blanks": " \t "},
)
async def empty_value(exchange: Exchange, value: str) -> None:
    """A header without a value is a good header, and the app is told of an empty one.

    Sends: `X-A:` with nothing behind the colon, or with blanks and a tab, and another header below it.
    Expects: the request served, HTTP_X_A there and empty, the header below it with its own value; the next request on
    the connection is served as itself.
    Why: Browsers and proxies send such headers. An app that asks whether one is there gets the wrong answer, or the
    next line becomes its value.
    """
    environ = assert_served(await send_request(exchange, get(exchange, f"X-A:{value}", "X-B: b")))
    assertions.assert_equal(environ.get("HTTP_X_A"), "", "HTTP_X_A")
    assertions.assert_equal(environ.get("HTTP_X_B"), "b", "HTTP_X_B")
