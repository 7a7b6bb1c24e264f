"""Visits of several users in turn, one request at a time: what each of them changes on the pages of the others.

    turn          1    2    3    4    5    6    7    8
    one user      a    b    c    d    a    b    c    d
    another       a    b    c    d    a    b    c    d
    a later one             a    b    c    d

A page with entries of other users, such as a board, is not the same in visits at the same time as in visits one after
the other. Only one request is under way, so an app that is not thread-safe gives the right pages here.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic
from wsgi_gauntlet.harness.traffic.player import PlayedRequest, Player
from wsgi_gauntlet.harness.traffic.rows import Rows
from wsgi_gauntlet.harness.traffic.visit import Visit

MAX_REQUESTS = 400
"""Requests of all visits in turn. A long recording is not played to its end."""

MAX_SECONDS = 10.0
"""Seconds after which no further step is played, because the app is slow."""


@dataclass(frozen=True)
class VisitsInTurn:
    """The last request of each correct step, by sequence and step.

    `whole` says that all visits came to their end, each with correct responses.
    """

    steps: tuple[tuple[tuple[PlayedRequest, ...], ...], ...] = ()
    whole: bool = True


class _Series:
    """Visits of one sequence, one after the other. The next one begins in turn `due`, from 0."""

    def __init__(self, sequence: int, length: int, due: int) -> None:
        self.sequence = sequence
        self.length = length
        self.due = due
        self.visits = 0
        self.player: Player | None = None


async def play_in_turn(address: Address, traffic: CompiledTraffic, first_row: int) -> VisitsInTurn:
    """Play visits of each sequence in turn, from row `first_row` of the value lists on, and return what is correct.

    A visit ends after a wrong response: with few rows, two users with one account disturb each other. So this blames
    nobody. Sequences of one step have one series of visits and others three. Visits begin for as many turns as the
    longest sequence has steps. So that one has three visits, and each shorter sequence has about as many requests.
    MAX_REQUESTS and MAX_SECONDS are the limits. Raises OutOfResources.
    """
    playing = _Turns(address, traffic, first_row)
    try:
        whole = await playing.play()
    finally:
        playing.close()
    return VisitsInTurn(tuple(tuple(map(tuple, each)) for each in playing.found), whole and not playing.failed)


class _Turns:
    def __init__(self, address: Address, traffic: CompiledTraffic, first_row: int) -> None:
        self.found: list[list[list[PlayedRequest]]] = [[[] for _ in each.steps] for each in traffic.sequences]
        self.failed = False
        self._address = address
        self._traffic = traffic
        self._rows = Rows(traffic, itertools.count(first_row))
        lengths = [len(each.steps) for each in traffic.sequences]
        self._turns = max(lengths)
        self._series = [
            _Series(sequence, length, length // 2 if place == 2 else 0)
            for place in range(3)
            for sequence, length in enumerate(lengths)
            if length > 1 or place == 0
        ]
        self._pause = pause_between([each.length for each in self._series], self._turns)
        self._requests = 0

    async def play(self) -> bool:
        """Play all visits. Return whether they came to their end."""
        deadline = trio.current_time() + MAX_SECONDS
        for turn in itertools.count():
            self._begin_visits(turn)
            active = [each for each in self._series if each.player is not None]
            if not active and turn >= self._turns:
                break
            for series in active:
                if self._requests >= MAX_REQUESTS or trio.current_time() > deadline:
                    return False
                await self._play_step(series)
        return True

    def close(self) -> None:
        """Close all connections."""
        for each in self._series:
            if each.player is not None:
                each.player.close()

    def _begin_visits(self, turn: int) -> None:
        # A series without a visit comes first. If there is no free row, it waits for one for a while.
        for series in sorted(self._series, key=lambda each: each.visits):
            last = self._turns if series.visits else 2 * self._turns
            if series.player is None and series.due <= turn < last and self._rows.has_free(series.sequence):
                visit = Visit(self._traffic, series.sequence, self._rows.take(series.sequence))
                # A kept connection could keep the only thread of a server busy.
                series.player = Player(self._address, visit, keep=False)
                series.visits += 1
                series.due = turn + max(series.length, self._pause)

    async def _play_step(self, series: _Series) -> None:
        assert series.player is not None
        visit = series.player.visit
        step = visit.position
        while True:
            played = await series.player.play_next()
            self._requests += 1
            if played.is_last_of_step:
                break
        if played.outcome.ok:
            self.found[series.sequence][step].append(played)
        else:
            self.failed = True
        if visit.ended or not played.outcome.ok:
            series.player.close()
            series.player = None
            self._rows.release(visit)


def pause_between(lengths: Sequence[int], turns: int) -> int:
    """Return the least turns from one visit of a series to the next, so that all visits stay within MAX_REQUESTS.

    `lengths` are the steps of the visits of each series. If nothing is enough, each series has one visit.
    """

    def requests(pause: int) -> int:
        return sum(length * -(-turns // max(length, pause)) for length in lengths)

    return next((pause for pause in range(1, turns) if requests(pause) <= MAX_REQUESTS), turns)
