"""When requests are due: pacers of the open model. Pure: no clock, no sleeping, the same seed gives the same times.

An open model sends on schedule whether or not the server keeps up, as people arrive who know nothing of each other:

    rate |            uniform                      rate |  *          poisson
         |*--*--*--*--*--*--*--*--*                     |** *   ** *      *  *
         +-------------------------- time               +-------------------------- time

A pacer is two methods, after vegeta's: `rate`, what is meant, and `after`, when the next request is due.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Protocol


class Pacer(Protocol):
    """Decides when requests are due, in seconds from its start."""

    def rate(self, at: float) -> float:
        """Return the requests per second that are meant at the time `at`."""

    def after(self, last: float) -> float:
        """Return when the request after the one due at `last` is due; always later than `last`."""


class Uniform:
    """A request every 1 / `per_second` seconds."""

    def __init__(self, per_second: float) -> None:
        self._per_second = _checked(per_second)

    def rate(self, at: float) -> float:  # noqa: ARG002 - it is the same at all times
        """Return the constant rate."""
        return self._per_second

    def after(self, last: float) -> float:
        """Return the time one gap after `last`."""
        return last + 1 / self._per_second


class Poisson:
    """Independent arrivals, `per_second` on average: the gaps between them are exponentially distributed."""

    def __init__(self, per_second: float, seed: int = 0) -> None:
        self._per_second = _checked(per_second)
        self._random = random.Random(seed)

    def rate(self, at: float) -> float:  # noqa: ARG002 - it is the same at all times
        """Return the mean rate."""
        return self._per_second

    def after(self, last: float) -> float:
        """Return `last` plus a gap drawn from the exponential distribution."""
        # A gap of exactly 0 can be drawn and would put two requests at one instant.
        return last + max(self._random.expovariate(self._per_second), 1e-9)


def schedule(pacer: Pacer, seconds: float, limit: int = 1_000_000) -> Iterator[float]:
    """Yield the times that are due within `seconds`, the first one gap after 0; at most `limit` of them."""
    at = pacer.after(0.0)
    for _ in range(limit):
        if at >= seconds:
            return
        yield at
        at = pacer.after(at)


def _checked(per_second: float) -> float:
    if not 0 < per_second < float("inf"):
        raise ValueError(f"a rate is a number of requests per second above 0, not {per_second}")
    return per_second
