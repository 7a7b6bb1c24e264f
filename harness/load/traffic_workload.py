"""The traffic of a user app as a workload: it is learned once on each server, then users and generators send it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from statistics import fmean

import msgspec
import trio

from wsgi_gauntlet.harness.errors import PageError, ServerError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.load.verified_traffic import VerifiedTraffic
from wsgi_gauntlet.harness.model import Outcome
from wsgi_gauntlet.harness.traffic import expected
from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic
from wsgi_gauntlet.harness.traffic.expected import ExpectedBody
from wsgi_gauntlet.harness.traffic.model import Traffic
from wsgi_gauntlet.harness.traffic.template import MissingValue
from wsgi_gauntlet.harness.traffic.visit import Fault, StepOutcome, Visit

LEARNED_VISITS = 3
"""Visits of each sequence while the traffic is learned."""

RELEARN_DELAY_SECONDS = 1.1
"""Seconds before the last visits, so that a clock that shows seconds changes."""

RESPONSE_TIMEOUT_SECONDS = 10.0
"""Seconds in which a server must answer a single request while it is idle."""

VISITS_PER_LOAD = 100_003
"""Numbers of visits that belong to one load. So the next load uses other rows of long value lists."""

SEE_CHECK = "`wsgi-gauntlet traffic check` shows each request"


@dataclass(frozen=True, eq=False)
class TrafficWorkload:
    """The learned `traffic` of one server. As a Workload it is the first request of a visit, without the others.

    `expected` has the correct body of each step of each sequence. `requests_per_step` is above 1 if redirects are
    followed. `latency_ratio` is the mean response time of all requests divided by that of the first request.
    """

    traffic: Traffic
    expected: tuple[tuple[ExpectedBody | None, ...], ...]
    requests_per_step: float = 1.0
    latency_ratio: float = 1.0
    has_requested_size: bool = False
    _loads: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def source(self) -> str:
        """The name of the file, without its folder."""
        return PurePath(self.traffic.source).name or "the traffic"

    @property
    def probe_name(self) -> str:
        """The name of the first request."""
        return self.traffic.sequences[self._probe].steps[0].name

    @property
    def conditions(self) -> Mapping[str, object]:
        """The traffic, and what is compared in its responses."""
        steps = list(itertools.chain.from_iterable(self.expected))
        whole = sum(each is not None and each.whole is not None for each in steps)
        parts = sum(each is not None and each.whole is None and bool(each.pieces) for each in steps)
        sequences = len(self.traffic.sequences)
        requests = len(steps)
        return {
            "traffic": f"{self.source}: {requests} request{'' if requests == 1 else 's'} in {sequences} "
            f"sequence{'' if sequences == 1 else 's'}",
            "correct response": f"status, completeness and the texts of the file; the whole body of {whole} of "
            f"{requests} requests, the parts that never differ of {parts}",
        }

    def request(self, address: Address, nonce: str, size: int, *, keep: bool) -> bytes:  # noqa: ARG002 - one request
        """Return the first request of a visit."""
        return self._first_visit(keep=keep).request(address.authority.encode("ascii"), _scheme(address)).data

    def outcome(self, response: Response, nonce: str, size: int) -> Outcome:  # noqa: ARG002 - one request
        """Return whether `response` is a correct one to the first request of a visit."""
        visit = self._first_visit(keep=True)
        visit.request(b"localhost")
        if visit.step.step.follow and response.complete and response.status in range(300, 400):
            return Outcome.OK
        return outcome_of(visit.receive(response))

    def verified(self, *, keep: bool = True) -> VerifiedTraffic:
        """Return what a generator sends. Each call begins with other visits."""
        return VerifiedTraffic(
            self.traffic,
            self.expected,
            first_visit=next(self._loads) * VISITS_PER_LOAD,
            keep=keep,
            latency_ratio=self.latency_ratio,
        )

    def new_visits(self, *, keep: bool) -> CompiledTraffic:
        """Return the traffic with its requests made ready."""
        return self._kept if keep else self._closing

    @cached_property
    def _kept(self) -> CompiledTraffic:
        return CompiledTraffic(self.traffic)

    @cached_property
    def _closing(self) -> CompiledTraffic:
        return CompiledTraffic(self.traffic, keep=False)

    @property
    def _probe(self) -> int:
        return probe_sequence(self.traffic)

    def _first_visit(self, *, keep: bool) -> Visit:
        return Visit(self.new_visits(keep=keep), self._probe, 0, expected=self.expected[self._probe])


def probe_sequence(traffic: Traffic) -> int:
    """Return the sequence whose first request is sent to an idle server: the most frequent one that begins with GET."""
    numbered = list(enumerate(traffic.sequences))
    return max(numbered, key=lambda each: (each[1].steps[0].method == "GET", each[1].weight, -each[0]))[0]


def outcome_of(outcome: StepOutcome) -> Outcome:
    """Return the outcome of a request in the figures: a wrong body is wrong, a wrong status is an error."""
    if outcome.ok:
        return Outcome.OK
    return Outcome.ERROR if outcome.fault in (Fault.INCOMPLETE, Fault.STATUS) else Outcome.WRONG


def with_mount(traffic: Traffic, mount: str) -> Traffic:
    """Return the traffic of an app whose paths begin with `mount`. Links that come from the app have it already."""
    if not mount:
        return traffic
    return msgspec.structs.replace(
        traffic,
        sequences=tuple(
            msgspec.structs.replace(
                each,
                steps=tuple(
                    msgspec.structs.replace(step, target=mount + step.target) if step.target.startswith("/") else step
                    for step in each.steps
                ),
            )
            for each in traffic.sequences
        ),
    )


@dataclass
class _Learned:
    """The responses to one step: their bodies, and the seconds and the requests that each took."""

    bodies: list[bytes] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    requests: int = 0


async def learn_traffic(address: Address, traffic: Traffic) -> TrafficWorkload:
    """Play each sequence several times, and return the traffic with the bodies of its correct responses.

    Raises PageError if a response is not correct, ServerError if none arrives in time; OSError.
    """
    compiled = CompiledTraffic(traffic)
    learned = [[_Learned() for _ in each.steps] for each in traffic.sequences]
    for number in range(LEARNED_VISITS):
        if number == LEARNED_VISITS - 1:
            await trio.sleep(RELEARN_DELAY_SECONDS)
        for sequence, steps in enumerate(learned):
            await _learn_visit(address, compiled, sequence, number, steps)
    every = [each for steps in learned for each in steps]
    probe = learned[probe_sequence(traffic)][0]
    weights = [each.weight for each in traffic.sequences]
    steps_per_visit = sum(weight * len(steps) for weight, steps in zip(weights, learned, strict=True))
    seconds_per_visit = sum(
        weight * sum(min(each.seconds) / each.requests * LEARNED_VISITS for each in steps)
        for weight, steps in zip(weights, learned, strict=True)
    )
    ratio = (
        seconds_per_visit / steps_per_visit / max(min(probe.seconds) / probe.requests * LEARNED_VISITS, 1e-6)
        if steps_per_visit
        else 1.0
    )
    return TrafficWorkload(
        traffic,
        tuple(tuple(expected.learn(each.bodies) for each in steps) for steps in learned),
        requests_per_step=fmean(each.requests / LEARNED_VISITS for each in every),
        latency_ratio=ratio,
    )


async def _learn_visit(
    address: Address, compiled: CompiledTraffic, sequence: int, number: int, steps: Sequence[_Learned]
) -> None:
    """Play one visit over one connection, as long as the server keeps it."""
    visit = Visit(compiled, sequence, number)
    host, scheme = address.authority.encode("ascii"), _scheme(address)
    source = compiled.traffic.source or "the traffic"
    connection: HttpConnection | None = None
    began = time.monotonic()
    try:
        while not visit.ended:
            position = visit.position
            what = f"{source}: {compiled.sequences[sequence].sequence.name}: {visit.step.step.name}"
            try:
                request = visit.request(host, scheme)
            except MissingValue as missing:
                raise PageError(f"{what} needs the value {missing}, which no response had; {SEE_CHECK}") from None
            try:
                with trio.fail_after(RESPONSE_TIMEOUT_SECONDS):
                    if connection is None or not connection.is_idle:
                        connection = await _reopen(address, connection)
                    response = await connection.send_request(request.data, head=request.is_head)
            except trio.TooSlowError:
                raise ServerError(
                    f"{what} was not answered within {RESPONSE_TIMEOUT_SECONDS:g} s; {SEE_CHECK}"
                ) from None
            outcome = visit.receive(response)
            if not outcome.ok:
                raise PageError(f"{what}: {outcome.reason}; {SEE_CHECK}")
            steps[position].requests += 1
            if outcome.next != "redirect":
                steps[position].bodies.append(response.body)
                now = time.monotonic()
                steps[position].seconds.append(now - began)
                began = now
            if response.announces_close or not response.complete:
                connection.close()
                connection = None
    finally:
        if connection is not None:
            connection.close()


async def _reopen(address: Address, connection: HttpConnection | None) -> HttpConnection:
    if connection is not None:
        connection.close()
    return await HttpConnection.open(address)


def _scheme(address: Address) -> str:
    return "https" if address.tls else "http"
