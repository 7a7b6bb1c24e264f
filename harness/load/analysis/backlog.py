"""How many requests were waiting at once, and when users were well served again: from the windows of an open loop.

A lane's window says how many requests were due in it and how long each took, whenever its answer came. Requests due
in a window are taken to be spread evenly over it, so those that took as long are answered over as long a stretch:

    due       |#######|       |       |       10 in this window, each took 1.4 windows
    answered  |       |  #####|###    |       6 of them in the next one, 4 in the one after

That is exact for even arrivals and no more than a window's width away from it for any others. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.grading import (
    GOOD_GOODPUT,
    MAX_UNHARMED_SLOWDOWN,
    NOTICEABLE_SECONDS,
    STEADY_SECONDS,
)
from wsgi_gauntlet.harness.load.analysis.phase_from_windows import count_timely
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorWindow
from wsgi_gauntlet.harness.stats.histogram import Histogram, median_equivalent_value


def ended_per_window(
    windows: Sequence[GeneratorWindow], *, service_time: float = 0.0, responses_only: bool = False
) -> list[float]:
    """Return how many requests came to an end in each of `windows`, which follow each other without a gap.

    Failures without a waiting time count where they were due, time-outs where they were given up; with `responses_only`
    neither counts. From every time `beyond` seconds are taken off first: what a server takes when nobody queues.
    """
    ended = [0.0] * len(windows)
    for index, window in enumerate(windows):
        for took, count in _times(window.latency):
            _spread(ended, index, max(0.0, took - service_time) / window.seconds, count)
        if responses_only:
            continue
        for took, count in _times(window.waiting):
            _spread(ended, index, max(0.0, took - service_time) / window.seconds, count)
        ended[index] += window.scheduled - len(window.latency) - len(window.waiting)
    return ended


def queue_lengths(windows: Sequence[GeneratorWindow]) -> list[float]:
    """Return how many requests were due and neither answered nor given up, at the end of each window."""
    queue, now = [], 0.0
    for window, ended in zip(windows, ended_per_window(windows), strict=True):
        now += window.scheduled - ended
        queue.append(max(0.0, now))
    return queue


def recovery_time(windows: Sequence[GeneratorWindow], since: float, baseline_p99: float | None) -> float | None:
    """Return the seconds from `since` until users were well served for STEADY_SECONDS seconds; None where that never
    came.

    What well served means is grading.recovery's, for windows instead of samples: it is exact to a window's width.
    """
    limit = max(MAX_UNHARMED_SLOWDOWN * (baseline_p99 or 0.0), NOTICEABLE_SECONDS)
    after = [_WindowCounts.of(each, limit) for each in windows if each.at >= since - each.seconds / 100]
    for first, begin in enumerate(after):
        # A hundredth of a window: thirty times 0.1 s are not quite 3 s in floating point.
        spare = begin.seconds / 100
        inside = [each for each in after[first:] if each.at + each.seconds <= begin.at + STEADY_SECONDS + spare]
        if not inside or inside[-1].at + inside[-1].seconds < begin.at + STEADY_SECONDS - spare:
            return None
        scheduled, ok = sum(each.scheduled for each in inside), sum(each.ok for each in inside)
        waited = sum(each.waited for each in inside)
        within = sum(each.within for each in inside)
        # A window that is not well served itself cannot be the beginning of good service.
        good = begin.within >= GOOD_GOODPUT * begin.scheduled
        if good and scheduled and ok >= GOOD_GOODPUT * scheduled and within >= GOOD_GOODPUT * waited:
            return max(0.0, begin.at - since)
    return None


@dataclass(frozen=True)
class _WindowCounts:
    """A window's counts: summing up a histogram takes as long as a hundred of these."""

    at: float
    seconds: float
    scheduled: int
    ok: int
    waited: int
    within: int

    @classmethod
    def of(cls, window: GeneratorWindow, limit: float) -> _WindowCounts:
        ok = window.ok
        waited = ok + len(window.waiting)
        return cls(window.at, window.seconds, window.scheduled, ok, waited, count_timely(window, limit))


def _times(histogram: Histogram) -> list[tuple[float, int]]:
    return [(median_equivalent_value(index) / 1e9, count) for index, count in enumerate(histogram.counts) if count]


def _spread(ended: list[float], index: int, windows: float, count: int) -> None:
    """Count `count` requests due evenly over window `index` where they ended, `windows` of them later."""
    whole = int(windows)
    later = windows - whole
    if index + whole < len(ended):
        ended[index + whole] += count * (1 - later)
    if index + whole + 1 < len(ended):
        ended[index + whole + 1] += count * later
