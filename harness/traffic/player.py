"""Play one visit on a server, one request after the other, and record what came."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import msgspec
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.response import Response
from wsgi_gauntlet.harness.traffic import expected
from wsgi_gauntlet.harness.traffic.compiled import CompiledStep
from wsgi_gauntlet.harness.traffic.cpu_limit import TooMuchWork, cpu_limit
from wsgi_gauntlet.harness.traffic.expected import ExpectedBody
from wsgi_gauntlet.harness.traffic.template import MissingValue
from wsgi_gauntlet.harness.traffic.visit import Fault, PreparedRequest, StepOutcome, Visit, decoded_body

RESPONSE_TIMEOUT_SECONDS = 30.0
"""Seconds in which a server must answer a request: browsers and proxies wait for a minute, users do not."""

MAX_CHECK_SECONDS = 10.0
"""Seconds of CPU time for the checks of one response. They take milliseconds; a bad regular expression takes years."""

MAX_UNANSWERED = 3
"""Requests in a row without a response. The rest of the visit is not sent then: each would take as long."""

NO_RESPONSE = Response()


@dataclass(frozen=True)
class PlayedRequest:
    """A request of a visit and what came. `seconds` count from its first byte to the last one of the response.

    `body` and `length` are those of the response without compression. `redirect_path` is where it redirects to, if it
    does. A request that could not be made has no target. `on_kept_connection` says whether the response came on a
    connection that had an earlier one.
    """

    step: CompiledStep
    method: str
    target: str
    outcome: StepOutcome
    status: int | None = None
    length: int = 0
    body: bytes = b""
    seconds: float = 0.0
    redirect_path: bytes = b""
    on_kept_connection: bool = False

    @property
    def is_last_of_step(self) -> bool:
        """Whether this is not a redirect that the visit follows."""
        return self.outcome.next != "redirect"


class Player:
    """Plays `visit` on the server at `address`, one request at a time. `close` must be called at the end.

    The connection is kept as long as the server keeps it; without `keep` each request has its own.
    """

    def __init__(self, address: Address, visit: Visit, *, keep: bool = True) -> None:
        self.visit = visit
        self._address = address
        self._keep = keep
        self._connection: HttpConnection | None = None
        self._reused = False
        self._unanswered = 0

    async def play_next(self) -> PlayedRequest:
        """Send the next request of a visit that has not ended. One without a response counts, too.

        Raises OutOfResources.
        """
        visit, step = self.visit, self.visit.step
        if self._unanswered == MAX_UNANSWERED:
            visit.skip()
            reason = f"not sent: the server did not answer the last {MAX_UNANSWERED} requests"
            return _not_sent(step, reason, Fault.INCOMPLETE)
        address = self._address
        try:
            request = visit.request(address.authority.encode("ascii"), "https" if address.tls else "http")
        except MissingValue as missing:
            visit.skip()
            return _not_sent(step, f"not sent: {missing.reason}", Fault.CAPTURE)
        if self._connection is not None and not self._connection.is_idle:
            self.close()
        began = time.perf_counter()
        response, problem = NO_RESPONSE, f"no complete response within {RESPONSE_TIMEOUT_SECONDS:g} s"
        with trio.move_on_after(RESPONSE_TIMEOUT_SECONDS):
            try:
                response = await self._exchange(request.data)
                problem = response.describe()
            except OSError as error:
                problem = f"no response: {error.strerror or error}"
        seconds = time.perf_counter() - began
        reused = self._reused
        self._unanswered = self._unanswered + 1 if response.status is None else 0
        if not self._keep or not response.complete or response.announces_close:
            self.close()
        return replace(_played(request, visit, response, problem, seconds), on_kept_connection=reused)

    async def _exchange(self, data: bytes) -> Response:
        """Send a request. If the server closed a kept connection just then, open a new one, as a browser does."""
        self._reused = self._connection is not None
        if self._connection is not None:
            with suppress(OSError):
                response = await self._connection.send_request(data)
                if not response.is_empty:
                    return response
            self.close()
            self._reused = False
        self._connection = await HttpConnection.open(self._address)
        return await self._connection.send_request(data)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


async def play(address: Address, visit: Visit) -> list[PlayedRequest]:
    """Play `visit` on the server at `address` and return all its requests. Raises OutOfResources."""
    player = Player(address, visit)
    played: list[PlayedRequest] = []
    try:
        while not visit.ended:
            played.append(await player.play_next())
    finally:
        player.close()
    return played


def _not_sent(step: CompiledStep, reason: str, fault: Fault) -> PlayedRequest:
    return PlayedRequest(step, step.step.method, "", StepOutcome(False, "step", reason, fault))


def _played(request: PreparedRequest, visit: Visit, response: Response, problem: str, seconds: float) -> PlayedRequest:
    try:
        with cpu_limit(MAX_CHECK_SECONDS):
            outcome = visit.receive(response)
    except TooMuchWork:
        visit.skip()
        reason = (
            f"the checks of this page take more than {MAX_CHECK_SECONDS:g} s; write a pattern without repetitions of "
            "repetitions, such as (a+)+"
        )
        outcome = StepOutcome(False, "step", reason, Fault.CAPTURE)
    if outcome.fault is Fault.INCOMPLETE:
        outcome = StepOutcome(False, outcome.next, problem, outcome.fault)
    body = decoded_body(response)
    return PlayedRequest(
        request.step,
        request.method.decode("ascii"),
        request.target.decode("latin-1"),
        outcome,
        response.status,
        response.length if body is response.body else len(body),
        body,
        seconds,
        visit.redirect_path(response),
    )


def expected_body(requests: Sequence[PlayedRequest]) -> ExpectedBody | None:
    """Return what correct responses to one step have in common, None if the file says that they are not compared."""
    if not requests[0].step.step.compare:
        return None
    found = expected.learn([each.body for each in requests], [each.length for each in requests])
    redirects = {(each.status or 0, each.redirect_path) for each in requests}
    same = redirects.pop()
    return msgspec.structs.replace(found, redirect=same) if same[1] and not redirects else found
