"""TCP carries bytes, not messages: where a request is cut into segments makes no difference."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9112
from wsgi_gauntlet.harness.conformance.segmentation_tolerance import (
    REQUEST_FORMS,
    RequestForm,
    cut_at_every_byte,
    describe_failures,
)


@case(
    MUST,
    rfc9112(
        "2.2",
        "A recipient MUST parse an HTTP message as a sequence of octets in an encoding that is a superset of US-ASCII",
    ),
    basis=MUST_TEXT,
    segmentable=False,
    deadline=120.0,  # a server that starts a program for each request needs 20 s on a machine that others use, too
    variants=REQUEST_FORMS,
)
async def cut_anywhere(exchange: Exchange, form: RequestForm) -> None:
    """A request is served wherever it is cut into two segments.

    Sends: the same request once for each of its bytes, cut behind that byte. The second part goes out when the server
    has read the first.
    Expects: each is answered 200, and the app reads the whole body.
    Why: Phones, proxies and busy networks cut where they like. A server that needs a request in one piece fails for
    some users, now and then, and nobody can repeat it.
    """
    if failure := describe_failures(await cut_at_every_byte(exchange, form)):
        assertions.fail_case("the request to be served wherever it is cut", failure)
