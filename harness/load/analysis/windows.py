"""Sum up the windows of an open loop: phases, queue lengths and recovery. Pure.

A window says how many requests were due in it and how long each took, whenever the response came. Requests due in a
window count as spread evenly over it. Their responses are then spread over an equally long time:

    due       |#######|       |       |       10 in this window, each took 1.4 windows
    answered  |       |  #####|###    |       6 of them in the next one, 4 in the one after

This is exact for uniform arrivals. For others the error is at most the width of a window.
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
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorWindow, quantile
from wsgi_gauntlet.harness.model import Outcome, Phase
from wsgi_gauntlet.harness.stats.histogram import Histogram, median_equivalent_value


def phase_from_windows(windows: Sequence[GeneratorWindow], name: str, started: float) -> Phase:
    """Sum up `windows`, at least one, as the phase `name`. The loop began `started` seconds into the scenario.

    A window has three outcomes: correct, given up (timed out or never sent), and any other failure.
    """
    latency = Histogram.merged(each.latency for each in windows)
    given_up = Histogram.merged(each.waiting for each in windows)
    scheduled, ok, waited = sum(each.scheduled for each in windows), len(latency), len(given_up)
    outcomes = {outcome.value: 0 for outcome in Outcome}
    outcomes |= {Outcome.OK: ok, Outcome.TIMEOUT: waited, Outcome.ERROR: scheduled - ok - waited}
    marks = [quantile(latency, given_up, q) for q in (0.5, 0.9, 0.99, 1.0)]
    p50, p90, p99, maximum = (mark and mark[0] for mark in marks)
    return Phase(
        name,
        started + windows[0].at,
        started + windows[-1].at + windows[-1].seconds,
        scheduled,
        {str(outcome): count for outcome, count in outcomes.items()},
        ok / scheduled if scheduled else 1.0,
        p50=p50,
        p90=p90,
        p99=p99,
        maximum=maximum,
        censored=bool(marks[2] and marks[2][1]),
    )


def count_timely(window: GeneratorWindow, limit: float = NOTICEABLE_SECONDS) -> int:
    """Return how many of the requests due in `window` got the correct response within `limit` seconds."""
    return round(window.latency.fraction_between(0.0, limit) * window.ok)


def ended_per_window(
    windows: Sequence[GeneratorWindow], *, service_time: float = 0.0, responses_only: bool = False
) -> list[float]:
    """Return how many requests ended in each of `windows`, which follow each other without a gap.

    Failures without a waiting time count when they were due, timeouts when they were given up. With `responses_only`
    neither counts. `service_time` seconds are subtracted from every time: the response time without a queue.
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
    """Return how many requests were waiting at the end of each window."""
    queue, now = [], 0.0
    for window, ended in zip(windows, ended_per_window(windows), strict=True):
        now += window.scheduled - ended
        queue.append(max(0.0, now))
    return queue


def recovery_time(windows: Sequence[GeneratorWindow], since: float, baseline_p99: float | None) -> float | None:
    """Return the seconds from `since` to STEADY_SECONDS seconds of good service, None if that never came.

    The rule is that of grading.recovery_time, for windows instead of samples. It is exact to the width of a window.
    """
    limit = max(MAX_UNHARMED_SLOWDOWN * (baseline_p99 or 0.0), NOTICEABLE_SECONDS)
    after = [_WindowCounts.of(each, limit) for each in windows if each.at >= since - each.seconds / 100]
    for first, begin in enumerate(after):
        # A hundredth of a window: thirty times 0.1 s is not exactly 3 s in floating point.
        spare = begin.seconds / 100
        inside = [each for each in after[first:] if each.at + each.seconds <= begin.at + STEADY_SECONDS + spare]
        if not inside or inside[-1].at + inside[-1].seconds < begin.at + STEADY_SECONDS - spare:
            return None
        scheduled, ok = sum(each.scheduled for each in inside), sum(each.ok for each in inside)
        waited = sum(each.waited for each in inside)
        within = sum(each.within for each in inside)
        # A window with bad service cannot be the beginning of good service.
        good = begin.within >= GOOD_GOODPUT * begin.scheduled
        if good and scheduled and ok >= GOOD_GOODPUT * scheduled and within >= GOOD_GOODPUT * waited:
            return max(0.0, begin.at - since)
    return None


@dataclass(frozen=True)
class _WindowCounts:
    """The counts of a window. Summing up a histogram takes a hundred times longer."""

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
