"""The open loop: requests are sent at scheduled times, on as many connections as needed.

It uses one epoll object nested in trio, as the closed loop does. Here the send time matters more than the last tenth of
a microsecond of CPU. trio and epoll wait in whole milliseconds, so the last part of a wait uses select(), which waits
in microseconds.
"""

from __future__ import annotations

import dataclasses
import select
import time
from array import array
from collections import deque
from collections.abc import Iterable
from contextlib import closing
from typing import Generic

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.context import require_loopback_or_verified
from wsgi_gauntlet.harness.load.generator.connections import ConnectionEvent, ConnectionPool
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult, GeneratorWindow
from wsgi_gauntlet.harness.load.generator.lead_in import lead_in
from wsgi_gauntlet.harness.load.generator.loop import (
    MAX_EVENTS,
    MAX_SLICE_NS,
    SWEEP_INTERVAL_NS,
    LoopOptions,
    ResponseGap,
    StartTime,
)
from wsgi_gauntlet.harness.load.generator.request_marks import MarkedRequests
from wsgi_gauntlet.harness.load.generator.request_source import P, RequestSource
from wsgi_gauntlet.harness.load.generator.user_visits import UserVisits
from wsgi_gauntlet.harness.load.verified_traffic import VerifiedTraffic
from wsgi_gauntlet.harness.load.workload import VerifiedPage
from wsgi_gauntlet.harness.stats.histogram import Histogram

TRIO_TIMER_ERROR_NS = 2_000_000
"""Nanoseconds that the loop returns early from trio, whose timers are as coarse as those of epoll: a millisecond."""

FD_SETSIZE = 1024
"""FD_SETSIZE: select() takes descriptors below it."""

MAX_WINDOWS = 2000
"""Windows of one result. Each takes 74 KB, so all of them take at most 150 MB."""


async def open_loop(
    address: Address,
    page: VerifiedPage,
    options: LoopOptions,
    schedule: Iterable[float],
    *,
    start: StartTime | None = None,
) -> GeneratorResult:
    """Send a request at each time of `schedule` (ascending seconds from `start`), whether or not the server keeps up.

    Of traffic, a request is the next step of an idle user; think times do not count. The first visits begin in their
    middle (lead_in.py).
    A request uses an idle kept connection, or a new one. If all connections are busy it waits, and its latency includes
    the wait, because latency counts from the intended time. Every request ends as correct, wrong, failed, timed out or
    never sent. So the loop ends at most one timeout after the schedule. `start` is as in `closed_loop`. Connections of
    the warm-up stay open, and requests that still wait then delay the others. Raises as `closed_loop` does, and
    ValueError for more than MAX_WINDOWS windows.
    """
    require_loopback_or_verified(address)
    if isinstance(page, VerifiedTraffic):
        visits, times = UserVisits(page, address), array("d", schedule)
        users = min(options.connections, len(times))
        led_in = await lead_in(address, visits, users, rate=len(times) / max(times[-1], 1e-3) if times else 0.0)
        return dataclasses.replace(await _run(address, visits, options, times, start), lead_in_requests=led_in)
    marks = MarkedRequests(page.request, page.body, page.mark, page.status)
    return await _run(address, marks, options, schedule, start)


async def _run(
    address: Address,
    source: RequestSource[P],
    options: LoopOptions,
    schedule: Iterable[float],
    start: StartTime | None,
) -> GeneratorResult:
    with closing(ConnectionPool(address, source)) as pool:
        return await _OpenLoop(pool, options, schedule, None if start is None else await start()).run()


class _Window:
    """A GeneratorWindow that the loop still fills."""

    __slots__ = ("latency", "scheduled", "waiting")

    def __init__(self) -> None:
        self.scheduled = 0
        self.latency, self.waiting = Histogram(), Histogram()


class _OpenLoop(Generic[P]):
    def __init__(
        self, pool: ConnectionPool[P], options: LoopOptions, schedule: Iterable[float], start: int | None
    ) -> None:
        self._pool = pool
        self._times = iter(schedule)
        self._connections = options.connections
        self._timeout, self._window = int(options.timeout * 1e9), int(options.window * 1e9)
        self._latency, self._service, self._waiting, self._lateness = (Histogram() for _ in range(4))
        self._intended: dict[int, int] = {}
        self._free: list[int] = []
        self._queue: deque[int] = deque()
        self._scheduled = self._never_sent = 0
        self._windows: list[_Window] = []
        self._start = time.perf_counter_ns() if start is None else start
        self._counting_from = self._start + int(options.warm_up * 1e9)
        self._warming_up = options.warm_up > 0
        self._began = time.monotonic() + (self._counting_from - time.perf_counter_ns()) / 1e9
        self._last = self._last_due = self._counting_from
        self._cpu = 0.0
        self._last_times: dict[int, tuple[int, int]] = {}
        self._queued_requests = self._saturated_ns = self._saturated_since = self._saturated_responses = 0
        pool.restart_counters(self._counting_from)
        self._due = self._next_due()

    def _next_due(self) -> int | None:
        at = next(self._times, None)
        return None if at is None else self._start + int(at * 1e9)

    async def run(self) -> GeneratorResult:
        clock, pool = time.perf_counter_ns, self._pool
        sweep_at = passed = self._start
        while True:
            self._start_due_requests()
            now = clock()
            if now >= sweep_at:
                pool.counters.generator_stall = max(pool.counters.generator_stall, now - sweep_at)
                sweep_at = now + SWEEP_INTERVAL_NS
                if pool.must_pause:
                    pool.counters.response_gap.start_waiting(now)
                self._expire_overdue(now - self._timeout, now)
            if self._due is None and not self._queue and len(pool.open) == len(self._free):
                break
            gap = (sweep_at if self._due is None else min(self._due, sweep_at)) - now
            if gap > MAX_SLICE_NS:
                with trio.move_on_after((gap - TRIO_TIMER_ERROR_NS) / 1e9):
                    await trio.lowlevel.wait_readable(pool.epoll.fileno())
                passed = clock()
            else:
                if now - passed > MAX_SLICE_NS:
                    await trio.lowlevel.checkpoint()
                    passed = now
                self._wait_precisely(gap)
            self._read_responses()
        if self._warming_up:
            self._end_warm_up(now)
        pool.counters.response_gap.still_waiting(now)
        if self._saturated_since:
            self._saturated_ns += now - self._saturated_since
        wanted = max(self._last_due - self._counting_from, 1) / 1e9
        seconds = max(self._last - self._counting_from, 1) / 1e9
        return GeneratorResult(
            connections=self._connections,
            seconds=max(wanted, seconds),
            cpu_seconds=self._cpu,
            latency=self._latency,
            service=self._service,
            waiting=self._waiting,
            never_sent=self._never_sent,
            offered=self._scheduled / wanted,
            achieved=self._scheduled / max(wanted, seconds),
            lateness=self._lateness,
            began=self._began,
            queued_requests=self._queued_requests,
            saturated_seconds=self._connections * self._saturated_ns / 1e9,
            saturated_responses=self._saturated_responses,
            steps=pool.source.steps(),
            windows=tuple(
                GeneratorWindow(
                    number * self._window / 1e9, self._window / 1e9, each.scheduled, each.latency, each.waiting
                )
                for number, each in enumerate(self._windows)
            ),
        ).with_counters(pool.counters)

    def _window_for(self, intended: int) -> _Window:
        number = (intended - self._counting_from) // self._window
        while number >= len(self._windows):
            if len(self._windows) == MAX_WINDOWS:
                raise ValueError(f"more than {MAX_WINDOWS} windows of {self._window / 1e9:g} s; use a longer window")
            self._windows.append(_Window())
        return self._windows[number]

    def _end_warm_up(self, now: int) -> None:
        """End the warm-up: reset all counters."""
        self._warming_up = False
        pool = self._pool
        pool.restart_counters(self._counting_from)
        pool.counters.response_gap = ResponseGap(now)
        self._lateness, self._scheduled = Histogram(), 0
        if self._queue or len(pool.open) > len(self._free):
            pool.counters.response_gap.start_waiting(now)
        self._queued_requests = self._saturated_ns = self._saturated_responses = 0
        self._saturated_since = now if self._saturated_since else 0

    def _start_due_requests(self) -> None:
        while self._due is not None and (now := time.perf_counter_ns()) >= self._due:
            if self._warming_up and self._due >= self._counting_from:
                self._end_warm_up(now)
            self._lateness.record(now - self._due)
            self._scheduled += 1
            if self._window and not self._warming_up:
                self._window_for(self._due).scheduled += 1
            if not self._queue and len(self._pool.open) == len(self._free):
                self._pool.counters.response_gap.start_waiting(now)
            self._queue.append(self._due)
            self._last, self._last_due = now, self._due
            self._due = self._next_due()
            if self._due is None:
                self._cpu = time.thread_time() - self._pool.counters.cpu_began
            self._start_queued()
            if self._queue and len(self._pool.open) >= self._connections and not self._pool.must_pause:
                self._queued_requests += 1
                self._saturated_since = self._saturated_since or now

    def _start_queued(self) -> None:
        """Start queued requests on connections that are idle or may be opened."""
        pool = self._pool
        if pool.must_pause:
            return
        while self._queue and (self._free or (len(pool.open) < self._connections and pool.may_connect())):
            intended = self._queue.popleft()
            now = time.perf_counter_ns()
            if self._free:
                fd = self._free.pop()
                event = pool.request(fd, now)
            else:
                fd, event = pool.connect(now)
            self._intended[fd] = intended
            if event is ConnectionEvent.CLOSED_BEFORE_RESPONSE:
                self._queue.appendleft(intended)
        if self._saturated_since and not self._queue:
            self._saturated_ns += time.perf_counter_ns() - self._saturated_since
            self._saturated_since = 0

    def _read_responses(self) -> None:
        pool, clock = self._pool, time.perf_counter_ns
        receive = pool.receive
        for fd, _ in pool.epoll.poll(0, MAX_EVENTS):
            try:
                data = receive[fd](pool.size)
            except OSError as error:
                event = pool.handle_error(fd, error)
            else:
                event = ConnectionEvent.RESPONSE_OK if data == pool.pending[fd].response else pool.read(fd, data)
            if event is ConnectionEvent.PENDING:
                continue
            if event in (ConnectionEvent.RESPONSE_OK, ConnectionEvent.RESPONSE_OK_CLOSED):
                now = clock()
                self._pool.counters.response_gap.response_received(now)
                self._saturated_responses += bool(self._saturated_since)
                self._count(fd, now - self._intended[fd], now - pool.started[fd])
            if event is ConnectionEvent.RESPONSE_OK:
                pool.rest(fd)
                self._free.append(fd)
            elif event is ConnectionEvent.CLOSED_BEFORE_RESPONSE:
                self._queue.appendleft(self._intended[fd])
            elif event is ConnectionEvent.IDLE_CLOSED:
                self._free.remove(fd)
            elif event is ConnectionEvent.UNSOLICITED_BYTES:
                self._free.remove(fd)
                self._count(fd, *self._last_times[fd], times=-1)
            if self._queue:
                self._start_queued()

    def _count(self, fd: int, latency: int, service: int, *, times: int = 1) -> None:
        """Count the response on `fd`. `times` is -1 to remove the last response again."""
        self._last_times[fd] = latency, service
        if self._intended[fd] < self._counting_from:
            return
        self._latency.record(latency, times)
        self._service.record(service, times)
        self._pool.source.count(self._pool.pending[fd], latency, times)
        if self._window:
            self._window_for(self._intended[fd]).latency.record(latency, times)

    def _expire_overdue(self, limit: int, now: int) -> None:
        """Count requests that were intended before `limit` as timed out or as never sent."""
        overdue = [fd for fd in self._pool.overdue(now) if self._intended[fd] < limit]
        if overdue:
            self._pool.counters.response_gap.still_waiting(now)
        for fd in overdue:
            self._pool.time_out(fd, counts=self._record_waiting(self._intended[fd], now))
        while self._queue and self._queue[0] < limit:
            self._never_sent += self._record_waiting(self._queue.popleft(), now)
        self._start_queued()

    def _record_waiting(self, intended: int, now: int) -> bool:
        """Record a request that is given up. Return whether it counts, because it was not due in the warm-up."""
        if intended < self._counting_from:
            return False
        self._waiting.record(now - intended)
        if self._window:
            self._window_for(intended).waiting.record(now - intended)
        return True

    def _wait_precisely(self, gap: int) -> None:
        """Wait for responses at most `gap` nanoseconds. The milliseconds of epoll are too coarse for this."""
        if gap <= 0:
            return
        fd = self._pool.epoll.fileno()
        if fd < FD_SETSIZE:
            select.select([fd], [], [], gap / 1e9)
        else:
            self._pool.epoll.poll(gap / 1e9, 1)
