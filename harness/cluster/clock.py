"""How far the clock of a machine is from that of the scheduler, from round trips as in NTP. Pure.

    here       sent ---------------------- received
    scheduler            `-- at --'                     offset = at - (sent + received) / 2, +- delay / 2

The answer took part of the delay, and nobody knows which part. So the round trip with the least delay says the most
(RFC 5905, section 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_SKEW_NS = 10_000_000
"""Nanoseconds by which the clock of a worker may differ from that of the scheduler."""

ROUND_TRIPS = 16
"""Round trips that measure a clock, at least. On an idle machine one takes a millisecond."""

SAMPLING_SECONDS = 4.0
"""Seconds for further round trips while the clock is not known to MAX_SKEW_NS: on a busy machine most take too long."""


@dataclass(frozen=True)
class ClockOffset:
    """The clock of a machine: the scheduler's is `offset_ns` later, known to +- `error_ns`.

    `wall_ahead_ns` is how far time.time_ns() of the machine is ahead of its time.perf_counter_ns().
    """

    offset_ns: int
    error_ns: int
    wall_ahead_ns: int

    def perf_counter_at(self, scheduler_ns: int) -> int:
        """Return the time.perf_counter_ns() of the machine at a time of the scheduler's clock."""
        return scheduler_ns - self.offset_ns - self.wall_ahead_ns

    def scheduler_time_at(self, perf_counter_ns: int) -> int:
        """Return the time of the scheduler's clock at a time.perf_counter_ns() of the machine."""
        return perf_counter_ns + self.wall_ahead_ns + self.offset_ns

    @property
    def skew_reason(self) -> str:
        """Why the clock is not good enough, '' if it is."""
        if abs(self.offset_ns) > max(MAX_SKEW_NS, self.error_ns):
            direction = "behind" if self.offset_ns > 0 else "ahead of"
            return (
                f"its clock is {abs(self.offset_ns) / 1e6:.0f} ms {direction} that of the scheduler "
                f"({MAX_SKEW_NS / 1e6:.0f} ms are allowed); synchronise the clocks with NTP or chrony"
            )
        if self.error_ns > MAX_SKEW_NS:
            return (
                f"its clock is known only to {self.error_ns / 1e6:.0f} ms, because a round trip to the scheduler takes "
                f"{2 * self.error_ns / 1e6:.0f} ms; use workers near the scheduler, or with less other work"
            )
        return ""


def needs_more(samples: Sequence[tuple[int, int, int]], seconds: float) -> bool:
    """Return whether further round trips may tell more than `samples`, which took `seconds`."""
    if len(samples) < ROUND_TRIPS:
        return True
    return seconds < SAMPLING_SECONDS and clock_offset(samples, 0).error_ns > MAX_SKEW_NS


def clock_offset(samples: Sequence[tuple[int, int, int]], wall_ahead_ns: int) -> ClockOffset:
    """Return the offset from `samples` of (sent, time of the scheduler, received) in nanoseconds.

    Raises ValueError for no samples.
    """
    if not samples:
        raise ValueError("at least one round trip to the scheduler is needed")
    sent, at, received = min(samples, key=lambda each: each[2] - each[0])
    return ClockOffset(at - (sent + received) // 2, max(0, received - sent) // 2, wall_ahead_ns)
