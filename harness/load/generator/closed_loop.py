"""The fast lane: closed loops from one epoll object nested in trio. Open loops are next door, in openlane.py.

One lane is one task. While answers keep coming, it reads and sends in plain code, with no task, dict or exception for a
request; every MAX_SLICE_NS it passes through trio, and when nothing comes it waits there, so cancellation, deadlines
and progress stay trio's.

The quick path compares an answer with the last one that was checked in full, byte for byte: status, head, length and
content at once, with the mark of its own request (marks.py). Where they differ (the Date header, once a second) it is
parsed and checked again.

The clock is read once for each answer, after it was received and compared and before the next request goes out. That
moment ends one request and begins the next. So an answer that waited in the socket while the lane was busy with others
counts longer, never shorter, than it was.
"""

from __future__ import annotations

import time

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.admission import ADMISSION_RETRY_INTERVAL
from wsgi_gauntlet.harness.load.context import require_loopback_or_verified
from wsgi_gauntlet.harness.load.generator.connections import (
    ConnectionEvent,
    ConnectionPool,
    OutcomeCounts,
    require_positive,
)
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult, generator_result
from wsgi_gauntlet.harness.load.generator.response_gap import ResponseGap
from wsgi_gauntlet.harness.stats.histogram import PRECISION_BITS, Histogram

MAX_SLICE_NS = 5_000_000
"""Nanoseconds in plain code before the lane passes through trio; with EPOLL_TIMEOUT it bounds what others wait for."""

EPOLL_TIMEOUT = 0.005
"""Seconds in epoll itself before the lane waits in trio: a pass through trio costs as much as ten requests."""

SWEEP_INTERVAL_NS = 20_000_000
"""Nanoseconds between looks for time-outs and for connections to be opened again."""

ADMISSION_RETRY_NS = 2_000_000
"""Nanoseconds until the next sweep where a target has to prove itself before a connection may be opened."""

MAX_EVENTS = 256
"""Events taken from epoll at once; the memory for them is got at each call."""

HUNG_REQUEST_FACTOR = 10
"""Times the median that a request may be in flight at the end before it counts as one that hangs."""

_SUB_BUCKET_HALF_BITS = PRECISION_BITS - 1
_LEAST = 1 << PRECISION_BITS


async def closed_loop(
    address: Address,
    request: bytes,
    *,
    body: bytes,
    connections: int,
    seconds: float,
    status: int = 200,
    warm_up: float = 0.0,
    timeout: float = 5.0,
    start: int | None = None,
    mark: bytes = b"",
) -> GeneratorResult:
    """Keep one request under way on each of `connections` for `seconds`, after `warm_up` seconds that do not count.

    Every answer must have `status` and `body`. With `mark`, which is in `request` and in `body`, each request has one
    of its own, and so must its answer. A connection that the server closes is opened again, after a fault at the next
    sweep; a request unanswered after `timeout` seconds counts as a time-out. It all begins at the
    time.perf_counter_ns() `start`, or at once. The result is service time at that concurrency, never corrected.
    Raises ValueError for numbers and marks that make no sense, TargetRefused for an address off this machine,
    OutOfResources where no descriptor is left.
    """
    require_loopback_or_verified(address)
    require_positive(connections=connections, seconds=seconds, timeout=timeout)
    pool = ConnectionPool(address, request, status=status, body=body, mark=mark)
    if start is not None:
        await trio.sleep(max(0, start - time.perf_counter_ns()) / 1e9)
    try:
        return await _run_closed_loop(
            pool, len(request), connections, int(warm_up * 1e9), int(seconds * 1e9), int(timeout * 1e9)
        )
    finally:
        pool.close()


async def _run_closed_loop(
    pool: ConnectionPool, whole: int, connections: int, warm_up: int, duration: int, timeout: int
) -> GeneratorResult:
    clock, poll, next_request = time.perf_counter_ns, pool.epoll.poll, pool.next_request
    latency, waiting = Histogram(), Histogram()
    counts = latency.counts
    begun = now = clock()
    response_gap, generator_stall = ResponseGap(begun), 0
    cpu = time.thread_time()
    warming = warm_up > 0
    end = begun + warm_up + duration
    batch = min(connections, MAX_EVENTS)
    sweep_at = 0
    while now < end:
        if warming and now >= begun + warm_up:
            warming = False
            pool.outcome_counts = OutcomeCounts(connects=len(pool.open))
            latency, waiting = Histogram(), Histogram()
            counts = latency.counts
            begun, end, cpu = now, now + duration, time.thread_time()
            response_gap, generator_stall = ResponseGap(begun), 0
        if now >= sweep_at:
            generator_stall = max(generator_stall, now - (sweep_at or now))
            sweep_at = now + SWEEP_INTERVAL_NS
            overdue = pool.overdue(now - timeout)
            for fd in overdue:
                waiting.record(now - pool.started[fd])
                pool.time_out(fd)
            # A slot whose connection failed is filled again here and not at once: that bounds failures in time.
            for _ in range(connections - len(pool.open)):
                if not pool.may_connect():
                    sweep_at = now + ADMISSION_RETRY_NS
                    break
                if pool.connect(clock())[1] is not ConnectionEvent.PENDING:
                    break
        while pool.must_pause:
            await trio.sleep(ADMISSION_RETRY_INTERVAL)
            now = clock()
            response_gap.start_waiting(now)
        receive, send, started, marked_request = pool.receive, pool.send, pool.started, pool.marked_request
        size = pool.size
        slice_end = min(now + MAX_SLICE_NS, sweep_at, end)
        idle = False
        while now < slice_end:
            events = poll(EPOLL_TIMEOUT, batch)
            if not events:
                idle = True
                break
            before = now
            for fd, _ in events:
                try:
                    data = receive[fd](size)
                except OSError as error:
                    event = pool.handle_error(fd, error)
                else:
                    if data == marked_request[fd].response:
                        now = clock()
                        took = now - started[fd]
                        if took < _LEAST:
                            took = _LEAST
                        shift = took.bit_length() - PRECISION_BITS
                        counts[(shift << _SUB_BUCKET_HALF_BITS) + (took >> shift)] += 1
                        started[fd] = now
                        marked_request[fd] = after = next_request()
                        try:
                            count = send[fd](after.request)
                        except BlockingIOError:
                            count = 0
                        except OSError as error:
                            _handle_event(pool, latency, fd, pool.handle_error(fd, error))
                            continue
                        if count != whole:
                            pool.mark_partially_sent(fd, count)
                        continue
                    event = pool.read(fd, data)
                if event is not ConnectionEvent.PENDING:
                    now = _handle_event(pool, latency, fd, event) or now
                    if event is ConnectionEvent.FAILED and pool.must_pause:
                        # The other answers of this batch are still there after the proof.
                        slice_end = 0
                        break
                size = pool.size
            if now != before:
                response_gap.response_received(now)
            now = clock()
        if idle:
            now = clock()
            with trio.move_on_after(max(0, min(sweep_at, end) - now) / 1e9):
                await trio.lowlevel.wait_readable(pool.epoll.fileno())
            now = clock()
        else:
            await trio.lowlevel.checkpoint()
    cpu = time.thread_time() - cpu
    response_gap.still_waiting(now)
    unfinished = pool.overdue(now)
    hung_after = max(latency.quantile(1.0), HUNG_REQUEST_FACTOR * latency.quantile(0.5)) * 1e9 if len(latency) else 0
    for fd in unfinished:
        if now - pool.started[fd] > hung_after:
            waiting.record(now - pool.started[fd])
    return generator_result(
        pool.outcome_counts,
        connections=connections,
        seconds=(now - begun) / 1e9,
        cpu_seconds=cpu,
        latency=latency,
        service=latency,
        waiting=waiting,
        unfinished=len(unfinished),
        connects_pending=pool.connects_pending(),
        began=time.monotonic() - (clock() - begun) / 1e9,
        response_gap=response_gap.longest / 1e9,
        response_gap_at=(response_gap.began - begun) / 1e9,
        generator_stall=generator_stall / 1e9,
    )


def _handle_event(pool: ConnectionPool, latency: Histogram, fd: int, event: ConnectionEvent) -> int:
    """Count what `step` says of the request on `fd`, and begin the next one where that can be done at once.

    Return when it was rightly answered, 0 where it was not.
    """
    now = time.perf_counter_ns()
    response_received = event in (ConnectionEvent.RESPONSE_OK, ConnectionEvent.RESPONSE_OK_CLOSED)
    if response_received:
        latency.record(now - pool.started[fd])
    if event is ConnectionEvent.RESPONSE_OK:
        event = pool.request(fd, now)
        if event is ConnectionEvent.CLOSED_BEFORE_RESPONSE and pool.may_connect():
            pool.connect(now)
    elif event is ConnectionEvent.RESPONSE_OK_CLOSED:
        if pool.may_connect():
            pool.connect(now)
    elif event is ConnectionEvent.CLOSED_BEFORE_RESPONSE and pool.may_connect():
        pool.connect(pool.started[fd])
    return now if response_received else 0
