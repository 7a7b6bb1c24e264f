"""The closed loop: each connection sends its next request as soon as it has the response to the last one.

One loop is one task with one epoll object. While responses arrive, it reads and sends in plain code, without a task, a
dict or an exception per request. It passes through trio every MAX_SLICE_NS, and waits there when nothing arrives. So
trio still controls cancellation, deadlines and progress.

The hot path compares a response byte for byte with the last response that was checked in full (request_marks.py). Where
they differ, for example in the Date field once a second, the response is parsed and checked again.

The clock is read once per response, after the response was received and compared. That moment ends one request and
begins the next. A response that waits in the socket while the loop is busy therefore counts as slower, never as faster.
"""

from __future__ import annotations

import dataclasses
import select
import time
from abc import abstractmethod
from contextlib import closing
from typing import Generic

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.admission import ADMISSION_RETRY_INTERVAL
from wsgi_gauntlet.harness.load.context import require_loopback_or_verified
from wsgi_gauntlet.harness.load.generator.connections import ConnectionEvent, ConnectionPool
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.lead_in import lead_in
from wsgi_gauntlet.harness.load.generator.loop import (
    MAX_EVENTS,
    MAX_SLICE_NS,
    SWEEP_INTERVAL_NS,
    LoopOptions,
    StartTime,
    require_positive,
)
from wsgi_gauntlet.harness.load.generator.request_marks import MarkedRequest, MarkedRequests
from wsgi_gauntlet.harness.load.generator.request_source import Match, P, RequestSource
from wsgi_gauntlet.harness.load.generator.user_visits import UserVisit, UserVisits
from wsgi_gauntlet.harness.load.verified_traffic import VerifiedTraffic
from wsgi_gauntlet.harness.load.workload import VerifiedPage
from wsgi_gauntlet.harness.stats.histogram import PRECISION_BITS, Histogram

EPOLL_TIMEOUT = 0.005
"""Seconds in epoll itself before the loop waits in trio. A pass through trio costs as much as ten requests."""

ADMISSION_RETRY_NS = 2_000_000
"""Nanoseconds until the next sweep while a remote server must prove itself before a connection may be opened."""

HUNG_REQUEST_FACTOR = 10
"""A request in flight at the end counts as hung after this many times the median latency."""

_BYTES_ONLY, _END_OF_STREAM = select.EPOLLIN, select.EPOLLRDHUP

_SUB_BUCKET_HALF_BITS = PRECISION_BITS - 1
_LEAST = 1 << PRECISION_BITS


async def closed_loop(
    address: Address, page: VerifiedPage, options: LoopOptions, seconds: float, *, start: StartTime | None = None
) -> GeneratorResult:
    """Keep one request in flight on each connection for `seconds` after the warm-up.

    Of traffic, the first visits begin in their middle (lead_in.py). `start` is called after that, by default the loop
    begins at once. A connection that the server closes is opened again. After a fault this happens at the next sweep.
    The latencies are service times at this concurrency; they
    are not corrected. Raises ValueError for numbers and marks that are not usable, TargetRefused for an address outside
    this machine, OutOfResources if no descriptor is left.
    """
    require_loopback_or_verified(address)
    require_positive(seconds=seconds)
    loop: _MarkedRequestLoop | _VisitLoop
    led_in = 0
    if isinstance(page, VerifiedTraffic):
        visits = UserVisits(page, address)
        led_in = await lead_in(address, visits, options.connections)
        loop = _VisitLoop(address, visits, options, int(seconds * 1e9))
    else:
        marks = MarkedRequests(page.request, page.body, page.mark, page.status)
        loop = _MarkedRequestLoop(address, marks, options, int(seconds * 1e9))
    with closing(loop):
        if start is not None:
            await trio.sleep(max(0, await start() - time.perf_counter_ns()) / 1e9)
        return dataclasses.replace(await loop.run(), lead_in_requests=led_in)


class _ClosedLoop(Generic[P]):
    def __init__(self, address: Address, source: RequestSource[P], options: LoopOptions, duration: int) -> None:
        self._pool = ConnectionPool(address, source, edge_triggered=True)
        self._connections = options.connections
        self._warm_up = int(options.warm_up * 1e9)
        self._timeout = int(options.timeout * 1e9)
        self._duration = duration
        self._latency, self._waiting = Histogram(), Histogram()
        self._counts = [0] * len(self._latency.counts)
        """What the hot path adds to `_latency`. A list counts faster than an array."""

    def close(self) -> None:
        self._pool.close()

    @abstractmethod
    def _exchange(self, now: int, slice_end: int) -> tuple[int, bool]:
        """Read responses and send the next requests until `slice_end`; return the time and whether nothing arrived."""

    async def run(self) -> GeneratorResult:
        clock, pool = time.perf_counter_ns, self._pool
        now = clock()
        pool.restart_counters(now)
        warm_up_end = now + self._warm_up
        warming_up = self._warm_up > 0
        end = warm_up_end + self._duration
        sweep_at = 0
        while now < end:
            if warming_up and now >= warm_up_end:
                warming_up = False
                end = now + self._duration
                pool.restart_counters(now)
                self._latency, self._waiting = Histogram(), Histogram()
                self._counts = [0] * len(self._counts)
            if now >= sweep_at:
                pool.counters.generator_stall = max(pool.counters.generator_stall, now - (sweep_at or now))
                sweep_at = now + self._sweep(now)
            while pool.must_pause:
                await trio.sleep(ADMISSION_RETRY_INTERVAL)
                now = clock()
                pool.counters.response_gap.start_waiting(now)
            now, idle = self._exchange(now, min(now + MAX_SLICE_NS, sweep_at, end))
            if idle:
                with trio.move_on_after(max(0, min(sweep_at, end) - clock()) / 1e9):
                    await trio.lowlevel.wait_readable(pool.epoll.fileno())
                now = clock()
            else:
                await trio.lowlevel.checkpoint()
        return self._result(now)

    def _sweep(self, now: int) -> int:
        """Time requests out, open missing connections, and return the nanoseconds until the next sweep.

        A connection that failed is opened again here and not at once. This limits the failures per second.
        """
        pool = self._pool
        for fd in pool.overdue(now - self._timeout):
            self._waiting.record(now - pool.started[fd])
            pool.time_out(fd)
        for _ in range(self._connections - len(pool.open)):
            if not pool.may_connect():
                return ADMISSION_RETRY_NS
            if pool.connect(time.perf_counter_ns())[1] is not ConnectionEvent.PENDING:
                break
        return SWEEP_INTERVAL_NS

    def _handle_event(self, fd: int, event: ConnectionEvent) -> int:
        """Count the end of the request on `fd`, and start the next request if that is possible at once.

        Return the time of a correct response, 0 for any other event. Do nothing for a request that goes on.
        """
        if event is ConnectionEvent.PENDING:
            return 0
        now, pool = time.perf_counter_ns(), self._pool
        response_received = event in (ConnectionEvent.RESPONSE_OK, ConnectionEvent.RESPONSE_OK_CLOSED)
        started = now
        if response_received:
            self._latency.record(now - pool.started[fd])
            pool.source.count(pool.pending[fd], now - pool.started[fd], 1)
        else:
            started = pool.started[fd]
        if event is ConnectionEvent.RESPONSE_OK:
            event = pool.request(fd, now)
        if event in (ConnectionEvent.CLOSED_BEFORE_RESPONSE, ConnectionEvent.RESPONSE_OK_CLOSED) and pool.may_connect():
            pool.connect(started)
        return now if response_received else 0

    def _result(self, now: int) -> GeneratorResult:
        pool, latency, counters = self._pool, self._latency, self._pool.counters
        for bucket, count in enumerate(self._counts):
            latency.counts[bucket] += count
        cpu_seconds = time.thread_time() - counters.cpu_began
        counters.response_gap.still_waiting(now)
        unfinished = pool.overdue(now)
        longest = max(latency.quantile(1.0), HUNG_REQUEST_FACTOR * latency.quantile(0.5)) * 1e9 if len(latency) else 0
        for fd in unfinished:
            if now - pool.started[fd] > longest:
                self._waiting.record(now - pool.started[fd])
        return GeneratorResult(
            connections=self._connections,
            seconds=(now - counters.since) / 1e9,
            cpu_seconds=cpu_seconds,
            latency=latency,
            service=latency,
            waiting=self._waiting,
            unfinished=len(unfinished),
            connects_pending=pool.connects_pending(),
            began=time.monotonic() - (time.perf_counter_ns() - counters.since) / 1e9,
            steps=pool.source.steps(),
        ).with_counters(counters)


class _MarkedRequestLoop(_ClosedLoop[MarkedRequest]):
    """The loop over one page: all requests have the same length, and none depends on a response."""

    def __init__(self, address: Address, source: MarkedRequests, options: LoopOptions, duration: int) -> None:
        super().__init__(address, source, options, duration)
        self._next_request = source.requests.__next__
        self._request_bytes = len(source.first.request)

    def _exchange(self, now: int, slice_end: int) -> tuple[int, bool]:
        """Read responses and send the next requests until `slice_end`; return the time and whether nothing arrived.

        This is the hot path: it uses local variables and calls nothing per request but the two system calls, the clock
        and the iterator over the requests.
        """
        clock, pool, counts = time.perf_counter_ns, self._pool, self._counts
        poll, next_request = pool.epoll.poll, self._next_request
        response_gap = pool.counters.response_gap
        receive, send, started, pending = pool.receive, pool.send, pool.started, pool.pending
        batch, request_bytes, size = min(self._connections, MAX_EVENTS), self._request_bytes, pool.size
        while now < slice_end:
            events = poll(EPOLL_TIMEOUT, batch)
            if not events:
                return now, True
            before = now
            for fd, mask in events:
                if mask != _BYTES_ONLY and mask & _END_OF_STREAM:
                    pool.report_always(fd)
                try:
                    data = receive[fd](size)
                except OSError as error:
                    event = pool.handle_error(fd, error)
                else:
                    if data == pending[fd].response:
                        now = clock()
                        took = now - started[fd]
                        if took < _LEAST:
                            took = _LEAST
                        shift = took.bit_length() - PRECISION_BITS
                        counts[(shift << _SUB_BUCKET_HALF_BITS) + (took >> shift)] += 1
                        started[fd] = now
                        pending[fd] = after = next_request()
                        try:
                            count = send[fd](after.request)
                        except BlockingIOError:
                            count = 0
                        except OSError as error:
                            self._handle_event(fd, pool.handle_error(fd, error))
                            continue
                        if count != request_bytes:
                            pool.mark_partially_sent(fd, count)
                        continue
                    event = pool.read(fd, data)
                now = self._handle_event(fd, event) or now
                if event is ConnectionEvent.FAILED and pool.must_pause:
                    # The other responses of this batch are still there after the proof: nothing is edge-triggered.
                    slice_end = 0
                    break
                size = pool.size
            if now == before:
                now = clock()
            elif now - response_gap.since > response_gap.longest:
                response_gap.response_received(now)
            else:
                response_gap.since = now
        return clock(), False


class _VisitLoop(_ClosedLoop[UserVisit]):
    """The loop over the visits of users."""

    def _exchange(self, now: int, slice_end: int) -> tuple[int, bool]:
        """Read responses and send the next requests until `slice_end`; return the time and whether nothing arrived.

        This is the hot path of the other loop, but the next request depends on the user.
        """
        clock, pool, counts = time.perf_counter_ns, self._pool, self._counts
        poll, following, recognize = pool.epoll.poll, pool.source.following, pool.source.recognize
        response_gap = pool.counters.response_gap
        receive, send, started, pending = pool.receive, pool.send, pool.started, pool.pending
        batch, size = min(self._connections, MAX_EVENTS), pool.size
        while now < slice_end:
            events = poll(EPOLL_TIMEOUT, batch)
            if not events:
                return now, True
            before = now
            for fd, mask in events:
                if mask != _BYTES_ONLY and mask & _END_OF_STREAM:
                    pool.report_always(fd)
                try:
                    data = receive[fd](size)
                except OSError as error:
                    event = pool.handle_error(fd, error)
                else:
                    user, match = pending[fd], None
                    if data == user.response or (
                        data.__class__ is bytes and data and (match := recognize(user, data)) is Match.KEPT
                    ):
                        now = clock()
                        took = now - started[fd]
                        if took < _LEAST:
                            took = _LEAST
                        shift = took.bit_length() - PRECISION_BITS
                        bucket = (shift << _SUB_BUCKET_HALF_BITS) + (took >> shift)
                        counts[bucket] += 1
                        user.step.counts.counts[bucket] += 1
                        started[fd] = now
                        request = following(user).request
                        try:
                            count = send[fd](request)
                        except BlockingIOError:
                            count = 0
                        except OSError as error:
                            self._handle_event(fd, pool.handle_error(fd, error))
                            continue
                        if count != len(request):
                            pool.mark_partially_sent(fd, count)
                        continue
                    event = pool.read(fd, data, match)
                now = self._handle_event(fd, event) or now
                if event is ConnectionEvent.FAILED and pool.must_pause:
                    # The other responses of this batch are still there after the proof: nothing is edge-triggered.
                    slice_end = 0
                    break
                size = pool.size
            if now == before:
                now = clock()
            elif now - response_gap.since > response_gap.longest:
                response_gap.response_received(now)
            else:
                response_gap.since = now
        return clock(), False
