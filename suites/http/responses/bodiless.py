"""Statuses that have no body: 204, 205, 304, and those of interim answers."""

from __future__ import annotations

from ....harness import expect
from ....harness.attempts.exchange import Exchange, query
from ....harness.basis import APP, MUST_TEXT, conforms
from ....harness.catalog import MUST, case
from ....harness.references import rfc9110
from ....harness.response import Ending, Response
from ..verbs import PATIENCE, ask, in_step, seen

NO_CONTENT = rfc9110(
    "15.3.5", "A 204 response is terminated by the end of the header section; it cannot contain content"
)
NOT_MODIFIED = rfc9110(
    "15.4.5", "A 304 response is terminated by the end of the header section; it cannot contain content"
)
RESET_CONTENT = rfc9110("15.3.6", "a server MUST NOT generate content in a 205 response.")
NO_CHANGE = query(status="304 Not Modified", framing="empty")


async def _bodiless(x: Exchange, status: str, framing: str) -> Response:
    """Have the app answer with `status`; expect no byte between the head and the next answer."""
    told = await ask(x, x.request(f"/respond{query(status=status, framing=framing)}"))
    code = int(status[:3])
    if told.answer.status == 500:
        x.skip(f"the server takes no {code} with a body from an app, and says so with a 500")
    expect.equal(told.answer.status, code, "the status")
    after = told.after if told.after is not None else Response()
    expect.that(after.nothing or after.status == 200, "nothing after the head", after.raw[:200])
    in_step(told)
    return told.answer


@case(
    MUST,
    NO_CONTENT,
    basis=conforms("A 204 ends with its head by definition: bytes behind it are read as the next answer."),
    breach={"generator": APP},
    variants={"generator": "none", "no-body": "empty"},
)
async def no_body_204(x: Exchange, framing: str) -> None:
    """A 204 has no body, no Content-Length and no Transfer-Encoding.

    Sends: a GET to an app that answers 204 without a length, with a body from a generator or with none; then another
    request.
    Expects: a 204 without Content-Length, Transfer-Encoding or a byte of body; the next request on the connection is
    served as itself, or the connection is closed. A server that says 500 to a 204 with a body is left alone.
    Why: Clients know that nothing follows a 204. A last chunk or a body is read as the next answer: the user's next
    click fails.
    """
    answer = await _bodiless(x, "204 No Content", framing)
    for name in ("Content-Length", "Transfer-Encoding"):
        expect.that(not answer.all(name), f"no {name} in a 204", answer.all(name))


@case(
    MUST,
    NOT_MODIFIED,
    basis=conforms(
        "A 304 ends with its head by definition: bytes behind it, a last chunk too, are read as the next answer."
    ),
    breach={"generator": APP, "length": APP},
    variants={"generator": "none", "no-body": "empty", "length": "length"},
)
async def no_body_304(x: Exchange, framing: str) -> None:
    """A 304 has no body, nor a chunk of one.

    Sends: a GET to an app that answers 304 with a body from a generator, with a body and its length, or with none; then
    another request.
    Expects: a 304 with nothing behind its head; the next request on the connection is served as itself, or the
    connection is closed. A Content-Length is allowed, as that of the page; 500 to a 304 with a body is left alone.
    Why: Browsers ask again for what they have cached on connections that are kept. Stray bytes become the next page.
    """
    await _bodiless(x, "304 Not Modified", framing)


@case(
    MUST,
    rfc9110(
        "8.6",
        "a server MUST NOT send Content-Length in such a response unless its field value equals the decimal number of "
        "octets that would have been sent in the content of a 200 (OK) response to the same request.",
    ),
    basis=MUST_TEXT,
)
async def not_modified_length(x: Exchange) -> None:
    """A 304 to which the app gives no length has none, or that of the 200.

    Sends: a GET to an app whose answer is a 200 with a body and its length, and one where it is a 304 with neither.
    Expects: no Content-Length in the 304, or that of the 200.
    Why: A cache that is told of a length of 0 may take it for that of the page, and throw away or cut what it has.
    """
    whole = await x.get("/respond")
    answer = await x.get(f"/respond{NO_CHANGE}")
    if answer.status == 500:
        x.skip("the server takes no 304 from an app, and says so with a 500")
    expect.equal(answer.status, 304, "the status")
    lengths = answer.all("Content-Length")
    expect.that(lengths in ([], whole.all("Content-Length")), "no Content-Length, or that of the 200", lengths)


@case(MUST, RESET_CONTENT, basis=MUST_TEXT)
async def no_body_205(x: Exchange) -> None:
    """A 205 for which the app gives no body has none, and its end is marked, so that the next answer can be read.

    Sends: a GET to an app that answers 205 with no body and no length; then another request.
    Expects: a 205 without content, its end marked by a length, a last chunk or the end of the connection; the next
    request is served as itself, or the connection is closed.
    Why: Unlike a 204, a 205 is not known to end with its head. A client that is not told waits for a body, and the form
    that it should clear stays as it is.
    """
    told = await ask(x, x.request(f"/respond{query(status='205 Reset Content', framing='empty')}"))
    expect.equal(told.answer.status, 205, "the status")
    whole = told.answer.complete and not told.answer.length
    expect.that(whole, "no content, and its end marked by a length, a last chunk or the end", told.answer.describe())
    in_step(told)


@case(
    MUST,
    rfc9110(
        "8.6",
        "A server MUST NOT send a Content-Length header field in any response with a status code of 1xx "
        "(Informational) or 204 (No Content).",
    ),
    basis=MUST_TEXT,
    breach=APP,
    variants={"zero": ("0", "empty"), "body": ("5", "none")},
)
async def no_length_204(x: Exchange, given: tuple[str, str]) -> None:
    """A 204 has no Content-Length, also where the app gives one.

    Sends: a GET to an app that answers 204 with `Content-Length: 0` and no body, or with `Content-Length: 5` and a
    body; then another request.
    Expects: a 204 without Content-Length and without a byte of body, or a 500 that says that the app is wrong; the next
    request on the connection is served as itself, or the connection is closed. PEP 3333 lets a server add and leave out
    what the message's framing needs.
    Why: Many frameworks set a length on every answer. A client that believes it waits for bytes that never come, or
    takes the next answer for them.
    """
    length, framing = given
    told = await ask(
        x, x.request(f"/respond{query(**{'status': '204 No Content', 'framing': framing, 'h-Content-Length': length})}")
    )
    if told.answer.status == 500:
        return
    expect.equal(told.answer.status, 204, "the status")
    expect.equal(told.answer.all("Content-Length"), [], "the Content-Length of a 204")
    after = told.after if told.after is not None else Response()
    expect.that(after.nothing or after.status == 200, "nothing after the head", after.raw[:200])
    in_step(told)


@case(
    MUST,
    rfc9110(
        "15",
        'zero or more "interim" (non-final) responses with status codes in the "informational" (1xx) range, followed '
        'by exactly one "final" response with a status code in one of the other ranges.',
    ),
    basis=conforms(
        "One final answer follows by definition. A client that got a 1xx alone waits for it "
        "until it gives up, or takes another's answer for it."
    ),
    breach=APP,
    tags=["security"],
    variants={"100": "100 Continue", "101": "101 Switching Protocols", "103": "103 Early Hints"},
)
async def interim_status(x: Exchange, status: str) -> None:
    """An app that answers with a 1xx does not leave the client without a final answer.

    Sends: a GET to an app whose status is 100, 101 or 103, with a body and its length; then another request.
    Expects: a final answer, which can only be an error of the server's: a 1xx is no answer to be waited for. With no
    final answer the connection at least ends at once. The next request on it, if there is one, is served as itself.
    Why: A client reads on behind a 1xx. It takes the body for the final answer's status line, or the next answer,
    another user's behind a proxy, for its own; behind a 101 it speaks another protocol.
    """
    wire = await x.connect()
    await wire.send(x.request(f"/respond{query(status=status)}"))
    answer = await wire.response(timeout=PATIENCE)
    ending = answer.ended
    await wire.close()
    told = await seen(x, answer)
    final = answer.status is not None and answer.status >= 200
    interim = ", ".join(str(each.status) for each in answer.interim) or "no interim answer"
    expect.that(answer.status != 101, "no 101 without an Upgrade in the request", told.describe())
    cut = answer.nothing and ending is not Ending.OPEN
    expect.that(final or cut, "a final answer, or the connection closed", f"{interim}, then {told.describe()}")
