"""The variables that begin with `wsgi.`: version, scheme, streams, and what may go on at the same time."""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_every, assert_that
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, recorded_only, wsgi_variable
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.harness.model import AppEvent, Setup
from wsgi_gauntlet.suites.pep3333.assertions import EXTRA_WAIT_SECONDS, open_and_send_get

VARIABLES = "environ Variables"

SCHEME = pep3333(
    VARIABLES,
    'A string representing the "scheme" portion of the URL at which the application is being invoked.',
)

WSGI_VARIABLES = ("wsgi.version", "wsgi.url_scheme", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once")
"""The WSGI-defined variables beside the two streams."""


@case(
    MUST,
    pep3333(VARIABLES, "The tuple (1, 0), representing WSGI version 1.0."),
    basis=wsgi_variable("The value is given in full; no other is defined."),
)
async def wsgi_version(exchange: Exchange) -> None:
    """wsgi.version is the tuple (1, 0).

    Sends: A plain request.
    Expects: The tuple (1, 0): also under PEP 3333, which is version 1.0.1 of the text and not of the interface.
    Why: Middleware that compares the version refuses to run, or takes a path that was never tried.
    """
    event = await exchange.app()
    assert_equal(event.detail["types"].get("wsgi.version"), "tuple", "the type of wsgi.version")
    assert_equal(event.detail["wsgi"]["wsgi.version"]["repr"], "(1, 0)", "wsgi.version")


@case(MUST, SCHEME, basis=wsgi_variable("A request over plain HTTP invokes the app at a URL whose scheme is http."))
async def url_scheme(exchange: Exchange) -> None:
    """wsgi.url_scheme is `http` for a request over plain HTTP.

    Sends: A plain request over HTTP without TLS.
    Expects: The value `http`.
    Why: The links and redirects that the app makes begin with it; with `https` they lead to a port where nobody
    answers.
    """
    _skip_over_tls(exchange)
    assert_equal((await exchange.app()).detail["environ"].get("wsgi.url_scheme"), "http", "wsgi.url_scheme")


@case(
    INFO,
    SCHEME,
    basis=recorded_only("The PEP leaves open whose word counts for the URL: the connection's or a proxy's."),
    tags=["security"],
)
async def url_scheme_forwarded(exchange: Exchange) -> None:
    """Whether X-Forwarded-Proto from 127.0.0.1 changes wsgi.url_scheme is told, and nobody blamed for it.

    Sends: A plain request from 127.0.0.1 that says `X-Forwarded-Proto: https`.
    Expects: Either value of wsgi.url_scheme. Servers that trust a proxy on the same machine by default say https; that
    is told.
    Why: Behind a proxy on another machine, or with the port open to others, any client can make the app believe that
    its connection is encrypted.
    """
    _skip_over_tls(exchange)
    environ = (await exchange.app(headers=[("X-Forwarded-Proto", "https")])).detail["environ"]
    assert_equal(environ.get("wsgi.url_scheme"), "http", "wsgi.url_scheme")


def _skip_over_tls(exchange: Exchange) -> None:
    if exchange.server.address.tls:
        exchange.skip("this server was asked for with tls, of which pep3333/environ/url-scheme-tls tells")


@case(MUST, pep3333(VARIABLES, "and must contain the following WSGI-defined variables"), basis=MUST_TEXT)
async def streams_present(exchange: Exchange) -> None:
    """wsgi.input and wsgi.errors are there, also for a request with no body, and the other five keys of WSGI.

    Sends: A plain GET, which has no body.
    Expects: Both keys, and neither of them None; and the keys of version, scheme and the three flags.
    Why: A framework reads the one and logs to the other without asking; where one is missing every plain page is an
    error.
    """
    types = (await exchange.app()).detail["types"]
    for name in ("wsgi.input", "wsgi.errors"):
        assert_that(types.get(name, "NoneType") != "NoneType", f"{name} in environ", types.get(name))
    missing = [name for name in WSGI_VARIABLES if name not in types]
    assert_equal(missing, [], "the WSGI-defined variables that are not in environ")


@case(
    SHOULD,
    pep3333(
        VARIABLES,
        "This value should evaluate true if the application object may be simultaneously "
        "invoked by another thread in the same process, and should evaluate false otherwise.",
    ),
    basis=SHOULD_TEXT,
    setup=Setup(threads=4),
    time_sensitive=True,
)
async def multithread_truth(exchange: Exchange) -> None:
    """wsgi.multithread is true where two requests are in one process at the same time.

    Sends: Requests to a server with four threads, which are held in the app until two of them are in one process at the
    same time.
    Expects: A true value in each of these calls. Where no two come together, the case is unsupported.
    Why: An app that trusts a false value goes without the locks that it needs: two users' orders get mixed up, now and
    then.
    """
    await _assert_true_while_overlapping(exchange, "wsgi.multithread", same_process=True)


@case(
    SHOULD,
    pep3333(
        VARIABLES,
        "This value should evaluate true if an equivalent application object may be "
        "simultaneously invoked by another process, and should evaluate false otherwise.",
    ),
    basis=SHOULD_TEXT,
    setup=Setup(workers=2),
    time_sensitive=True,
)
async def multiprocess_truth(exchange: Exchange) -> None:
    """wsgi.multiprocess is true where two requests are in two processes at the same time.

    Sends: Requests to a server with two workers, which are held in the app until two processes have one at the same
    time.
    Expects: A true value in each of these calls. Where no two come together, the case is unsupported.
    Why: An app that trusts a false value keeps its sessions in memory, and users are logged out whenever the other
    process answers.
    """
    await _assert_true_while_overlapping(exchange, "wsgi.multiprocess", same_process=False)


REQUEST_ROUNDS = 12
"""Times that four more requests are sent; with EXTRA_WAIT_SECONDS after each, time for a second process on a busy
machine."""


async def _assert_true_while_overlapping(exchange: Exchange, name: str, *, same_process: bool) -> None:
    def overlapping_calls() -> list[AppEvent]:
        pids = [event.pid for event in exchange.events("waiting")]
        # A server may call the app with no request at all, to see what it is: that was beside none of ours.
        calls = [call for call in exchange.events("called") if call.token]
        if same_process:
            return [call for call in calls if pids.count(call.pid) > 1]
        return calls if len(set(pids)) > 1 else []

    # In waves, because it is the system that says which process gets a connection, and one may still be starting.
    for _ in range(REQUEST_ROUNDS):
        for _ in range(4):
            await open_and_send_get(exchange, "/echo?hold=overlap")
        with trio.move_on_after(EXTRA_WAIT_SECONDS):
            while not overlapping_calls():
                await exchange.event("waiting", count=len(exchange.events("waiting")) + 1)
        if overlapping_calls():
            break
    calls = overlapping_calls()
    if not calls:
        exchange.unsupported(f"no two requests were in {'one process' if same_process else 'two processes'} at a time")
    flags = [(call.pid, call.detail["wsgi"].get(name, {}).get("true", False)) for call in calls]
    assert_every(flags, lambda flag: flag[1], f"a call with {name} true, while another was going on (process, value)")


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
    """wsgi.run_once is false where the same process serves again.

    Sends: Two plain requests.
    Expects: The key in both calls; where one process served both, its value is false. `streams-present` demands
    the key, as a must.
    Why: A framework that is told it runs once flushes and closes everything after each request, and every page is slow.
    """
    await exchange.get("/echo")
    await exchange.get("/echo")
    calls = await exchange.calls()
    assert_every(calls, lambda call: "wsgi.run_once" in call.detail["wsgi"], "a call with wsgi.run_once in environ")
    if len({call.pid for call in calls}) < len(calls):
        value = calls[0].detail["wsgi"]["wsgi.run_once"]
        assert_that(not value["true"], "wsgi.run_once to be false in a process that serves again", value["repr"])


SINGLE_THREADED = Setup(workers=1, threads=1)


@case(
    SHOULD,
    pep3333(
        VARIABLES,
        "This value should evaluate true if the application object may be simultaneously "
        "invoked by another thread in the same process, and should evaluate false otherwise.",
    ),
    basis=SHOULD_TEXT,
    needs=["pep3333/concurrency/single-thread-option"],
    setup=SINGLE_THREADED,
)
async def multithread_not_claimed(exchange: Exchange) -> None:
    """wsgi.multithread is false where the server was set to one thread.

    Sends: A plain request to a server with one process and one thread.
    Expects: A false value. Where the server has several requests at once all the same, single-thread-option tells of
    that, and this case is skipped.
    Why: An app that is not thread-safe refuses to start, or locks for nothing, on a server that could serve it well.
    """
    await _assert_false(exchange, "wsgi.multithread")


@case(
    SHOULD,
    pep3333(
        VARIABLES,
        "This value should evaluate true if an equivalent application object may be "
        "simultaneously invoked by another process, and should evaluate false otherwise.",
    ),
    basis=SHOULD_TEXT,
    setup=SINGLE_THREADED,
)
async def multiprocess_not_claimed(exchange: Exchange) -> None:
    """wsgi.multiprocess is false where the server was set to one process.

    Sends: A plain request to a server with one process and one thread.
    Expects: A false value.
    Why: Debuggers and in-memory caches, which work in one process alone, switch themselves off when it is true.
    """
    await _assert_false(exchange, "wsgi.multiprocess")


async def _assert_false(exchange: Exchange, name: str) -> None:
    value = (await exchange.app()).detail["wsgi"].get(name)
    assert_that(value is not None, f"{name} in environ", "it is not there")
    if value is not None:
        assert_that(not value["true"], f"{name} to be false", value["repr"])
