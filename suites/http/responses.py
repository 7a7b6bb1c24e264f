"""What a server makes of the app's answer on the wire."""

from __future__ import annotations

import re

from ...harness import expect
from ...harness.catalog import MUST, SHOULD, case
from ...harness.exchange import Exchange, query
from ...harness.references import rfc9110, rfc9112
from ...harness.response import Framing, Response
from .verbs import PATIENCE, ask, in_step, post, raw

NO_CONTENT = rfc9110(
    "15.3.5", "A 204 response is terminated by the end of the header section; it cannot contain content"
)
NOT_MODIFIED = rfc9110(
    "15.4.5", "A 304 response is terminated by the end of the header section; it cannot contain content"
)
RESET_CONTENT = rfc9110("15.3.6", "a server MUST NOT generate content in a 205 response.")
HEAD = rfc9110(
    "9.3.2", "The HEAD method is identical to GET except that the server MUST NOT send content in the response."
)
DATE = rfc9110(
    "6.6.1",
    "An origin server with a clock (as defined in Section 5.6.7) MUST generate a Date header field in all 2xx "
    "(Successful), 3xx (Redirection), and 4xx (Client Error) responses",
)
NO_BODY = query(status="204 No Content", framing="empty")
NO_CHANGE = query(status="304 Not Modified", framing="empty")
IMF_FIXDATE = (
    rb"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT"
)


@case(MUST, HEAD, variants={"length": "/respond", "generator": "/respond?framing=none", "written": "/write-in-order"})
async def head_no_body(x: Exchange, target: str) -> None:
    """The answer to a HEAD has no body, even where the app yields one.

    A frame of body there is read as the beginning of the next answer.
    """
    told = await ask(x, x.request(target, method="HEAD"), head=True)
    expect.equal(told.answer.status, 200, "the status")
    after = told.after if told.after is not None else Response()
    expect.that(after.nothing or after.status == 200, "nothing between the head and the next answer", after.raw[:200])
    in_step(told)


@case(
    SHOULD,
    rfc9110(
        "9.3.2",
        "The server SHOULD send the same header fields in response to a HEAD request as it would have sent if the "
        "request method had been GET.",
    ),
)
async def head_same_headers(x: Exchange) -> None:
    """A HEAD gets the headers that the app gives, its Content-Length included, as a GET does.

    Sends a GET and a HEAD and compares Content-Type, Content-Length and a header of the app's own. Download
    managers read the size so.
    """
    target = "/respond?h-X-Marker=kept"
    get, head = await x.get(target), await x.get(target, method="HEAD")
    expect.equal((get.status, head.status), (200, 200), "the statuses of GET and HEAD")
    for name in ("Content-Type", "Content-Length", "X-Marker"):
        expect.equal(head.all(name), get.all(name), f"{name} of the answer to HEAD")


@case(MUST, HEAD, needs=["http/connection/keep-alive"])
async def head_then_next(x: Exchange) -> None:
    """The answer that follows a HEAD's on the connection is found where it should be.

    Sends a HEAD and a GET at once. A body behind the first answer shifts every answer that follows to the wrong
    request.
    """
    wire = await x.connect()
    await wire.send(x.request("/echo", method="HEAD") + x.request("/echo", token=f"{x.token}.second"))
    first = await wire.response(head=True, timeout=PATIENCE)
    second = await wire.response(timeout=PATIENCE)
    await wire.close()
    expect.equal(first.status, 200, "the first answer's status")
    if not (first.says_close and second.nothing):
        expect.equal(second.body, f"gauntlet {x.token}.second\n".encode(), "the second answer")


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


@case(MUST, NO_CONTENT, variants={"generator": "none", "no-body": "empty"})
async def no_body_204(x: Exchange, framing: str) -> None:
    """A 204 has no body, no Content-Length and no Transfer-Encoding.

    The app gives no length. RFC 9110, section 8.6, and RFC 9112, section 6.1, forbid the server to add one, or chunks.
    """
    answer = await _bodiless(x, "204 No Content", framing)
    for name in ("Content-Length", "Transfer-Encoding"):
        expect.that(not answer.all(name), f"no {name} in a 204", answer.all(name))


@case(MUST, NOT_MODIFIED, variants={"generator": "none", "no-body": "empty"})
async def no_body_304(x: Exchange, framing: str) -> None:
    """A 304 has no body, nor a chunk of one.

    The app answers 304 with a body, or without. Browsers revalidate their caches over kept connections, where stray
    bytes become the next page.
    """
    await _bodiless(x, "304 Not Modified", framing)


@case(
    MUST,
    rfc9110(
        "8.6",
        "a server MUST NOT send Content-Length in such a response unless its field value equals the decimal number of "
        "octets that would have been sent in the content of a 200 (OK) response to the same request.",
    ),
)
async def not_modified_length(x: Exchange) -> None:
    """A 304 to which the app gives no length has none, or that of the 200.

    The app answers 304 without a body and without a length, where its 200 has both. A cache that is told of a length of
    0 may take it for that of the page.
    """
    whole = await x.get("/respond")
    answer = await x.get(f"/respond{NO_CHANGE}")
    if answer.status == 500:
        x.skip("the server takes no 304 from an app, and says so with a 500")
    expect.equal(answer.status, 304, "the status")
    lengths = answer.all("Content-Length")
    expect.that(lengths in ([], whole.all("Content-Length")), "no Content-Length, or that of the 200", lengths)


@case(MUST, RESET_CONTENT)
async def no_body_205(x: Exchange) -> None:
    """A 205 for which the app gives no body has none, and its end is marked, so that the next answer can be read.

    The app answers 205 with no body and no length. A client of a kept connection must be told that nothing follows.
    """
    told = await ask(x, x.request(f"/respond{query(status='205 Reset Content', framing='empty')}"))
    expect.equal(told.answer.status, 205, "the status")
    whole = told.answer.complete and not told.answer.length
    expect.that(whole, "no content, and its end marked by a length, a last chunk or the end", told.answer.describe())
    in_step(told)


@case(
    MUST,
    rfc9112(
        "6.1",
        "A server MUST NOT send a response containing Transfer-Encoding unless the corresponding request indicates "
        "HTTP/1.1 (or later minor revisions).",
    ),
)
async def no_te_to_http10(x: Exchange) -> None:
    """HTTP/1.0 never gets a chunked answer; where no length is known, the connection's end marks the body's.

    Sends HTTP/1.0 to an app that gives no length. An old client shows the chunks' sizes as part of the page.
    """
    told = await ask(x, x.request("/respond?framing=none", version="HTTP/1.0"))
    expect.equal(told.answer.all("Transfer-Encoding"), [], "Transfer-Encoding")
    expect.equal(told.answer.body, f"gauntlet {x.token}\n".encode(), "the body")


@case(
    MUST,
    DATE,
    variants={
        "ok": "/echo",
        "error": "",
        "no-content": f"/respond{NO_BODY}",
        "not-modified": f"/respond{NO_CHANGE}",
    },
)
async def date_once(x: Exchange, target: str) -> None:
    """Every answer, a refusal too, has exactly one Date in the form of RFC 9110.

    Caches reckon an answer's age from it.
    """
    broken = not target
    request = raw(x, "GET /echo HTTP/1.1", "X-A : 1") if broken else x.request(target)
    told = await ask(x, request)
    if broken and (told.answer.status is None or not 400 <= told.answer.status < 500):
        x.skip(f"no refusal came that could carry a Date: {told.answer.describe()}")
    dates = told.answer.all("Date")
    expect.equal(len(dates), 1, "the number of Date headers")
    expect.that(re.fullmatch(IMF_FIXDATE, dates[0]), "a date such as Sun, 06 Nov 1994 08:49:37 GMT", dates[0])


@case(
    MUST,
    rfc9112(
        "4",
        "A server MUST send the space that separates the status-code from the reason-phrase even when the "
        "reason-phrase is absent",
    ),
)
async def status_line_space(x: Exchange) -> None:
    """A status without a reason keeps the space behind its code.

    The app answers with the status `200 ` and no reason. Parsers that split at spaces count three parts.
    """
    told = await ask(x, x.request(f"/respond{query(status='200 ')}"), again=False)
    if told.answer.status == 500:
        x.skip("the server takes no status without a reason from an app, and says so with a 500")
    line = told.answer.raw.partition(b"\r\n")[0]
    expect.that(re.fullmatch(rb"HTTP/1\.[01] 200 .*", line), "`HTTP/1.1 200 ` with the space", line)


@case(
    MUST,
    rfc9112("4", "The first line of a response message is the status-line"),
    variants={"colon": "X-A : 1", "length": "Content-Length: x"},
)
async def error_framed(x: Exchange, field: str) -> None:
    """A refusal is a whole answer: status line, good headers, and a body whose end is marked.

    Sends a header that must be refused. A browser that cannot tell where the error page ends shows none, or waits.
    """
    told = await ask(x, post(x, field, target="/echo"))
    if told.answer.status is not None and told.answer.status < 400:
        x.skip(f"nothing was refused: {told.answer.describe()}")
    whole = told.answer.complete and not told.answer.findings
    faults = "; ".join(told.answer.findings)
    expect.that(whole, "a whole answer", told.answer.describe() + (f" ({faults})" if faults else ""))
    if told.answer.framing is Framing.CLOSE:
        expect.that(told.closed, "the connection closed, as the answer gives no length", told.describe())


@case(
    MUST,
    rfc9110("6.2", "A server MUST NOT send a version to which it is not conformant."),
    variants={"1.1": "HTTP/1.1", "1.0": "HTTP/1.0", "1.2": "HTTP/1.2"},
)
async def response_version(x: Exchange, version: str) -> None:
    """The answer's version is the server's own, HTTP/1.1 or 1.0, whatever the client's.

    Sends HTTP/1.1, 1.0 and 1.2. A client may use what the version in the answer promises.
    """
    told = await ask(x, x.request("/echo", version=version), again=False)
    expect.one_of(told.answer.version, (b"HTTP/1.1", b"HTTP/1.0"), "the answer's version")
