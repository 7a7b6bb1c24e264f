"""Find out why an attempt proves nothing: the harness, the machine or another program disturbed it.

Each reason is a sentence that says what was wrong and what to do. The attempt then gets the verdict `error`. Reasons
are looked for before a server is blamed and before a case is skipped. A stall of the harness also counts when the case
passed: late bytes may then look like bytes that came at once.
"""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import trio

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.server.background_tasks import background_nursery
from wsgi_gauntlet.harness.server.process.procfs import stopped_pids
from wsgi_gauntlet.harness.server.server_under_test import ObservedServer
from wsgi_gauntlet.harness.server.temp_dirs import require_descriptors

UNCOUNTED_STALL_SECONDS = 0.01
"""Seconds of each stall that `StallClock` counts as time. Without them a busy loop would never reach a deadline."""

WATCHDOG_INTERVAL_SECONDS = 0.1
"""Seconds of the longest sleep of a watched event loop: a process that was stopped while it slept is late then."""

STALL_LIMIT_SECONDS = 0.5
"""After a stall of this many seconds, time-outs prove nothing: half of the shortest time-out that blames a server."""

DISK_PROBE_BYTES = 4096
"""Bytes that must fit wherever a server or its log writes: one block of most file systems."""


class StallClock(trio.abc.Clock):
    """Count only the time in which the event loop was awake, inside `excluding_stalls()`; count all time outside it.

    On a busy machine the loop is late for bytes that have arrived already. With trio's own clock the time-out of a
    case would be over then, and a server that answered in time would be blamed. Load never uses `excluding_stalls()`.

    The loop reads the clock in each of its turns, so the clock also tells the watchdogs of all attempts about stalls.
    """

    def __init__(self) -> None:
        self._stalled_seconds = 0.0
        self._planned_sleep = 0.0
        self._last_reading = time.perf_counter()
        self._depth = 0
        self._watchdogs: list[EventLoopWatchdog] = []

    def start_clock(self) -> None:
        """Start the clock."""
        self._last_reading = time.perf_counter()

    def current_time(self) -> float:
        """Return the time in seconds."""
        now = time.perf_counter()
        if self._depth and (stall := now - self._last_reading - self._planned_sleep) > UNCOUNTED_STALL_SECONDS:
            self._stalled_seconds += stall - UNCOUNTED_STALL_SECONDS
            for each in self._watchdogs:
                each.note(stall)
        self._last_reading, self._planned_sleep = now, 0.0
        return now - self._stalled_seconds

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return the seconds until `deadline`, for which the loop sleeps; a watched loop wakes up earlier."""
        seconds = max(0.0, deadline - self.current_time())
        self._planned_sleep = min(seconds, WATCHDOG_INTERVAL_SECONDS) if self._watchdogs else seconds
        return self._planned_sleep

    @contextmanager
    def excluding_stalls(self, *watchdogs: EventLoopWatchdog) -> Iterator[None]:
        """Do not count stalls of the loop within the block, and tell `watchdogs` about them."""
        self.current_time()
        self._depth += 1
        self._watchdogs.extend(watchdogs)
        try:
            yield
        finally:
            self.current_time()
            self._depth -= 1
            for each in watchdogs:
                self._watchdogs.remove(each)


class EventLoopWatchdog:
    """Measure how long the event loop of the harness stalled: without processor time, stopped or suspended."""

    def __init__(self) -> None:
        self.longest_stall = 0.0
        """The longest stall until now, in seconds."""

    def note(self, stall: float) -> None:
        """Record a stall of so many seconds."""
        self.longest_stall = max(self.longest_stall, stall)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch the loop during the block. With a `StallClock`, exclude its stalls from all time-outs of the block."""
        clock = trio.lowlevel.current_clock()
        if isinstance(clock, StallClock):
            with clock.excluding_stalls(self):
                yield
            return
        awake_at = time.monotonic()

        def note_lateness() -> None:
            nonlocal awake_at
            now = time.monotonic()
            self.note(now - awake_at - WATCHDOG_INTERVAL_SECONDS)
            awake_at = now

        async def watch() -> None:
            while True:
                await trio.sleep(WATCHDOG_INTERVAL_SECONDS)
                note_lateness()

        async with background_nursery() as nursery:
            nursery.start_soon(watch)
            try:
                yield
            finally:
                note_lateness()


def stall_message(watchdog: EventLoopWatchdog, *, closed_late: bool) -> str:
    """Return that the harness stalled and what to do, '' if it did not stall.

    `closed_late` says that the harness read the end of a connection after its time-out: many short stalls do that.
    """
    if closed_late:
        return (
            "the harness read the end of a connection later than its time-out, and cannot say whether the server "
            "closed it at once; run the case again on a quieter machine"
        )
    if watchdog.longest_stall < STALL_LIMIT_SECONDS:
        return ""
    return (
        f"the harness itself stood still for {watchdog.longest_stall:.1f} s, so times and time-outs prove nothing; "
        "run the case again on a quieter machine"
    )


def invalid_reason(server: ObservedServer, since: float) -> str:
    """Return why an attempt on `server` that began at `since` (CLOCK_MONOTONIC) proves nothing, '' if it is valid."""
    return next(filter(None, _invalid_reasons(server, since)), "")


def _invalid_reasons(server: ObservedServer, since: float) -> Iterator[str]:
    if pids := stopped_pids(server.visible_processes()):
        pid_list = " ".join(map(str, pids))
        yield f"somebody stopped the server's process {pid_list} (SIGSTOP); `kill -CONT {pid_list}` lets it go on"
    yield server.channel.failure_message(since)
    try:
        require_descriptors()
    except OutOfResources as problem:
        yield str(problem)
    for folder in server.folders:
        yield _disk_full_message(folder)


def _disk_full_message(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            os.write(probe.fileno(), b"\0" * DISK_PROBE_BYTES)
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS):
            return (
                f"neither the harness nor the server can write to {folder} ({problem.strerror}); free some room there"
            )
    return ""
