"""The `wsgi.` variables: version, scheme, streams and concurrency."""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_every, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, pep3333, recorded_only, wsgi_variable
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import AppEvent, Setup
from wsgi_gauntlet.suites.pep3333.assertions import BARRIER_EVENT, EXTRA_WAIT_SECONDS, open_and_send_get

VARIABLES = "environ Variables"

SCHEME = pep3333(
    VARIABLES,
    'A string representing the "scheme" portion of the URL at which the application is being invoked.',
)

MULTITHREAD = pep3333(
    VARIABLES,
    "This value should evaluate true if the application object may be simultaneously "
    "invoked by another thread in the same process, and should evaluate false otherwise.",
)

MULTIPROCESS = pep3333(
    VARIABLES,
    "This value should evaluate true if an equivalent application object may be "
    "simultaneously invoked by another process, and should evaluate false otherwise.",
)

WSGI_VARIABLES = ("wsgi.version", "wsgi.url_scheme", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")
"""The WSGI variables other than the two streams."""


@case(
    MUST,
    pep3333(VARIABLES, "The tuple (1, 0), representing WSGI version 1.0."),
    basis=wsgi_variable("The PEP gives the complete value and does not define any other."),
)
async def wsgi_version(exchange: Exchange) -> None:
    """wsgi.version is the tuple (1, 0).

    Sends: A GET request.
    Expects: The tuple (1, 0). PEP 3333 is version 1.0.1 of the text, not of the interface.
    Why: Middleware that compares the version refuses to run or uses code that nobody has tested.
    """
    event = await exchange.app()
    assert_equal(event.detail["types"].get("wsgi.version"), "tuple", "the type of wsgi.version")
    assert_equal(event.detail["wsgi"]["wsgi.version"]["repr"], "(1, 0)", "wsgi.version")


@case(MUST, SCHEME, basis=wsgi_variable("A request over plain HTTP calls the app at a URL with the scheme http."))
async def url_scheme(exchange: Exchange) -> None:
    """wsgi.url_scheme is `http` for a request over plain HTTP.

    Sends: A GET request over HTTP without TLS.
    Expects: The value `http`.
    Why: Links and redirects of the app begin with it. With `https`, they lead to a port that does not respond.
    """
    _skip_over_tls(exchange)
    assert_equal((await exchange.app()).detail["environ"].get("wsgi.url_scheme"), "http", "wsgi.url_scheme")


@case(
    INFO,
    SCHEME,
    basis=recorded_only(
        "The PEP does not say whether the URL is the one of the connection or the one that a proxy reports."
    ),
    tags=["security"],
)
async def url_scheme_forwarded(exchange: Exchange) -> None:
    """The harness records whether X-Forwarded-Proto from 127.0.0.1 changes wsgi.url_scheme.

    Sends: A GET request from 127.0.0.1 with `X-Forwarded-Proto: https`.
    Expects: Either value of wsgi.url_scheme. Servers that trust a proxy on the same machine by default report https.
    The behaviour is recorded; nothing is required.
    Why: If the proxy is on another machine or the port is open to others, any client can pretend that its connection is
    encrypted.
    """
    _skip_over_tls(exchange)
    environ = (await exchange.app(headers=[("X-Forwarded-Proto", "https")])).detail["environ"]
    assert_equal(environ.get("wsgi.url_scheme"), "http", "wsgi.url_scheme")


def _skip_over_tls(exchange: Exchange) -> None:
    if exchange.server.address.tls:
        exchange.skip("this server runs with the setting tls; see pep3333/environ/url-scheme-tls")


@case(MUST, pep3333(VARIABLES, "and must contain the following WSGI-defined variables"), basis=MUST_TEXT)
async def streams_present(exchange: Exchange) -> None:
    """environ has wsgi.input and wsgi.errors, also without a request body, and the other five WSGI variables.

    Sends: A GET request, which has no body.
    Expects: Both streams are present and not None. The variables for the version, the scheme and the three flags are
    present.
    Why: Frameworks use the streams without a check. If one is missing, every page is an error.
    """
    types = (await exchange.app()).detail["types"]
    for name in ("wsgi.input", "wsgi.errors"):
        assert_that(types.get(name, "NoneType") != "NoneType", f"{name} in environ", types.get(name))
    missing = [name for name in WSGI_VARIABLES if name not in types]
    assert_that(not missing, "every WSGI variable in environ", f"an environ without {', '.join(missing)}")


@case(SHOULD, MULTITHREAD, basis=SHOULD_TEXT, setup=Setup(threads=4), time_sensitive=True)
async def multithread_truth(exchange: Exchange) -> None:
    """wsgi.multithread is true when two requests are in one process at the same time.

    Sends: GET requests to a server with four threads. They wait in the app until two of them are in one process at the
    same time.
    Expects: A true value in each of these calls. The case is unsupported when no two requests overlap.
    Why: If the value is false, an app may work without locks. Then it sometimes mixes up the orders of two users.
    """
    await _assert_true_while_overlapping(exchange, "wsgi.multithread", same_process=True)


@case(SHOULD, MULTIPROCESS, basis=SHOULD_TEXT, setup=Setup(workers=2), time_sensitive=True)
async def multiprocess_truth(exchange: Exchange) -> None:
    """wsgi.multiprocess is true when two requests are in two processes at the same time.

    Sends: GET requests to a server with two workers. They wait in the app until two processes have a request at the
    same time.
    Expects: A true value in each of these calls. The case is unsupported when no two requests overlap.
    Why: If the value is false, an app may keep its sessions in memory. Then users are logged out whenever another
    process responds.
    """
    await _assert_true_while_overlapping(exchange, "wsgi.multiprocess", same_process=False)


REQUEST_ROUNDS = 12
"""Number of rounds of four requests, with EXTRA_WAIT_SECONDS after each. A second process needs time on a busy
machine."""


async def _assert_true_while_overlapping(exchange: Exchange, name: str, *, same_process: bool) -> None:
    def overlapping_calls() -> list[AppEvent]:
        pids = [event.pid for event in exchange.events(BARRIER_EVENT)]
        # A server may call the app without a request, as a test. Such a call has no token and does not count.
        calls = [call for call in exchange.events("called") if call.token]
        if same_process:
            return [call for call in calls if pids.count(call.pid) > 1]
        return calls if len(set(pids)) > 1 else []

    # Several rounds: the operating system chooses the process of a connection, and a process may still be starting.
    for _ in range(REQUEST_ROUNDS):
        for _ in range(4):
            await open_and_send_get(exchange, "/echo?hold=overlap")
        with trio.move_on_after(EXTRA_WAIT_SECONDS):
            while not overlapping_calls():
                await exchange.event(BARRIER_EVENT, count=len(exchange.events(BARRIER_EVENT)) + 1)
        if overlapping_calls():
            break
    calls = overlapping_calls()
    if not calls:
        where = "one process" if same_process else "two processes"
        exchange.unsupported(f"no two requests were in {where} at the same time")
    flags = [(call.pid, call.detail["wsgi"].get(name, {}).get("true", False)) for call in calls]
    assert_every(flags, lambda flag: flag[1], f"a call with {name} true, while another call ran (process, value)")


@case(
    SHOULD,
    pep3333(
        VARIABLES,
        "This value should evaluate true if the server or gateway expects (but does not guarantee!) that the "
        "application will only be invoked this one time during the life of its containing process.",
    ),
    basis=SHOULD_TEXT,
)
async def run_once(exchange: Exchange) -> None:
    """wsgi.run_once is false when the same process serves several requests.

    Sends: Two GET requests.
    Expects: The variable is in both calls. It is false if one process served both. The case `streams-present` requires
    the variable as a must.
    Why: A framework that reads a true value may flush and close everything after each request. Then every page is slow.
    """
    await exchange.get("/echo")
    await exchange.get("/echo")
    calls = await exchange.calls()
    assert_every(calls, lambda call: "wsgi.run_once" in call.detail["wsgi"], "a call with wsgi.run_once in environ")
    if len({call.pid for call in calls}) < len(calls):
        value = calls[0].detail["wsgi"]["wsgi.run_once"]
        assert_that(not value["true"], "wsgi.run_once to be false in a process that serves twice", value["repr"])


SINGLE_THREADED = Setup(workers=1, threads=1)


@case(SHOULD, MULTITHREAD, basis=SHOULD_TEXT, needs=["pep3333/concurrency/single-thread-option"], setup=SINGLE_THREADED)
async def multithread_not_claimed(exchange: Exchange) -> None:
    """wsgi.multithread is false when the server is set to one thread.

    Sends: A GET request to a server with one process and one thread.
    Expects: A false value. The case is skipped when the server still runs several requests at once. The case
    single-thread-option reports that.
    Why: An app that is not thread-safe refuses to start, or locks needlessly, on a server that could run it well.
    """
    await _assert_false(exchange, "wsgi.multithread")


@case(SHOULD, MULTIPROCESS, basis=SHOULD_TEXT, setup=SINGLE_THREADED)
async def multiprocess_not_claimed(exchange: Exchange) -> None:
    """wsgi.multiprocess is false when the server is set to one process.

    Sends: A GET request to a server with one process and one thread.
    Expects: A false value.
    Why: Debuggers and in-memory caches work only in one process. They disable themselves when the value is true.
    """
    await _assert_false(exchange, "wsgi.multiprocess")


async def _assert_false(exchange: Exchange, name: str) -> None:
    value = (await exchange.app()).detail["wsgi"].get(name)
    assert_that(value is not None, f"{name} in environ", "it is missing")
    if value is not None:
        assert_that(not value["true"], f"{name} to be false", value["repr"])
