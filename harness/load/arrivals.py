"""When requests are due: pacers of the open model. Pure: no clock, no sleeping, the same seed gives the same times.

An open model sends on schedule whether or not the server keeps up, as people arrive who know nothing of each other:

    rate |            uniform                      rate |  *          poisson
         |*--*--*--*--*--*--*--*--*                     |** *   ** *      *  *
         +-------------------------- time               +-------------------------- time

    rate |               ramp  _--*****            rate |    steps  *********
         |           _--**                              |           |       |
         |   __--*  *                                   |*  *  *  * |       |*  *  *  *
         +-------------------------- time               +-------------------------- time

A pacer is two methods, after vegeta's: `rate`, what is meant, and `after`, when the next request is due. Where the rate
changes, the next is due once the integral of the rate, the number of requests meant so far, has grown by 1; or, for
independent arrivals, by an exponentially distributed amount of mean 1 (a Poisson process in changed time: Cinlar 1975).
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Iterator, Sequence
from typing import Protocol

MIN_GAP_SECONDS = 1e-9
"""Seconds between two requests at least: a gap of exactly 0 can be drawn and would put both at one instant."""


class Pacer(Protocol):
    """Decides when requests are due, in seconds from its start."""

    def rate(self, at: float) -> float:
        """Return the requests per second that are meant at the time `at`."""

    def next_arrival(self, last: float) -> float:
        """Return when the request after the one due at `last` is due; always later, infinity where none is."""


class Uniform:
    """A request every 1 / `per_second` seconds."""

    def __init__(self, per_second: float) -> None:
        self._per_second = _positive_rate(per_second)

    def rate(self, at: float) -> float:  # noqa: ARG002 - it is the same at all times
        """Return the constant rate."""
        return self._per_second

    def next_arrival(self, last: float) -> float:
        """Return the time one gap after `last`."""
        return last + 1 / self._per_second


class Poisson:
    """Independent arrivals, `per_second` on average: the gaps between them are exponentially distributed."""

    def __init__(self, per_second: float, seed: int = 0) -> None:
        self._per_second = _positive_rate(per_second)
        self._random = random.Random(seed)

    def rate(self, at: float) -> float:  # noqa: ARG002 - it is the same at all times
        """Return the mean rate."""
        return self._per_second

    def next_arrival(self, last: float) -> float:
        """Return `last` plus a gap drawn from the exponential distribution."""
        return last + max(self._random.expovariate(self._per_second), MIN_GAP_SECONDS)


class FixedCountArrivals:
    """`number` independent arrivals in `seconds`, and none after: a Poisson process of which is known how many came.

    In a short time by chance far more or fewer than its rate says come of a Poisson process: of 100 meant, 80 or 120
    are nothing unusual. Where the rate is what is looked for, that would be noise; bunches and gaps are all kept.
    """

    def __init__(self, number: int, seconds: float, seed: int = 0) -> None:
        if number < 1:
            raise ValueError(f"arrivals are 1 or more, not {number}")
        self._per_second = number / _positive_seconds(seconds)
        rng = random.Random(seed)
        # Given their number, the times of a Poisson process are independent and uniform (Cinlar 1975).
        self._times = sorted(rng.random() * seconds for _ in range(number))

    def rate(self, at: float) -> float:  # noqa: ARG002 - it is the same at all times
        """Return the mean rate."""
        return self._per_second

    def next_arrival(self, last: float) -> float:
        """Return the first of the times after `last`."""
        place = bisect.bisect_right(self._times, last)
        return self._times[place] if place < len(self._times) else math.inf


RAMP_UP_SHARE = 2 / 3
"""The part of a warm-up in which its rate grows; then it stays, so that what was put off is done."""


def warm_up_arrivals(rate: float, seconds: float) -> Iterator[float]:
    """Yield the times, in seconds, of a warm-up: evenly from 0 to `rate` requests a second, then so many to the end."""
    ramp_up_seconds = RAMP_UP_SHARE * seconds
    number = int(rate * ramp_up_seconds / 2)
    for place in range(number):
        yield ramp_up_seconds * math.sqrt((place + 0.5) / number)
    for place in range(int(rate * (seconds - ramp_up_seconds))):
        yield ramp_up_seconds + (place + 0.5) / rate


class Steps:
    """One rate after the other: (requests per second, seconds) each; the last one goes on. A rate may be 0.

    Arrivals are evenly spaced, or independent of each other where `poisson` gives a seed.
    """

    def __init__(self, steps: Sequence[tuple[float, float]], poisson: int | None = None) -> None:
        if not steps:
            raise ValueError("steps of nothing: give at least one (requests per second, seconds)")
        self._rates = [_rate_or_zero(rate) for rate, _ in steps]
        lengths = [_positive_seconds(seconds) for _, seconds in steps]
        self._starts = list(itertools.accumulate(lengths[:-1], initial=0.0))
        expected_counts = (rate * seconds for rate, seconds in steps[:-1])
        self._expected_count = list(itertools.accumulate(expected_counts, initial=0.0))
        self._random = None if poisson is None else random.Random(poisson)

    def rate(self, at: float) -> float:
        """Return the rate of the step at the time `at`."""
        return self._rates[self._step(self._starts, at)]

    def next_arrival(self, last: float) -> float:
        """Return when one request more is meant than at `last`."""
        step = self._step(self._starts, last)
        target_count = (
            self._expected_count[step] + (last - self._starts[step]) * self._rates[step] + _next_increment(self._random)
        )
        # The last step at whose start fewer are meant: it has a rate, unless it is the very last and nothing follows.
        step = bisect.bisect_left(self._expected_count, target_count) - 1
        if not self._rates[step]:
            return math.inf
        return max(
            self._starts[step] + (target_count - self._expected_count[step]) / self._rates[step], last + MIN_GAP_SECONDS
        )

    @staticmethod
    def _step(ascending: Sequence[float], value: float) -> int:
        return max(0, bisect.bisect_right(ascending, value) - 1)


class Ramp:
    """From `first` to `last` requests per second in `seconds`, in a straight line; `last` goes on. Either may be 0.

    Arrivals follow the line evenly, or independently of each other where `poisson` gives a seed.
    """

    def __init__(self, first: float, last: float, seconds: float, poisson: int | None = None) -> None:
        self._first, self._last, self._seconds = _rate_or_zero(first), _rate_or_zero(last), _positive_seconds(seconds)
        self._slope = (last - first) / seconds
        self._random = None if poisson is None else random.Random(poisson)

    def rate(self, at: float) -> float:
        """Return the rate of the line at the time `at`."""
        return self._last if at >= self._seconds else self._first + self._slope * max(0.0, at)

    def next_arrival(self, last: float) -> float:
        """Return when one request more is meant than at `last`."""
        target_count = self._expected_count(min(last, self._seconds)) + _next_increment(self._random)
        over = target_count + max(0.0, last - self._seconds) * self._last - self._expected_count(self._seconds)
        if over > 0:
            return max(self._seconds + over / self._last, last + MIN_GAP_SECONDS) if self._last else math.inf
        # Of first * t + slope * t**2 / 2 = more the root that stays exact where first is 0 or the line is level.
        root = math.sqrt(max(0.0, self._first**2 + 2 * self._slope * target_count))
        return max(2 * target_count / (self._first + root), last + MIN_GAP_SECONDS)

    def _expected_count(self, at: float) -> float:
        return self._first * at + self._slope * at**2 / 2


def schedule(pacer: Pacer, seconds: float, limit: int = 1_000_000) -> Iterator[float]:
    """Yield the times that are due within `seconds`, the first one gap after 0; at most `limit` of them."""
    at = pacer.next_arrival(0.0)
    for _ in range(limit):
        if at >= seconds:
            return
        yield at
        at = pacer.next_arrival(at)


def _next_increment(rng: random.Random | None) -> float:
    return 1.0 if rng is None else rng.expovariate(1.0)


def _positive_rate(per_second: float) -> float:
    if not 0 < per_second < math.inf:
        raise ValueError(f"a rate is a number of requests per second above 0, not {per_second}")
    return per_second


def _rate_or_zero(per_second: float) -> float:
    if not 0 <= per_second < math.inf:
        raise ValueError(f"a rate is a number of requests per second, 0 or above, not {per_second}")
    return per_second


def _positive_seconds(seconds: float) -> float:
    if not 0 < seconds < math.inf:
        raise ValueError(f"a stretch of time is a number of seconds above 0, not {seconds}")
    return seconds
