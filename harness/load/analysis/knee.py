"""The knee of a ramp: the arrival rate beyond which users are no longer served as fast as they come. Pure.

    answered |            ....*....*....      answered in time, over
             |         *                      what was offered
             |      *
             |   *
             +---------------------- offered
                       ^ the knee

Each window of the ramp is good or bad by itself, and a single one may be either by chance. The knee is the place that
contradicts the fewest windows: good ones before it, bad ones after.
"""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.load.analysis.backlog import ended_per_window
from wsgi_gauntlet.harness.load.analysis.grading import GOOD_GOODPUT, NOTICEABLE_SECONDS
from wsgi_gauntlet.harness.load.analysis.phase_from_windows import count_timely
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorWindow

MAX_SHORTFALL = 0.05
"""The share by which fewer requests may be answered in a window than were due in it. In a window after the knee of a
ramp to 1.5 x capacity it is a third at the end."""

MIN_SHORTFALL = 2
"""Requests that may always be missing: those on their way at the window's ends."""


def overloaded_windows(windows: Sequence[GeneratorWindow], limit: float = NOTICEABLE_SECONDS) -> list[bool]:
    """Return for each of `windows` whether the server fell behind in it, or was slow.

    Behind: fewer were answered in it than were due, by more than MAX_SHORTFALL; what an answer takes when nobody
    queues is left out. Slow: fewer than GOOD_GOODPUT of those due in it were rightly answered within `limit` seconds.
    """
    unloaded_latency = _unloaded_latency(windows)
    found: list[bool] = []
    # From behind, since a window in which nothing was due is taken to be like the one after it.
    for each, count in reversed(
        list(zip(windows, ended_per_window(windows, service_time=unloaded_latency, responses_only=True), strict=True))
    ):
        missing = each.scheduled - count > max(MIN_SHORTFALL, MAX_SHORTFALL * each.scheduled)
        slow = count_timely(each, limit) < GOOD_GOODPUT * each.scheduled
        found.append(missing or slow if each.scheduled else bool(found) and found[-1])
    return found[::-1]


def knee(overloaded: Sequence[bool]) -> int | None:
    """Return the index of the first window past the knee, None where it was not reached.

    Where two places contradict as few windows, the later one: what the server held in between, it held.
    """
    best, at = sum(overloaded) + 1, 0
    wrong = sum(not each for each in overloaded)
    for index in range(len(overloaded) + 1):
        if wrong <= best:
            best, at = wrong, index
        if index < len(overloaded):
            wrong += 1 if overloaded[index] else -1
    return at if at < len(overloaded) else None


def _unloaded_latency(windows: Sequence[GeneratorWindow]) -> float:
    """Return the seconds that an answer takes when nobody queues: the least median of any window with requests."""
    return min((each.latency.quantile(0.5) for each in windows if each.ok >= MIN_SHORTFALL), default=0.0)
