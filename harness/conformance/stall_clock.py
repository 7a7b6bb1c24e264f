"""A clock that stands still while the harness's own loop does, so that a time-out counts only time in which it looked.

On a busy machine the loop is late for what has come already. By the usual clock a case's patience would be over then,
and a server be blamed that answered in time. Figures of load are never taken by it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import trio

UNCOUNTED_STALL_SECONDS = 0.01
"""Seconds of each delay that count all the same. They let time go on, and a deadline come, whatever the loop is at."""


class StallClock(trio.abc.Clock):
    """The time that the loop was awake, within `awake()`; else all time, as trio's own clock has it."""

    def __init__(self) -> None:
        self._stalled_seconds = 0.0
        self._planned_sleep = 0.0
        self._last_reading = time.perf_counter()
        self._depth = 0

    def start_clock(self) -> None:
        """Begin."""
        self._last_reading = time.perf_counter()

    def current_time(self) -> float:
        """Return the time in seconds."""
        now = time.perf_counter()
        if self._depth:
            self._stalled_seconds += max(0.0, now - self._last_reading - self._planned_sleep - UNCOUNTED_STALL_SECONDS)
        self._last_reading, self._planned_sleep = now, 0.0
        return now - self._stalled_seconds

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return the seconds until `deadline`, which the loop now sleeps."""
        self._planned_sleep = max(0.0, deadline - self.current_time())
        return self._planned_sleep

    @contextmanager
    def excluding_stalls(self) -> Iterator[None]:
        """Leave out, within the block, the time in which the loop was not awake."""
        self.current_time()
        self._depth += 1
        try:
            yield
        finally:
            self.current_time()
            self._depth -= 1


@contextmanager
def exclude_stalls() -> Iterator[None]:
    """Count, within the block, only time in which the loop is awake; nothing changes under another clock."""
    clock = trio.lowlevel.current_clock()
    if isinstance(clock, StallClock):
        with clock.excluding_stalls():
            yield
    else:
        yield
