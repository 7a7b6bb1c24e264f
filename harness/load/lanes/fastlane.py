"""The fast lane: closed loops from one epoll object nested in trio. Open loops are next door, in openlane.py.

One lane is one task. While answers keep coming, it reads and sends in plain code, with no task, dict or exception for a
request; every SLICE it passes through trio, and when nothing comes it waits there, so cancellation, deadlines and
progress stay trio's.

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

from ...address import Address
from ...histogram import BITS, Histogram
from ..arena import refuse_elsewhere
from ..targets.leave import WAIT
from .connections import Connections, Step, Tally, checked
from .lane_result import LaneResult, lane_result
from .silence import Silence

SLICE = 5_000_000
"""Nanoseconds in plain code before the lane passes through trio; with PATIENCE it bounds what others wait for."""

PATIENCE = 0.005
"""Seconds in epoll itself before the lane waits in trio: a pass through trio costs as much as ten requests."""

SWEEP = 20_000_000
"""Nanoseconds between looks for time-outs and for connections to be opened again."""

SOON = 2_000_000
"""Nanoseconds until the next sweep where a target has to prove itself before a connection may be opened."""

BATCH = 256
"""Events taken from epoll at once; the memory for them is got at each call."""

ORDINARY = 10
"""Times the median that a request may be in flight at the end before it counts as one that hangs."""

_HALF = BITS - 1
_LEAST = 1 << BITS


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
) -> LaneResult:
    """Keep one request under way on each of `connections` for `seconds`, after `warm_up` seconds that do not count.

    Every answer must have `status` and `body`. With `mark`, which is in `request` and in `body`, each request has one
    of its own, and so must its answer. A connection that the server closes is opened again, after a fault at the next
    sweep; a request unanswered after `timeout` seconds counts as a time-out. It all begins at the
    time.perf_counter_ns() `start`, or at once. The result is service time at that concurrency, never corrected.
    Raises ValueError for numbers and marks that make no sense, TargetRefused for an address off this machine,
    OutOfResources where no descriptor is left.
    """
    refuse_elsewhere(address)
    checked(connections=connections, seconds=seconds, timeout=timeout)
    lane = Connections(address, request, status=status, body=body, mark=mark)
    if start is not None:
        await trio.sleep(max(0, start - time.perf_counter_ns()) / 1e9)
    try:
        return await _closed(
            lane, len(request), connections, int(warm_up * 1e9), int(seconds * 1e9), int(timeout * 1e9)
        )
    finally:
        lane.close()


async def _closed(
    lane: Connections, whole: int, connections: int, warm_up: int, duration: int, timeout: int
) -> LaneResult:
    clock, poll, following = time.perf_counter_ns, lane.epoll.poll, lane.following
    latency, waiting = Histogram(), Histogram()
    counts = latency.counts
    begun = now = clock()
    silence, stood_still = Silence(begun), 0
    cpu = time.thread_time()
    warming = warm_up > 0
    end = begun + warm_up + duration
    batch = min(connections, BATCH)
    sweep_at = 0
    while now < end:
        if warming and now >= begun + warm_up:
            warming = False
            lane.tally = Tally(connects=len(lane.open))
            latency, waiting = Histogram(), Histogram()
            counts = latency.counts
            begun, end, cpu = now, now + duration, time.thread_time()
            silence, stood_still = Silence(begun), 0
        if now >= sweep_at:
            stood_still = max(stood_still, now - (sweep_at or now))
            sweep_at = now + SWEEP
            overdue = lane.overdue(now - timeout)
            for fd in overdue:
                waiting.record(now - lane.started[fd])
                lane.time_out(fd)
            # A slot whose connection failed is filled again here and not at once: that bounds failures in time.
            for _ in range(connections - len(lane.open)):
                if not lane.admits():
                    sweep_at = now + SOON
                    break
                if lane.connect(clock())[1] is not Step.PENDING:
                    break
        while lane.holds:
            await trio.sleep(WAIT)
            now = clock()
            silence.waits(now)
        receive, send, started, asked = lane.receive, lane.send, lane.started, lane.asked
        size = lane.size
        slice_end = min(now + SLICE, sweep_at, end)
        idle = False
        while now < slice_end:
            events = poll(PATIENCE, batch)
            if not events:
                idle = True
                break
            before = now
            for fd, _ in events:
                try:
                    data = receive[fd](size)
                except OSError as error:
                    step = lane.broken(fd, error)
                else:
                    if data == asked[fd].answer:
                        now = clock()
                        took = now - started[fd]
                        if took < _LEAST:
                            took = _LEAST
                        shift = took.bit_length() - BITS
                        counts[(shift << _HALF) + (took >> shift)] += 1
                        started[fd] = now
                        asked[fd] = after = following()
                        try:
                            count = send[fd](after.request)
                        except BlockingIOError:
                            count = 0
                        except OSError as error:
                            _next_in_closed_loop(lane, latency, fd, lane.broken(fd, error))
                            continue
                        if count != whole:
                            lane.sent_partly(fd, count)
                        continue
                    step = lane.read(fd, data)
                if step is not Step.PENDING:
                    now = _next_in_closed_loop(lane, latency, fd, step) or now
                    if step is Step.FAILED and lane.holds:
                        # The other answers of this batch are still there after the proof.
                        slice_end = 0
                        break
                size = lane.size
            if now != before:
                silence.answered(now)
            now = clock()
        if idle:
            now = clock()
            with trio.move_on_after(max(0, min(sweep_at, end) - now) / 1e9):
                await trio.lowlevel.wait_readable(lane.epoll.fileno())
            now = clock()
        else:
            await trio.lowlevel.checkpoint()
    cpu = time.thread_time() - cpu
    silence.lasts(now)
    unfinished = lane.overdue(now)
    ordinary = max(latency.quantile(1.0), ORDINARY * latency.quantile(0.5)) * 1e9 if len(latency) else 0
    for fd in unfinished:
        if now - lane.started[fd] > ordinary:
            waiting.record(now - lane.started[fd])
    return lane_result(
        lane.tally,
        connections=connections,
        seconds=(now - begun) / 1e9,
        cpu_seconds=cpu,
        latency=latency,
        service=latency,
        waiting=waiting,
        unfinished=len(unfinished),
        knocking=lane.knocking(),
        began=time.monotonic() - (clock() - begun) / 1e9,
        silence=silence.longest / 1e9,
        silence_at=(silence.began - begun) / 1e9,
        stood_still=stood_still / 1e9,
    )


def _next_in_closed_loop(lane: Connections, latency: Histogram, fd: int, step: Step) -> int:
    """Count what `step` says of the request on `fd`, and begin the next one where that can be done at once.

    Return when it was rightly answered, 0 where it was not.
    """
    now = time.perf_counter_ns()
    answered = step in (Step.ANSWERED, Step.ANSWERED_LAST)
    if answered:
        latency.record(now - lane.started[fd])
    if step is Step.ANSWERED:
        step = lane.request(fd, now)
        if step is Step.DROPPED and lane.admits():
            lane.connect(now)
    elif step is Step.ANSWERED_LAST:
        if lane.admits():
            lane.connect(now)
    elif step is Step.DROPPED and lane.admits():
        lane.connect(lane.started[fd])
    return now if answered else 0
