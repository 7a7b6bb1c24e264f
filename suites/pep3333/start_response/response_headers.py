"""Status and headers: the time when the server sends them, and their values."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, definition, pep3333, recorded_only, rfc9110
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.suites.pep3333.assertions import (
    ARRIVED_DATA_WAIT_SECONDS,
    assert_served,
    expect_event,
    open_and_send_get,
    wait_for_barrier,
)

START = "The start_response() Callable"
DETAILS = "Specification Details"

HEADERS_WAIT_FOR_BODY = pep3333(
    START,
    "Instead, it must store them for the server or gateway to transmit only after the first iteration of the "
    "application return value that yields a non-empty bytestring, or upon the application's first invocation of the "
    "write() callable.",
)


@case(
    MUST,
    pep3333(
        START,
        "if the application omits a header required by HTTP (or other relevant specifications that are in effect), the "
        "server or gateway must add it",
    ),
    basis=MUST_TEXT,
)
async def adds_required_headers(exchange: Exchange) -> None:
    """The server adds Date when the app does not set it.

    Sends: A GET request. The app sets only Content-Type and Content-Length.
    Expects: One Date header. RFC 9110 requires it in every 2xx response of an origin server with a clock (6.6.1).
    Why: Caches use it to compute the age of a page. Without it, users see stale pages or caches store none.
    """
    response = await exchange.get("/bare")
    assert_served(response)
    assert_equal(len(response.all("Date")), 1, "the number of Date headers")


@case(
    INFO,
    pep3333(START, "the HTTP Date: and Server: headers would normally be supplied by the server or gateway"),
    basis=recorded_only('The word "normally" does not require the header, and HTTP does not require it either.'),
)
async def adds_server_header(exchange: Exchange) -> None:
    """The harness records whether the server adds a Server header.

    Sends: A GET request. The app sets no Server header.
    Expects: One Server header or none. The behaviour is recorded; HTTP does not require the header, and some operators
    hide it.
    Why: The header shows the software, and often its version, to every client.
    """
    response = await exchange.get("/bare")
    assert_served(response)
    assert_equal(len(response.all("Server")), 1, "the number of Server headers")


@case(
    MUST,
    rfc9110(
        "5.3",
        "a sender MUST NOT generate multiple field lines with the same name in a message (whether in the headers or "
        "trailers) or append a field line when a field line of the same name already exists in the message",
    ),
    basis=MUST_TEXT,
    variants={"date": "Date", "server": "Server", "content-length": "Content-Length", "content-type": "Content-Type"},
)
async def case_insensitive(exchange: Exchange, name: str) -> None:
    """The server does not add a header that the app has set, whatever the case of its name.

    Sends: A GET request. The app sets `date`, `sERVER`, `CONTENT-LENGTH` and `cONTENT-tYPE`.
    Expects: A 200 with that header at most once.
    Why: Two dates contradict each other in caches. With two lengths, a client and a proxy disagree on the end of the
    page.
    """
    response = await exchange.get("/odd-case")
    assert_that(response.status == 200, "a 200 response", response.describe())
    assert_that(len(response.all(name)) <= 1, f"{name} at most once", response.all(name))


@case(
    MUST,
    pep3333(START, "However, the start_response callable must not actually transmit the response headers."),
    basis=MUST_TEXT,
)
async def nothing_sent_on_call(exchange: Exchange) -> None:
    """A call of start_response sends nothing.

    Sends: A GET request. The app calls start_response and waits at a barrier before it returns its body.
    Expects: The client receives no byte before the barrier is released, and then the complete response.
    Why: Otherwise the app cannot report a later error, and users see half a page with status 200.
    """
    await _assert_nothing_sent_while_app_waits(exchange, "/start-and-hold", "started", b"late\n")


@case(MUST, HEADERS_WAIT_FOR_BODY, basis=MUST_TEXT)
async def waits_for_first_nonempty(exchange: Exchange) -> None:
    """The server sends the headers with the first block that is not empty.

    Sends: A GET request. The app yields b'' and waits at a barrier. Then it replaces the status and the headers, and
    yields its body.
    Expects: The client receives no byte while the app waits. Then it receives the second status with only the second
    headers.
    Why: Middleware yields b'' while it has no data yet. Otherwise a later error is sent as a success.
    """
    response = await _assert_nothing_sent_while_app_waits(
        exchange, "/empty-then-replace", "empty", b"replaced\n", status=503
    )
    assert_equal((response.all("X-First"), response.all("X-Second")), ([], [b"yes"]), "X-First and X-Second")


async def _assert_nothing_sent_while_app_waits(
    exchange: Exchange, target: str, barrier: str, body: bytes, status: int = 200
) -> Response:
    connection = await open_and_send_get(exchange, target)
    await wait_for_barrier(exchange, barrier)
    early = await connection.receive_some(ARRIVED_DATA_WAIT_SECONDS)
    assert_that(not early, "no bytes on the wire while the app waits", early)
    exchange.release(barrier)
    response = await connection.response()
    assert_served(response, body, status)
    return response


@case(
    MUST,
    pep3333(
        START,
        "response headers must not be sent until there is actual body data available, or until the application's "
        "returned iterable is exhausted",
    ),
    basis=MUST_TEXT,
    variants={"list": "list", "generator": "generator", "blank": "blank"},
)
async def empty_iterable(exchange: Exchange, what: str) -> None:
    """The server sends the status and the headers when the iterable yields nothing, or only b''.

    Sends: A GET request. The app sets a header and returns an empty list, an empty iterator, or one b''.
    Expects: A complete response with that header and no body.
    Why: Redirects look like this. Without a head, the browser reports an empty response of the server.
    """
    response = await exchange.get(f"/empty-body?what={what}")
    assert_served(response, b"")
    assert_equal(response.header("X-Marker"), b"kept", "X-Marker")


@case(
    MUST,
    pep3333(
        DETAILS,
        "this invocation may be performed by the iterable's first iteration, so servers must not assume that "
        "start_response() has been called before they begin iterating over the iterable",
    ),
    basis=MUST_TEXT,
)
async def late_call(exchange: Exchange) -> None:
    """The app may call start_response in the first iteration of its iterable.

    Sends: A GET request. The app is a generator and calls start_response in its first step.
    Expects: The status, the header and the body of the app.
    Why: Otherwise apps that are generators fail on every page.
    """
    response = await exchange.get("/start-late")
    await expect_event(exchange, "first-next", "the iterable to be iterated")
    assert_served(response, b"late\n", 203)
    assert_equal(response.header("X-Late"), b"yes", "X-Late")


@case(
    SHOULD,
    pep3333(
        "Other HTTP Features",
        'In general, servers and gateways should "play dumb" and allow the application complete control over its '
        "output.",
    ),
    basis=SHOULD_TEXT,
)
async def play_dumb(exchange: Exchange) -> None:
    """The server sends status, reason phrase, repeated headers and their order, and the body as the app gave them.

    Sends: A GET request. The app responds with `299 Gauntlet Run`, three X-Order, two Set-Cookie, and a Content-Type
    with quotes and a comma.
    Expects: The same status, reason phrase, values, order and body.
    Why: If one of two cookies is lost, the user is logged out. An app that works on one server fails on the next.
    """
    response = await exchange.get("/play-dumb")
    assert_served(response, b"dumb\n", 299)
    assert_equal(response.reason, b"Gauntlet Run", "the reason phrase")
    assert_equal(response.all("X-Order"), [b"one", b"two", b"three"], "the X-Order headers")
    cookies = [b"a=1; Path=/", b"b=2; Expires=Wed, 09 Jun 2027 10:18:14 GMT"]
    assert_equal(response.all("Set-Cookie"), cookies, "the Set-Cookie headers")
    assert_equal(response.header("Content-Type"), b'text/x-gauntlet; charset=utf-8; note="a, b"', "Content-Type")


@case(
    MUST,
    pep3333(
        "Unicode Issues",
        'all "strings" referred to in this specification must contain only code points representable in ISO-8859-1 '
        "encoding (\\u0000 through \\u00FF, inclusive)",
    ),
    basis=definition(
        "ISO-8859-1 gives each of these characters the byte with the same number. Other bytes would be another value "
        "than that of the app."
    ),
)
async def latin1_kept(exchange: Exchange) -> None:
    """Each character of a header up to U+00FF is sent as the byte with the same number.

    Sends: A GET request. The app sets a header to `café` in latin-1 and to the UTF-8 bytes of `€`, read as latin-1.
    Expects: Exactly these bytes in the response.
    Why: Frameworks send file names and cookies in other scripts this way. If the server encodes them again or rejects
    them, the download has a garbled name or fails.
    """
    response = await exchange.get("/latin1")
    assert_served(response, b"body\n")
    assert_equal(response.header("X-Name"), b"caf\xe9 \xe2\x82\xac", "X-Name")
