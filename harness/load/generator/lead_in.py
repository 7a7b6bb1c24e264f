"""The lead-in of a load: the first visits are played up to their middle, before anything counts.

    without       step  1 1 1 1 2 2 2 2 3 3 3 3 ...     a short load has the first steps only
    with          step  1 3 2 4 2 4 3 1 3 1 4 2 ...     each part of a load has all steps

The first step is often the cheapest one: it shows a page, while a later one hashes a password. So a load that began all
visits at once would say that a server is faster than it is.
"""

from __future__ import annotations

import itertools
import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import trio

from wsgi_gauntlet.harness.errors import OutOfResources, TargetRefused
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator.user_visits import UserVisits
from wsgi_gauntlet.harness.traffic.player import Player
from wsgi_gauntlet.harness.traffic.visit import Visit

MAX_SECONDS = 4.0
"""Seconds after which no further request is sent. The visits then begin where they are, and others at their first step.
"""

RESPONSE_SECONDS = 2.0
"""Further seconds for the responses that are due then. A visit without its response ends."""

MAX_REQUESTS = 5000
"""Requests of one lead-in, for a fast server and many users."""

PLAYED_AT_ONCE = 16
"""Visits that are played at the same time. More of them would all be on their way when the time is over."""

HEADROOM = 2.0
"""The users who wait for an open loop, as a factor on the users whose responses it waits for (Little's law)."""


class Place(NamedTuple):
    """A request of a visit: the number of its sequence, of its step, and of the redirects before it in this step."""

    sequence: int
    step: int
    hop: int = 0


async def lead_in(address: Address, visits: UserVisits, users: int, *, rate: float | None = None) -> int:
    """Let up to `users` users of `visits` come to requests of all sequences, and return the number of requests sent.

    The users wait for connections, in an order whose beginning is spread over the requests as well. With the `rate` of
    an open loop (requests per second), there are about as many users as this rate needs, and no two share a row of
    values. A visit with a wrong response ends, and its user begins at a first step: the load finds the fault again. If
    all sequences have one step, nothing is sent. Raises OutOfResources, TargetRefused, and ValueError if no visit can
    be made.
    """
    traffic = visits.traffic
    sequences = traffic.traffic.sequences
    if all(len(each.steps) == 1 for each in sequences):
        return 0
    redirects = traffic.redirects or [[0] * len(each.steps) for each in sequences]
    offset = random.Random(f"lead-in {traffic.seed} {traffic.first_visit}").random()
    playing = _LeadIn(
        address, visits, spread_places(redirects, [each.weight for each in sequences], users, offset), rate
    )
    await playing.play()
    return playing.requests


def spread_places(
    redirects: Sequence[Sequence[int]], weights: Sequence[float], users: int, offset: float
) -> list[Place]:
    """Return the request at which each of `users` begins.

    `redirects` are those of each step of each sequence, `weights` says how often the sequences are visited. A user is
    at each request of a sequence equally often. `offset` from 0 to 1 moves all users. The first users are spread as
    evenly as all of them.
    """
    places = [
        Place(sequence, step, hop)
        for sequence, steps in enumerate(redirects)
        for step, followed in enumerate(steps)
        for hop in range(followed + 1)
    ]
    ends = list(itertools.accumulate(weights[each.sequence] for each in places))
    marks = [(number + offset) / users * ends[-1] for number in sorted(range(users), key=_reversed_bits)]
    return [places[min(bisect_right(ends, mark), len(places) - 1)] for mark in marks]


def _reversed_bits(number: int) -> int:
    """Return the bits of `number` in reverse order: sorted by it, any first numbers are spread over all of them."""
    return int(f"{number:032b}"[::-1], 2)


class _LeadIn:
    def __init__(self, address: Address, visits: UserVisits, places: Sequence[Place], rate: float | None) -> None:
        self.requests = 0
        self._address = address
        self._visits = visits
        self._places = iter(places)
        self._users = len(places)
        self._rate = rate
        self._hops: dict[Visit, int] = {}
        """The visits that have begun, with the redirects before their next request in its step."""
        self._seconds = 0.0
        self._deadline = 0.0
        self._error: OutOfResources | TargetRefused | None = None

    async def play(self) -> None:
        """Play the visits, and let their users wait for a connection."""
        self._deadline = trio.current_time() + MAX_SECONDS
        with trio.move_on_after(MAX_SECONDS + RESPONSE_SECONDS):
            async with trio.open_nursery() as nursery:
                for _ in range(min(self._users, PLAYED_AT_ONCE)):
                    nursery.start_soon(self._play_visits, nursery.cancel_scope)
        if self._error is not None:
            raise self._error
        for visit, hop in self._hops.items():
            self._visits.join(visit, hop)

    async def _play_visits(self, scope: trio.CancelScope) -> None:
        try:
            while self._may_go_on and (place := self._next_place()) is not None:
                visit = self._visits.begin(place.sequence)
                self._hops[visit] = 0
                await self._play_until(visit, place)
        except (OutOfResources, TargetRefused) as error:
            # Not out of the nursery, which would wrap it in a group. Callers expect the plain error.
            self._error = error
            scope.cancel()

    @property
    def _may_go_on(self) -> bool:
        return self.requests < MAX_REQUESTS and trio.current_time() < self._deadline

    def _next_place(self) -> Place | None:
        place = next(self._places, None)
        if place is None or self._rate is None:
            return place
        needed = HEADROOM * self._rate * self._seconds / max(self.requests, 1)
        enough = len(self._hops) >= max(PLAYED_AT_ONCE, math.ceil(needed))
        return None if enough or not self._visits.has_free_row(place.sequence) else place

    async def _play_until(self, visit: Visit, place: Place) -> None:
        """Play `visit` until its next request is at `place`. After a wrong response or a cancelled request it ends."""
        player = Player(self._address, visit, keep=self._visits.traffic.keep)
        correct = True
        try:
            while correct and (visit.position, self._hops[visit]) < (place.step, place.hop) and self._may_go_on:
                correct = False
                played = await player.play_next()
                correct = played.outcome.ok
                self._hops[visit] = 0 if played.is_last_of_step else self._hops[visit] + 1
                self.requests += bool(played.target)
                self._seconds += played.seconds
        finally:
            player.close()
            # At its last step it ends if it has fewer redirects than other visits.
            if not correct or visit.ended:
                del self._hops[visit]
                self._visits.leave(visit)
