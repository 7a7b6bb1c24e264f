"""TCP carries bytes, not messages: where a request is cut into segments makes no difference."""

from __future__ import annotations

from ....harness import expect
from ....harness.attempts.exchange import Exchange
from ....harness.attempts.segments import FORMS, Form, cut_everywhere, told
from ....harness.basis import MUST_TEXT
from ....harness.catalog import MUST, case
from ....harness.references import rfc9112


@case(
    MUST,
    rfc9112(
        "2.2",
        "A recipient MUST parse an HTTP message as a sequence of octets in an encoding that is a superset of US-ASCII",
    ),
    basis=MUST_TEXT,
    cut=False,
    deadline=120.0,  # a server that starts a program for each request needs 20 s on a machine that others use, too
    variants=FORMS,
)
async def cut_anywhere(x: Exchange, form: Form) -> None:
    """A request is served wherever it is cut into two segments.

    Sends: the same request once for each of its bytes, cut behind that byte. The second part goes out when the server
    has read the first.
    Expects: each is answered 200, and the app reads the whole body.
    Why: Phones, proxies and busy networks cut where they like. A server that needs a request in one piece fails for
    some users, now and then, and nobody can repeat it.
    """
    if wrong := told(await cut_everywhere(x, form)):
        expect.violated("the request to be served wherever it is cut", wrong)
