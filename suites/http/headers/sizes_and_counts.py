"""Headers of many sizes and numbers: the app sees them complete, or the server rejects the request."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, from_recipient_semantics, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import LONG_DEADLINE_SECONDS
from wsgi_gauntlet.suites.http.kept_connection import KeptConnection, fingerprint_of
from wsgi_gauntlet.suites.http.references import TOO_LARGE
from wsgi_gauntlet.suites.sizes import COUNTS, HEADER_SIZES
from wsgi_gauntlet.suites.testapp.behaviours.fingerprint import short
from wsgi_gauntlet.suites.testapp.core.pattern import letters

Fields = list[tuple[str, str]]

REJECTED_IN_A_ROW = 3
"""Rejections after which larger requests are not tried: a size and the two next to it."""

SECTION_FIELD_BYTES = 500
"""Bytes of each value when many headers make one large section."""


async def walk(exchange: Exchange, steps: Iterable[tuple[str, Fields, dict[str, str]]]) -> None:
    """Send one GET for each step: what it has, its headers, and the variables that the app must see.

    A server may reject all from some size on: end after REJECTED_IN_A_ROW. Raises Violation if it serves a larger one
    than it rejected, Skipped if it rejects the first one.
    """
    client = KeptConnection(exchange)
    served, rejected = False, []
    for what, headers, wanted in steps:
        response = await client.ask(exchange.request("/fingerprint", headers=headers))
        if response.status != 200:
            if not served:
                exchange.skip(f"the server does not serve a request with {what}: {response.describe()}")
            rejected.append(f"with {what}: {response.describe()}")
            if len(rejected) == REJECTED_IN_A_ROW:
                return
            continue
        served = True
        assertions.assert_that(not rejected, f"a request that is smaller than one with {what} to be served", rejected)
        seen = fingerprint_of(response)["headers"]
        got = {name: seen.get(name, "missing") for name in wanted}
        if got != wanted:
            name = next(name for name in wanted if got[name] != wanted[name])
            assertions.assert_equal(got[name], wanted[name], f"{name[:60]} of a request with {what}")


def _value(size: int) -> tuple[str, Fields, dict[str, str]]:
    value = letters(size, size)
    return (
        f"a header of {size} bytes",
        [("X-Sized", value), ("X-After", "after")],
        {"HTTP_X_SIZED": short(value), "HTTP_X_AFTER": "after"},
    )


def _cookie(size: int) -> tuple[str, Fields, dict[str, str]]:
    value = f"a={letters(size // 2, size)}; b={letters(size - size // 2 - 6)}"
    return f"a Cookie of {size} bytes", [("Cookie", value)], {"HTTP_COOKIE": short(value)}


def _name(size: int) -> tuple[str, Fields, dict[str, str]]:
    name = f"X-{letters(size - 2)}"
    variable = f"HTTP_{name.upper().replace('-', '_')}"
    return f"a header whose name has {size} bytes", [(name, "sized")], {variable: "sized"}


def _section(size: int) -> tuple[str, Fields, dict[str, str]]:
    count = max(1, size // SECTION_FIELD_BYTES)
    values = {f"X-Part-{number}": letters(SECTION_FIELD_BYTES, number) for number in range(count)}
    wanted = {f"HTTP_X_PART_{number}": short(value) for number, value in enumerate(values.values())}
    return f"{count} headers of {SECTION_FIELD_BYTES} bytes", list(values.items()), wanted


@case(
    MUST,
    TOO_LARGE,
    basis=MUST_TEXT,
    variants={"value": _value, "cookie": _cookie, "name": _name, "section": _section},
    segmentable=False,
    tags=["security"],
    deadline=LONG_DEADLINE_SECONDS,
)
async def sizes(exchange: Exchange, step: Callable[[int], tuple[str, Fields, dict[str, str]]]) -> None:
    """A header of any size reaches the app complete, or the server rejects the request.

    Sends: GETs with one header of 127 bytes and more, up to the first that the server rejects or 64 KiB: a long value,
    a long Cookie, a long name, or many headers of 500 bytes. The sizes are powers of two, usual limits and the
    numbers next to them.
    Expects: the app sees every byte of each header, unless the server rejects the request. A server that serves a
    larger one rejects none, because then its size is no reason.
    Why: Logins and cookies of single sign-on have several kilobytes. A server that cuts them logs users out, and the
    proxy in front has checked other headers than the app gets.
    """
    numbers = HEADER_SIZES if step is not _section else [size for size in HEADER_SIZES if size >= SECTION_FIELD_BYTES]
    await walk(exchange, (step(size) for size in numbers))


@case(MUST, TOO_LARGE, basis=MUST_TEXT, segmentable=False, tags=["security"], deadline=LONG_DEADLINE_SECONDS)
async def counts(exchange: Exchange) -> None:
    """Any number of headers reaches the app complete, or the server rejects the request.

    Sends: GETs with 3 headers and more, up to the first that the server rejects or 1025. The numbers are powers of two,
    round numbers and the numbers next to them.
    Expects: the app sees each header with its own value, unless the server rejects the request. A server that serves
    more headers rejects none, because then their number is no reason.
    Why: A browser, a proxy and a tracer together send forty headers. If the server drops the last ones, it drops those
    that the proxy added: the user's address, or the login.
    """

    def step(count: int) -> tuple[str, Fields, dict[str, str]]:
        fields = [(f"X-Number-{number}", f"value-{number}") for number in range(count)]
        return f"{count} headers", fields, {f"HTTP_X_NUMBER_{n}": f"value-{n}" for n in range(count)}

    await walk(exchange, map(step, COUNTS))


@case(
    MUST,
    rfc9110(
        "5.3",
        "A recipient MAY combine multiple field lines within a field section that have the same field name into one "
        "field line, without changing the semantics of the message, by appending each subsequent field line value to "
        'the initial field line value in order, separated by a comma (",") and optional whitespace (OWS, defined in '
        "Section 5.6.3).",
    ),
    basis=from_recipient_semantics(
        "environ has one variable for each name, so the server has to combine the lines. The combination must not "
        "change the semantics of the message. A value that is missing changes them, however many lines there are."
    ),
    needs=["http/headers/repeats-joined"],
    segmentable=False,
    tags=["security"],
    deadline=LONG_DEADLINE_SECONDS,
)
async def repeats(exchange: Exchange) -> None:
    """However often a header is repeated, the app sees each of its values, or the server rejects the request.

    Sends: GETs with 3 lines of one header and more, up to the first that the server rejects or 1025.
    Expects: one variable with all values in order, separated by commas and spaces, unless the server rejects the
    request.
    Why: Each proxy on the way adds a line to X-Forwarded-For or Via. An app that sees only some of them trusts the
    wrong address.
    """
    client = KeptConnection(exchange)
    for count in COUNTS:
        values = [f"v{number}" for number in range(count)]
        response = await client.ask(exchange.request("/fingerprint", headers=[("X-List", each) for each in values]))
        if response.status != 200:
            return
        got = fingerprint_of(response)["headers"].get("HTTP_X_LIST", "missing")
        wanted = [short(separator.join(values)) for separator in (", ", ",")]
        assertions.assert_one_of(got, wanted, f"the variable of a header with {count} lines")
