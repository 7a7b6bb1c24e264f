"""Header values, byte by byte."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MUST_TEXT,
    SHOULD_TEXT,
    from_recipient_semantics,
    recorded_only,
    rfc9110,
)
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import (
    LONG_DEADLINE_SECONDS,
    SECURITY_TAG,
    assert_served,
    get_request,
    is_rejected_and_in_sync,
    record_behaviour,
    send_request,
)
from wsgi_gauntlet.suites.http.references import WHITESPACE_EXCLUDED

INVALID_VALUE = rfc9110(
    "5.5",
    "a recipient of CR, LF, or NUL within a field value MUST either reject the message or replace each of those "
    "characters with SP before further processing or forwarding of that message.",
)

CONTROLS = [chr(code) for code in (*range(1, 0x20), 0x7F) if chr(code) not in "\t\n\r"]
"""Control characters that are neither whitespace nor forbidden with a MUST."""


@case(MUST, INVALID_VALUE, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG)
async def nul_in_value(exchange: Exchange) -> None:
    """NUL in a header's value is replaced by a space, or the request is rejected.

    Sends: a GET with `X-A: a`, a NUL, and `b`.
    Expects: the server rejects the request without calling the app, or serves it with a space in place of the NUL. The
    next request gets its own response, or the server closes the connection.
    Why: C programs stop at a NUL and Python programs do not. A check in C then sees another value than the app.
    """
    result = await send_request(exchange, get_request(exchange, "X-A: a\0b"))
    if not is_rejected_and_in_sync(result):
        assertions.assert_equal(assert_served(result).get("HTTP_X_A"), "a b", "HTTP_X_A")


@case(MUST, INVALID_VALUE, basis=MUST_TEXT, breach=CLIENT, tags=SECURITY_TAG)
async def cr_in_value(exchange: Exchange) -> None:
    """A bare CR in a header's value does not end the line: it is replaced by a space, or the request is rejected.

    Sends: a GET with `X-A: a`, a bare CR, and `X-Smuggled: yes`.
    Expects: the server rejects the request without calling the app, or serves it with a space in place of the CR.
    HTTP_X_SMUGGLED never exists. The next request gets its own response, or the server closes the connection.
    Why: If CR ends a line, a client can add headers that the proxy in front would have removed, for example the name of
    the user.
    """
    result = await send_request(exchange, get_request(exchange, "X-A: a\rX-Smuggled: yes"))
    if not is_rejected_and_in_sync(result):
        environ = assert_served(result)
        assertions.assert_equal(environ.get("HTTP_X_SMUGGLED"), None, "HTTP_X_SMUGGLED")
        assertions.assert_equal(environ.get("HTTP_X_A"), "a X-Smuggled: yes", "HTTP_X_A")


@case(
    INFO,
    rfc9110("5.5", "Field values containing other CTL characters are also invalid"),
    basis=recorded_only("The specification calls these characters invalid, but allows a recipient to keep them."),
    breach=CLIENT,
    deadline=LONG_DEADLINE_SECONDS,
)
async def control_in_value(exchange: Exchange) -> None:
    """Record how other control characters in a header's value reach the app.

    Sends: GETs with a header whose value contains a control character: 0x01 to 0x1F without tab, CR and LF, and 0x7F.
    Expects: nothing is required: the RFC calls these characters invalid but allows a server to keep them. The case
    records for each whether the app gets it, another value, or the rejection.
    Why: In a terminal that shows a log, such characters move the cursor or ring the bell. Operators may want to know
    whether they get that far.
    """
    codes_by_outcome: dict[str, list[str]] = {}
    for character in CONTROLS:
        data = get_request(exchange, f"X-A: a{character}b")
        result = await send_request(exchange, data, send_second=False, earlier=len(exchange.events()))
        outcome = result.response.describe()
        for call in result.calls[:1]:
            value = call.detail.get("environ", {}).get("HTTP_X_A")
            outcome = "the app gets it" if value == f"a{character}b" else f"the app gets {value!r}"
        codes_by_outcome.setdefault(outcome, []).append(f"{ord(character):02x}")
        if result.awaited_in_vain:
            break
    shown = "; ".join(f"{' '.join(codes)}: {outcome}" for outcome, codes in codes_by_outcome.items())
    record_behaviour("the treatment of control characters", shown)


@case(
    SHOULD,
    rfc9110("5.5", "A recipient SHOULD treat other allowed octets in field content (i.e., obs-text) as opaque data."),
    basis=SHOULD_TEXT,
    tags=SECURITY_TAG,
)
async def obs_text(exchange: Exchange) -> None:
    """Bytes above 0x7F in a header's value reach the app unchanged, also those that Unicode treats as spaces.

    Sends: a GET with a header whose value begins with 0x85, ends with 0xA0, and has UTF-8 between them.
    Expects: the server serves the request, and HTTP_X_A has exactly these bytes. The next request gets its own
    response, or the server closes the connection.
    Why: Text functions treat 0x85 and 0xA0 as spaces and strip them. A name that passes a check in front is then
    another name in the app.
    """
    value = "\x85caf\xc3\xa9\xa0"
    assertions.assert_equal(
        assert_served(await send_request(exchange, get_request(exchange, f"X-A: {value}"))).get("HTTP_X_A"),
        value,
        "HTTP_X_A",
    )


@case(
    MUST,
    WHITESPACE_EXCLUDED,
    basis=MUST_TEXT,
    variants={"both": " \t a b \t ", "none": "a b", "before": "\ta b", "after": "a b\t"},
)
async def ows_trimmed(exchange: Exchange, value: str) -> None:
    """Spaces and tabs around a header's value are not part of the value.

    Sends: a GET with a header whose value is `a b`, with spaces and tabs before or after it, or with nothing between
    colon and value.
    Expects: the server serves the request, and HTTP_X_A is exactly `a b`. The next request gets its own response, or
    the server closes the connection.
    Why: With extra spaces, comparisons in the app fail. An access rule that should match does not match.
    """
    assertions.assert_equal(
        assert_served(await send_request(exchange, get_request(exchange, f"X-A:{value}"))).get("HTTP_X_A"),
        "a b",
        "HTTP_X_A",
    )


@case(
    MUST,
    rfc9110("5.5", "field-value = *field-content"),
    basis=from_recipient_semantics(
        "The grammar allows an empty value. Therefore the field is present and its value is empty."
    ),
    variants={"nothing": "", "blanks": " \t "},
)
async def empty_value(exchange: Exchange, value: str) -> None:
    """A header without a value is valid, and the app gets an empty value.

    Sends: a GET with `X-A:` and nothing after the colon, or only spaces and a tab. Another header follows.
    Expects: the server serves the request. HTTP_X_A exists and is empty, and the next header has its own value. The
    next request gets its own response, or the server closes the connection.
    Why: Browsers and proxies send such headers. An app that checks whether the header exists gets a wrong result, or
    the next line becomes the value.
    """
    environ = assert_served(await send_request(exchange, get_request(exchange, f"X-A:{value}", "X-B: b")))
    assertions.assert_equal(environ.get("HTTP_X_A"), "", "HTTP_X_A")
    assertions.assert_equal(environ.get("HTTP_X_B"), "b", "HTTP_X_B")
