"""Shared helpers of the http cases: build a request, send it on a connection, and assert its result.

Most cases judge three things together: the response, the calls of the app, and a second request on the same connection.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NoReturn

import trio

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.assertions import Violation, format_value
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.connection import ConnectFailed, Connection
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.harness.model import AppEvent

RESPONSE_TIMEOUT_SECONDS = 1.5
"""Seconds to wait for a response or for the end of a connection. A good server needs milliseconds.

It is shorter than the 2 s after which gunicorn closes an idle connection, so that this close is not read as a reaction
to the request."""

SERVER_ALIVE_TIMEOUT_SECONDS = 3.0
"""Seconds within which the server must serve a plain request on a new connection at the end of a case."""

LONG_DEADLINE_SECONDS = 120.0
"""Seconds that a case of many requests may take on a busy machine."""

CLIENT_ERRORS = range(400, 500)
"""The statuses that blame the request."""

READ_TO_END_TARGET = "/read?to=end"
"""A target of the test app that reads to the end of its input if the request has no Content-Length."""

UNKNOWN_LENGTH_STATUSES = (400, 501)
"""The statuses of RFC 9112 for a body whose end is unknown (section 6.3) or whose coding is unknown (section 6.1)."""

SECURITY_TAG = ["security"]

LAST_CHUNK = b"0\r\n\r\n"

NEEDS_CHUNKED = ["http/chunked/one-chunk"]
"""Cases on unusual or malformed chunks say nothing about a server that does not decode valid ones."""


NEEDS_UNREAD_CHUNKS = ["http/framing/unread-chunks"]
"""Cases on unusual bodies that no app reads say nothing about a server that does not throw away a plain chunk."""


class HalfClose(Enum):
    """When the client closes its sending side.

    LATE is after the response, or after silence. A proxy may read an earlier half-close as a disconnect, and drop a
    response that it would have sent.
    """

    NEVER = auto()
    AT_ONCE = auto()
    LATE = auto()


@dataclass(frozen=True)
class RequestResult:
    """The result of a request: its response, the response to a second request on the connection, and the app's calls.

    `second_response` is None if the case tried no second request. `second_request_reached_app` says that the app was
    called for it. `calls` and `bodies` are the app events `called` and `body`, without those of the second request.
    """

    response: Response
    second_response: Response | None
    connection_state: ConnectionState
    calls: tuple[AppEvent, ...]
    bodies: tuple[AppEvent, ...]
    second_request_reached_app: bool

    @property
    def awaited_in_vain(self) -> bool:
        """Whether a response did not come within its time, although the connection stayed open."""
        last = self.response if self.second_response is None else self.second_response
        return not last.complete and self.connection_state is ConnectionState.OPEN

    @property
    def closed(self) -> bool:
        """Whether the connection closed after the response, without a response to the second request."""
        no_more = self.second_response is None or self.second_response.status is None
        return self.connection_state is not ConnectionState.OPEN and no_more and not self.second_request_reached_app

    def describe(self) -> str:
        """Return the response and the calls of the app in one sentence."""
        if not self.calls:
            return f"{self.response.describe()}; the app was not called"
        # An event that is too large for its socket comes without its details.
        calls = ", ".join(f"{e.detail.get('method', '')} {e.detail.get('path', '')}"[:80] for e in self.calls)
        read = "".join(f", which read {e.detail['length']} bytes: {e.detail['data'][:80]!r}" for e in self.bodies[:2])
        return f"{self.response.describe()}; the app was called: {calls}{read}"


# ---------------------------------------------------------------------- requests


def raw_request(exchange: Exchange, request_line: str, *fields: str, host: bool = True, body: bytes = b"") -> bytes:
    """Return a request of exactly these lines, after Host (unless `host` is false) and the token of this attempt."""
    lines = [request_line]
    if host:
        lines.append(f"Host: {exchange.server.address.authority}")
    lines += [f"X-Gauntlet: {exchange.token}", *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def get_request(exchange: Exchange, *fields: str) -> bytes:
    """Return a GET with these header lines."""
    return raw_request(exchange, f"GET {exchange.target('/echo')} HTTP/1.1", *fields)


def post_request(
    exchange: Exchange,
    *fields: str,
    body: bytes = b"",
    target: str = "/read",
    version: str = "HTTP/1.1",
    method: str = "POST",
) -> bytes:
    """Return a POST with exactly these header lines and this body. `fields` must define the length of the body."""
    return raw_request(exchange, f"{method} {exchange.target(target)} {version}", *fields, body=body)


def chunked_request(exchange: Exchange, body: bytes) -> bytes:
    """Return a chunked POST; `body` contains the chunks."""
    return post_request(exchange, "Transfer-Encoding: chunked", body=body, target=READ_TO_END_TARGET)


def chunked_requests(exchange: Exchange, bodies: Iterable[bytes]) -> dict[str, bytes]:
    """Return a chunked POST for each of `bodies`, by its text."""
    return {repr(body)[1:]: chunked_request(exchange, body) for body in bodies}


def smuggled_request(exchange: Exchange) -> bytes:
    """Return a whole request with its own path and token, to hide in the body of another request."""
    return exchange.request("/echo/hidden", token=f"{exchange.token}.hidden")


async def send_request(
    exchange: Exchange,
    data: bytes,
    *,
    head: bool = False,
    half_close: HalfClose = HalfClose.NEVER,
    send_second: bool = True,
    timeout: float = RESPONSE_TIMEOUT_SECONDS,
    earlier: int = 0,
) -> RequestResult:
    """Send `data` on a new connection, then a plain second request on the same one, and return the result of both.

    If the response says that the connection closes, no second request is sent; the function waits for the close.
    `head`: the request is a HEAD. After a half-close the client sends no second request. `timeout`: seconds to wait for
    each response. `earlier`: the number of app events that belong to requests before this one.
    Raises Violation if the server does not serve a plain request on a new connection afterwards.
    """
    connection = await exchange.connect()
    await connection.send(data)
    if half_close is HalfClose.AT_ONCE:
        await connection.half_close()
    response = await connection.response(head=head, timeout=timeout)
    if half_close is HalfClose.LATE:
        await connection.half_close()
        if response.is_empty and response.ended is ConnectionState.OPEN:
            response = await connection.response(head=head, timeout=timeout)
    second_response, connection_state = None, response.ended
    if send_second and response.complete:
        # A client must not send a request after a response that says close (RFC 9112, section 9.6).
        if half_close is HalfClose.NEVER and not response.announces_close:
            await connection.send(exchange.request("/echo", token=_second_token(exchange)))
        second_response = await connection.response(timeout=timeout)
        connection_state = second_response.ended
    await connection.close()
    timeout = max(SERVER_ALIVE_TIMEOUT_SECONDS, timeout)
    return await collect_result(exchange, response, second_response, connection_state, timeout=timeout, earlier=earlier)


async def assert_decoded_or_rejected(exchange: Exchange, chunks: bytes) -> None:
    """Send a chunked POST whose `chunks` contain `hello`; expect the app to read it, or the body to be rejected."""
    assert_hello_or_rejected(await send_request(exchange, chunked_request(exchange, chunks)))


async def send_with_following_get(exchange: Exchange, data: bytes, *, head: bool = False) -> tuple[Response, Response]:
    """Send `data` and a GET in one piece on a new connection, and return both responses.

    `head`: `data` is a HEAD. After an incomplete response the second one is not awaited.
    """
    connection = await exchange.connect()
    await connection.send(data + exchange.request("/echo", token=f"{exchange.token}.second"))
    first = await connection.response(head=head, timeout=RESPONSE_TIMEOUT_SECONDS)
    second = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS) if first.complete else Response()
    await connection.close()
    return first, second


async def assert_each_rejected(
    exchange: Exchange, requests: Mapping[str, bytes], statuses: Collection[int] = (400,), *, may_close: bool = False
) -> None:
    """Send each of `requests` on its own connection; expect one of `statuses` for each, and no call of the app.

    It is for many requests that differ in a few bytes: nothing follows on their connections. With `may_close` a close
    without a response is allowed. After a request without a response no other is sent, because each would wait.
    """
    accepted = {}
    for name, data in requests.items():
        connection = await exchange.connect()
        await connection.send(data)
        response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
        await connection.close()
        dropped = response.is_empty and response.ended is not ConnectionState.OPEN
        if response.status not in statuses and not (may_close and dropped):
            accepted[name] = response.describe()
            if response.is_empty and not dropped:
                break
    await assert_server_alive(exchange)
    calls = [f"{e.detail.get('method', '')} {e.detail.get('path', '')}"[:80] for e in exchange.events("called")]
    if accepted or calls:
        expected = f"{_statuses_text(statuses)} for each of {len(requests)} requests and the app not called"
        raise Violation(expected, _describe_failed(accepted) or f"the app was called: {format_value(calls)}")


async def assert_for_each(
    exchange: Exchange,
    requests: Mapping[str, bytes],
    assert_one: Callable[[RequestResult], None],
    *,
    half_close: HalfClose = HalfClose.NEVER,
) -> None:
    """Send each of `requests` as `send_request` does; expect `assert_one` to accept the result of each.

    It is for many requests that test one requirement. The evidence names each that failed. After one that failed and
    got no response, no other is sent, because each would wait.
    Raises Violation also if the server does not serve a plain request on a new connection after one of them.
    """
    failed: dict[str, str] = {}
    expectations: list[str] = []
    for name, data in requests.items():
        earlier = len(exchange.events())
        try:
            result = await send_request(exchange, data, half_close=half_close, earlier=earlier)
        except Violation as violation:
            raise Violation(violation.expected, f"{violation.actual}, after {format_value(name)}") from None
        try:
            assert_one(result)
        except Violation as violation:
            failed[name] = violation.actual
            expectations.append(violation.expected)
            if result.awaited_in_vain:
                break
    if failed:
        expected = "; ".join(dict.fromkeys(expectations))
        raise Violation(f"for each of {len(requests)} requests: {expected}", _describe_failed(failed))


def _describe_failed(failed: Mapping[str, str]) -> str:
    """Name every request that failed. Those with the same outcome share it."""
    names_by_outcome: dict[str, list[str]] = {}
    for name, outcome in failed.items():
        names_by_outcome.setdefault(outcome, []).append(format_value(name))
    return "; ".join(f"for {', '.join(names)}: {outcome}" for outcome, names in names_by_outcome.items())


async def read_responses(connection: Connection, count: int) -> list[Response]:
    """Read up to `count` responses; stop at the first that is incomplete."""
    got: list[Response] = []
    while len(got) < count:
        response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
        if response.is_empty:
            break
        got.append(response)
        if not response.complete:
            break
    return got


async def collect_result(
    exchange: Exchange,
    response: Response,
    second_response: Response | None = None,
    connection_state: ConnectionState = ConnectionState.OPEN,
    *,
    timeout: float = SERVER_ALIVE_TIMEOUT_SECONDS,
    earlier: int = 0,
) -> RequestResult:
    """Combine the responses with the app events after the first `earlier`, when the last one has arrived.

    The caller must close its connections first.
    Raises Violation if the server does not serve a plain request on a new connection within `timeout` seconds.
    """
    await assert_server_alive(exchange, timeout)
    events = exchange.events()[earlier:]
    first_request_events = [e for e in events if e.token != _second_token(exchange)]
    return RequestResult(
        response,
        second_response,
        connection_state,
        tuple(e for e in first_request_events if e.kind == "called"),
        tuple(e for e in first_request_events if e.kind == "body"),
        any(e.kind == "called" and e.token == _second_token(exchange) for e in events),
    )


async def assert_server_alive(exchange: Exchange, timeout: float = SERVER_ALIVE_TIMEOUT_SECONDS) -> None:
    """Expect the server to serve a plain request on a new connection within `timeout` seconds."""
    expected = "the server to serve a plain request on a new connection afterwards"
    good = False
    try:
        with trio.move_on_after(timeout) as scope:
            good = await exchange.send_sync_request()
    except ConnectFailed as failed:
        raise Violation(expected, str(failed)) from None
    if scope.cancelled_caught:
        exchange.transcript.time_sensitive = True
        raise Violation(expected, f"no correct response within {timeout:g} s")
    assertions.assert_that(good, expected, "another response, or the end of the connection")


# ---------------------------------------------------------------------- assertions on a RequestResult


def assert_rejected(result: RequestResult, statuses: Collection[int] = (400,), *, closes: bool = False) -> None:
    """Expect one of `statuses`, no call of the app, and a connection in sync, or with `closes` a closed one."""
    expected = f"{_statuses_text(statuses)} and the app not called"
    assertions.assert_that(not result.calls and result.response.status in statuses, expected, result.describe())
    if closes:
        assert_closed(result)
    assert_in_sync(result)


def is_rejected_and_in_sync(result: RequestResult) -> bool:
    """Return whether the request was rejected in any way; if so, expect the connection to be in sync or closed."""
    if not is_rejected(result):
        return False
    assert_in_sync(result)
    return True


def is_rejected_with(result: RequestResult, statuses: Collection[int] = CLIENT_ERRORS) -> bool:
    """Return whether the request was rejected with one of `statuses`."""
    return not result.calls and result.response.status in statuses


def is_rejected(result: RequestResult) -> bool:
    """Return whether the request was rejected with a 4xx or by a close without a response.

    It is for requirements that say "reject" and name no status.
    """
    dropped = result.response.is_empty and result.connection_state is not ConnectionState.OPEN
    return not result.calls and (dropped or result.response.status in CLIENT_ERRORS)


def is_rejected_with_error(result: RequestResult) -> bool:
    """Return whether the request got an error status or a close without the app; then expect the connection in sync.

    It is for requirements that say "reject", and where a server may also say that it implements no such thing (5xx).
    """
    if not is_rejected(result) and (result.calls or result.response.status not in range(500, 600)):
        return False
    assert_in_sync(result)
    return True


def assert_served(result: RequestResult) -> dict[str, Any]:
    """Expect a 200 from one call of the app and a connection in sync; return the environ of the call."""
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
    """Expect the request to be served and the app to read exactly `body`. 411 for a chunked body is allowed.

    RFC 9112, section 6.3: "A server MAY reject a request that contains a message body but not a Content-Length by
    responding with 411 (Length Required)."
    """
    if is_rejected_with(result, (411,)):
        assert_in_sync(result)
        return
    assert_served(result)
    got = [each.detail["data"].encode("latin-1") for each in result.bodies]
    assertions.assert_that(got == [body], f"the app to read {format_value(body)}", result.describe())


def assert_body_rejected(result: RequestResult) -> None:
    """Expect a request with an invalid body to fail: no 2xx or 3xx, and the connection closed.

    A server that streams bodies has already called the app, so one call is allowed.
    `assert_incomplete_body_rejected` checks the bytes that the app reads.
    """
    status = result.response.status
    accepted = status is not None and status < 400
    assertions.assert_that(
        not accepted, "an error status or no response to a body with invalid framing", result.describe()
    )
    assert_called_at_most_once(result)
    assert_closed(result)


def assert_hello_or_rejected(result: RequestResult) -> None:
    """Expect the app to read `hello`, or the body to be rejected."""
    if result.response.status == 200:
        assert_body_served(result, b"hello")
    else:
        assert_body_rejected(result)


def assert_incomplete_body_rejected(result: RequestResult) -> None:
    """Expect neither the server nor the app to accept an incomplete body as complete."""
    assert_body_rejected(result)
    assertions.assert_that(not result.bodies, "no normal end of the body for the app", result.describe())


def assert_no_invented_body(exchange: Exchange, sent: bytes) -> None:
    """Expect an app whose reads failed to have read only bytes from the beginning of `sent`."""
    for part in exchange.events("part"):
        read = part.detail["data"].encode("latin-1")
        good = part.detail["length"] == len(read) and sent.startswith(read)
        found = f"{part.detail['length']} bytes that begin with {read[:80]!r}"
        assertions.assert_that(good, f"the app to read only the bytes sent, {sent!r}", found)


def assert_response(result: RequestResult) -> None:
    """Expect a response with a status line."""
    assertions.assert_that(result.response.status is not None, "a response", result.describe())


def assert_response_or_close(result: RequestResult) -> None:
    """Expect a response, or the end of the connection in its place."""
    good = result.response.status is not None or (
        result.response.is_empty and result.connection_state is not ConnectionState.OPEN
    )
    assertions.assert_that(good, "a response, or the connection closed", result.describe())


def assert_called_at_most_once(result: RequestResult) -> None:
    """Expect at most one call of the app for the first request."""
    assertions.assert_that(len(result.calls) <= 1, "at most one call of the app", result.describe())


def assert_closed(result: RequestResult) -> None:
    """Expect the connection to close after the response, and a second request on it to get nothing."""
    if result.closed:
        return
    if result.second_response is None or result.second_response.is_empty:
        got = f"{result.response.describe()}; the connection stayed open for {RESPONSE_TIMEOUT_SECONDS:g} s"
    else:
        got = f"{result.response.describe()}; then, on the same connection: {result.second_response.describe()}"
    assertions.fail_case(
        "the connection closed after the response", got + " (app called)" * result.second_request_reached_app
    )


def assert_in_sync(result: RequestResult) -> None:
    """Expect the second request on the connection to get its own response, or the connection to be closed.

    If the first response says that the connection closes, no second request was sent and nothing more may come.
    """
    if result.second_response is None or (
        result.second_response.is_empty
        and (result.connection_state is not ConnectionState.OPEN or result.response.announces_close)
    ):
        return
    good = result.second_response.status == 200 and result.second_response.body.endswith(b".next\n")
    expected = "the next request on the connection served, or the connection closed"
    if result.response.announces_close:
        expected = "nothing after a response that says that the connection closes"
    assertions.assert_that(good, expected, result.second_response.describe())


def assert_no_fragment(result: RequestResult) -> None:
    """Expect 301 or 400 without a call of the app, or a request that the app got without `#` in path and query."""
    if is_rejected_with(result, (301, 400)):
        assert_in_sync(result)
        return
    environ = assert_served(result)
    shown = f"PATH_INFO {environ.get('PATH_INFO')!r}, QUERY_STRING {environ.get('QUERY_STRING')!r}"
    assertions.assert_that("#" not in shown, "no fragment in environ", shown)


def assert_no_body(result: RequestResult) -> None:
    """Expect no byte between the headers of the response and the next response, and the connection in sync."""
    next_response = result.second_response if result.second_response is not None else Response()
    assertions.assert_that(
        next_response.is_empty or next_response.status == 200,
        "nothing between the headers and the next response",
        next_response.raw[:200],
    )
    assert_in_sync(result)


def assert_not_smuggled(result: RequestResult) -> None:
    """Expect no call of the app for the request hidden in a body, and the connection in sync."""
    assert_smuggled_request_not_called(result)
    assert_in_sync(result)


def assert_smuggled_request_not_called(result: RequestResult) -> None:
    """Expect no call of the app for the request hidden in a body."""
    smuggled = [each for each in result.calls if each.token.endswith(".hidden")]
    assertions.assert_that(not smuggled, "no bytes of a body served as a request", result.describe())


def assert_following_get_served(exchange: Exchange, first: Response, second: Response) -> None:
    """Expect the GET of `send_with_following_get` to get its own response, unless the first one closes."""
    if not (first.announces_close and second.is_empty):
        assertions.assert_equal(second.body, f"gauntlet {exchange.token}.second\n".encode(), "the second response")


async def assert_chunked_and_get_served(exchange: Exchange, chunks: bytes) -> None:
    """Send a chunked POST whose `chunks` contain `hello`, and a GET, in one piece; expect both to be served.

    The server may close the connection after the first response, and may answer 411 to the POST.
    """
    first, second = await send_with_following_get(exchange, chunked_request(exchange, chunks))
    result = await collect_result(exchange, first)
    if first.status != 411:
        assertions.assert_equal(first.status, 200, "the status of the first response")
        assertions.assert_equal([e.detail["data"] for e in result.bodies], ["hello"], "the bytes that the app read")
    assert_following_get_served(exchange, first, second)


def record_behaviour(what: str, actual: str) -> NoReturn:
    """Record the server's behaviour; for cases of level info and may, which require nothing."""
    raise Violation(f"nothing in particular: {what} is recorded", actual)


def record_environ_value(what: str, values: Collection[object], result: RequestResult) -> NoReturn:
    """Record the value that the app's call saw, or the response if the app was not called."""
    seen = [repr(value) for value in values]
    record_behaviour(what, seen[0] if seen else result.response.describe())


def _second_token(exchange: Exchange) -> str:
    return f"{exchange.token}.next"


def _statuses_text(statuses: Collection[int]) -> str:
    if isinstance(statuses, range):
        return f"a status from {statuses[0]} to {statuses[-1]}"
    return " or ".join(map(str, statuses))
