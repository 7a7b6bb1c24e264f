"""Header fields of a request: their syntax, and what of them reaches the app."""

from __future__ import annotations

import re

from ...harness import expect
from ...harness.catalog import INFO, MUST, SHOULD, case
from ...harness.exchange import Exchange
from ...harness.references import rfc9110, rfc9112
from .verbs import PATIENCE, ask, noted, post, raw, refused, served, served_body, was_refused, was_rejected

MALFORMED = rfc9112(
    "2.2",
    "receives a sequence of octets that does not match the HTTP-message grammar aside from the robustness exceptions "
    "listed above, the server SHOULD respond with a 400 (Bad Request) response and close the connection.",
)
INVALID_VALUE = rfc9110(
    "5.5",
    "a recipient of CR, LF, or NUL within a field value MUST either reject the message or replace each of those "
    "characters with SP before further processing or forwarding of that message.",
)
MAPPING = rfc9110(
    "17.10",
    "mapping field names to different interface names can lead to security vulnerabilities if the mapping is "
    "incomplete or ambiguous.",
)
FOLD = rfc9112(
    "5.2",
    "or replace each received obs-fold with one or more SP octets prior to interpreting the field value or forwarding "
    "the message downstream.",
)


def _get(x: Exchange, *fields: str) -> bytes:
    return raw(x, f"GET {x.target('/echo')} HTTP/1.1", *fields)


@case(
    MUST,
    rfc9112(
        "5.1",
        "A server MUST reject, with a response status code of 400 (Bad Request), any received request message that "
        "contains whitespace between a header field name and colon.",
    ),
    tags=["security"],
    variants={"space": "X-A : 1", "tab": "X-A\t: 1", "framing": "Content-Length : 0"},
)
async def space_before_colon(x: Exchange, field: str) -> None:
    """White space before a header's colon is refused with exactly 400.

    Servers that strip it and servers that keep it see different headers, also different lengths of a body.
    """
    refused(await ask(x, _get(x, field)))


@case(
    MUST,
    rfc9112(
        "2.2",
        "A recipient that receives whitespace between the start-line and the first header field MUST either reject the "
        "message as invalid or consume each whitespace-preceded line without further processing of it",
    ),
    tags=["security"],
)
async def space_before_first(x: Exchange) -> None:
    """A first header line that begins with white space is refused, or wholly ignored.

    Sends ` X-Smuggled: yes` right below the request line. One server may take it for a header, the next for part of
    the line above.
    """
    line = f"GET {x.target('/echo')} HTTP/1.1\r\n X-Smuggled: yes"
    told = await ask(x, raw(x, line))
    if not was_rejected(told):
        environ = served(told)
        left = [name for name, value in environ.items() if "SMUGGLED" in name or "X-Smuggled" in value]
        expect.that(not left, "the line ignored or the request refused", left)


@case(MUST, FOLD, tags=["security"], variants={"space": "\r\n 2", "tab": "\r\n\t2", "twice": "\r\n  \r\n 2"})
async def obs_fold(x: Exchange, fold: str) -> None:
    """A folded header is refused, or its line breaks reach the app as spaces.

    Sends a value that goes on after a line break and a blank. A line break in environ becomes one in logs, mails
    and headers.
    """
    told = await ask(x, _get(x, f"X-Folded: 1{fold}", "X-After: yes"))
    if not was_refused(told):
        environ = served(told)
        value = environ.get("HTTP_X_FOLDED", "")
        expect.that(re.fullmatch("1[ \t]+2", value), "`1 2`, or the request refused", value)
        expect.equal(environ.get("HTTP_X_AFTER"), "yes", "the header after it")


@case(SHOULD, MALFORMED)
async def no_colon(x: Exchange) -> None:
    """A header line without a colon is refused.

    Sends a line that is just `X-Lonely`.
    """
    refused(await ask(x, _get(x, "X-Lonely")))


@case(SHOULD, MALFORMED)
async def empty_name(x: Exchange) -> None:
    """A header line without a name is refused.

    Sends `: value`.
    """
    refused(await ask(x, _get(x, ": value")))


@case(
    SHOULD,
    MALFORMED,
    tags=["security"],
    variants={
        "space": "X A",
        "parenthesis": "X(A",
        "nul": "X\0A",
        "non-ascii": "X\xe9A",
        "slash": "X/A",
        "vt-at-the-end": "X-A\x0b",
        "nbsp-at-the-end": "X-A\xa0",
    },
)
async def bad_name_characters(x: Exchange, name: str) -> None:
    """A header name with characters that no token has is refused.

    Sends names such as `X(A` and `X/A`. Proxies and servers differ in what they drop, and so in what an app is
    told.
    """
    refused(await ask(x, _get(x, f"{name}: 1")))


@case(MUST, INVALID_VALUE, tags=["security"])
async def nul_in_value(x: Exchange) -> None:
    """NUL in a header's value is refused or replaced by a space.

    What is written in C stops at it, what is written in Python does not: two readers, two values.
    """
    told = await ask(x, _get(x, "X-A: a\0b"))
    if not was_rejected(told):
        expect.equal(served(told).get("HTTP_X_A"), "a b", "HTTP_X_A")


@case(MUST, INVALID_VALUE, tags=["security"])
async def cr_in_value(x: Exchange) -> None:
    """A bare CR in a header's value is refused or replaced by a space, and never ends the line.

    Sends `X-A: a<CR>X-Smuggled: yes`. Where CR ends a line, a client adds headers that the proxy in front would
    have removed.
    """
    told = await ask(x, _get(x, "X-A: a\rX-Smuggled: yes"))
    if not was_rejected(told):
        environ = served(told)
        expect.equal(environ.get("HTTP_X_SMUGGLED"), None, "HTTP_X_SMUGGLED")
        expect.equal(environ.get("HTTP_X_A"), "a X-Smuggled: yes", "HTTP_X_A")


@case(
    INFO,
    rfc9110("5.5", "Field values containing other CTL characters are also invalid"),
    variants={"bel": "\x07", "del": "\x7f"},
)
async def bel_del_in_value(x: Exchange, character: str) -> None:
    """What becomes of other control characters in a header's value.

    Sends 0x07 or 0x7F within a value. The text calls them invalid, and allows keeping them.
    """
    told = await ask(x, _get(x, f"X-A: a{character}b"))
    values = [repr(each.detail["environ"].get("HTTP_X_A")) for each in told.calls]
    noted("the treatment of a control character", values[0] if values else told.answer.describe())


@case(
    SHOULD,
    rfc9110("5.5", "A recipient SHOULD treat other allowed octets in field content (i.e., obs-text) as opaque data."),
    tags=["security"],
)
async def obs_text(x: Exchange) -> None:
    """Bytes above 0x7F in a header's value reach the app as they are, also those that look like space to Unicode.

    Sends 0x85 and 0xA0 at the ends; text functions strip them, and then a name passes one check and not the next.
    """
    value = "\x85caf\xc3\xa9\xa0"
    expect.equal(served(await ask(x, _get(x, f"X-A: {value}"))).get("HTTP_X_A"), value, "HTTP_X_A")


@case(
    MUST,
    rfc9110(
        "5.5",
        "When a specific version of HTTP allows such whitespace to appear in a message, a field parsing implementation "
        "MUST exclude such whitespace prior to evaluating the field value.",
    ),
    variants={"both": " \t a b \t ", "none": "a b", "before": "\ta b", "after": "a b\t"},
)
async def ows_trimmed(x: Exchange, value: str) -> None:
    """Spaces and tabs around a header's value are no part of it.

    Sends blanks and tabs before and behind `a b`. A value that keeps them fails comparisons, in access rules for
    one.
    """
    expect.equal(served(await ask(x, _get(x, f"X-A:{value}"))).get("HTTP_X_A"), "a b", "HTTP_X_A")


@case(MUST, rfc9110("5.1", "Field names are case-insensitive"))
async def name_case(x: Exchange) -> None:
    """A header's name means the same in any case, in framing as well.

    Sends `cONTENT-lENGTH` and `x-MiXeD`. Clients are free in this, and HTTP/2 proxies send all in lower case.
    """
    told = await ask(x, post(x, "cONTENT-lENGTH: 5", "x-MiXeD: yes", body=b"hello"))
    served_body(told, b"hello")
    expect.equal(served(told).get("HTTP_X_MIXED"), "yes", "HTTP_X_MIXED")


@case(
    MUST,
    rfc9110(
        "5.3",
        "The order in which field lines with the same name are received is therefore significant to the interpretation "
        "of the field value",
    ),
)
async def repeats_joined(x: Exchange) -> None:
    """Header lines of one name reach the app joined by commas, in order; none is lost.

    environ has one place for each name, so that joining is the only way to keep them. Proxies append to
    X-Forwarded-For in just this way.
    """
    value = served(await ask(x, _get(x, "X-A: 1", "X-B: b", "X-A: 2"))).get("HTTP_X_A", "")
    expect.equal([each.strip(" \t") for each in value.split(",")], ["1", "2"], "the list in HTTP_X_A")


@case(INFO, rfc9110("8.3", 'The "Content-Type" header field indicates the media type of the associated representation'))
async def duplicate_content_type(x: Exchange) -> None:
    """What the app is told where Content-Type comes twice.

    Sends `text/a` and `text/b`. A filter in front that looks at one and an app that looks at the other parse
    different bodies.
    """
    told = await ask(x, post(x, "Content-Length: 0", "Content-Type: text/a", "Content-Type: text/b"))
    values = [repr(each.detail["environ"].get("CONTENT_TYPE")) for each in told.calls]
    noted("CONTENT_TYPE", values[0] if values else told.answer.describe())


@case(
    SHOULD,
    MAPPING,
    tags=["security"],
    variants={"before": ("X_A: bad", "X-A: good"), "after": ("X-A: good", "X_A: bad")},
)
async def underscore_alias(x: Exchange, fields: tuple[str, str]) -> None:
    """`X_A` is not mixed up with `X-A`, although both map to HTTP_X_A.

    A proxy that sets and cleans `X-User` lets a client's `X_User` through; the app must not read it.
    """
    told = await ask(x, _get(x, *fields))
    if not was_rejected(told):
        expect.equal(served(told).get("HTTP_X_A"), "good", "HTTP_X_A")


@case(
    MUST,
    rfc9112(
        "6",
        "The presence of a message body in a request is signaled by a Content-Length or Transfer-Encoding header "
        "field.",
    ),
    tags=["security"],
    variants={"length": "Content_Length: 5", "coding": "Transfer_Encoding: chunked"},
)
async def underscore_framing(x: Exchange, field: str) -> None:
    """`Content_Length` and `Transfer_Encoding` frame nothing.

    The request that follows at once on the connection is a request, not a body.
    """
    wire = await x.connect()
    await wire.send(post(x, field) + x.request("/echo", token=f"{x.token}.second"))
    first = await wire.response(timeout=PATIENCE)
    second = await wire.response(timeout=PATIENCE) if first.complete and not first.says_close else None
    await wire.close()
    # A refusal comes before the app is called; one that comes after it is of a body that should not be there.
    if first.status is not None and 400 <= first.status < 500 and not x.events("called"):
        return
    expect.equal(first.status, 200, "the first answer's status")
    lengths = [e.detail["length"] for e in x.events("body")]
    expect.that(not any(lengths), "no body for the app to read", lengths)
    if second is not None and not second.nothing:
        expect.equal(second.body, f"gauntlet {x.token}.second\n".encode(), "the second answer")


@case(INFO, MAPPING, tags=["security"])
async def proxy_header(x: Exchange) -> None:
    """Whether a client's `Proxy` header becomes HTTP_PROXY, which some HTTP libraries take for their configuration.

    Sends `Proxy: http://stranger.example`. Known as httpoxy: in a CGI process such a variable redirects outgoing
    requests.
    """
    told = await ask(x, _get(x, "Proxy: http://stranger.example"))
    values = [repr(each.detail["environ"].get("HTTP_PROXY")) for each in told.calls]
    noted("HTTP_PROXY", values[0] if values else told.answer.describe())
