"""Find out whether a server accepts a request that is cut into two segments at any byte.

The cases of http/connection/segmentation test this. All other cases depend on it when they are cut: on a server that
rejects cuts they would all fail for the same reason, so they are sent whole only. The harness asks when the first case
does not pass because it was cut: a server takes as long for these requests as for fifty cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.conformance.assertions import Violation, format_value
from wsgi_gauntlet.harness.conformance.exchange import Exchange, open_exchange
from wsgi_gauntlet.harness.conformance.validity import EventLoopWatchdog, stall_message
from wsgi_gauntlet.harness.errors import InternalError, ServerError, Skipped, Unsupported
from wsgi_gauntlet.harness.server.server_under_test import ObservedServer

RESPONSE_TIMEOUT_SECONDS = 2.0
"""Seconds for a response; a good server needs milliseconds."""

FAILING_TIME_LIMIT_SECONDS = 8.0
"""After this many seconds, a failed request is not cut at further bytes: each missing response costs
`RESPONSE_TIMEOUT_SECONDS`."""

MAX_ROUNDS = 6
"""Maximum rounds of cuts of one request. It must fail in two rounds in which the harness did not stall."""

CONTEXT_BYTES = 24
"""Bytes before a cut that a message shows."""

REQUEST_BODY = b"hello"


PlainInstance = AbstractAsyncContextManager[ObservedServer]
"""Opens an instance that serves the test app as most cases need it."""


@dataclass(frozen=True)
class RequestForm:
    """A plain request to be cut: its method, path, fields and body as sent."""

    method: str
    path: str
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


REQUEST_FORMS: Mapping[str, RequestForm] = {
    "get": RequestForm("GET", "/echo"),
    "post": RequestForm("POST", "/read", (("Content-Length", str(len(REQUEST_BODY))),), REQUEST_BODY),
    "chunked": RequestForm("POST", "/read?to=end", (("Transfer-Encoding", "chunked"),), b"5\r\nhello\r\n0\r\n\r\n"),
}
"""The requests that are cut. Other cases do not depend on the last one: a server may reject chunked requests."""


@dataclass(frozen=True)
class CutResult:
    """A request that was cut at byte `position` (0: whole), behind `preceding_bytes`. `failure` is '' if it worked."""

    position: int
    preceding_bytes: bytes
    failure: str


async def cut_at_every_byte(exchange: Exchange, form: RequestForm) -> list[CutResult]:
    """Send the request `form` once for each of its bytes, cut there, and return the results.

    Raises Skipped if the whole request gets no correct response.
    """
    whole = await _send_cut(exchange, form, 0)
    if form.body and not whole.failure:
        (whole,) = await _check_body_read(exchange, [whole])
    if whole.failure:
        raise Skipped(f"the request is not served in one piece either: {whole.failure}")
    cuts: list[CutResult] = []
    deadline = trio.current_time() + FAILING_TIME_LIMIT_SECONDS
    for position in range(1, len(_request(exchange, form, 1))):
        cuts.append(await _send_cut(exchange, form, position))
        if trio.current_time() > deadline and any(each.failure for each in cuts):
            break
    return await _check_body_read(exchange, cuts) if form.body else cuts


def describe_failures(cuts: list[CutResult]) -> str:
    """Return a sentence that says at which of `cuts` the request failed, '' if it failed at none."""
    failure = [each for each in cuts if each.failure]
    if not failure:
        return ""
    first = failure[0]
    places = ", ".join(str(each.position) for each in failure[:20]) + ", …" * (len(failure) > 20)
    return (
        f"cut behind byte {first.position} ({format_value(first.preceding_bytes)}): {first.failure}; "
        f"it failed at {len(failure)} of {len(cuts)} places: {places}"
    )


class SegmentationTolerance:
    """Remember for one server in one run whether requests may be cut. The server is tested on first use.

    `known_reason` is what `rejection_reason` returned before, '' if it was not asked.
    """

    def __init__(self) -> None:
        self._lock = trio.Lock()
        self._asked = False
        self.known_reason = ""

    async def rejection_reason(self, plain_instance: PlainInstance) -> str:
        """Return a sentence that says which cut the server rejects, '' if it accepts all.

        `plain_instance` opens an idle instance that serves the test app. Raises what it raises.
        """
        async with self._lock:
            if not self._asked:
                async with plain_instance as server:
                    self.known_reason = await _find_rejection(server)
                self._asked = True
            return self.known_reason


async def _find_rejection(server: ObservedServer) -> str:
    for form in (REQUEST_FORMS["get"], REQUEST_FORMS["post"]):
        # A failure must repeat on new connections.
        failed = 0
        for _ in range(MAX_ROUNDS):
            failure = await _try_once(server, form)
            if failure == "":
                break
            if failure is not None and (failed := failed + 1) == 2:
                return failure
    return ""


async def _try_once(server: ObservedServer, form: RequestForm) -> str | None:
    """Return the failure of the request, '' if it worked, None if the harness stalled and the result is unknown."""
    watchdog = EventLoopWatchdog()
    async with open_exchange(server) as exchange:
        try:
            async with watchdog.watching():
                failure = describe_failures(await cut_at_every_byte(exchange, form))
        except (InternalError, ServerError, Skipped, Unsupported, Violation):
            return ""  # other cases report this failure
    return None if failure and stall_message(watchdog, closed_late=exchange.transcript.closed_late) else failure


def _token(exchange: Exchange, position: int) -> str:
    return f"{exchange.token}.{position:04}"


def _request(exchange: Exchange, form: RequestForm, position: int) -> bytes:
    fields = [*form.fields, ("Connection", "close")]
    return exchange.request(form.path, method=form.method, headers=fields, token=_token(exchange, position)) + form.body


async def _send_cut(exchange: Exchange, form: RequestForm, position: int) -> CutResult:
    data = _request(exchange, form, position)
    connection = await exchange.connect()
    await (connection.send_segments([data[:position], data[position:]]) if position else connection.send(data))
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    correct = (
        response.status == 200
        and response.complete
        and response.body == f"gauntlet {_token(exchange, position)}\n".encode()
    )
    return CutResult(
        position, data[max(0, position - CONTEXT_BYTES) : position], "" if correct else response.describe()
    )


async def _check_body_read(exchange: Exchange, cuts: list[CutResult]) -> list[CutResult]:
    """Return `cuts`, with a failure for each request whose body the app did not read correctly."""
    await exchange.send_sync_request()
    read = {each.token: each.detail.get("data", "").encode("latin-1") for each in exchange.events("body")}
    return [
        each
        if each.failure or read.get(_token(exchange, each.position)) == REQUEST_BODY
        else CutResult(
            each.position,
            each.preceding_bytes,
            f"200, and the app read {format_value(read.get(_token(exchange, each.position)))}",
        )
        for each in cuts
    ]
