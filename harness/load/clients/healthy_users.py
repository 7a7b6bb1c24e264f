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

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.load.analysis.grading import health
from wsgi_gauntlet.harness.load.arrivals import Pacer, schedule
from wsgi_gauntlet.harness.load.workload import ReferencePage, Workload
from wsgi_gauntlet.harness.model import GeneratorHealth, Outcome, Phase, Sample
from wsgi_gauntlet.harness.stats.summary import quantile

REQUEST_TIMEOUT_SECONDS = 5.0
"""Seconds after which a user gives up on one request."""

KEEP_ALIVE_SHARE = 0.5
"""The share of requests that go over kept connections."""

MAX_IDLE_CONNECTIONS = 64
"""Idle kept connections at most; 32 people with two each."""

SPIN_SECONDS = 0.0015
"""Seconds before a send at which sleeping ends and yielding begins: epoll's time-out comes in whole milliseconds,
rounded up, which is as long as a fast server's whole answer takes."""

SHARE_OF_CAPACITY = 0.1
"""The part of a server's capacity that its healthy users may ask for, so that they are never the load themselves."""

WARM_UP_REQUESTS = 12
"""Requests, one after the other, before anything is measured: lazy imports and first allocations fall into them."""


@dataclass(frozen=True)
class PageView:
    """What one arrival asks for: a page of `size` bytes, then `assets` files of `asset_size` bytes."""

    size: int = 2000
    assets: int = 0
    asset_size: int = 2000

    @property
    def requests(self) -> int:
        """How many requests that makes."""
        return 1 + self.assets


@dataclass(eq=False)
class _RequestInFlight:
    intended: float
    sent: float
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class HealthyUsers:
    """The healthy users of one server. Ask `run` once; everything else may be asked while it goes on.

    `keep_alive_responses` counts the answers that were to leave their connection open, `kept` those that came over one
    left open.
    """

    def __init__(
        self,
        address: Address,
        page_view: PageView,
        *,
        workload: Workload = ReferencePage(),  # noqa: B008 - frozen
        timeout: float = REQUEST_TIMEOUT_SECONDS,
        seed: int = 0,
    ) -> None:
        self.address = address
        self.samples: list[Sample] = []
        self.keep_alive_responses = 0
        self.reused_connection_responses = 0
        self._page_view = page_view
        self._workload = workload
        self._timeout = timeout
        self._random = random.Random(seed)
        self._pool: list[HttpConnection] = []
        self._requests_in_flight: set[_RequestInFlight] = set()
        self._intended_times: list[float] = []
        self._send_lateness: list[tuple[float, float]] = []
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
            with _without_garbage_collection():
                async with trio.open_nursery() as nursery:
                    with self._arrivals:
                        for due in schedule(pacer, seconds):
                            intended = begin + due
                            await self._sleep_until(self._began + intended)
                            self._intended_times.append(intended)
                            nursery.start_soon(self._run_page_view, intended)
        finally:
            self._about_to_send = False
            self._close_pool()

    def about_to_send(self) -> bool:
        """Say whether a visit begins within SPIN_SECONDS: whatever else this thread has to do can wait so long."""
        return self._about_to_send

    def stop(self) -> None:
        """No more arrivals; those on their way are seen through."""
        self._about_to_send = False
        self._arrivals.cancel()

    def cancel_in_flight(self) -> None:
        """End all requests that are on their way now: they count as in flight at the end. Kept connections go, too."""
        for each in self._requests_in_flight:
            each.scope.cancel()
        self._close_pool()

    def samples_since(self, since: float = 0.0) -> list[Sample]:
        """Return the requests due at `since` or later, those still on their way as in flight, with their age so far."""
        return [each for each in [*self.samples, *self.in_flight_samples()] if each.intended >= since]

    def in_flight_samples(self) -> list[Sample]:
        """Return the requests that are on their way."""
        now = self.now
        return [
            Sample(each.intended, now - each.intended, now - each.sent, Outcome.UNFINISHED)
            for each in self._requests_in_flight
        ]

    @property
    def in_flight(self) -> int:
        """How many requests are on their way."""
        return len(self._requests_in_flight)

    def health(self, *phases: Phase) -> GeneratorHealth:
        """Judge the generator by what it sent in `phases`: what was due between them no figure rests on.

        The last of them has the median latency that lateness is measured against.
        """
        lateness = [late for due, late in self._send_lateness if _is_in_phase(due, phases)]
        return health(
            lateness,
            due=sum(_is_in_phase(due, phases) for due in self._intended_times),
            sent=len(lateness),
            elapsed=max(sum(each.ended - each.started for each in phases), 1e-9),
            cpu_share=(time.process_time() - self._cpu) / max(self.now, 1e-9),
            p50=phases[-1].p50 if phases else None,
        )

    async def _sleep_until(self, at: float) -> None:
        """Sleep until `at` on trio's clock, to within some 0.1 ms."""
        await trio.sleep_until(at - SPIN_SECONDS)
        self._about_to_send = True
        while trio.current_time() < at:
            await trio.lowlevel.checkpoint()

    # ------------------------------------------------------------------ one visit

    async def _run_page_view(self, intended: float) -> None:
        self._send_lateness.append((intended, self.now - intended))
        self._about_to_send = False
        page_view = self._page_view
        page = await self._request(intended, page_view.size)
        if page is not Outcome.OK:
            # Nobody learns of a page's assets before the page: they were scheduled with it and never sent.
            waited = self.now - intended
            self.samples += [Sample(intended, waited, 0.0, Outcome.NEVER_SENT)] * page_view.assets
            return
        here = self.now
        async with trio.open_nursery() as nursery:
            for _ in range(page_view.assets):
                nursery.start_soon(self._request, here, page_view.asset_size)

    async def _request(self, intended: float, size: int) -> Outcome:
        request_in_flight = _RequestInFlight(intended, self.now)
        self._requests_in_flight.add(request_in_flight)
        outcome = Outcome.UNFINISHED
        try:
            with request_in_flight.scope, trio.move_on_after(self._timeout) as patience:
                outcome = await self._attempt(size)
            if patience.cancelled_caught:
                outcome = Outcome.TIMEOUT
        finally:
            now = self.now
            self._requests_in_flight.discard(request_in_flight)
            self.samples.append(Sample(intended, now - intended, now - request_in_flight.sent, outcome))
        return outcome

    async def _attempt(self, size: int) -> Outcome:
        keep = self._random.random() < KEEP_ALIVE_SHARE
        self._count += 1
        nonce = f"{self._count:x}-{self._random.getrandbits(48):012x}"
        request = self._workload.request(self.address, nonce, size, keep=keep)
        connection = self._take_idle_connection() if keep else None
        try:
            response = await _request_on_kept_connection(connection, request) if connection else None
            if not connection or not response:
                if connection:
                    connection.close()
                connection = await HttpConnection.open(self.address)
                response = await connection.send_request(request)
            outcome = self._workload.outcome(response, nonce, size)
            self.keep_alive_responses += keep
            self.reused_connection_responses += connection.requests_answered > 1
            # Whatever is not kept is closed at once: gunicorn lingers up to 2 s on a connection that it has marked to
            # be closed, until the client closes it.
            if (
                keep
                and outcome is Outcome.OK
                and not response.announces_close
                and len(self._pool) < MAX_IDLE_CONNECTIONS
            ):
                self._pool.append(connection)
                connection = None
        except OSError:
            outcome = Outcome.ERROR
        finally:
            if connection:
                connection.close()
        return outcome

    def _take_idle_connection(self) -> HttpConnection | None:
        while self._pool:
            connection = self._pool.pop()
            if connection.is_idle:
                return connection
            connection.close()
        return None

    def _close_pool(self) -> None:
        while self._pool:
            self._pool.pop().close()


async def warm_up(
    address: Address,
    workload: Workload = ReferencePage(),  # noqa: B008 - frozen
    size: int = 2000,
) -> float:
    """Ask for a few pages one after the other and return the seconds that one takes, from the faster quarter of them.

    The slower ones tell of a cold server, or of other programs on this machine.

    Raises trio.TooSlowError where one takes longer than REQUEST_TIMEOUT_SECONDS, OSError where a connection is refused.
    """
    took = []
    for number in range(WARM_UP_REQUESTS):
        began = trio.current_time()
        with trio.fail_after(REQUEST_TIMEOUT_SECONDS):
            connection = await HttpConnection.open(address)
            try:
                await connection.send_request(workload.request(address, f"warm-{number}", size, keep=False))
            finally:
                connection.close()
        took.append(trio.current_time() - began)
    return quantile(took, 0.25)


def limit_to_capacity_share(rate: float, service: float) -> float:
    """Return `rate` (requests per second) or, where that is less, what SHARE_OF_CAPACITY of the server can do.

    One client, asking as fast as it gets answers of `service` seconds each, shows the least that the capacity can be.
    """
    return min(rate, SHARE_OF_CAPACITY / max(service, 1e-9))


def _is_in_phase(due: float, phases: Sequence[Phase]) -> bool:
    return any(each.started <= due < each.ended for each in phases)


async def _request_on_kept_connection(connection: HttpConnection, request: bytes) -> Response | None:
    """Ask on a kept connection; None where the server closed it just then, and a browser would take a new one."""
    try:
        response = await connection.send_request(request)
    except OSError:
        return None
    return None if response.is_empty else response


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    # A full collection goes through everything that the program has imported and takes tens of milliseconds.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
