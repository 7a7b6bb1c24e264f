"""The healthy users of traffic: an arrival is the next step of the user who has been ready for the longest time.

    arrival --> a user whose think time is over --> the next step, its redirects, then the think time
           `--> nobody is ready: a new user begins a visit

So the arrivals do not depend on the server, and the rate is right from the first second on. A user waits at least for
the think time. A slow server makes more users, as on the internet.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.load.generator.request_source import IDEMPOTENT
from wsgi_gauntlet.harness.load.traffic_workload import TrafficWorkload, outcome_of
from wsgi_gauntlet.harness.model import Outcome
from wsgi_gauntlet.harness.traffic.rows import Rows
from wsgi_gauntlet.harness.traffic.template import MissingValue
from wsgi_gauntlet.harness.traffic.visit import Visit


@dataclass
class VisitingUser:
    """A user in the middle of a visit. `redirected` says that the last response was a redirect to follow."""

    visit: Visit
    redirected: bool = False


@dataclass(frozen=True)
class UserRequest:
    """The bytes of one request of a user. One that is not `repeatable` is sent once only."""

    data: bytes
    repeatable: bool


class VisitingUsers:
    """The users of `workload` who visit `address`, with the values of `rows`. Times are seconds of any clock."""

    def __init__(self, workload: TrafficWorkload, address: Address, seed: int, rows: Iterator[int]) -> None:
        self._compiled = workload.new_visits(keep=True)
        self._expected = workload.expected
        self._host = address.authority.encode("ascii")
        self._scheme = "https" if address.tls else "http"
        self._random = random.Random(f"visits {seed}")
        self._weights = [each.weight for each in workload.traffic.sequences]
        self._rows = Rows(self._compiled, rows)
        self._ready: list[tuple[float, int, VisitingUser]] = []
        self._order = itertools.count()

    def next_user(self, now: float) -> VisitingUser:
        """Return the user who makes the request that is due `now`."""
        while self._ready and self._ready[0][0] <= now:
            user = heapq.heappop(self._ready)[2]
            if not user.visit.leaves_site:
                return user
            self.left(user)
        sequence = self._random.choices(range(len(self._weights)), self._weights)[0]
        row = self._rows.take(sequence)
        return VisitingUser(Visit(self._compiled, sequence, row, expected=self._expected[sequence]))

    def request(self, user: VisitingUser, *, keep: bool) -> UserRequest | None:
        """Return the next request of `user`, None if it needs a value that no response had."""
        try:
            made = user.visit.request(self._host, self._scheme)
        except MissingValue:
            return None
        data = (
            made.data if keep else made.data.replace(b"\r\nConnection: keep-alive\r\n", b"\r\nConnection: close\r\n", 1)
        )
        return UserRequest(data, made.method in IDEMPOTENT)

    def receive(self, user: VisitingUser, response: Response) -> Outcome:
        """Let `user` take a response, and return whether it is correct."""
        outcome = user.visit.receive(response)
        user.redirected = outcome.ok and outcome.next == "redirect"
        return outcome_of(outcome)

    def answered(self, user: VisitingUser, think_time: float, now: float) -> None:
        """Let `user` think for `think_time` seconds after the correct response to a step. A visit may end there."""
        if user.visit.ended:
            self.left(user)
        else:
            heapq.heappush(self._ready, (now + think_time, next(self._order), user))

    def left(self, user: VisitingUser) -> None:
        """End the visit of `user`, for example after a wrong response. Another user may have its row of values."""
        self._rows.release(user.visit)
