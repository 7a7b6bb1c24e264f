"""Play one visit on a server, one request after the other, and record what came."""

from __future__ import annotations

import time
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.response import Response
from wsgi_gauntlet.harness.traffic.compiled import CompiledStep
from wsgi_gauntlet.harness.traffic.cpu_limit import TooMuchWork, cpu_limit
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

    `body` and `length` are those of the response without compression. A request that could not be made has no target.
    """

    step: CompiledStep
    method: str
    target: str
    outcome: StepOutcome
    status: int | None = None
    length: int = 0
    body: bytes = b""
    seconds: float = 0.0

    @property
    def is_last_of_step(self) -> bool:
        """Whether this is not a redirect that the visit follows."""
        return self.outcome.next != "redirect"


async def play(address: Address, visit: Visit) -> list[PlayedRequest]:
    """Play `visit` on the server at `address` and return all its requests. A request without a response is one, too.

    The connection is kept as long as the server keeps it. Raises OutOfResources.
    """
    played: list[PlayedRequest] = []
    connection: HttpConnection | None = None
    unanswered = 0
    try:
        while not visit.ended:
            step = visit.step
            if unanswered == MAX_UNANSWERED:
                reason = f"not sent: the server did not answer the last {MAX_UNANSWERED} requests"
                played.append(_not_sent(step, reason, Fault.INCOMPLETE))
                visit.skip()
                continue
            try:
                request = visit.request(address.authority.encode("ascii"), "https" if address.tls else "http")
            except MissingValue as missing:
                played.append(_not_sent(step, f"not sent: ${{{missing}}} has no value", Fault.CAPTURE))
                visit.skip()
                continue
            if connection is not None and not connection.is_idle:
                connection.close()
                connection = None
            began = time.perf_counter()
            response, problem = NO_RESPONSE, f"no complete response within {RESPONSE_TIMEOUT_SECONDS:g} s"
            with trio.move_on_after(RESPONSE_TIMEOUT_SECONDS):
                try:
                    connection = connection or await HttpConnection.open(address)
                    response = await connection.send_request(request.data)
                    problem = response.describe()
                except OSError as error:
                    problem = f"no response: {error.strerror or error}"
            seconds = time.perf_counter() - began
            unanswered = unanswered + 1 if response.status is None else 0
            if connection is not None and (not response.complete or response.announces_close):
                connection.close()
                connection = None
            played.append(_played(request, visit, response, problem, seconds))
    finally:
        if connection is not None:
            connection.close()
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
    )
