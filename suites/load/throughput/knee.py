"""Find the knee of a ramp: the arrival rate above which requests arrive faster than the server responds. Pure.

    answered |            ....*....*....      correct responses in time,
             |         *                      for each offered rate
             |      *
             |   *
             +---------------------- offered
                       ^ the knee

Each window of the ramp is good or bad. By chance, a single window can be good after the knee, or bad before it. The
knee is the index with the fewest such exceptions.
"""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.load.analysis.grading import GOOD_GOODPUT, NOTICEABLE_SECONDS
from wsgi_gauntlet.harness.load.analysis.windows import count_timely, ended_per_window
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorWindow

MAX_SHORTFALL = 0.05
"""The allowed share of the requests due in a window that get no response in it. At the end of a ramp to 1.5 x capacity,
a third of them get none."""

MIN_SHORTFALL = 2
"""Missing requests that are always allowed: those in flight at the ends of the window."""


def overloaded_windows(windows: Sequence[GeneratorWindow], limit: float = NOTICEABLE_SECONDS) -> list[bool]:
    """Return for each of `windows` whether the server fell behind in it, or was slow.

    Behind: more than MAX_SHORTFALL of the requests due had no response in it, not counting the service time. Slow:
    fewer than GOOD_GOODPUT of the requests due got a correct response within `limit` seconds.
    """
    unloaded_latency = _unloaded_latency(windows)
    found: list[bool] = []
    # Backwards, because a window without requests counts like the one after it.
    for each, count in reversed(
        list(zip(windows, ended_per_window(windows, service_time=unloaded_latency, responses_only=True), strict=True))
    ):
        missing = each.scheduled - count > max(MIN_SHORTFALL, MAX_SHORTFALL * each.scheduled)
        slow = count_timely(each, limit) < GOOD_GOODPUT * each.scheduled
        found.append(missing or slow if each.scheduled else bool(found) and found[-1])
    return found[::-1]


def knee(overloaded: Sequence[bool]) -> int | None:
    """Return the index of the first window after the knee, None if the knee was not reached.

    If two indices have equally few exceptions, the later one counts.
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
    """Return the service time without a queue in seconds: the smallest median of any window with requests."""
    return min((each.latency.quantile(0.5) for each in windows if each.ok >= MIN_SHORTFALL), default=0.0)
