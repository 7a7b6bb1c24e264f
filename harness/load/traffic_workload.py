"""The traffic of a user app as a workload: it is learned once on each server, then users and generators send it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath

import trio

from wsgi_gauntlet.harness.errors import PageError, ServerError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.load.verified_traffic import VerifiedTraffic
from wsgi_gauntlet.harness.model import Outcome
from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic
from wsgi_gauntlet.harness.traffic.expected import ExpectedBody
from wsgi_gauntlet.harness.traffic.in_turn import VisitsInTurn, play_in_turn
from wsgi_gauntlet.harness.traffic.model import Traffic
from wsgi_gauntlet.harness.traffic.player import PlayedRequest, expected_body, play
from wsgi_gauntlet.harness.traffic.visit import Fault, StepOutcome, Visit

LEARNED_VISITS = 3
"""Visits of each sequence while the traffic is learned, without those in turn."""

RELEARN_DELAY_SECONDS = 1.1
"""Seconds from the first visits to the last ones, so that a clock that shows seconds changes."""

VISITS_PER_LOAD = 100_003
"""Numbers of visits that belong to one load. So the next load uses other rows of long value lists."""

SEE_CHECK = "`wsgi-gauntlet traffic check` shows each request"


FREQUENT_SHARE = 0.01
"""The share of the requests above which one of them decides p99."""


@dataclass(frozen=True)
class SlowestRequest:
    """The slowest of the frequent requests: its step, and its shortest time on an idle server in seconds."""

    step: str
    seconds: float


@dataclass(frozen=True, eq=False)
class TrafficWorkload:
    """The learned `traffic` of one server. As a Workload it is the first request of a visit, without the others.

    `expected` has the correct body of each step of each sequence. `requests_per_step` is above 1 if redirects are
    followed; `redirects` has their number for each step. `latency_ratio` is the mean response time of all requests
    divided by that of the first request; `mean_seconds` is this mean itself. Means are over visits that come by the
    weights of the sequences.
    """

    traffic: Traffic
    expected: tuple[tuple[ExpectedBody | None, ...], ...]
    requests_per_step: float = 1.0
    latency_ratio: float = 1.0
    mean_seconds: float = 0.0
    redirects: tuple[tuple[int, ...], ...] = ()
    has_requested_size: bool = False
    keeps_connections: bool = True
    slowest: SlowestRequest | None = None
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
            f"{requests} request{'' if requests == 1 else 's'}, the parts that never differ of {parts}",
            **(
                {}
                if self.keeps_connections
                else {"connections": "one for each request, because the server closes them"}
            ),
        }

    def contains(self, text: bytes) -> bool:
        """Say whether anything that is compared in the bodies contains `text`."""
        bodies = (each for each in itertools.chain.from_iterable(self.expected) if each is not None)
        return any(text in part for each in bodies for part in (each.whole or b"", *each.pieces))

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
        """Return what a generator sends. Each call begins with other visits.

        If the server keeps no connection, each request has its own. A generator sends the next request so soon that it
        would not see the end of the last connection, and a form must not be sent twice.
        """
        return VerifiedTraffic(
            self.traffic,
            self.expected,
            first_visit=next(self._loads) * VISITS_PER_LOAD,
            keep=keep and self.keeps_connections,
            latency_ratio=self.latency_ratio,
            redirects=self.redirects,
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


async def learn_traffic(address: Address, traffic: Traffic) -> TrafficWorkload:
    """Play each sequence several times, and return the traffic with the bodies of its correct responses.

    Each sequence is visited twice, then in turn with the others (in_turn.py), then once more. With s sequences of n
    steps these are about 3 s n + 3 s n requests, at most 3 s n + MAX_REQUESTS. What differs in any of them is not
    compared. Only the visits one after the other must be correct: two users in turn may disturb each other, and under
    load that is found.

    Raises PageError if a response is not correct, ServerError if none arrives, OutOfResources.
    """
    compiled = CompiledTraffic(traffic)
    learned: list[list[list[PlayedRequest]]] = [[[] for _ in each.steps] for each in traffic.sequences]
    in_turn = VisitsInTurn()
    began = trio.current_time()
    for number in range(LEARNED_VISITS):
        if number == LEARNED_VISITS - 1:
            in_turn = await play_in_turn(address, compiled, len(learned) * LEARNED_VISITS)
            await trio.sleep(max(0.0, began + RELEARN_DELAY_SECONDS - trio.current_time()))
        for sequence, steps in enumerate(learned):
            # Each visit has a row of its own, as far as there are as many. Those of a sequence follow each other, so
            # that even a list of two rows has two users for each sequence.
            visit = Visit(compiled, sequence, sequence * LEARNED_VISITS + number)
            position = 0
            for each in await play(address, visit):
                if not (each.outcome.ok or in_turn.whole):
                    break  # what a disturbed visit left behind may be the cause
                _require_correct(each, f"{compiled.traffic.source}: {traffic.sequences[sequence].name}")
                steps[position].append(each)
                position += each.is_last_of_step
    weights = [each.weight for each in traffic.sequences]
    seconds = _weighted(weights, [sum(itertools.chain.from_iterable(map(_hop_seconds, steps))) for steps in learned])
    requests = _weighted(weights, [sum(map(_requests_of_step, steps)) for steps in learned])
    first = _hop_seconds(learned[probe_sequence(traffic)][0])[0]
    return TrafficWorkload(
        traffic,
        tuple(
            tuple(
                expected_body([*(each for each in played if each.is_last_of_step), *others])
                for played, others in zip(steps, steps_in_turn, strict=True)
            )
            for steps, steps_in_turn in zip(learned, in_turn.steps, strict=True)
        ),
        requests_per_step=requests / _weighted(weights, [len(steps) for steps in learned]),
        latency_ratio=seconds / requests / max(first, 1e-6),
        mean_seconds=seconds / requests,
        redirects=tuple(tuple(round(_requests_of_step(each)) - 1 for each in steps) for steps in learned),
        slowest=_slowest(traffic, learned, requests),
        keeps_connections=_keeps_connections(learned),
    )


def _keeps_connections(learned: Sequence[Sequence[Sequence[PlayedRequest]]]) -> bool:
    """Return False if no response came on a connection that had an earlier one, although some could have."""
    played = [each for steps in learned for requests in steps for each in requests]
    return len(played) <= LEARNED_VISITS * len(learned) or any(each.on_kept_connection for each in played)


def _slowest(
    traffic: Traffic, learned: Sequence[Sequence[Sequence[PlayedRequest]]], requests: float
) -> SlowestRequest | None:
    """Return the slowest request among those that are more than 1 % of all. `requests` is their weighted sum."""
    return max(
        (
            SlowestRequest(step.name, max(_hop_seconds(played)))
            for sequence, steps in zip(traffic.sequences, learned, strict=True)
            for step, played in zip(sequence.steps, steps, strict=True)
            if sequence.weight > FREQUENT_SHARE * requests
        ),
        key=lambda each: each.seconds,
        default=None,
    )


def _weighted(weights: Sequence[float], amounts: Sequence[float]) -> float:
    return sum(weight * amount for weight, amount in zip(weights, amounts, strict=True))


def _requests_of_step(requests: Sequence[PlayedRequest]) -> float:
    return len(requests) / sum(each.is_last_of_step for each in requests)


def _hop_seconds(requests: Sequence[PlayedRequest]) -> list[float]:
    """Return the shortest time of the first request of a step in all visits, and of each redirect that followed it."""
    shortest: list[float] = []
    hop = 0
    for each in requests:
        if hop == len(shortest):
            shortest.append(each.seconds)
        shortest[hop] = min(shortest[hop], each.seconds)
        hop = 0 if each.is_last_of_step else hop + 1
    return shortest


def _require_correct(played: PlayedRequest, where: str) -> None:
    if played.outcome.ok:
        return
    error = ServerError if played.outcome.fault is Fault.INCOMPLETE else PageError
    raise error(f"{where}: {played.step.step.name}: {played.outcome.reason}; {SEE_CHECK}")


def _scheme(address: Address) -> str:
    return "https" if address.tls else "http"
