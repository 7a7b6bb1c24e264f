"""What holds for every app, on the page of `--path`: what it gives to its server, and what the server makes of that.

A case looks at the app first: it is called as a server calls it, in the server's process, and reports what it gives.
Then a client asks for the page. A fault is the app's where the app gave it, and the server's where it came on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import trio

from ...harness.attempts.exchange import SETTLED, Exchange
from ...harness.basis import MUST_TEXT, conforms
from ...harness.catalog import MUST, case
from ...harness.expect import Violation
from ...harness.launching.ownapp import HEADER
from ...harness.launching.serverlog import last_traceback
from ...harness.references import rfc9110
from ...harness.response import Response
from ..http.responses.bodiless import NOT_MODIFIED
from ..http.responses.head_method import HEAD
from ..pep3333.close import CLOSE

PATIENCE = 10.0
"""Seconds that the app may take for its page; on a laptop the first one loads templates and opens a database."""

BODILESS = (204, 304)

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Given:
    """What the app gives to a server: its status, its headers, and how many bytes. `digest` tells bodies apart."""

    status: int
    headers: tuple[tuple[str, str], ...]
    size: int
    digest: str

    def all(self, name: str) -> list[str]:
        """Return the values of a header, by its name in lower case."""
        return [value for key, value in self.headers if key.lower() == name]


async def _asked(x: Exchange, how: str, method: str = "GET", headers: Headers = ()) -> tuple[Response, bytes]:
    """Ask for the page; return the answer, and what came behind it on the connection."""
    wire = await x.connect()
    own = [(HEADER, how), ("User-Agent", "wsgi-gauntlet"), ("Accept", "*/*"), *headers, ("Connection", "close")]
    await wire.send(x.request(x.page, method=method, headers=own))
    answer = await wire.response(head=method == "HEAD", timeout=PATIENCE)
    await wire.ending(timeout=SETTLED)
    await wire.close()
    return answer, wire.leftover


async def _given(x: Exchange, method: str = "GET", headers: Headers = ()) -> Given:
    """Return what the app gives for its page. Raises Skipped where it gives nothing that could be judged."""
    asked = f"{method} {x.page}"
    asked_before, looked_before = len(x.events("own-asked")), len(x.events("own-looked"))
    answer, _ = await _asked(x, "look", method, headers)
    if len(x.events("own-asked")) == asked_before:
        x.skip(f"{asked} did not reach the app; the answer was {answer.describe()}")
    if raised := x.events("own-raised"):
        x.skip(f"{asked}: the app {raised[-1].detail['why']}")
    try:
        looked = (await x.event("own-looked", count=looked_before + 1, timeout=SETTLED)).detail
    except trio.TooSlowError:
        x.skip(f"{asked}: the app came to no end within {PATIENCE:g} s; the answer was {answer.describe()}")
    if not looked["ended"]:
        x.skip(f"{asked} has no end, or a very late one: name another page with --path")
    code = str(looked.get("status", ""))[:3]
    if not code.isdigit():
        x.skip(f"{asked}: the app did not call start_response before its body ended; name another page with --path")
    if code.startswith("5"):
        x.skip(f"{asked} gives {code}: name another page with --path{last_traceback(x.log_so_far())}")
    if code == "400":
        host = x.server.address.authority
        x.skip(f"{asked} gives 400: the app may take no requests for {host}{last_traceback(x.log_so_far())}")
    found = tuple((str(name), str(value)) for name, value in looked["headers"])
    return Given(int(code), found, looked["size"], looked["digest"])


async def _steady(x: Exchange) -> Given:
    """Return what the app gives, once it gave the same twice. Raises Skipped where it did not."""
    first, second = await _given(x), await _given(x)
    if first.status != second.status:
        x.skip(f"GET {x.page} gives {first.status} and {second.status} by turns: name another page with --path")
    return second


@case(
    MUST, HEAD, cut=False, basis=conforms("But for the content, HEAD is GET by definition, and so has the same status.")
)
async def head_status(x: Exchange) -> None:
    """A HEAD for the page has the status of a GET.

    Sends: a GET and a HEAD for the page of --path; before that, the app alone is asked for both.
    Expects: one status, from the app and on the wire.
    Why: Monitors, link checkers and caches ask by HEAD. Where the app refuses it, they report a page as broken that is
    not.
    """
    get, head = await _steady(x), await _given(x, "HEAD")
    if head.status != get.status:
        raise Violation(f"the app to answer HEAD as GET, with {get.status}", f"the app gives {head.status}")
    answer, _ = await _asked(x, "ask", "HEAD")
    if answer.status != head.status:
        raise Violation(f"the server to pass on the app's answer to HEAD, {head.status}", answer.describe())


@case(MUST, HEAD, cut=False, basis=MUST_TEXT)
async def head_body(x: Exchange) -> None:
    """The answer to a HEAD for the page has no body on the wire.

    Sends: a HEAD for the page of --path.
    Expects: the head of an answer and nothing behind it, whatever the app yields.
    Why: The next answer on the connection is read from where the body begins.
    """
    await _given(x, "HEAD")
    _, behind = await _asked(x, "ask", "HEAD")
    _nothing(behind, "a HEAD")


@case(
    MUST,
    rfc9110(
        "8.6",
        "a server MUST NOT send Content-Length in such a response unless its field value equals the decimal number of "
        "octets that would have been sent in the content of a response if the same request had used the GET method.",
    ),
    cut=False,
    basis=MUST_TEXT,
)
async def head_length(x: Exchange) -> None:
    """The Content-Length of a HEAD's answer is that of the page.

    Sends: a HEAD for the page of --path; before that, the app alone is asked for GET and HEAD.
    Expects: no Content-Length, or the number of bytes that a GET gives.
    Why: Download managers and caches believe it, and throw away what they have.
    """
    get, again = await _steady(x), await _given(x)
    if (get.size, get.digest) != (again.size, again.digest):
        x.skip(f"GET {x.page} gives another body each time: no length of it is the right one")
    head = await _given(x, "HEAD")
    if head.status != get.status:
        x.skip(f"HEAD {x.page} gives {head.status} where GET gives {get.status}, so the lengths need not be the same")
    allowed: tuple[list[str], ...] = ([], [str(get.size)])
    if (given := head.all("content-length")) not in allowed:
        raise Violation(
            f"the app to give HEAD no length, or {get.size} as for GET", f"the app gives {', '.join(given)}"
        )
    answer, _ = await _asked(x, "ask", "HEAD")
    came = [value.decode("latin-1") for value in answer.all("Content-Length")]
    if came not in allowed:
        raise Violation(f"the server to send no length with HEAD, or {get.size} as for GET", f"it sends {came}")


@case(
    MUST,
    NOT_MODIFIED,
    cut=False,
    basis=conforms("Bytes behind the head of a 304 are in no answer: the client reads them as the next."),
)
async def no_body(x: Exchange) -> None:
    """A 204 or a 304 from the app has no body.

    Sends: a GET for the page of --path, with If-None-Match or If-Modified-Since where the page has such a mark.
    Expects: nothing behind the head, from the app and on the wire.
    Why: Clients know that nothing follows. They read a body there as the beginning of the next answer.
    """
    page = await _given(x)
    marks = [("If-None-Match", each) for each in page.all("etag")]
    marks = marks or [("If-Modified-Since", each) for each in page.all("last-modified")]
    conditions = marks if page.status not in BODILESS else []
    found = await _given(x, headers=conditions) if conditions else page
    if found.status not in BODILESS:
        x.skip(f"GET {x.page} gives {page.status}" + (f", and {found.status} to {marks[0][0]}" if marks else ""))
    if found.size:
        raise Violation(f"the app to give a {found.status} no body", f"the app gives {found.size} bytes")
    answer, behind = await _asked(x, "ask", headers=conditions)
    if answer.status == found.status:
        _nothing(behind, f"a {found.status}")


@case(
    MUST,
    rfc9110(
        "8.6",
        "a sender MUST NOT forward a message with a Content-Length header field value that is known to be incorrect.",
    ),
    cut=False,
    basis=MUST_TEXT,
)
async def length(x: Exchange) -> None:
    """The page is as long as its Content-Length says, and comes whole.

    Sends: a GET for the page of --path; before that, the app alone is asked for it.
    Expects: the app gives as many bytes as its Content-Length says; the answer on the wire is whole.
    Why: Bytes too few and the browser waits; bytes too many and they are cut, or read as the next answer.
    """
    page = await _given(x)
    said = page.all("content-length")
    if said and page.status not in BODILESS and said != [str(page.size)]:
        raise Violation(
            f"the app to give as many bytes as its Content-Length says, {' and '.join(said)}",
            f"the app gives {page.size} bytes",
        )
    answer, _ = await _asked(x, "ask")
    if not answer.complete:
        raise Violation("the server to send the app's answer whole", answer.describe())
    again = await _given(x)
    if page.size == again.size and answer.status == page.status and answer.length != page.size:
        raise Violation(f"the server to send the {page.size} bytes that the app gives", answer.describe())


@case(MUST, CLOSE, cut=False, basis=MUST_TEXT)
async def closed(x: Exchange) -> None:
    """close() of the app's answer is called once the page is sent.

    Sends: a GET for the page of --path.
    Expects: one call of close() on what the app returned.
    Why: Frameworks give back database connections there. Never called, the pool runs dry.
    """
    await _given(x)
    await _asked(x, "ask")
    told = x.events("own-answered")
    if not told:
        x.skip("the app gave the server no answer this time")
    if not told[0].detail["watched"]:
        x.skip("what the app returns has no close(), or none that could be watched")
    await x.fence()
    if (calls := len(x.events("closed"))) != 1:
        raise Violation("the server to call close() once", f"it called it {calls} times")


def _nothing(behind: bytes, what: str) -> None:
    if behind:
        raise Violation(f"the server to send nothing behind the head of {what}", repr(behind[:200]))
