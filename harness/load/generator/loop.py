"""The parts that the closed loop and the open loop share: options, counters and limits."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

MAX_SLICE_NS = 5_000_000
"""Nanoseconds that a loop runs before other tasks of trio get a turn."""

SWEEP_INTERVAL_NS = 20_000_000
"""Nanoseconds between two checks for timed-out requests and for connections to open again."""

MAX_EVENTS = 256
"""Events taken from epoll in one call. Each call allocates memory for all of them."""

MAX_ERROR_MESSAGES = 16
"""Different error messages that are kept. A server that sends garbage must not fill the memory."""

StartTime = Callable[[], Awaitable[int]]
"""Called as soon as a loop is ready. It returns the time.perf_counter_ns() at which the loop must begin."""


@dataclass(frozen=True)
class LoopOptions:
    """The options of a loop: its number of connections, and times in seconds.

    A request without a response after `timeout` counts as timed out. Requests of the first `warm_up` seconds are sent
    and not counted. With `window` an open loop also returns the figures of each window of this length.
    Raises ValueError for a number of connections or a timeout that is not above 0.
    """

    connections: int
    timeout: float = 5.0
    warm_up: float = 0.0
    window: float = 0.0

    def __post_init__(self) -> None:
        require_positive(connections=self.connections, timeout=self.timeout)


def require_positive(**numbers: float) -> None:
    """Raise ValueError for a number that is not above 0 and finite."""
    for name, value in numbers.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be a number above 0, not {value}")


class ResponseGap:
    """The longest time without a response although a request waited for one. Nanoseconds of one clock.

        responses   ||||||||| | |||||||                      |||||||||||||||||
                                     `--------- gap ---------'

    Percentiles of latencies do not show such a gap, because few requests wait in it.
    """

    __slots__ = ("began", "longest", "since")

    def __init__(self, since: int) -> None:
        self.since = self.began = since
        self.longest = 0

    def start_waiting(self, now: int) -> None:
        """Record that a request waits again, after a time in which none waited."""
        self.since = now

    def still_waiting(self, now: int) -> None:
        """Record that there is still no response."""
        if now - self.since > self.longest:
            self.longest, self.began = now - self.since, self.since

    def response_received(self, now: int) -> None:
        """Record that a response was received."""
        if now - self.since > self.longest:
            self.still_waiting(now)
        self.since = now


@dataclass
class LoopCounters:
    """The counters of a loop since the time `since` (nanoseconds). A histogram counts the correct responses."""

    since: int
    connects: int = 0
    wrong: int = 0
    errors: int = 0
    timeouts: int = 0
    disconnected: int = 0
    dropped: int = 0
    refused: int = 0
    out_of_ports: int = 0
    error_messages: dict[str, int] = field(default_factory=dict)
    generator_stall: int = 0
    """The longest time in nanoseconds by which a check for timed-out requests was late."""
    cpu_began: float = field(default_factory=time.thread_time)
    response_gap: ResponseGap = field(init=False)

    def __post_init__(self) -> None:
        self.response_gap = ResponseGap(self.since)

    def add_error(self, message: str) -> None:
        """Count `message`, unless there are too many different messages already."""
        if message in self.error_messages or len(self.error_messages) < MAX_ERROR_MESSAGES:
            self.error_messages[message] = self.error_messages.get(message, 0) + 1
