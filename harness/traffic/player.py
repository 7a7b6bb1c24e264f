"""Play one visit on a server, one request after the other, and record what came."""

from __future__ import annotations

import time
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.response import Response
from wsgi_gauntlet.harness.traffic.compiled import CompiledStep
from wsgi_gauntlet.harness.traffic.template import MissingValue
from wsgi_gauntlet.harness.traffic.visit import Fault, PreparedRequest, StepOutcome, Visit, decoded_body

RESPONSE_TIMEOUT_SECONDS = 30.0
"""Seconds in which a server must answer a request: browsers and proxies wait for a minute, users do not."""

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
    try:
        while not visit.ended:
            step = visit.step
            try:
                request = visit.request(address.authority.encode("ascii"), "https" if address.tls else "http")
            except MissingValue as missing:
                outcome = StepOutcome(False, "step", f"not sent: ${{{missing}}} has no value", Fault.CAPTURE)
                played.append(PlayedRequest(step, step.step.method, "", outcome))
                visit.skip()
                continue
            if connection is not None and not connection.is_idle:
                connection.close()
                connection = None
            began = time.perf_counter()
            response, problem = NO_RESPONSE, f"no response within {RESPONSE_TIMEOUT_SECONDS:g} s"
            with trio.move_on_after(RESPONSE_TIMEOUT_SECONDS):
                try:
                    connection = connection or await HttpConnection.open(address)
                    response = await connection.send_request(request.data)
                    problem = response.describe()
                except OSError as error:
                    problem = f"no response: {error.strerror or error}"
            seconds = time.perf_counter() - began
            if connection is not None and (not response.complete or response.announces_close):
                connection.close()
                connection = None
            played.append(_played(request, visit, response, problem, seconds))
    finally:
        if connection is not None:
            connection.close()
    return played


def _played(request: PreparedRequest, visit: Visit, response: Response, problem: str, seconds: float) -> PlayedRequest:
    outcome = visit.receive(response)
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
