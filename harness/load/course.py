"""One server with its healthy users and its slow clients on one time line, phase after phase.

    async with course(arena, persona, ...) as c:
        before = await c.phase("baseline", 2)           healthy users alone
        await c.crowd.become(8)                         slow clients come
        during = await c.phase("crowd", 7)              the same users among them
        back = await c.recover(before.p99, 4)           slow clients leave

All times are seconds since the healthy users began.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import trio

from ..errors import GauntletError, ServerDidNotStart
from ..histogram import Histogram
from ..model import Outcome, Percentile, Phase, Sample
from ..stats import summarize, waits
from .arena import Arena, Progress, within
from .clients.crowd import Crowd
from .clients.link import Link
from .clients.personas import Persona
from .cohort import TIMEOUT, Cohort, Visit, affordable, warm_up
from .judging.grading import COLLAPSED_P99, STEADY, recovery
from .judging.grading import seconds as told_seconds
from .looking.sampler import Usage, usage
from .pacing import Poisson
from .question import Question

if TYPE_CHECKING:
    from ..launch import Running

TICK = 0.1
"""Seconds between two looks at the course while a phase goes on."""

TAIL = 0.05
"""Seconds beyond COLLAPSED_P99 that the last requests of a phase are given: then it is sure which of them were late."""

ENOUGH = 8
"""Requests that a phase is to have: with Poisson arrivals none at all then falls into one phase of 3,000."""

PATIENCE = 10.0
"""Seconds that a phase is made longer for ENOUGH requests at most."""

TARGETS_PATIENCE = 30.0
"""Seconds in which a server that nobody here can restart is to answer again once its slow clients have gone."""

RECENT = 2000
"""Requests of a phase that the live line is about, the latest ones: it is made ten times a second."""

LONGEST = 24 * 3600.0
"""Seconds that any course lasts at most."""


SHARES = {
    "warm-up": (0.0, 0.05),
    "baseline": (0.05, 0.2),
    "crowd": (0.2, 0.6),
    "recovery": (0.6, 0.85),
    "search": (0.85, 1.0),
}
"""The parts of a scenario, as a bar shows them, for phases that do not say their own; a server that stands its slow
clients has no search."""


@dataclass(frozen=True)
class _Doing:
    name: str
    began: float
    seconds: float
    share: tuple[float, float]


class Course:
    """What goes on between one server and its clients. Made by `course`."""

    def __init__(
        self,
        arena: Arena,
        running: Running,
        cohort: Cohort,
        crowd: Crowd,
        rate: float,
        question: Question,
        progress: Progress,
    ) -> None:
        self.running = running
        self.question = question
        self.cohort = cohort
        self.crowd = crowd
        self.rate = rate
        self.phases: list[Phase] = []
        self.held: list[tuple[float, int]] = []
        self.flying: list[tuple[float, int]] = []
        self._arena = arena
        self._progress = progress
        self._doing = _Doing("warm-up", 0.0, 1.0, SHARES["warm-up"])

    async def phase(
        self,
        name: str,
        seconds: float,
        *,
        hurry: bool = False,
        record: bool = True,
        share: tuple[float, float] | None = None,
    ) -> Phase:
        """Let the users go on for `seconds` and return what those got whose requests were due in that time.

        Where the server's capacity allows few users it takes longer, so that ENOUGH requests are due. Requests still on
        their way a second after the end count as in flight. With `hurry` it ends as soon as it is certain that the
        server has collapsed. On a bar it goes from one end of its `share` of the course to the other.
        """
        began = self.cohort.now
        seconds = max(seconds, min(ENOUGH / self.rate, PATIENCE))
        self._doing = _Doing(name, began, seconds, share or SHARES.get(name, SHARES["search"]))
        planned = seconds * self.rate
        while self.cohort.now < began + seconds:
            await trio.sleep(min(TICK, max(0.0, began + seconds - self.cohort.now)))
            if hurry and certain(self.cohort.seen(began), planned):
                break
        ended = self.cohort.now
        with trio.move_on_after(COLLAPSED_P99 + TAIL):
            while any(each.intended < ended for each in self.cohort.flights()):
                await trio.sleep(TICK / 10)
                if hurry and certain(self.cohort.seen(began), planned):
                    break
        found = summarize(self.cohort.seen(began), name, began, ended)
        if record:
            self._keep(found)
        return found

    def cut_short(self) -> None:
        """Keep what users got in the phase that goes on, for a cell that ends here."""
        name, began = self._doing.name, self._doing.began
        if self.phases and began < self.phases[-1].ended:
            return
        seen = self.cohort.seen(began)
        if seen:
            self._arena.kept.append(summarize(seen, f"{name}, cut short", began, self.cohort.now))

    def _keep(self, found: Phase) -> None:
        self.phases.append(found)
        self._arena.kept.append(found)

    async def recover(self, baseline_p99: float | None, patience: float) -> float | None:
        """Let all slow clients go, and return the seconds until users were well served again for STEADY seconds.

        None where that did not come within `patience` seconds. The users' own requests from before are ended, too.
        """
        self.cohort.cut()
        self.crowd.release()
        released = self.cohort.now
        self._doing = _Doing("recovery", released, patience + STEADY, SHARES["recovery"])
        found = None
        while found is None and self.cohort.now < released + patience + STEADY:
            await trio.sleep(TICK)
            # What was due just now may not have been answered yet.
            found = recovery(self.cohort.seen(released), released, self._all_answered_until(), baseline_p99)
        self._keep(summarize(self.cohort.seen(released), "recovery", released, self._all_answered_until()))
        return found if found is not None and found <= patience else None

    async def serve_again(self, patience: float = 2.0) -> None:
        """Let all slow clients go and return when the server answers; restart it where it does not for `patience`.

        A target is given TARGETS_PATIENCE. Raises what starting a server raises, Unsupported for a target.
        """
        self.cohort.cut()
        self.crowd.release()
        if not self._arena.started_here:
            patience = max(patience, TARGETS_PATIENCE)
        with trio.move_on_after(patience):
            while not await self._answers():  # noqa: ASYNC110 - what is waited for happens in another process
                await trio.sleep(TICK)
            return
        await self.running.restart()
        self.cohort.address = self.crowd.address = self.running.address

    async def usage(self) -> Usage:
        """Return what the server's processes use now. Raises Unsupported for a target, whose nobody here can see."""
        return await usage(self.running.processes())

    def percentiles(self) -> tuple[Percentile, ...]:
        """Return the latency curve of each phase, time-outs and the like as the lower bounds they are."""
        curves: list[Percentile] = []
        for phase in self.phases:
            counted = Histogram()
            inside = [each for each in self.cohort.samples if phase.started <= each.intended < phase.ended]
            for latency, _ in waits(inside):
                counted.record(round(latency * 1e9))
            curves += counted.percentiles(phase.name)
        return tuple(curves)

    def timeline(self) -> tuple[tuple[float, int], ...]:
        """Return when how many slow clients were held, without what did not change."""
        changes = [
            (at, held)
            for index, (at, held) in enumerate(self.held)
            if index in (0, len(self.held) - 1) or not self.held[index - 1][1] == held == self.held[index + 1][1]
        ]
        return tuple(changes)

    async def look(self) -> None:
        """Note again and again how many slow clients are held and requests are on their way, and tell of it."""
        while True:
            self._tell()
            self.held.append((round(self.cohort.now, 3), self.crowd.held))
            self.flying.append((self.cohort.now, self.cohort.flying))
            await trio.sleep(TICK)

    def _all_answered_until(self) -> float:
        """Return the time before which every request is answered, given up or at least a second late."""
        fresh = [each.intended for each in self.cohort.flights() if each.latency < COLLAPSED_P99]
        return min(fresh, default=self.cohort.now)

    async def _answers(self) -> bool:
        try:
            link = await Link.open(self.running.address)
        except OSError:
            return False
        try:
            answer = await link.ask(self.question.request(self.running.address, "again", 100, keep=False))
        except OSError:
            return False
        finally:
            link.close()
        return self.question.outcome(answer, "again", 100) is Outcome.OK

    def _tell(self) -> None:
        name, began, seconds = self._doing.name, self._doing.began, self._doing.seconds
        until = self.cohort.now - TICK
        lately = [*self.cohort.samples[-RECENT:], *self.cohort.flights()]
        lately = [each for each in lately if began <= each.intended < until]
        begin, end = self._doing.share
        done = begin + (end - begin) * min((self.cohort.now - began) / seconds, 1.0)
        self._progress(done, f"{name}: {self.crowd.held} slow clients, {so_far(lately)}")


def so_far(samples: list[Sample]) -> str:
    """Return what users got, for the live line: `97 % answered, p99 12 ms`."""
    if not samples:
        return "nobody asked yet"
    found = summarize(samples, "", 0.0, math.inf)
    answered = f"{found.goodput * 100:.0f} % answered"
    if found.p99 is None:
        return answered
    return f"{answered}, p99 {'≥ ' if found.censored else ''}{told_seconds(found.p99)}"


@asynccontextmanager
async def course(
    arena: Arena,
    persona: Callable[[Running], Persona],
    *,
    visit: Visit,
    rate: float,
    per_second: float,
    seed: int = 0,
    progress: Progress | None = None,
) -> AsyncIterator[Course]:
    """Start a fresh server, warm it up and let healthy users arrive: at `rate` requests per second, all told.

    Slow clients of the kind that `persona` makes for the server stand ready to come, `per_second` of them. At the end
    of the block all are gone. `progress` is told how far the course is, where it is only a part of what the arena's is
    told of. Raises what launching raises, ServerDidNotStart where it does not answer even now, and
    NoSuchPage for an app of the user's own that answers its page with an error.
    """
    progress = progress or within(arena.progress, 0.0, 1.0)
    progress(0.0, "starting a fresh server")
    async with arena.server() as running:
        try:
            question = await arena.question(running)
            service = await warm_up(running.address, question, visit.size)
        except (trio.TooSlowError, OSError) as problem:
            why = f"took over {TIMEOUT:g} s" if isinstance(problem, trio.TooSlowError) else f"failed: {problem}"
            raise ServerDidNotStart(f"{running.name} answered at first, and then a page {why}") from None
        if not question.made_to_order:
            visit = replace(visit, assets=0)  # one page of an app says nothing of what else belongs to it
        rate = affordable(rate, service)
        try:
            async with trio.open_nursery() as nursery:
                cohort = Cohort(running.address, visit, question=question, seed=seed)
                crowd = Crowd(
                    running.address, persona(running), nursery, per_second=per_second, held_up=cohort.about_to_send
                )
                here = Course(arena, running, cohort, crowd, rate, question, progress)
                nursery.start_soon(here.look)
                nursery.start_soon(cohort.run, Poisson(rate / visit.requests, seed), LONGEST)
                whole = False
                try:
                    yield here
                    whole = True
                finally:
                    if not whole:
                        here.cut_short()
                nursery.cancel_scope.cancel()
        except ExceptionGroup as group:
            # A nursery wraps what the block raised; the run tells errors apart by their type.
            raise _first(group) from None


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """Return the first error in `group` that a user can be told of, else the group."""
    told, _ = group.split(GauntletError)
    found: Exception = told or group
    while isinstance(found, ExceptionGroup) and (told or len(found.exceptions) == 1):
        found = found.exceptions[0]
    return found


def certain(seen: list[Sample], planned: float) -> bool:
    """Say whether a phase of `planned` requests is sure to end in collapse, whatever the rest of it brings."""
    late = [each for each in seen if each.latency > COLLAPSED_P99]
    return len(late) > max(planned, len(seen)) / 100
