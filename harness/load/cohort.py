"""The healthy users: an open model of people who open pages on good connections, on schedule, whatever the server does.

A visit is a page and, once that is here, its assets. Half of all requests go over connections of their own and half
over kept ones, drawn by a seeded coin; a kept connection carries one request at a time. Times count from the moment
the scenario began (`now`).
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from ..address import Address
from ..model import GeneratorHealth, Outcome, Phase, Sample
from ..response import Response
from ..stats import quantile
from .clients.link import Link
from .judging.grading import health
from .pacing import Pacer, schedule
from .question import Question, ReferencePage

TIMEOUT = 5.0
"""Seconds after which a user gives up on one request."""

KEPT = 0.5
"""The share of requests that go over kept connections."""

POOL = 64
"""Idle kept connections at most; 32 people with two each."""

SLACK = 0.0015
"""Seconds before a send at which sleeping ends and yielding begins: epoll's time-out comes in whole milliseconds,
rounded up, which is as long as a fast server's whole answer takes."""

SHARE_OF_CAPACITY = 0.1
"""The part of a server's capacity that its healthy users may ask for, so that they are never the load themselves."""

WARM_UP = 12
"""Requests, one after the other, before anything is measured: lazy imports and first allocations fall into them."""


@dataclass(frozen=True)
class Visit:
    """What one arrival asks for: a page of `size` bytes, then `assets` files of `asset_size` bytes."""

    size: int = 2000
    assets: int = 0
    asset_size: int = 2000

    @property
    def requests(self) -> int:
        """How many requests that makes."""
        return 1 + self.assets


@dataclass(eq=False)
class _Flight:
    intended: float
    sent: float
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class Cohort:
    """The healthy users of one server. Ask `run` once; everything else may be asked while it goes on.

    `to_keep` counts the answers that were to leave their connection open, `kept` those that came over one left open.
    """

    def __init__(
        self,
        address: Address,
        visit: Visit,
        *,
        question: Question = ReferencePage(),  # noqa: B008 - frozen
        timeout: float = TIMEOUT,
        seed: int = 0,
    ) -> None:
        self.address = address
        self.samples: list[Sample] = []
        self.to_keep = 0
        self.kept = 0
        self._visit = visit
        self._question = question
        self._timeout = timeout
        self._coin = random.Random(seed)
        self._pool: list[Link] = []
        self._flights: set[_Flight] = set()
        self._due: list[float] = []
        self._sends: list[tuple[float, float]] = []
        self._cpu = time.process_time()
        self._arrivals = trio.CancelScope()
        self._began = trio.current_time()
        self._count = 0
        self._about_to_send = False

    @property
    def now(self) -> float:
        """Seconds since the scenario began."""
        return trio.current_time() - self._began

    async def run(self, pacer: Pacer, seconds: float) -> None:
        """Let visits arrive as `pacer` says for `seconds` from now, or until `stop`, and see all of them through."""
        begin = self.now
        try:
            with _without_collections():
                async with trio.open_nursery() as nursery:
                    with self._arrivals:
                        for due in schedule(pacer, seconds):
                            intended = begin + due
                            await self._until(self._began + intended)
                            self._due.append(intended)
                            nursery.start_soon(self._make_visit, intended)
        finally:
            self._about_to_send = False
            self._close_pool()

    def about_to_send(self) -> bool:
        """Say whether a visit begins within SLACK: whatever else this thread has to do can wait so long."""
        return self._about_to_send

    def stop(self) -> None:
        """No more arrivals; those on their way are seen through."""
        self._about_to_send = False
        self._arrivals.cancel()

    def cut(self) -> None:
        """End all requests that are on their way now: they count as in flight at the end. Kept connections go, too."""
        for each in self._flights:
            each.scope.cancel()
        self._close_pool()

    def seen(self, since: float = 0.0) -> list[Sample]:
        """Return the requests due at `since` or later, those still on their way as in flight, with their age so far."""
        return [each for each in [*self.samples, *self.flights()] if each.intended >= since]

    def flights(self) -> list[Sample]:
        """Return the requests that are on their way."""
        now = self.now
        return [
            Sample(each.intended, now - each.intended, now - each.sent, Outcome.UNFINISHED) for each in self._flights
        ]

    @property
    def flying(self) -> int:
        """How many requests are on their way."""
        return len(self._flights)

    def health(self, *phases: Phase) -> GeneratorHealth:
        """Judge the generator by what it sent in `phases`: what was due between them no figure rests on.

        The last of them has the median latency that lateness is measured against.
        """
        lateness = [late for due, late in self._sends if _within(due, phases)]
        return health(
            lateness,
            due=sum(_within(due, phases) for due in self._due),
            sent=len(lateness),
            elapsed=max(sum(each.ended - each.started for each in phases), 1e-9),
            cpu_share=(time.process_time() - self._cpu) / max(self.now, 1e-9),
            p50=phases[-1].p50 if phases else None,
        )

    async def _until(self, at: float) -> None:
        """Sleep until `at` on trio's clock, to within some 0.1 ms."""
        await trio.sleep_until(at - SLACK)
        self._about_to_send = True
        while trio.current_time() < at:
            await trio.lowlevel.checkpoint()

    # ------------------------------------------------------------------ one visit

    async def _make_visit(self, intended: float) -> None:
        self._sends.append((intended, self.now - intended))
        self._about_to_send = False
        visit = self._visit
        page = await self._ask(intended, visit.size)
        if page is not Outcome.OK:
            # Nobody learns of a page's assets before the page: they were scheduled with it and never sent.
            waited = self.now - intended
            self.samples += [Sample(intended, waited, 0.0, Outcome.NEVER_SENT)] * visit.assets
            return
        here = self.now
        async with trio.open_nursery() as nursery:
            for _ in range(visit.assets):
                nursery.start_soon(self._ask, here, visit.asset_size)

    async def _ask(self, intended: float, size: int) -> Outcome:
        flight = _Flight(intended, self.now)
        self._flights.add(flight)
        outcome = Outcome.UNFINISHED
        try:
            with flight.scope, trio.move_on_after(self._timeout) as patience:
                outcome = await self._answer(size)
            if patience.cancelled_caught:
                outcome = Outcome.TIMEOUT
        finally:
            now = self.now
            self._flights.discard(flight)
            self.samples.append(Sample(intended, now - intended, now - flight.sent, outcome))
        return outcome

    async def _answer(self, size: int) -> Outcome:
        keep = self._coin.random() < KEPT
        self._count += 1
        nonce = f"{self._count:x}-{self._coin.getrandbits(48):012x}"
        request = self._question.request(self.address, nonce, size, keep=keep)
        link = self._idle_link() if keep else None
        try:
            answer = await _ask_again(link, request) if link else None
            if not link or not answer:
                if link:
                    link.close()
                link = await Link.open(self.address)
                answer = await link.ask(request)
            outcome = self._question.outcome(answer, nonce, size)
            self.to_keep += keep
            self.kept += link.asked > 1
            # Whatever is not kept is closed at once: gunicorn lingers up to 2 s on a connection that it has marked to
            # be closed, until the client closes it.
            if keep and outcome is Outcome.OK and not answer.says_close and len(self._pool) < POOL:
                self._pool.append(link)
                link = None
        except OSError:
            outcome = Outcome.ERROR
        finally:
            if link:
                link.close()
        return outcome

    def _idle_link(self) -> Link | None:
        while self._pool:
            link = self._pool.pop()
            if link.quiet:
                return link
            link.close()
        return None

    def _close_pool(self) -> None:
        while self._pool:
            self._pool.pop().close()


async def warm_up(
    address: Address,
    question: Question = ReferencePage(),  # noqa: B008 - frozen
    size: int = 2000,
) -> float:
    """Ask for a few pages one after the other and return the seconds that one takes, from the faster quarter of them.

    The slower ones tell of a cold server, or of other programs on this machine.

    Raises trio.TooSlowError where one takes longer than TIMEOUT, OSError where a connection is refused.
    """
    took = []
    for number in range(WARM_UP):
        began = trio.current_time()
        with trio.fail_after(TIMEOUT):
            link = await Link.open(address)
            try:
                await link.ask(question.request(address, f"warm-{number}", size, keep=False))
            finally:
                link.close()
        took.append(trio.current_time() - began)
    return quantile(took, 0.25)


def affordable(rate: float, service: float) -> float:
    """Return `rate` (requests per second) or, where that is less, what SHARE_OF_CAPACITY of the server can do.

    One client, asking as fast as it gets answers of `service` seconds each, shows the least that the capacity can be.
    """
    return min(rate, SHARE_OF_CAPACITY / max(service, 1e-9))


def _within(due: float, phases: Sequence[Phase]) -> bool:
    return any(each.started <= due < each.ended for each in phases)


async def _ask_again(link: Link, request: bytes) -> Response | None:
    """Ask on a kept connection; None where the server closed it just then, and a browser would take a new one."""
    try:
        answer = await link.ask(request)
    except OSError:
        return None
    return None if answer.nothing else answer


@contextmanager
def _without_collections() -> Iterator[None]:
    # A full collection goes through everything that the program has imported and takes tens of milliseconds.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
