"""Shared helpers of the cases: send a request to a behaviour of the test app, and wait for its app events."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import trio

from wsgi_gauntlet.harness.conformance.assertions import Violation, assert_that, fail_case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.http.connection import Connection
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.server.adapter import Protocol

HANG_TIMEOUT_SECONDS = 1.0
"""Seconds after which an operation that needs no waiting counts as hanging. Only a failing attempt waits so long."""

EXTRA_WAIT_SECONDS = 0.3
"""Seconds to wait for a response that does not influence the verdict."""

ARRIVED_DATA_WAIT_SECONDS = 0.05
"""Seconds until bytes that the server has already sent reach the client. On a correct server the case waits so long."""

NEEDS_WRITE = ["pep3333/start-response/returns-write"]
"""The case that must pass before a case whose app uses write(). If a server has no write(), only that case fails."""

NEEDS_EOF = "pep3333/input/eof-at-content-length/read"
"""The case that must pass before a case that reads to the end. Otherwise both report the same fault."""

BARRIER_EVENT = "waiting"
"""Kind of the app event "the app waits at a barrier"."""

TLS_ENDS_AT_PROXY = "TLS ends at the proxy, which speaks plain HTTP to the server that calls the app"
"""Reason to skip a case that needs a server with knowledge of TLS; see `server_sees_tls`."""


async def expect_event_where(
    exchange: Exchange, matches: Callable[[AppEvent], object], expected: str, *, timeout: float = HANG_TIMEOUT_SECONDS
) -> AppEvent:
    """Return the first app event of this attempt that `matches`. `timeout` is in seconds.

    Raises Violation with the text `expected` when there is none, and EventsLost when app events were lost.
    """
    mark = exchange.server.channel.mark()
    with trio.move_on_after(timeout):
        while True:
            for event in exchange.events():
                if matches(event):
                    return event
            await exchange.server.channel.wait(mark, lambda _event: True)
            mark = exchange.server.channel.mark()
    await exchange.server.channel.read_pending()
    for event in exchange.events():  # raises EventsLost: then the server is not to blame
        if matches(event):
            return event
    exchange.transcript.time_sensitive = True
    raise Violation(expected, f"the app did not report this within {timeout:g} s")


async def expect_event(
    exchange: Exchange, kind: str, expected: str, *, timeout: float = HANG_TIMEOUT_SECONDS
) -> AppEvent:
    """Return the first app event of that kind; see `expect_event_where`."""
    return await expect_event_where(exchange, lambda event: event.kind == kind, expected, timeout=timeout)


async def step_outcome(exchange: Exchange, step: str) -> AppEvent:
    """Return the app event with the result of a step of the app: `returned` or `raised`."""
    return await expect_event_where(
        exchange,
        lambda event: event.kind in ("returned", "raised") and event.detail.get("where") == step,
        f"the app to finish its step {step!r}",
    )


async def assert_step_returns(exchange: Exchange, step: str, subject: str) -> None:
    """Expect that a step of the app returns. `subject` names the step in the message."""
    event = await step_outcome(exchange, step)
    exception = f"it raised {event.detail.get('type')}: {event.detail.get('text')}"
    assert_that(event.kind == "returned", f"{subject} to return", exception)


async def assert_step_raises(exchange: Exchange, step: str, subject: str) -> None:
    """Expect that a step of the app raises. `subject` names the step in the message."""
    event = await step_outcome(exchange, step)
    assert_that(event.kind == "raised", f"{subject} to raise", "it returned")


async def wait_for_barrier(exchange: Exchange, barrier: str, *, timeout: float = HANG_TIMEOUT_SECONDS) -> None:
    """Wait until the app waits at that barrier. `timeout` is in seconds."""
    await expect_event_where(
        exchange,
        lambda event: event.kind == BARRIER_EVENT and event.detail["barrier"] == barrier,
        f"the app to reach the barrier {barrier!r}",
        timeout=timeout,
    )


async def read_in_app(
    exchange: Exchange, steps: str, body: bytes, *, following_bytes: bytes = b""
) -> list[dict[str, Any]]:
    """POST `body`, let the app read wsgi.input in `steps`, and return the result of each step.

    The connection stays open, and `following_bytes` follow the body. Raises Violation when a step raises or does not
    return within `HANG_TIMEOUT_SECONDS`.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("/reads" + query(do=steps), method="POST", body=body) + following_bytes)
    return await step_results(exchange, steps, connection)


async def step_results(exchange: Exchange, steps: str, connection: Connection) -> list[dict[str, Any]]:
    """Return what the app reports of each step after a request to /reads; see `read_in_app`."""
    found: list[dict[str, Any]] = []
    for number, step in enumerate(steps.split(","), 1):
        try:
            found.append((await exchange.event("read", timeout=HANG_TIMEOUT_SECONDS, count=number)).detail)
        except trio.TooSlowError:
            if not exchange.events("called"):
                response = await connection.response(timeout=HANG_TIMEOUT_SECONDS)
                await exchange.fail_app_not_called(response)
            fail_case(
                f"{step_as_python(step)} to return",
                f"it did not return within {HANG_TIMEOUT_SECONDS:g} s while the connection was open",
            )
        if raised := found[-1].get("raised"):
            fail_case(f"{step_as_python(step)} to return", f"{raised['type']}: {raised['text']}")
    return found


async def open_and_send_get(exchange: Exchange, target: str) -> Connection:
    """Send a GET request on a new connection and return the connection without reading the response."""
    connection = await exchange.connect()
    await connection.send(exchange.request(target))
    return connection


def request_of_version(exchange: Exchange, target: str, version: str) -> bytes:
    """Return a GET request of that HTTP version: with Host, but HTTP/1.0 without Host."""
    request = exchange.request(target, version=version)
    return re.sub(rb"Host: [^\r]*\r\n", b"", request) if version == "HTTP/1.0" else request


async def get_within(exchange: Exchange, target: str, *, timeout: float = HANG_TIMEOUT_SECONDS) -> Response:
    """Send a GET request and return the part of the response, possibly nothing, that arrives in `timeout` seconds.

    The default timeout suits an app that fails immediately.
    """
    connection = await open_and_send_get(exchange, target)
    response = await connection.response(timeout=timeout)
    await connection.close()
    return response


async def response_and_ending(connection: Connection) -> tuple[Response, ConnectionState]:
    """Return the response, and the state of the connection after it: closed, or silent for `HANG_TIMEOUT_SECONDS`.

    After a complete response a server may keep the connection; then the silence is `EXTRA_WAIT_SECONDS`.
    """
    began = trio.current_time()
    response = await connection.response(timeout=HANG_TIMEOUT_SECONDS)
    # An incomplete response has mostly ended with this silence already. A malformed one ends at once.
    left = began + HANG_TIMEOUT_SECONDS - trio.current_time()
    patience = EXTRA_WAIT_SECONDS if response.complete else max(left, ARRIVED_DATA_WAIT_SECONDS)
    return response, await connection.ending(timeout=patience)


def step_as_python(step: str) -> str:
    """Return a step of the behaviour /reads as Python code or a short description."""
    name, _, size = step.partition(":")
    descriptions = {
        "iter": "list(wsgi.input)",
        "next": "next(iter(wsgi.input))",
        "until": f"reading {size} bytes",
        "rest": "reading the rest",
    }
    return descriptions.get(name, f"wsgi.input.{name}({size})")


def bytes_read(result: dict[str, Any]) -> bytes:
    """Return the bytes that a step read. Raises Violation when it read another type."""
    assert_that("data" in result, "bytes", result.get("repr"))
    return str(result["data"]).encode("latin-1")


def assert_served(response: Response, body: bytes | None = None, status: int = 200) -> None:
    """Expect a complete response with that status, and with `body` if it is given."""
    assert_that(response.status == status and response.complete, f"a complete {status} response", response.describe())
    if body is not None:
        assert_that(response.body == body, f"the body {body!r}", response.body)


def assert_not_success(response: Response, reason: str) -> None:
    """Expect an error status, an aborted response or no response: no complete 2xx, and no bytes without a head."""
    success = response.status is not None and 200 <= response.status < 300 and response.complete
    garbage = response.status is None and not response.is_empty
    assert_that(
        not (success or garbage), f"an error status or an aborted response, because {reason}", response.describe()
    )


def assert_nothing_unread(connection: Connection, last_part: str) -> None:
    """Expect that the server sent no bytes after `last_part`, which the case has read."""
    assert_that(not connection.unread, f"no bytes after {last_part}", connection.unread)


def skip_behind_proxy(exchange: Exchange) -> None:
    """Skip the case behind a proxy: PEP 3333 does not bind the way in which a proxy handles requests and blocks."""
    if exchange.server.plan.behind_proxy:
        exchange.skip("the proxy follows its own rules here; run this case on the server without the proxy")


def server_sees_tls(exchange: Exchange) -> bool:
    """Return whether the server that calls the app can know that the client uses TLS.

    It cannot behind a proxy that speaks plain HTTP to it: the PEP does not mention headers that proxies use for this.
    With the uwsgi protocol, the proxy passes the variables themselves.
    """
    plan = exchange.server.plan
    if plan.upstream is None or plan.upstream.settings.tls:
        return True
    protocol, _ = plan.adapter.protocol_for(plan.variant, plan.upstream.adapter)
    return protocol is Protocol.UWSGI
