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

from ...address import Address
from ...histogram import Histogram
from ..arena import refuse_elsewhere
from .connections import Connections, Step, Tally, checked
from .fastlane import BATCH, SLICE, SWEEP
from .lane_result import LaneResult, LaneWindow, lane_result
from .silence import Silence

TRIO_LATE = 2_000_000
"""Nanoseconds that the loop comes back from trio early, whose waiting is as coarse as epoll's: a millisecond."""

SELECTABLE = 1024
"""FD_SETSIZE: select() takes descriptors below it."""

MOST_WINDOWS = 2000
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
) -> LaneResult:
    """Send a request at each time of `schedule` (ascending seconds from now), whether or not the server keeps up.

    A request goes out on a kept connection that is free, else on a new one; beyond `connections` of them it waits, and
    its latency with it: that counts from the intended time. Every request ends right, wrong, with an error, or after
    `timeout` seconds, as a time-out or as never sent; so the loop ends at most that long after the schedule.
    With `window` the result also has what became of the requests that were due in each so many seconds; `start` is the
    time.perf_counter_ns() that the times count from, now by default; `mark` is `closed_loop`'s. Requests of
    the first `warm_up` seconds are sent, and their answers and time-outs are not counted. Their connections stay, and
    what they leave waiting delays the others. Raises as `closed_loop` does, and ValueError for more than MOST_WINDOWS.
    """
    refuse_elsewhere(address)
    checked(connections=connections, timeout=timeout)
    lane = Connections(address, request, status=status, body=body, mark=mark)
    try:
        return await _OpenLoop(
            lane, schedule, connections, int(timeout * 1e9), int(window * 1e9), start, int(warm_up * 1e9)
        ).run()
    finally:
        lane.close()


class _Window:
    """Filled while the loop runs: see LaneWindow."""

    __slots__ = ("latency", "scheduled", "waiting")

    def __init__(self) -> None:
        self.scheduled = 0
        self.latency, self.waiting = Histogram(), Histogram()


class _OpenLoop:
    def __init__(
        self,
        lane: Connections,
        schedule: Iterable[float],
        connections: int,
        timeout: int,
        window: int,
        start: int | None,
        warm_up: int,
    ) -> None:
        self._lane = lane
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
        self._zero = time.perf_counter_ns() if start is None else start
        self._begun = self._zero + warm_up
        self._warming = warm_up > 0
        self._began = time.monotonic() + (self._begun - time.perf_counter_ns()) / 1e9
        self._last = self._last_due = self._begun
        self._cpu_at_start = time.thread_time()
        self._cpu = 0.0
        self._took: dict[int, tuple[int, int]] = {}
        self._silence, self._stood_still = Silence(self._begun), 0
        self._waited = self._full = self._full_since = self._full_answers = 0
        self._due = self._next_due()

    def _next_due(self) -> int | None:
        at = next(self._times, None)
        return None if at is None else self._zero + int(at * 1e9)

    async def run(self) -> LaneResult:
        clock, lane = time.perf_counter_ns, self._lane
        sweep_at = passed = self._zero
        while True:
            self._begin_what_is_due()
            now = clock()
            if now >= sweep_at:
                self._stood_still = max(self._stood_still, now - sweep_at)
                sweep_at = now + SWEEP
                if lane.holds:
                    self._silence.waits(now)
                self._give_up(now - self._timeout, now)
            if self._due is None and not self._queue and len(lane.open) == len(self._free):
                break
            gap = (sweep_at if self._due is None else min(self._due, sweep_at)) - now
            if gap > SLICE:
                with trio.move_on_after((gap - TRIO_LATE) / 1e9):
                    await trio.lowlevel.wait_readable(lane.epoll.fileno())
                passed = clock()
            else:
                if now - passed > SLICE:
                    await trio.lowlevel.checkpoint()
                    passed = now
                self._wait_finely(gap)
            self._read_what_came()
        if self._warming:
            self._count_from(now)
        self._silence.lasts(now)
        if self._full_since:
            self._full += now - self._full_since
        wanted = max(self._last_due - self._begun, 1) / 1e9
        seconds = max(self._last - self._begun, 1) / 1e9
        return lane_result(
            lane.tally,
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
            silence=self._silence.longest / 1e9,
            silence_at=(self._silence.began - self._begun) / 1e9,
            stood_still=self._stood_still / 1e9,
            waited=self._waited,
            full_time=self._connections * self._full / 1e9,
            full_answers=self._full_answers,
            windows=tuple(
                LaneWindow(number * self._window / 1e9, self._window / 1e9, each.scheduled, each.latency, each.waiting)
                for number, each in enumerate(self._windows)
            ),
        )

    def _due_in(self, intended: int) -> _Window:
        number = (intended - self._begun) // self._window
        while number >= len(self._windows):
            if len(self._windows) == MOST_WINDOWS:
                raise ValueError(f"more than {MOST_WINDOWS} windows of {self._window / 1e9:g} s: ask for longer ones")
            self._windows.append(_Window())
        return self._windows[number]

    def _count_from(self, now: int) -> None:
        """End the warm-up: forget what was counted."""
        self._warming = False
        lane = self._lane
        lane.tally = Tally(connects=len(lane.open))
        self._lateness, self._scheduled, self._cpu_at_start = Histogram(), 0, time.thread_time()
        self._silence, self._stood_still = Silence(now), 0
        if self._queue or len(lane.open) > len(self._free):
            self._silence.waits(now)
        self._waited = self._full = self._full_answers = 0
        self._full_since = now if self._full_since else 0

    def _begin_what_is_due(self) -> None:
        while self._due is not None and (now := time.perf_counter_ns()) >= self._due:
            if self._warming and self._due >= self._begun:
                self._count_from(now)
            self._lateness.record(now - self._due)
            self._scheduled += 1
            if self._window and not self._warming:
                self._due_in(self._due).scheduled += 1
            if not self._queue and len(self._lane.open) == len(self._free):
                self._silence.waits(now)
            self._queue.append(self._due)
            self._last, self._last_due = now, self._due
            self._due = self._next_due()
            if self._due is None:
                self._cpu = time.thread_time() - self._cpu_at_start
            self._hand_out()
            if self._queue and len(self._lane.open) >= self._connections and not self._lane.holds:
                self._waited += 1
                self._full_since = self._full_since or now

    def _hand_out(self) -> None:
        """Begin what is queued on connections that are free or may be opened."""
        lane = self._lane
        if lane.holds:
            return
        while self._queue and (self._free or (len(lane.open) < self._connections and lane.admits())):
            intended = self._queue.popleft()
            now = time.perf_counter_ns()
            if self._free:
                fd = self._free.pop()
                step = lane.request(fd, now)
            else:
                fd, step = lane.connect(now)
            self._intended[fd] = intended
            if step is Step.DROPPED:
                self._queue.appendleft(intended)
        if self._full_since and not self._queue:
            self._full += time.perf_counter_ns() - self._full_since
            self._full_since = 0

    def _read_what_came(self) -> None:
        lane, clock = self._lane, time.perf_counter_ns
        receive = lane.receive
        for fd, _ in lane.epoll.poll(0, BATCH):
            try:
                data = receive[fd](lane.size)
            except OSError as error:
                step = lane.broken(fd, error)
            else:
                step = Step.ANSWERED if data == lane.asked[fd].answer else lane.read(fd, data)
            if step is Step.PENDING:
                continue
            if step in (Step.ANSWERED, Step.ANSWERED_LAST):
                now = clock()
                self._silence.answered(now)
                self._full_answers += bool(self._full_since)
                self._count(fd, now - self._intended[fd], now - lane.started[fd])
            if step is Step.ANSWERED:
                lane.rest(fd)
                self._free.append(fd)
            elif step is Step.DROPPED:
                self._queue.appendleft(self._intended[fd])
            elif step is Step.GONE:
                self._free.remove(fd)
            elif step is Step.UNASKED:
                self._free.remove(fd)
                self._count(fd, *self._took[fd], times=-1)
            if self._queue:
                self._hand_out()

    def _count(self, fd: int, latency: int, service: int, *, times: int = 1) -> None:
        """Count the answer on `fd`; with -1 `times` it is taken back."""
        self._took[fd] = latency, service
        if self._intended[fd] < self._begun:
            return
        self._latency.record(latency, times)
        self._service.record(service, times)
        if self._window:
            self._due_in(self._intended[fd]).latency.record(latency, times)

    def _give_up(self, limit: int, now: int) -> None:
        """Count what was intended before `limit` as timed out, or as never sent."""
        overdue = [fd for fd in self._lane.overdue(now) if self._intended[fd] < limit]
        if overdue:
            self._silence.lasts(now)
        for fd in overdue:
            counts = self._record_waiting(self._intended[fd], now)
            self._lane.time_out(fd)
            self._lane.tally.timeouts -= not counts
        while self._queue and self._queue[0] < limit:
            self._never_sent += self._record_waiting(self._queue.popleft(), now)
        self._hand_out()

    def _record_waiting(self, intended: int, now: int) -> bool:
        """Count a request that was given up, and say whether it counts: it was not due in the warm-up."""
        if intended < self._begun:
            return False
        self._waiting.record(now - intended)
        if self._window:
            self._due_in(intended).waiting.record(now - intended)
        return True

    def _wait_finely(self, gap: int) -> None:
        """Wait for answers at most `gap` nanoseconds, which epoll's own milliseconds are too coarse for."""
        if gap <= 0:
            return
        fd = self._lane.epoll.fileno()
        if fd < SELECTABLE:
            select.select([fd], [], [], gap / 1e9)
        else:
            self._lane.epoll.poll(gap / 1e9, 1)
