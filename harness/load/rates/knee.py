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

from ..judging.grading import GOOD, NOTICED
from ..lanes.lane_result import LaneWindow
from .backlog import left
from .stretch import timely

SLACK = 0.05
"""The share by which fewer requests may be answered in a window than were due in it. In a window after the knee of a
ramp to 1.5 x capacity it is a third at the end."""

FEW = 2
"""Requests that may always be missing: those on their way at the window's ends."""


def behind(windows: Sequence[LaneWindow], limit: float = NOTICED) -> list[bool]:
    """Return for each of `windows` whether the server fell behind in it, or was slow.

    Behind: fewer were answered in it than were due, by more than SLACK; what an answer takes when nobody queues is left
    out. Slow: fewer than GOOD of those due in it were rightly answered within `limit` seconds.
    """
    alone = _alone(windows)
    found: list[bool] = []
    # From behind, since a window in which nothing was due is taken to be like the one after it.
    for each, count in reversed(list(zip(windows, left(windows, beyond=alone, answers_only=True), strict=True))):
        missing = each.scheduled - count > max(FEW, SLACK * each.scheduled)
        slow = timely(each, limit) < GOOD * each.scheduled
        found.append(missing or slow if each.scheduled else bool(found) and found[-1])
    return found[::-1]


def knee(bad: Sequence[bool]) -> int | None:
    """Return the index of the first window past the knee, None where it was not reached.

    Where two places contradict as few windows, the later one: what the server held in between, it held.
    """
    best, at = sum(bad) + 1, 0
    wrong = sum(not each for each in bad)
    for index in range(len(bad) + 1):
        if wrong <= best:
            best, at = wrong, index
        if index < len(bad):
            wrong += 1 if bad[index] else -1
    return at if at < len(bad) else None


def _alone(windows: Sequence[LaneWindow]) -> float:
    """Return the seconds that an answer takes when nobody queues: the least median of any window with requests."""
    return min((each.latency.quantile(0.5) for each in windows if each.ok >= FEW), default=0.0)
