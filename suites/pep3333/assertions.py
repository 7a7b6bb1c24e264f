"""What the cases of this suite share: sending a request to a behaviour, and waiting for the app's word on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from wsgi_gauntlet.harness.conformance.assertions import Violation, assert_that, fail_case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.http.connection import Connection
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.server.adapter import Protocol

HANG_TIMEOUT_SECONDS = 1.0
"""Seconds after which what a good server does at once is taken to hang. Only a failing attempt waits them out, and a
failing case is tried again."""

EXTRA_WAIT_SECONDS = 0.3
"""Seconds for an answer on which no verdict hangs: to describe it, or because none need come."""

ARRIVED_DATA_WAIT_SECONDS = 0.05
"""Seconds in which bytes that a server has already sent reach us; waited for where none are to come."""

NEEDS_WRITE = ["pep3333/start-response/returns-write"]
"""What a case needs whose app uses write(). Where a server has none, the case named here alone says so."""

TLS_ENDS_AT_PROXY = "TLS ends at the proxy in front, which speaks plain HTTP to the server that calls the app"
"""Why a case is skipped in which the server was to know of TLS; see `server_knows_of_tls`."""


async def expect_event_where(
    exchange: Exchange, matches: Callable[[AppEvent], object], expected: str, *, timeout: float = HANG_TIMEOUT_SECONDS
) -> AppEvent:
    """Return the app's first event of this attempt of which `holds` is true.

    Where none comes, a Violation says `expected`; an event lost on its way to us raises EventsLost instead, because
    the server is not to blame for it.
    """
    mark = exchange.server.channel.mark()
    with trio.move_on_after(timeout):
        while True:
            for event in exchange.events():
                if matches(event):
                    return event
            await exchange.server.channel.wait(mark, lambda _event: True)
            mark = exchange.server.channel.mark()
    exchange.events()
    exchange.transcript.time_sensitive = True
    raise Violation(expected, f"no word of it from the app within {timeout:g} s")


async def expect_event(
    exchange: Exchange, kind: str, expected: str, *, timeout: float = HANG_TIMEOUT_SECONDS
) -> AppEvent:
    """Return the app's first event of that kind; see `first`."""
    return await expect_event_where(exchange, lambda event: event.kind == kind, expected, timeout=timeout)


async def step_outcome(exchange: Exchange, where: str) -> AppEvent:
    """Return what became of the step `where` in the app: its event `returned` or `raised`."""
    return await expect_event_where(
        exchange,
        lambda event: event.kind in ("returned", "raised") and event.detail.get("where") == where,
        f"the app to get through its step {where!r}",
    )


async def wait_for_barrier(exchange: Exchange, barrier: str) -> None:
    """Wait until the app waits at that barrier."""
    await expect_event_where(
        exchange,
        lambda event: event.kind == "waiting" and event.detail["barrier"] == barrier,
        f"the app to get to the point {barrier!r}",
    )


async def read_in_app(
    exchange: Exchange, do: str, body: bytes, *, following_bytes: bytes = b""
) -> list[dict[str, Any]]:
    """POST `body` to the app, which does `do` with wsgi.input, and return what each step read.

    The connection stays open meanwhile, and `more` is on it right behind the body. A step that has not returned
    after `HANG_TIMEOUT_SECONDS` seconds, or that raised, is a Violation.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("/reads" + query(do=do), method="POST", body=body) + following_bytes)
    return await step_results(exchange, do, connection)


async def step_results(exchange: Exchange, do: str, connection: Connection) -> list[dict[str, Any]]:
    """Return what each step of `do` read, as the app tells it; see `reading`."""
    found: list[dict[str, Any]] = []
    for number, step in enumerate(do.split(","), 1):
        try:
            found.append((await exchange.event("read", timeout=HANG_TIMEOUT_SECONDS, count=number)).detail)
        except trio.TooSlowError:
            if not exchange.events("called"):
                response = await connection.response(timeout=HANG_TIMEOUT_SECONDS)
                await exchange.fail_app_not_called(response)
            fail_case(
                f"{step_as_python(step)} to return",
                f"it had not returned after {HANG_TIMEOUT_SECONDS:g} s, the connection being open",
            )
        if raised := found[-1].get("raised"):
            fail_case(f"{step_as_python(step)} to return", f"{raised['type']}: {raised['text']}")
    return found


async def open_and_send_get(exchange: Exchange, target: str) -> Connection:
    """Send a GET for `target` on a connection of its own and return that, the answer unread."""
    connection = await exchange.connect()
    await connection.send(exchange.request(target))
    return connection


async def get_within(exchange: Exchange, target: str, *, timeout: float = HANG_TIMEOUT_SECONDS) -> Response:
    """Send a GET for `target` and return what comes in `timeout` seconds, be it nothing.

    By default that is the time that an app takes to break.
    """
    connection = await open_and_send_get(exchange, target)
    response = await connection.response(timeout=timeout)
    await connection.close()
    return response


def step_as_python(step: str) -> str:
    """Return a step of the behaviour /reads as the Python that it stands for."""
    name, _, size = step.partition(":")
    whole = {
        "iter": "list(wsgi.input)",
        "next": "next(iter(wsgi.input))",
        "until": f"reading {size} bytes",
        "rest": "reading the rest",
    }
    return whole.get(name, f"wsgi.input.{name}({size})")


def bytes_read(result: dict[str, Any]) -> bytes:
    """Return the bytes that a step read; anything else is a Violation."""
    assert_that("data" in result, "bytes", result.get("repr"))
    return str(result["data"]).encode("latin-1")


def assert_served(response: Response, body: bytes | None = None, status: int = 200) -> None:
    """Expect a whole answer with that status, and that body where one is given."""
    assert_that(response.status == status and response.complete, f"a complete {status} answer", response.describe())
    if body is not None:
        assert_that(response.body == body, f"the body {body!r}", response.body)


def assert_not_success(response: Response, why: str) -> None:
    """Expect an error status, or an answer that is broken off or never begins; not a whole 2xx, nor what is no "
    "answer."""
    success = response.status is not None and 200 <= response.status < 300 and response.complete
    garbage = response.status is None and not response.is_empty
    assert_that(not (success or garbage), f"an error status or a broken-off answer, because {why}", response.describe())


def skip_behind_proxy(exchange: Exchange) -> None:
    """Go on only where no proxy stands between: what it does with requests and blocks is not bound by PEP 3333."""
    if exchange.server.plan.upstream is not None:
        exchange.skip("the proxy in front does this by its own rules; the server behind it has a row of its own")


def server_knows_of_tls(exchange: Exchange) -> bool:
    """Say whether the server that calls the app can know of the client's TLS.

    It cannot behind a proxy that speaks plain HTTP to it: a header that says so is between the two of them, and the
    PEP has no word on it. Over the uwsgi protocol the proxy hands the variables themselves on.
    """
    plan = exchange.server.plan
    if plan.upstream is None or plan.upstream.settings.tls:
        return True
    protocol, _ = plan.adapter.protocol_for(plan.variant, plan.upstream.adapter)
    return protocol is Protocol.UWSGI
