"""Arrival processes of the open model: the times at which requests are due. Pure: the same seed gives the same times.

An open model sends on schedule whether or not the server keeps up, as people arrive who know nothing of each other:

    rate |            uniform                      rate |  *          poisson
         |*--*--*--*--*--*--*--*--*                     |** *   ** *      *  *
         +-------------------------- time               +-------------------------- time

    rate |               ramp  _--*****            rate |    steps  *********
         |           _--**                              |           |       |
         |   __--*  *                                   |*  *  *  * |       |*  *  *  *
         +-------------------------- time               +-------------------------- time

A pacer has two methods, as in vegeta: `rate` is the intended rate, `next_arrival` the time of the next request. Where
the rate changes, the next request is due when the integral of the rate has grown by 1. The integral is the number of
requests intended so far.
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Iterator, Sequence
from typing import Protocol

MIN_GAP_SECONDS = 1e-9
"""The minimum number of seconds between two requests. A random gap can be exactly 0."""


class Pacer(Protocol):
    """Decides when requests are due, in seconds since its start."""

    def rate(self, at: float) -> float:
        """Return the intended rate at the time `at`, in requests per second."""

    def next_arrival(self, last: float) -> float:
        """Return the time of the request after the one at `last`; it is always later, and infinity for none."""


class Uniform:
    """One request every 1 / `per_second` seconds."""

    def __init__(self, per_second: float) -> None:
        self._per_second = _positive_rate(per_second)

    def rate(self, at: float) -> float:  # noqa: ARG002 - it is the same at all times
        """Return the constant rate."""
        return self._per_second

    def next_arrival(self, last: float) -> float:
        """Return the time one gap after `last`."""
        return last + 1 / self._per_second


class Poisson:
    """Independent arrivals, `per_second` on average, with exponentially distributed gaps."""

    def __init__(self, per_second: float, seed: int = 0) -> None:
        self._per_second = _positive_rate(per_second)
        self._random = random.Random(seed)

    def rate(self, at: float) -> float:  # noqa: ARG002 - it is the same at all times
        """Return the mean rate."""
        return self._per_second

    def next_arrival(self, last: float) -> float:
        """Return `last` plus a random gap."""
        return last + max(self._random.expovariate(self._per_second), MIN_GAP_SECONDS)


class FixedCountArrivals:
    """Exactly `number` independent arrivals in `seconds`: a Poisson process with a known number of arrivals.

    In a short time the number of arrivals of a Poisson process differs much from its mean: 80 or 120 instead of 100 are
    not unusual. This is noise where the rate itself is measured. The bunches and gaps between arrivals remain.
    """

    def __init__(self, number: int, seconds: float, seed: int = 0) -> None:
        if number < 1:
            raise ValueError(f"the number of arrivals must be 1 or more, not {number}")
        self._per_second = number / _positive_seconds(seconds)
        rng = random.Random(seed)
        # For a known number, the times of a Poisson process are independent and uniform (Cinlar 1975).
        self._times = sorted(rng.random() * seconds for _ in range(number))

    def rate(self, at: float) -> float:  # noqa: ARG002 - it is the same at all times
        """Return the mean rate."""
        return self._per_second

    def next_arrival(self, last: float) -> float:
        """Return the first time after `last`."""
        place = bisect.bisect_right(self._times, last)
        return self._times[place] if place < len(self._times) else math.inf


RAMP_UP_SHARE = 2 / 3
"""The part of a warm-up in which its rate grows. Then it stays constant, so that the server finishes delayed work."""


def warm_up_arrivals(rate: float, seconds: float) -> Iterator[float]:
    """Yield the times of a warm-up in seconds. Its rate grows evenly from 0 to `rate` per second and then stays."""
    ramp_up_seconds = RAMP_UP_SHARE * seconds
    number = int(rate * ramp_up_seconds / 2)
    for place in range(number):
        yield ramp_up_seconds * math.sqrt((place + 0.5) / number)
    for place in range(int(rate * (seconds - ramp_up_seconds))):
        yield ramp_up_seconds + (place + 0.5) / rate


class Steps:
    """Evenly spaced arrivals with one rate after the other: pairs of (requests per second, seconds).

    The last rate goes on. A rate may be 0.
    """

    def __init__(self, steps: Sequence[tuple[float, float]]) -> None:
        if not steps:
            raise ValueError("at least one step (requests per second, seconds) is needed")
        self._rates = [_rate_or_zero(rate) for rate, _ in steps]
        lengths = [_positive_seconds(seconds) for _, seconds in steps]
        self._starts = list(itertools.accumulate(lengths[:-1], initial=0.0))
        expected_counts = (rate * seconds for rate, seconds in steps[:-1])
        self._expected_count = list(itertools.accumulate(expected_counts, initial=0.0))

    def rate(self, at: float) -> float:
        """Return the rate of the step at the time `at`."""
        return self._rates[self._step(self._starts, at)]

    def next_arrival(self, last: float) -> float:
        """Return the intended time of the next request after `last`."""
        step = self._step(self._starts, last)
        target_count = self._expected_count[step] + (last - self._starts[step]) * self._rates[step] + 1
        # The last step that begins with fewer intended requests. Its rate can be 0 only if it is the last step of all.
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
    """A rate that changes linearly from `first` to `last` requests per second in `seconds`, and then stays at `last`.

    Both rates may be 0.
    """

    def __init__(self, first: float, last: float, seconds: float) -> None:
        self._first, self._last, self._seconds = _rate_or_zero(first), _rate_or_zero(last), _positive_seconds(seconds)
        self._slope = (last - first) / seconds

    def rate(self, at: float) -> float:
        """Return the rate at the time `at`."""
        return self._last if at >= self._seconds else self._first + self._slope * max(0.0, at)

    def next_arrival(self, last: float) -> float:
        """Return the intended time of the next request after `last`."""
        target_count = self._expected_count(min(last, self._seconds)) + 1
        over = target_count + max(0.0, last - self._seconds) * self._last - self._expected_count(self._seconds)
        if over > 0:
            return max(self._seconds + over / self._last, last + MIN_GAP_SECONDS) if self._last else math.inf
        # This root of first * t + slope * t**2 / 2 = target_count stays exact if `first` or the slope is 0.
        root = math.sqrt(max(0.0, self._first**2 + 2 * self._slope * target_count))
        return max(2 * target_count / (self._first + root), last + MIN_GAP_SECONDS)

    def _expected_count(self, at: float) -> float:
        return self._first * at + self._slope * at**2 / 2


def schedule(pacer: Pacer, seconds: float, limit: int = 1_000_000) -> Iterator[float]:
    """Yield the times that are due within `seconds`, at most `limit` of them. The first is one gap after 0."""
    at = pacer.next_arrival(0.0)
    for _ in range(limit):
        if at >= seconds:
            return
        yield at
        at = pacer.next_arrival(at)


def _positive_rate(per_second: float) -> float:
    if not 0 < per_second < math.inf:
        raise ValueError(f"a rate must be a number of requests per second above 0, not {per_second}")
    return per_second


def _rate_or_zero(per_second: float) -> float:
    if not 0 <= per_second < math.inf:
        raise ValueError(f"a rate must be a number of requests per second, 0 or above, not {per_second}")
    return per_second


def _positive_seconds(seconds: float) -> float:
    if not 0 < seconds < math.inf:
        raise ValueError(f"a duration must be a number of seconds above 0, not {seconds}")
    return seconds
