"""start_response(): its arguments, when the headers go out, and how an app changes its mind."""

from __future__ import annotations

from ...harness.catalog import INFO, MUST, SHOULD, case
from ...harness.exchange import Exchange
from ...harness.expect import equal, that, violated
from ...harness.references import pep3333, rfc9110
from ...harness.response import Response
from .asking import GLANCE, SECOND_LOOK, first, held, outcome, sent, served, told

START = "The start_response() Callable"
DETAILS = "Specification Details"

WAITS = pep3333(
    START,
    "Instead, it must store them for the server or gateway to transmit only after the first iteration of the "
    "application return value that yields a non-empty bytestring, or upon the application's first invocation of the "
    "write() callable.",
)
CHECKS = pep3333(
    START,
    "Servers should check for errors in the headers at the time start_response is called, so that an error can be "
    "raised while the application is still running.",
)
HOP_BY_HOP = pep3333(
    START,
    "a server or gateway should consider it a fatal error for an application to attempt sending them, and raise an "
    "error if they are supplied to start_response()",
)


@case(
    MUST,
    pep3333(
        DETAILS,
        "The start_response parameter is a callable accepting two required positional arguments, and one optional "
        "argument.",
    ),
    variants={"two": "", "none-third": "?third=none"},
)
async def signature(x: Exchange, parameters: str) -> None:
    """start_response takes two positional arguments, and a third that may be None.

    Middleware passes its own exc_info=None on as it is.
    """
    answer = await x.get(f"/start{parameters}")
    event = await outcome(x, "start_response")
    that(event.kind == "returned", "the call to be taken", event.detail.get("text"))
    served(answer, b"plain\n")


@case(
    MUST,
    pep3333(
        DETAILS,
        "The start_response callable must return a write(body_data) callable that takes one positional parameter: a "
        "bytestring to be written as part of the HTTP response body.",
    ),
)
async def returns_write(x: Exchange) -> None:
    """start_response returns a callable, which takes bytes and sends them.

    The app writes its body with it and returns an empty list.
    """
    answer = await x.get("/write-returned")
    that(
        (await outcome(x, "start_response")).detail.get("callable"), "start_response to return a callable", "it is none"
    )
    event = await outcome(x, "write")
    that(event.kind == "returned", "write() to take bytes", event.detail.get("text"))
    served(answer, b"written\n")


async def _refused(x: Exchange, what: str, expected: str) -> None:
    wire = await sent(x, f"/start-wrongly?what={what}")
    event = await outcome(x, "start_response")
    if event.kind != "raised":
        answer = await wire.response(timeout=SECOND_LOOK)
        violated(expected, f"it returned, and the client got: {answer.describe()}")


@case(
    SHOULD,
    CHECKS,
    variants={
        each: each
        for each in (
            "status-not-str",
            "status-without-number",
            "status-line-break",
            "name-not-str",
            "name-with-colon",
            "name-with-space",
            "name-empty",
            "value-not-str",
            "value-line-break",
            "header-not-pair",
        )
    },
)
async def checks_arguments(x: Exchange, what: str) -> None:
    """start_response raises where status or headers cannot be sent as they are.

    The app calls it with one mistake. Raised there, the traceback shows the line that is wrong; found out later, or
    never, it shows the server's.
    """
    await _refused(x, what, f"start_response to raise ({what})")


@case(
    SHOULD,
    HOP_BY_HOP,
    variants={each: each for each in ("connection", "keep-alive", "transfer-encoding", "upgrade")},
)
async def hop_by_hop(x: Exchange, what: str) -> None:
    """start_response raises where the app names a hop-by-hop header: the connection is the server's affair.

    A 200 with that one header beside Content-Type.
    """
    await _refused(x, what, f"start_response to raise ({what} is a hop-by-hop header)")


@case(
    MUST,
    rfc9110(
        "2.2",
        "A sender MUST NOT generate protocol elements that do not match the grammar defined by the corresponding ABNF "
        "rules.",
    ),
    tags=["security"],
    variants={each: each for each in ("crlf", "lf", "cr", "nul", "status", "name")},
)
async def no_injection(x: Exchange, what: str) -> None:
    """CR, LF or NUL in a header, its name, or the status never reaches the client.

    The app sets `X-Test: value<CR LF>X-Injected: yes`, as one does that puts user input into a header. The server may
    refuse it, or take the characters out; sent, they give the user a header, or a whole answer, to write.
    """
    answer = await x.get(f"/inject?what={what}")
    head = answer.raw.partition(b"\r\n\r\n")[0]
    lines = head.split(b"\r\n")
    injected = [line for line in lines if line.lower().startswith(b"x-injected")]
    that(not injected, "no header that the app did not set", injected)
    bare = [line for line in lines if any(byte in line for byte in (b"\r", b"\n", b"\0"))]
    that(not bare, "no bare CR, LF or NUL in the head", bare)


@case(
    MUST,
    pep3333(
        START,
        "if the application omits a header required by HTTP (or other relevant specifications that are in effect), the "
        "server or gateway must add it",
    ),
)
async def adds_required_headers(x: Exchange) -> None:
    """Date is added where the app gives none.

    RFC 9110 demands it in every 2xx of an origin server with a clock (6.6.1); caches reckon by it.
    """
    answer = await x.get("/bare")
    served(answer)
    equal(len(answer.all("Date")), 1, "the number of Date headers")


@case(
    INFO,
    pep3333(START, "the HTTP Date: and Server: headers would normally be supplied by the server or gateway"),
)
async def adds_server_header(x: Exchange) -> None:
    """Whether a Server header is added is told; HTTP does not demand one, and some would rather not say.

    An answer to which the app gave none.
    """
    answer = await x.get("/bare")
    served(answer)
    equal(len(answer.all("Server")), 1, "the number of Server headers")


@case(
    MUST,
    rfc9110(
        "5.3",
        "a sender MUST NOT generate multiple field lines with the same name in a message (whether in the headers or "
        "trailers) or append a field line when a field line of the same name already exists in the message",
    ),
    variants={"date": "Date", "server": "Server", "content-length": "Content-Length", "content-type": "Content-Type"},
)
async def case_insensitive(x: Exchange, name: str) -> None:
    """A header that the app gives, in whatever case, is not added a second time.

    PEP 3333 reminds servers that names are case-insensitive. The app gives `date`, `sERVER`, `CONTENT-LENGTH` and
    `cONTENT-tYPE`. Two dates contradict each other; two lengths are an attack.
    """
    answer = await x.get("/odd-case")
    that(answer.status == 200, "a 200", answer.describe())
    that(len(answer.all(name)) <= 1, f"{name} at most once", answer.all(name))


@case(MUST, pep3333(START, "However, the start_response callable must not actually transmit the response headers."))
async def nothing_sent_on_call(x: Exchange) -> None:
    """Not a byte goes out when start_response is called.

    The app calls it and waits at a barrier before it returns its body; the wire is watched meanwhile.
    """
    await _silent_while_held(x, "/start-and-hold", "started", b"late\n")


@case(MUST, WAITS)
async def waits_for_first_nonempty(x: Exchange) -> None:
    """The headers wait for the first block that is not empty.

    The app yields b'' and waits at a barrier; the wire is watched. Then it replaces status and headers, and yields
    its body: the client sees the second status alone. Middleware yields b'' while it has nothing to pass on yet.
    """
    answer = await _silent_while_held(x, "/empty-then-replace", "empty", b"replaced\n", status=503)
    equal((answer.all("X-First"), answer.all("X-Second")), ([], [b"yes"]), "X-First and X-Second")


async def _silent_while_held(x: Exchange, target: str, barrier: str, body: bytes, status: int = 200) -> Response:
    wire = await x.connect()
    await wire.send(x.request(target))
    await held(x, barrier)
    early = await wire.receive_some(GLANCE)
    that(not early, "nothing on the wire yet", early)
    x.release(barrier)
    answer = await wire.response()
    served(answer, body, status)
    return answer


@case(
    MUST,
    pep3333(
        START,
        "response headers must not be sent until there is actual body data available, or until the application's "
        "returned iterable is exhausted",
    ),
    variants={"list": "list", "generator": "generator", "blank": "blank"},
)
async def empty_iterable(x: Exchange, what: str) -> None:
    """Status and headers go out also where the iterable yields nothing, or nothing but b''.

    An empty list, an empty iterator, and one b''. Redirects look like this.
    """
    answer = await x.get(f"/empty-body?what={what}")
    served(answer, b"")
    equal(answer.header("X-Marker"), b"kept", "X-Marker")


@case(
    SHOULD,
    pep3333(
        START,
        "If exc_info is supplied, and no HTTP headers have been output yet, start_response should replace the "
        "currently-stored HTTP response headers with the newly-supplied ones",
    ),
)
async def exc_info_replaces(x: Exchange) -> None:
    """With exc_info and before anything was sent, status, headers and length are all replaced.

    A 200 with X-First and a Content-Length of 3, then a 503 with X-Second and a longer body.
    """
    answer = await x.get("/replace")
    served(answer, b"replaced\n", 503)
    equal((answer.all("X-First"), answer.all("X-Second")), ([], [b"yes"]), "X-First and X-Second")
    that(
        answer.header("Content-Length") != b"3", "the first Content-Length to be gone", answer.header("Content-Length")
    )


@case(
    MUST,
    pep3333(
        "Error Handling",
        "If no output has been written when an exception occurs, the call to start_response will return normally, and "
        "the application will return an error body to be sent to the browser.",
    ),
)
async def exc_info_first(x: Exchange) -> None:
    """With exc_info, start_response may also be called for the first time.

    The app fails before it has called it, and calls it in its error handler: a 503 with a body. Frameworks do just
    that.
    """
    answer = await x.get("/start-in-handler")
    event = await outcome(x, "start_response")
    that(event.kind == "returned", "the call to be taken", event.detail.get("text"))
    served(answer, b"caught\n", 503)


@case(
    MUST,
    pep3333(
        START,
        "However, if exc_info is provided, and the HTTP headers have already been sent, start_response must raise an "
        "error",
    ),
)
async def exc_info_reraises(x: Exchange) -> None:
    """With exc_info and after the headers were sent, start_response raises.

    The app yields a block, and then calls it with exc_info. Nothing else keeps an error page out of the middle of
    a download.
    """
    await x.get("/replace-too-late")
    event = await outcome(x, "start_response")
    equal(event.kind, "raised", "what start_response did")


@case(SHOULD, pep3333(START, "and should re-raise using the exc_info tuple"))
async def exc_info_same_exception(x: Exchange) -> None:
    """What start_response then raises is the app's own exception, with its traceback.

    As in exc-info-reraises. The log then shows what went wrong and where.
    """
    await x.get("/replace-too-late")
    event = await outcome(x, "start_response")
    if event.kind != "raised":
        x.skip("start_response raised nothing (exc-info-reraises)")
    that(event.detail["same"], "the exception of exc_info itself", f"{event.detail['type']}: {event.detail['text']}")
    that(event.detail["traceback"], "its own traceback", "another one")


@case(
    MUST,
    pep3333(
        START,
        "it is a fatal error to call start_response without the exc_info argument if start_response has already been "
        "called within the current invocation of the application",
    ),
)
async def second_call_fatal(x: Exchange) -> None:
    """A second call without exc_info raises.

    Otherwise one of two answers wins by chance.
    """
    answer = await x.get("/start-twice")
    event = await outcome(x, "second")
    that(event.kind == "raised", "the second call to raise", f"it returned; the client got {answer.describe()}")


@case(
    MUST,
    pep3333(
        DETAILS,
        "this invocation may be performed by the iterable's first iteration, so servers must not assume that "
        "start_response() has been called before they begin iterating over the iterable",
    ),
)
async def late_call(x: Exchange) -> None:
    """An app that is a generator works: start_response is called by the first next().

    The status and headers that it gives then go out.
    """
    answer = await x.get("/start-late")
    await told(x, "first-next", "the iterable to be iterated")
    served(answer, b"late\n", 203)
    equal(answer.header("X-Late"), b"yes", "X-Late")


@case(
    SHOULD,
    pep3333(
        START,
        "should ensure that no reference is held to the exc_info parameter beyond the duration of the function's "
        "execution",
    ),
)
async def no_reference_kept(x: Exchange) -> None:
    """exc_info is let go when start_response returns.

    The app gives its exception away and then looks, by a weak reference, whether it is still there. Kept, it holds
    every local variable of every frame below.
    """
    await x.get("/drop-exc-info")
    event = await first(x, lambda e: e.kind in ("reference", "raised"), "start_response with exc_info to return")
    if event.kind == "raised":
        x.skip("start_response raised, though nothing had been sent (exc-info-replaces)")
    that(not event.detail["kept"], "nobody to hold the exception any more", "the server still does")


@case(
    SHOULD,
    pep3333(
        "Other HTTP Features",
        'In general, servers and gateways should "play dumb" and allow the application complete control over its '
        "output.",
    ),
)
async def play_dumb(x: Exchange) -> None:
    """Status, reason, repeated headers and their order, and the body pass as the app gave them.

    A `299 Gauntlet Run`, three X-Order, two Set-Cookie, and a Content-Type with quotes and a comma.
    """
    answer = await x.get("/play-dumb")
    served(answer, b"dumb\n", 299)
    equal(answer.reason, b"Gauntlet Run", "the reason")
    equal(answer.all("X-Order"), [b"one", b"two", b"three"], "the X-Order headers")
    cookies = [b"a=1; Path=/", b"b=2; Expires=Wed, 09 Jun 2027 10:18:14 GMT"]
    equal(answer.all("Set-Cookie"), cookies, "the Set-Cookie headers")
    equal(answer.header("Content-Type"), b'text/x-gauntlet; charset=utf-8; note="a, b"', "Content-Type")
