"""Clients that vanish in the middle: what they leave behind adds up, until the server has no descriptor left.

"the server or gateway **must** call that method upon completion of the current request, whether the request was
completed normally, or terminated early due to an application error during iteration or an early disconnect of the
browser." (PEP 3333, of the close() of what the application returned)
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from ...harness.catalog import scenario
from ...harness.errors import Unsupported
from ...harness.load.arena import Arena
from ...harness.load.clients.crowd import Crowd
from ...harness.load.clients.room import room_at_most
from ...harness.load.clients.vanishing import Place, Vanishing
from ...harness.load.course import Course
from ...harness.load.disturbance import Findings, disturb
from ...harness.load.looking.aftermath import left, settled
from ...harness.load.looking.open_answers import Answers, answers
from ...harness.load.looking.sampler import Usage
from ...harness.model import Load, Measure, Phase

BRIEFLY = 0.01
"""Seconds between two disconnects of one client once the users have gone."""

ALL_GONE = 10.0
"""Seconds in which all clients of one kind have vanished, or the server keeps them waiting."""


class Vanished:
    """First clients vanish everywhere beside users; then `each` of them at one place after the other, and alone."""

    def __init__(self, arena: Arena) -> None:
        self._room = room_at_most(arena.count("clients"))
        self._clients, self._each = self._room.clients, arena.count("disconnects")
        self._duration, self._patience = arena.number("duration"), arena.number("moment")
        self._interval, self._size = arena.number("interval"), arena.count("size")
        self._per_second = arena.number("per_second")
        self._beside: Vanishing | None = None
        self._gone: dict[Place, int] = {}
        self._left: dict[Place, tuple[int, int]] = {}
        self._answers: Answers | None = None
        self._met = 0
        self._meanwhile = 0

    def persona(self, mount: str, authority: str) -> Vanishing:
        """Return the clients that vanish beside users."""
        self._beside = Vanishing(mount, authority, tuple(Place), interval=self._interval, size=self._size)
        return self._beside

    async def beside(self, c: Course) -> Sequence[Phase]:
        """Let clients vanish beside the users."""
        await c.crowd.become(self._clients)
        return [await c.phase("clients vanish", self._duration)]

    async def afterwards(self, c: Course) -> None:
        """Let clients vanish at each place, and count what each leaves."""
        assert self._beside is not None
        self._meanwhile = self._beside.gone.total()
        self._met = self._beside.met
        before, unseen = await self._look(c, None)
        async with trio.open_nursery() as nursery:
            for place in Place:
                alone = Vanishing(
                    c.running.reference,
                    c.running.address.authority,
                    (place,),
                    interval=BRIEFLY,
                    size=self._size,
                    most=self._each,
                )
                crowd = Crowd(c.running.address, alone, nursery, per_second=self._per_second)
                await crowd.become(min(self._clients, self._each))
                with trio.move_on_after(ALL_GONE):
                    while alone.gone[place] < self._each:  # noqa: ASYNC110 - what is waited for is the server
                        await trio.sleep(0.02)
                crowd.release()
                self._gone[place] = alone.gone[place]
                self._met += alone.met
                if before is not None:
                    after, unseen = await self._look(c, before)
                    if after is not None:
                        self._left[place] = left(before, after)
                    before = after
            nursery.cancel_scope.cancel()
        self._answers = await answers(c.running.address, c.running.reference, self._met, self._patience)
        if unseen is not None:
            raise unseen

    async def _look(self, c: Course, base: Usage | None) -> tuple[Usage | None, Unsupported | None]:
        try:
            return await settled(c.usage, self._patience, base), None
        except Unsupported as why:
            return None, why

    def findings(self) -> Findings:
        """Return what is left of how many."""
        gone = sum(self._gone.values())
        measures = [Measure("disconnects beside users", self._meanwhile), Measure("disconnects counted", gone)]
        flaws = []
        if len(self._left) == len(Place) and gone:
            descriptors = sum(each for each, _ in self._left.values())
            threads = sum(each for _, each in self._left.values())
            by = ", ".join(
                f"{number} of {self._gone[place]} in the {place}" for place, (number, _) in self._left.items()
            )
            measures += [
                Measure("descriptors left per 100 disconnects", 100 * descriptors / gone, note=by),
                Measure("threads left", threads),
            ]
            if descriptors or threads:
                flaws.append(
                    f"{descriptors} descriptors and {threads} threads were still held {self._patience:g} s after the "
                    f"last of {gone} clients had vanished (descriptors: {by})."
                )
        if self._gone and self._answers is None:
            why = "not all of the app's processes could be asked"
            measures.append(Measure("answers whose close() was not called", None, note=why))
        elif self._answers is not None:
            unclosed = self._answers.unclosed
            note = f"of {self._answers.opened} answers, {self._met} of them cut short"
            measures.append(Measure("answers whose close() was not called", unclosed, note=note))
            if unclosed:
                flaws.append(
                    f"close() was not called for {unclosed} of {self._answers.opened} answers, {self._met} of them cut "
                    "short: PEP 3333 wants it called whenever a request ends, also early."
                )
        missing = [place for place, number in self._gone.items() if number < self._each]
        told = [self._room.note]
        if missing:
            told.append(f"Not all clients came to vanish in the {' and '.join(missing)}: the server kept them waiting.")
        return Findings(tuple(measures), tuple(flaws), told=" ".join(filter(None, told)))


@scenario(
    "Clients that vanish: RST in the head, the body, the answer",
    smoke={
        "clients": 20,
        "disconnects": 100,
        "duration": 1.5,
        "rate": 20,
        "baseline": 1.2,
        "recovery": 3,
        "moment": 2,
        "per_second": 200,
        "interval": 0.3,
        "size": 2_000_000,
    },
    full={
        "clients": 100,
        "disconnects": 2000,
        "duration": 30,
        "rate": 20,
        "baseline": 10,
        "recovery": 60,
        "moment": 30,
        "per_second": 200,
        "interval": 1,
        "size": 2_000_000,
    },
)
async def disconnect(arena: Arena) -> Load:
    """Clients vanish by RST: in the middle of a head, of a body, or of the answer that they read.

    What a server does not give back then, a descriptor, a thread, an answer that is never closed and so holds the
    app's file or database connection, it gives back never.
    """
    rounds: list[Vanished] = []

    def make() -> Vanished:
        rounds.append(Vanished(arena))
        return rounds[-1]

    return await disturb(
        arena,
        disconnect,
        make,
        persona=lambda running: rounds[-1].persona(running.reference, running.address.authority),
    )
