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

import trio

from wsgi_gauntlet.harness.errors import OutOfResources, TargetRefused
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator.user_visits import UserVisits
from wsgi_gauntlet.harness.traffic.player import Player
from wsgi_gauntlet.harness.traffic.visit import Visit

MAX_SECONDS = 2.0
"""Seconds after which no further step is played. The visits then begin where they are, and others at their first step.
"""

RESPONSE_SECONDS = 2.0
"""Further seconds for the responses that are due then. A visit without its response ends."""

MAX_REQUESTS = 5000
"""Requests of one lead-in, for a fast server and many users."""

PLAYED_AT_ONCE = 16
"""Visits that are played at the same time. More of them would all be on their way when the time is over."""

HEADROOM = 2.0
"""The users who wait for an open loop, as a factor on the users whose responses it waits for (Little's law)."""


async def lead_in(address: Address, visits: UserVisits, users: int, *, rate: float | None = None) -> int:
    """Let up to `users` users of `visits` come to steps of all sequences, and return the number of requests sent.

    The users wait for connections, in an order whose beginning is spread over the steps as well. With the `rate` of an
    open loop (requests per second), there are about as many users as this rate needs, and no two share a row of values.
    A visit with a wrong response ends, and its user begins at a first step: the load finds the fault again. If all
    sequences have one step, nothing is sent. Raises OutOfResources, TargetRefused, and ValueError if no visit can be
    made.
    """
    sequences = visits.traffic.traffic.sequences
    if all(len(each.steps) == 1 for each in sequences):
        return 0
    chance = random.Random(f"lead-in {visits.traffic.seed} {visits.traffic.first_visit}")
    places = spread_places(
        [len(each.steps) for each in sequences], [each.weight for each in sequences], users, chance.random()
    )
    playing = _LeadIn(address, visits, places, rate)
    await playing.play()
    return playing.requests


def spread_places(lengths: Sequence[int], weights: Sequence[float], users: int, offset: float) -> list[tuple[int, int]]:
    """Return the sequence and the step at which each of `users` begins.

    `lengths` are the steps of the sequences, `weights` says how often they are visited. A user is at each step of a
    sequence equally often. `offset` from 0 to 1 moves all users. The first users are spread as evenly as all of them.
    """
    places = [(sequence, step) for sequence, length in enumerate(lengths) for step in range(length)]
    ends = list(itertools.accumulate(weights[sequence] for sequence, _ in places))
    marks = [(number + offset) / users * ends[-1] for number in sorted(range(users), key=_reversed_bits)]
    return [places[min(bisect_right(ends, mark), len(places) - 1)] for mark in marks]


def _reversed_bits(number: int) -> int:
    """Return the bits of `number` in reverse order: sorted by it, any first numbers are spread over all of them."""
    return int(f"{number:032b}"[::-1], 2)


class _LeadIn:
    def __init__(
        self, address: Address, visits: UserVisits, places: Sequence[tuple[int, int]], rate: float | None
    ) -> None:
        self.requests = 0
        self._address = address
        self._visits = visits
        self._places = iter(places)
        self._users = len(places)
        self._rate = rate
        self._begun: list[Visit] = []
        self._ended: set[Visit] = set()
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
        for visit in self._begun:
            if visit not in self._ended:
                self._visits.join(visit)

    async def _play_visits(self, scope: trio.CancelScope) -> None:
        try:
            while self._may_go_on and (place := self._next_place()) is not None:
                sequence, step = place
                visit = self._visits.begin(sequence)
                self._begun.append(visit)
                await self._play_until(visit, step)
        except (OutOfResources, TargetRefused) as error:
            # Not out of the nursery, which would wrap it in a group. Callers expect the plain error.
            self._error = error
            scope.cancel()

    @property
    def _may_go_on(self) -> bool:
        return self.requests < MAX_REQUESTS and trio.current_time() < self._deadline

    def _next_place(self) -> tuple[int, int] | None:
        place = next(self._places, None)
        if place is None or self._rate is None:
            return place
        needed = HEADROOM * self._rate * self._seconds / max(self.requests, 1)
        enough = len(self._begun) >= max(PLAYED_AT_ONCE, math.ceil(needed))
        return None if enough or not self._visits.has_free_row(place[0]) else place

    async def _play_until(self, visit: Visit, step: int) -> None:
        """Play `visit` until `step` is next. One that has a wrong response, or is cancelled in a request, ends."""
        player = Player(self._address, visit, keep=self._visits.traffic.keep)
        correct = True
        try:
            while correct and visit.position < step and self._may_go_on:
                correct = False
                correct = await self._play_step(player)
        finally:
            player.close()
            if not correct:
                self._ended.add(visit)
                self._visits.leave(visit)

    async def _play_step(self, player: Player) -> bool:
        """Play the next step with its redirects, and return whether its response is correct."""
        while True:
            played = await player.play_next()
            self.requests += bool(played.target)
            self._seconds += played.seconds
            if played.is_last_of_step:
                return played.outcome.ok
