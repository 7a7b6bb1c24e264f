"""Verbs that the http cases share: ask on one connection, then tell whether the request was refused or served.

Every case is judged on three things together: the answer, what the app saw, and what becomes of a second request on
the same connection.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn

import trio

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.assertions import Violation
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.connection import ConnectFailed, Connection
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.harness.model import AppEvent

RESPONSE_TIMEOUT_SECONDS = 1.5
"""Seconds to wait for an answer or an end. A good server needs milliseconds: only a failing case waits so long.

Less than the 2 s after which gunicorn ends a connection that lies idle: that is no answer to what came on it."""

SERVER_ALIVE_TIMEOUT_SECONDS = 3.0
"""Seconds in which a plain request on a new connection must be served after whatever a case did."""

CLIENT_ERRORS = range(400, 500)
"""The statuses that tell a client that its request was at fault."""

READ_TO_END_TARGET = "/read?to=end"
"""The app's reader for a body whose end the coding tells: without Content-Length it reads on until its input ends."""

UNKNOWN_LENGTH_STATUSES = (400, 501)
"""What RFC 9112 asks for where the end of a body cannot be known (section 6.3) or its coding is unknown (6.1)."""


@dataclass(frozen=True)
class RequestResult:
    """What came of one request: its answer, a plain second request's answer on the same connection, and the app's side.

    `after` is None where no second request was to be tried; `second_request_reached_app` says that the app was called
    for it. `calls` and `bodies` are the app's events `called` and `body`, those of the second request left out.
    """

    response: Response
    second_response: Response | None
    ending: ConnectionState
    calls: tuple[AppEvent, ...]
    bodies: tuple[AppEvent, ...]
    second_request_reached_app: bool

    @property
    def closed(self) -> bool:
        """Whether the connection ended with the answer, and nothing more came on it."""
        ended = self.second_response is None or self.second_response.status is None
        return self.ending is not ConnectionState.OPEN and ended and not self.second_request_reached_app

    def describe(self) -> str:
        """Return answer and app's side in one sentence for people."""
        if not self.calls:
            return f"{self.response.describe()}; the app was not called"
        # An event too large for its socket comes without its details.
        calls = ", ".join(f"{e.detail.get('method', '')} {e.detail.get('path', '')}"[:80] for e in self.calls)
        read = "".join(f", which read {e.detail['length']} bytes: {e.detail['data'][:80]!r}" for e in self.bodies[:2])
        return f"{self.response.describe()}; the app was called: {calls}{read}"


def raw(exchange: Exchange, request_line: str, *fields: str, host: bool = True, body: bytes = b"") -> bytes:
    """Return a request of exactly these lines, with Host (unless `host` is false) and this attempt's token first."""
    lines = [request_line]
    if host:
        lines.append(f"Host: {exchange.server.address.authority}")
    lines += [f"X-Gauntlet: {exchange.token}", *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def post(
    exchange: Exchange,
    *fields: str,
    body: bytes = b"",
    target: str = "/read",
    version: str = "HTTP/1.1",
    method: str = "POST",
) -> bytes:
    """Return a POST of exactly these fields and body, to the app's reader; framing is left to `fields`."""
    return raw(exchange, f"{method} {exchange.target(target)} {version}", *fields, body=body)


def smuggled_request(exchange: Exchange) -> bytes:
    """Return a whole request with a token of its own, for hiding in the body of another."""
    return exchange.request("/echo", token=f"{exchange.token}.hidden")


async def send_request(
    exchange: Exchange,
    data: bytes,
    *,
    head: bool = False,
    half_close_after: bool = False,
    send_second: bool = True,
    timeout: float = RESPONSE_TIMEOUT_SECONDS,
) -> RequestResult:
    """Send `data` on a connection of its own, then (`again`) a plain request on the same, and see what comes of both.

    No second request is sent where the answer says that the connection closes; then its end is waited for.

    `head`: the answer is to a HEAD. `fin`: our sending side is closed behind the data, so no second request follows.
    `patience`: the seconds to wait for each answer.
    Raises Violation where the server does not serve a plain request on a new connection afterwards.
    """
    connection = await exchange.connect()
    await connection.send(data)
    if half_close_after:
        await connection.half_close()
    response = await connection.response(head=head, timeout=timeout)
    second_response, ending = None, response.ended
    if send_second and response.complete:
        # What said that it closes gets no second request: a client must not send one (RFC 9112, section 9.6).
        if not half_close_after and not response.announces_close:
            await connection.send(exchange.request("/echo", token=_second_token(exchange)))
        second_response = await connection.response(timeout=timeout)
        ending = second_response.ended
    await connection.close()
    return await collect_result(
        exchange, response, second_response, ending, timeout=max(SERVER_ALIVE_TIMEOUT_SECONDS, timeout)
    )


async def collect_result(
    exchange: Exchange,
    response: Response,
    second_response: Response | None = None,
    ending: ConnectionState = ConnectionState.OPEN,
    *,
    timeout: float = SERVER_ALIVE_TIMEOUT_SECONDS,
) -> RequestResult:
    """Join what came on the wire with what the app saw, once nothing of it is still on its way.

    Connections are to be closed before. Raises Violation where the server does not serve a new one in `patience`
    seconds.
    """
    await assert_server_alive(exchange, timeout)
    first_request_events = [e for e in exchange.events() if e.token != _second_token(exchange)]
    return RequestResult(
        response,
        second_response,
        ending,
        tuple(e for e in first_request_events if e.kind == "called"),
        tuple(e for e in first_request_events if e.kind == "body"),
        any(e.token == _second_token(exchange) for e in exchange.events("called")),
    )


async def assert_server_alive(exchange: Exchange, timeout: float = SERVER_ALIVE_TIMEOUT_SECONDS) -> None:
    """Expect the server to serve a plain request on a new connection, in `patience` seconds."""
    expected = "the server to serve a plain request on a new connection afterwards"
    good = False
    try:
        with trio.move_on_after(timeout) as scope:
            good = await exchange.send_sync_request()
    except ConnectFailed as failed:
        raise Violation(expected, str(failed)) from None
    if scope.cancelled_caught:
        exchange.transcript.time_sensitive = True
        raise Violation(expected, f"no good answer to it within {timeout:g} s")
    assertions.assert_that(good, expected, "another answer, or the connection's end in its place")


# ---------------------------------------------------------------------- what is expected of a Seen


def assert_rejected(result: RequestResult, statuses: Collection[int] = (400,), *, closes: bool = False) -> None:
    """Expect one of `statuses`, the app not called, and the connection in step after it, or with `closes` closed."""
    expected = f"{_statuses_text(statuses)} and the app not called"
    assertions.assert_that(not result.calls and result.response.status in statuses, expected, result.describe())
    if closes:
        closed(result)
    assert_in_sync(result)


def is_rejected_and_in_sync(result: RequestResult) -> bool:
    """Say whether it was rejected in any way; then the connection must be in step, or closed."""
    if not is_rejected(result):
        return False
    assert_in_sync(result)
    return True


def is_rejected_with(result: RequestResult, statuses: Collection[int] = CLIENT_ERRORS) -> bool:
    """Say whether it was refused with one of `statuses`; for requirements that leave the choice."""
    return not result.calls and result.response.status in statuses


def is_rejected(result: RequestResult) -> bool:
    """Say whether it was refused in any way, a connection closed without a word included.

    For requirements that say "reject" and name no status.
    """
    dropped = result.response.is_empty and result.ending is not ConnectionState.OPEN
    return not result.calls and (dropped or result.response.status in CLIENT_ERRORS)


def assert_served(result: RequestResult) -> dict[str, Any]:
    """Expect a 200 from one call of the app, and the connection in step after it; returns the call's environ."""
    one = len(result.calls) == 1
    assertions.assert_that(
        result.response.status == 200 and result.response.complete and one,
        "the request to be served",
        result.describe(),
    )
    assert_in_sync(result)
    environ: dict[str, Any] = result.calls[0].detail.get("environ", {})
    return environ


def assert_body_served(result: RequestResult, body: bytes) -> None:
    """Expect the request to be served and the app to have read exactly `body`. 411 to a chunked one is allowed.

    RFC 9112, section 6.3: "A server MAY reject a request that contains a message body but not a Content-Length by
    responding with 411 (Length Required)."
    """
    if is_rejected_with(result, (411,)):
        assert_in_sync(result)
        return
    assert_served(result)
    got = [each.detail["data"].encode("latin-1") for each in result.bodies]
    assertions.assert_that(got == [body], f"the app to read {assertions.format_value(body)}", result.describe())


def assert_body_rejected(result: RequestResult) -> None:
    """Expect a request whose body's framing is broken to fail: no 2xx, and the connection closed.

    A server that hands over bodies as they come has called the app by then, so the call itself is no fault. What its
    app could read is `unfinished`'s question.
    """
    status = result.response.status
    taken = status is not None and status < 400
    assertions.assert_that(not taken, "an error answer, or none, to a body with broken framing", result.describe())
    assertions.assert_that(len(result.calls) <= 1, "one call of the app at most", result.describe())
    closed(result)


def assert_incomplete_body_rejected(result: RequestResult) -> None:
    """Expect a body that was cut off not to be taken for a whole one, by the app neither."""
    assert_body_rejected(result)
    assertions.assert_that(not result.bodies, "the app never told that the body came to its end", result.describe())


def assert_no_invented_body(exchange: Exchange, sent: bytes) -> None:
    """Expect an app whose reading failed to have read nothing but the beginning of `sent`."""
    for part in exchange.events("part"):
        read = part.detail["data"].encode("latin-1")
        good = part.detail["length"] == len(read) and sent.startswith(read)
        found = f"{part.detail['length']} bytes, which begin {read[:80]!r}"
        assertions.assert_that(good, f"the app to read nothing but what was sent, {sent!r}", found)


def assert_response_or_close(result: RequestResult) -> None:
    """Expect an answer, or the connection's end in its place."""
    good = result.response.status is not None or (
        result.response.is_empty and result.ending is not ConnectionState.OPEN
    )
    assertions.assert_that(good, "an answer, or the connection closed", result.describe())


def closed(result: RequestResult) -> None:
    """Expect the connection to end with the answer, and a further request on it to get nothing."""
    if result.closed:
        return
    if result.second_response is None or result.second_response.is_empty:
        got = f"{result.response.describe()}; the connection stayed open for {RESPONSE_TIMEOUT_SECONDS:g} s"
    else:
        got = f"{result.response.describe()}; then, on the same connection: {result.second_response.describe()}"
    assertions.fail_case(
        "the connection closed after the answer", got + " (app called)" * result.second_request_reached_app
    )


def assert_in_sync(result: RequestResult) -> None:
    """Expect the second request on the connection to be served as itself, or the connection to be closed.

    Where the answer says that the connection closes, none was sent: then nothing more may come.
    """
    if result.second_response is None or (
        result.second_response.is_empty
        and (result.ending is not ConnectionState.OPEN or result.response.announces_close)
    ):
        return
    good = result.second_response.status == 200 and result.second_response.body.endswith(b".next\n")
    expected = "the next request on the connection served, or the connection closed"
    if result.response.announces_close:
        expected = "nothing behind an answer that says that the connection closes"
    assertions.assert_that(good, expected, result.second_response.describe())


def assert_not_smuggled(result: RequestResult) -> None:
    """Expect the app never to have been called for the request hidden in a body, and the connection in step."""
    assert_smuggled_request_not_called(result)
    assert_in_sync(result)


def assert_smuggled_request_not_called(result: RequestResult) -> None:
    """Expect the app never to have been called for the request that was hidden in a body."""
    smuggled = [each for each in result.calls if each.token.endswith(".hidden")]
    assertions.assert_that(not smuggled, "bytes of a body never served as a request", result.describe())


def record_behaviour(what: str, actual: str) -> NoReturn:
    """Tell what the server does where nothing is required; for cases of level info and may."""
    raise Violation(f"nothing in particular: {what} is recorded", actual)


async def read_responses(connection: Connection, count: int) -> list[Response]:
    """Read up to `count` answers, as long as they come whole."""
    got: list[Response] = []
    while len(got) < count:
        response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
        if response.is_empty:
            break
        got.append(response)
        if not response.complete:
            break
    return got


def _second_token(exchange: Exchange) -> str:
    return f"{exchange.token}.next"


def _statuses_text(statuses: Collection[int]) -> str:
    if isinstance(statuses, range):
        return f"a status from {statuses[0]} to {statuses[-1]}"
    return " or ".join(map(str, statuses))
