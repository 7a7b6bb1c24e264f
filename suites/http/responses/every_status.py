"""Responses of every status: the app chooses it, and the content arrives with it."""

from __future__ import annotations

from http import HTTPStatus

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import from_sender_semantics, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.suites.http.kept_connection import KeptConnection

NO_CONTENT = (204, 205, 304)
"""Statuses whose responses have no content (RFC 9110, 6.4.1 and 15.3.6)."""

UNREGISTERED = (299, 399, 499, 599)
"""An app may use a status that nobody registered (RFC 9110, 15)."""

STATUSES = (*sorted({each.value for each in HTTPStatus if each >= 200} - set(NO_CONTENT)), *UNREGISTERED)

BODY = "content"


@case(
    MUST,
    rfc9110(
        "6.4.1",
        "All 1xx (Informational), 204 (No Content), and 304 (Not Modified) responses do not include content. All other "
        "responses do include content, although that content might be of zero length.",
    ),
    basis=from_sender_semantics("The content is that of the app. Without it, the response says something else."),
    segmentable=False,
)
async def content_of_every_status(exchange: Exchange) -> None:
    """The content arrives with every status that has content.

    Sends: some 60 GETs, one after the other. The app gives seven bytes, with each final status but 204, 205 and 304.
    Expects: each response has the app's status and the seven bytes.
    Why: Videos come as 206, and forms with mistakes as 422. A server that knows too few statuses loses what users need.
    """
    client = KeptConnection(exchange)
    wrong: list[str] = []
    for status in STATUSES:
        target = "/respond" + query(status=f"{status} Some Reason", body=BODY)
        response = await client.ask(exchange.request(target))
        if response.status != status or response.body != BODY.encode() or not response.complete:
            wrong.append(f"{status}: {response.describe()}")
    await client.close()
    assertions.assert_equal(wrong, [], "the responses without the status or the content of the app")
