"""Open loops at high rates: requests go out when they are due, on as many connections as that takes.

The machinery is the fast lane's, one epoll object nested in trio. Here the clock matters more than the last tenth of a
microsecond: trio and epoll wait in milliseconds, so the last stretch before a request is due is waited for in select(),
which knows microseconds.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Iterable

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.context import require_loopback_or_verified
from wsgi_gauntlet.harness.load.generator.closed_loop import MAX_EVENTS, MAX_SLICE_NS, SWEEP_INTERVAL_NS
from wsgi_gauntlet.harness.load.generator.connections import (
    ConnectionEvent,
    ConnectionPool,
    OutcomeCounts,
    require_positive,
)
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult, GeneratorWindow, generator_result
from wsgi_gauntlet.harness.load.generator.response_gap import ResponseGap
from wsgi_gauntlet.harness.stats.histogram import Histogram

TRIO_TIMER_ERROR_NS = 2_000_000
"""Nanoseconds that the loop comes back from trio early, whose waiting is as coarse as epoll's: a millisecond."""

FD_SETSIZE = 1024
"""FD_SETSIZE: select() takes descriptors below it."""

MAX_WINDOWS = 2000
"""Of 74 KB each: as much memory as 150 MB may they take."""


async def open_loop(
    address: Address,
    request: bytes,
    *,
    body: bytes,
    schedule: Iterable[float],
    connections: int,
    status: int = 200,
    timeout: float = 5.0,
    window: float = 0.0,
    start: int | None = None,
    mark: bytes = b"",
    warm_up: float = 0.0,
) -> GeneratorResult:
    """Send a request at each time of `schedule` (ascending seconds from now), whether or not the server keeps up.

    A request goes out on a kept connection that is free, else on a new one; beyond `connections` of them it waits, and
    its latency with it: that counts from the intended time. Every request ends right, wrong, with an error, or after
    `timeout` seconds, as a time-out or as never sent; so the loop ends at most that long after the schedule.
    With `window` the result also has what became of the requests that were due in each so many seconds; `start` is the
    time.perf_counter_ns() that the times count from, now by default; `mark` is `closed_loop`'s. Requests of
    the first `warm_up` seconds are sent, and their answers and time-outs are not counted. Their connections stay, and
    what they leave waiting delays the others. Raises as `closed_loop` does, and ValueError for more than MAX_WINDOWS.
    """
    require_loopback_or_verified(address)
    require_positive(connections=connections, timeout=timeout)
    pool = ConnectionPool(address, request, status=status, body=body, mark=mark)
    try:
        return await _OpenLoop(
            pool, schedule, connections, int(timeout * 1e9), int(window * 1e9), start, int(warm_up * 1e9)
        ).run()
    finally:
        pool.close()


class _Window:
    """Filled while the loop runs: see GeneratorWindow."""

    __slots__ = ("latency", "scheduled", "waiting")

    def __init__(self) -> None:
        self.scheduled = 0
        self.latency, self.waiting = Histogram(), Histogram()


class _OpenLoop:
    def __init__(
        self,
        pool: ConnectionPool,
        schedule: Iterable[float],
        connections: int,
        timeout: int,
        window: int,
        start: int | None,
        warm_up: int,
    ) -> None:
        self._pool = pool
        self._times = iter(schedule)
        self._connections = connections
        self._timeout = timeout
        self._latency, self._service, self._waiting, self._lateness = (Histogram() for _ in range(4))
        self._intended: dict[int, int] = {}
        self._free: list[int] = []
        self._queue: deque[int] = deque()
        self._scheduled = self._never_sent = 0
        self._window = window
        self._windows: list[_Window] = []
        self._start = time.perf_counter_ns() if start is None else start
        self._counting_from = self._start + warm_up
        self._warming_up = warm_up > 0
        self._began = time.monotonic() + (self._counting_from - time.perf_counter_ns()) / 1e9
        self._last = self._last_due = self._counting_from
        self._cpu_at_start = time.thread_time()
        self._cpu = 0.0
        self._last_times: dict[int, tuple[int, int]] = {}
        self._response_gap, self._generator_stall = ResponseGap(self._counting_from), 0
        self._queued_requests = self._saturated_ns = self._saturated_since = self._saturated_responses = 0
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
                self._generator_stall = max(self._generator_stall, now - sweep_at)
                sweep_at = now + SWEEP_INTERVAL_NS
                if pool.must_pause:
                    self._response_gap.start_waiting(now)
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
        self._response_gap.still_waiting(now)
        if self._saturated_since:
            self._saturated_ns += now - self._saturated_since
        wanted = max(self._last_due - self._counting_from, 1) / 1e9
        seconds = max(self._last - self._counting_from, 1) / 1e9
        return generator_result(
            pool.outcome_counts,
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
            response_gap=self._response_gap.longest / 1e9,
            response_gap_at=(self._response_gap.began - self._counting_from) / 1e9,
            generator_stall=self._generator_stall / 1e9,
            queued_requests=self._queued_requests,
            saturated_seconds=self._connections * self._saturated_ns / 1e9,
            saturated_responses=self._saturated_responses,
            windows=tuple(
                GeneratorWindow(
                    number * self._window / 1e9, self._window / 1e9, each.scheduled, each.latency, each.waiting
                )
                for number, each in enumerate(self._windows)
            ),
        )

    def _window_for(self, intended: int) -> _Window:
        number = (intended - self._counting_from) // self._window
        while number >= len(self._windows):
            if len(self._windows) == MAX_WINDOWS:
                raise ValueError(f"more than {MAX_WINDOWS} windows of {self._window / 1e9:g} s: ask for longer ones")
            self._windows.append(_Window())
        return self._windows[number]

    def _end_warm_up(self, now: int) -> None:
        """End the warm-up: forget what was counted."""
        self._warming_up = False
        pool = self._pool
        pool.outcome_counts = OutcomeCounts(connects=len(pool.open))
        self._lateness, self._scheduled, self._cpu_at_start = Histogram(), 0, time.thread_time()
        self._response_gap, self._generator_stall = ResponseGap(now), 0
        if self._queue or len(pool.open) > len(self._free):
            self._response_gap.start_waiting(now)
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
                self._response_gap.start_waiting(now)
            self._queue.append(self._due)
            self._last, self._last_due = now, self._due
            self._due = self._next_due()
            if self._due is None:
                self._cpu = time.thread_time() - self._cpu_at_start
            self._start_queued()
            if self._queue and len(self._pool.open) >= self._connections and not self._pool.must_pause:
                self._queued_requests += 1
                self._saturated_since = self._saturated_since or now

    def _start_queued(self) -> None:
        """Begin what is queued on connections that are free or may be opened."""
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
                event = ConnectionEvent.RESPONSE_OK if data == pool.marked_request[fd].response else pool.read(fd, data)
            if event is ConnectionEvent.PENDING:
                continue
            if event in (ConnectionEvent.RESPONSE_OK, ConnectionEvent.RESPONSE_OK_CLOSED):
                now = clock()
                self._response_gap.response_received(now)
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
        """Count the answer on `fd`; with -1 `times` it is taken back."""
        self._last_times[fd] = latency, service
        if self._intended[fd] < self._counting_from:
            return
        self._latency.record(latency, times)
        self._service.record(service, times)
        if self._window:
            self._window_for(self._intended[fd]).latency.record(latency, times)

    def _expire_overdue(self, limit: int, now: int) -> None:
        """Count what was intended before `limit` as timed out, or as never sent."""
        overdue = [fd for fd in self._pool.overdue(now) if self._intended[fd] < limit]
        if overdue:
            self._response_gap.still_waiting(now)
        for fd in overdue:
            counts = self._record_waiting(self._intended[fd], now)
            self._pool.time_out(fd)
            self._pool.outcome_counts.timeouts -= not counts
        while self._queue and self._queue[0] < limit:
            self._never_sent += self._record_waiting(self._queue.popleft(), now)
        self._start_queued()

    def _record_waiting(self, intended: int, now: int) -> bool:
        """Count a request that was given up, and say whether it counts: it was not due in the warm-up."""
        if intended < self._counting_from:
            return False
        self._waiting.record(now - intended)
        if self._window:
            self._window_for(intended).waiting.record(now - intended)
        return True

    def _wait_precisely(self, gap: int) -> None:
        """Wait for answers at most `gap` nanoseconds, which epoll's own milliseconds are too coarse for."""
        if gap <= 0:
            return
        fd = self._pool.epoll.fileno()
        if fd < FD_SETSIZE:
            select.select([fd], [], [], gap / 1e9)
        else:
            self._pool.epoll.poll(gap / 1e9, 1)
