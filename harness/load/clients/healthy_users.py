"""The healthy users: people who open pages on good connections, on a schedule that does not depend on the server.

A page view is a page and, after its response, its assets. Of traffic it is a step of a visit, and then the redirects
that the step follows (visiting_users.py). A seeded coin decides for each request whether it uses a new connection or a
kept one; both are equally frequent. A kept connection carries one request at a time. Times count from the start of the
scenario (`now`).
"""

from __future__ import annotations

import gc
import itertools
import math
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.load.arrivals import Pacer, schedule
from wsgi_gauntlet.harness.load.clients.visiting_users import UserRequest, VisitingUser, VisitingUsers
from wsgi_gauntlet.harness.load.generator.generator_health import health_of_sends
from wsgi_gauntlet.harness.load.traffic_workload import TrafficWorkload
from wsgi_gauntlet.harness.load.workload import ReferencePage, Workload
from wsgi_gauntlet.harness.model import GeneratorHealth, Outcome, Phase, Sample
from wsgi_gauntlet.harness.stats.summary import quantile

REQUEST_TIMEOUT_SECONDS = 5.0
"""Seconds after which a user gives up on one request."""

KEEP_ALIVE_SHARE = 0.5
"""The share of requests that use kept connections."""

MAX_IDLE_CONNECTIONS = 64
"""The limit of idle kept connections: 32 people with two each."""

SPIN_SECONDS = 0.0015
"""Seconds before a send at which the task stops sleeping and only yields. The timeout of epoll is in whole
milliseconds, rounded up, which is as long as a fast server takes for a response."""

SHARE_OF_CAPACITY = 0.1
"""The share of the capacity of a server that its healthy users may use, so that they are never the load themselves."""

WARM_UP_REQUESTS = 12
"""Requests before the measurement, one after the other. Lazy imports and first allocations happen in them."""


@dataclass(frozen=True)
class PageView:
    """The requests of one arrival: a page of `size` bytes, then `assets` files of `asset_size` bytes."""

    size: int = 2000
    assets: int = 0
    asset_size: int = 2000

    @property
    def requests(self) -> int:
        """The number of requests."""
        return 1 + self.assets


@dataclass(eq=False)
class _RequestInFlight:
    intended: float
    sent: float
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class HealthyUsers:
    """The healthy users of one server. Call `run` once; everything else may be used while it runs.

    Users of traffic think for at most `longest_think_time` seconds.
    `keep_alive_responses` counts the responses to requests with keep-alive, `reused_connection_responses` those that
    arrived on a kept connection.
    """

    def __init__(
        self,
        address: Address,
        page_view: PageView,
        *,
        workload: Workload = ReferencePage(),  # noqa: B008 - frozen
        timeout: float = REQUEST_TIMEOUT_SECONDS,
        seed: int = 0,
        longest_think_time: float = math.inf,
    ) -> None:
        self.samples: list[Sample] = []
        self.keep_alive_responses = 0
        self.reused_connection_responses = 0
        self._page_view = page_view
        self._seed = seed
        self._rows = itertools.count()
        self._timeout = timeout
        self._longest_think_time = longest_think_time
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
        self.visit(address, workload)

    def visit(self, address: Address, workload: Workload) -> None:
        """End all requests. From now on users visit `address` and expect the responses of `workload`."""
        self.cancel_in_flight()
        self.address = address
        self._workload = workload
        self._users: VisitingUsers | None = None
        if isinstance(workload, TrafficWorkload):
            self._users = VisitingUsers(workload, address, self._seed, self._rows)

    @property
    def now(self) -> float:
        """Seconds since the scenario began."""
        return trio.current_time() - self._began

    async def run(self, pacer: Pacer, seconds: float) -> None:
        """Start page views at the times of `pacer` for `seconds`, or until `stop`, and wait for all of them."""
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
        """Return whether a page view begins within SPIN_SECONDS. Other work of this thread can wait so long."""
        return self._about_to_send

    def stop(self) -> None:
        """Stop new page views. Those in flight continue."""
        self._about_to_send = False
        self._arrivals.cancel()

    def cancel_in_flight(self) -> None:
        """Cancel all requests in flight, which count as unfinished, and close kept connections."""
        for each in self._requests_in_flight:
            each.scope.cancel()
        self._close_pool()

    def samples_since(self, since: float = 0.0) -> list[Sample]:
        """Return the requests due at `since` or later. Those in flight are unfinished, with their age so far."""
        return [each for each in [*self.samples, *self.in_flight_samples()] if each.intended >= since]

    def in_flight_samples(self) -> list[Sample]:
        """Return the requests in flight."""
        now = self.now
        return [
            Sample(each.intended, now - each.intended, now - each.sent, Outcome.UNFINISHED)
            for each in self._requests_in_flight
        ]

    @property
    def in_flight(self) -> int:
        """The number of requests in flight."""
        return len(self._requests_in_flight)

    def health(self, *phases: Phase) -> GeneratorHealth:
        """Judge the generator by the requests that were due in `phases`, because no figure uses any others.

        The lateness is compared with the median latency of the last phase.
        """
        lateness = [late for due, late in self._send_lateness if _is_in_phase(due, phases)]
        return health_of_sends(
            lateness,
            due=sum(_is_in_phase(due, phases) for due in self._intended_times),
            seconds=max(sum(each.ended - each.started for each in phases), 1e-9),
            cpu_share=(time.process_time() - self._cpu) / max(self.now, 1e-9),
            p50=phases[-1].p50 if phases else None,
        )

    async def _sleep_until(self, at: float) -> None:
        """Sleep until `at` on the clock of trio, with a precision of about 0.1 ms."""
        await trio.sleep_until(at - SPIN_SECONDS)
        self._about_to_send = True
        while trio.current_time() < at:
            await trio.lowlevel.checkpoint()

    # ------------------------------------------------------------------ one page view

    async def _run_page_view(self, intended: float) -> None:
        self._send_lateness.append((intended, self.now - intended))
        self._about_to_send = False
        if self._users is not None:
            await self._run_step(self._users, intended)
            return
        page_view = self._page_view
        page = await self._request(intended, partial(self._attempt_page, page_view.size))
        if page is not Outcome.OK:
            # A user learns the assets from the page. They were scheduled with it and are never sent.
            waited = self.now - intended
            self.samples += [Sample(intended, waited, 0.0, Outcome.NEVER_SENT)] * page_view.assets
            return
        page_received = self.now
        async with trio.open_nursery() as nursery:
            for _ in range(page_view.assets):
                nursery.start_soon(self._request, page_received, partial(self._attempt_page, page_view.asset_size))

    async def _run_step(self, users: VisitingUsers, intended: float) -> None:
        user = users.next_user(intended)
        think_time = min(user.visit.step.step.think_time, self._longest_think_time)
        due = intended
        while await self._request(due, partial(self._attempt_step, users, user)) is Outcome.OK:
            due = self.now
            if not user.redirected:
                users.answered(user, think_time, due)
                return
        users.left(user)

    async def _request(self, intended: float, attempt: Callable[[bool], Awaitable[Outcome]]) -> Outcome:
        request_in_flight = _RequestInFlight(intended, self.now)
        self._requests_in_flight.add(request_in_flight)
        outcome = Outcome.UNFINISHED
        try:
            with request_in_flight.scope, trio.move_on_after(self._timeout) as timeout:
                outcome = await attempt(self._random.random() < KEEP_ALIVE_SHARE)
            if timeout.cancelled_caught:
                outcome = Outcome.TIMEOUT
        finally:
            now = self.now
            self._requests_in_flight.discard(request_in_flight)
            self.samples.append(Sample(intended, now - intended, now - request_in_flight.sent, outcome))
        return outcome

    async def _attempt_page(self, size: int, keep: bool) -> Outcome:
        self._count += 1
        nonce = f"{self._count:x}-{self._random.getrandbits(48):012x}"
        data = self._workload.request(self.address, nonce, size, keep=keep)
        request = UserRequest(data, repeatable=True)
        return await self._attempt(request, lambda response: self._workload.outcome(response, nonce, size), keep=keep)

    async def _attempt_step(self, users: VisitingUsers, user: VisitingUser, keep: bool) -> Outcome:
        request = users.request(user, keep=keep)
        if request is None:
            return Outcome.WRONG
        return await self._attempt(request, partial(users.receive, user), keep=keep)

    async def _attempt(self, request: UserRequest, judge: Callable[[Response], Outcome], *, keep: bool) -> Outcome:
        connection = self._take_idle_connection() if keep else None
        try:
            response = await _request_on_kept_connection(connection, request) if connection else None
            if not connection or not response:
                if connection:
                    connection.close()
                connection = await HttpConnection.open(self.address)
                response = await connection.send_request(request.data)
            outcome = judge(response)
            self.keep_alive_responses += keep
            self.reused_connection_responses += connection.requests_answered > 1
            # Every other connection is closed at once: gunicorn waits up to 2 s on a connection that it marked to be
            # closed, until the client closes it.
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
    """Request a few pages one after the other, and return the first quartile of their times in seconds.

    The slower requests show a cold server, or other programs on this machine. Raises trio.TooSlowError if one takes
    longer than REQUEST_TIMEOUT_SECONDS, OSError if a connection is refused.
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
    """Return `rate` (requests per second), but at most SHARE_OF_CAPACITY of the capacity of the server.

    One client that gets each response in `service` seconds shows the lowest possible capacity.
    """
    return min(rate, SHARE_OF_CAPACITY / max(service, 1e-9))


def _is_in_phase(due: float, phases: Sequence[Phase]) -> bool:
    return any(each.started <= due < each.ended for each in phases)


async def _request_on_kept_connection(connection: HttpConnection, request: UserRequest) -> Response | None:
    """Send a request on a kept connection; None if the server just closed it, and a browser would open a new one.

    Raises OSError if the request must not be repeated.
    """
    try:
        response = await connection.send_request(request.data)
    except OSError:
        if not request.repeatable:
            raise
        return None
    return None if response.is_empty and request.repeatable else response


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    # A full collection visits all objects of the program and takes tens of milliseconds.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
