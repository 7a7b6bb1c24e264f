"""The time in the Date header."""

from __future__ import annotations

import time

import trio

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import SHOULD_TEXT, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.errors import Skipped
from wsgi_gauntlet.harness.http.lint.linter import parse_imf_fixdate
from wsgi_gauntlet.suites.http.kept_connection import KeptConnection

TOLERANCE_SECONDS = 3.0
"""Seconds by which a Date may be wrong. It has whole seconds, and servers compute it once a second."""

ADVANCE_TIMEOUT_SECONDS = 5.0
"""Seconds in which another Date must come. A good server needs one."""

CLOCK_FORMAT = "%a, %d %b %Y %H:%M:%S GMT"

PAUSE_SECONDS = 0.1
"""Seconds between two requests for it."""


@case(
    SHOULD,
    rfc9110(
        "6.6.1",
        "A sender that generates a Date header field SHOULD generate its field value as the best available "
        "approximation of the date and time of message generation.",
    ),
    basis=SHOULD_TEXT,
    needs=["http/responses/date-once/ok"],
    segmentable=False,
    time_sensitive=True,
)
async def date_now(exchange: Exchange) -> None:
    """Date is the present time, and it goes on.

    Sends: GETs, ten in a second, until a response has another Date than the first one.
    Expects: each Date differs by at most three seconds from the clock of the machine, on which the harness and the
    server run. Another Date comes within five seconds.
    Why: Caches compute the age of a page from Date, and clients compare it with Expires. With a wrong Date a page is
    stale at once, or stays in the cache for ever.
    """
    client = KeptConnection(exchange)
    dates: set[bytes] = set()
    with trio.move_on_after(ADVANCE_TIMEOUT_SECONDS):
        while len(dates) < 2:
            began = time.time()
            response = await client.ask(exchange.request("/mine?n=date"))
            ended = time.time()
            value = response.header("Date") or b""
            at = parse_imf_fixdate(value)
            if at is None:
                raise Skipped(f"the Date cannot be read: {value!r}; another case reports that")
            assertions.assert_that(
                began - 1 - TOLERANCE_SECONDS <= at <= ended + TOLERANCE_SECONDS,
                f"a Date within {TOLERANCE_SECONDS:g} s of {time.strftime(CLOCK_FORMAT, time.gmtime(ended))}",
                value,
            )
            dates.add(value)
            if len(dates) < 2:
                await trio.sleep(PAUSE_SECONDS)
    assertions.assert_that(
        len(dates) > 1, f"another Date within {ADVANCE_TIMEOUT_SECONDS:g} s", f"always {b''.join(dates)!r}"
    )
