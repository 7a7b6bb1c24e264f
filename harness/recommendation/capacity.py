"""The capacity within a p99 limit, from closed loops and a check with open loops. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model.recommendation import RatePoint

FIRST_CONNECTIONS = 8
"""Connections of the first closed loop: enough to keep a few workers busy."""

MORE_CONNECTIONS = 4
"""The factor on the connections of the next loop."""

MIN_IMPROVEMENT = 1.1
"""The factor on the rate that more connections must bring."""

USUAL_CONNECTIONS = 64
"""Connections that the closed loops may have, if the users are not more than that."""

MAX_CONNECTIONS_FOR_PEAK = 512
"""Connections of one generator process: it has descriptors for so many."""

MAX_LOOPS = 5
"""Closed loops of one measurement."""

MIN_GAP = 1.6
"""The factor between two numbers of connections above which one between them is tried."""

MAX_WRONG = 0.01
"""The share of requests without a correct answer in time that a loop may have."""


def most_connections(users: int, peak: float, p99_limit: float) -> int:
    """Return how many connections the closed loops may have for an app with `users` at the same time.

    At a `peak` in requests/s, `peak` x `p99_limit` requests wait at the same time if each takes as long as it may
    (Little's law). With fewer connections the generator would be the limit.
    """
    usual = USUAL_CONNECTIONS if users <= USUAL_CONNECTIONS else max(users, 2 * USUAL_CONNECTIONS)
    return max(usual, min(MAX_CONNECTIONS_FOR_PEAK, math.ceil(peak * p99_limit)))


@dataclass(frozen=True)
class ClosedLoop:
    """One closed loop: its connections, correct responses per second, and p99 in seconds (None without responses).

    `failed` is the share of the requests that got an error: a status, or a closed connection.
    """

    connections: int
    rate: float
    p99: float | None
    failed: float = 0.0

    def within(self, limit: float) -> bool:
        """Say whether p99 is within `limit` seconds, and the responses are correct."""
        return self.p99 is not None and self.p99 <= limit and self.rate > 0 and self.failed <= MAX_WRONG


def next_connections(loops: Sequence[ClosedLoop], limit: float, most: int) -> int | None:
    """Return the connections of the next closed loop, None if the capacity is known.

    With too many connections, requests wait for each other, and p99 grows in proportion to them.
    """
    if not loops:
        return min(FIRST_CONNECTIONS, most)
    if len(loops) >= MAX_LOOPS:
        return None
    tried = {each.connections for each in loops}
    within = [each for each in loops if each.within(limit)]
    if not within:
        least = min(loops, key=lambda each: each.connections)
        if least.connections == 1:
            return None
        factor = 0.8 * limit / least.p99 if least.p99 and least.p99 > limit else 0.25
        return max(1, min(least.connections - 1, int(least.connections * factor)))
    last, best = loops[-1], max(within, key=lambda each: each.rate)
    if last is best and last.connections == max(tried) and last.connections < most:
        before = [each for each in within if each is not last]
        if not before or last.rate >= MIN_IMPROVEMENT * max(each.rate for each in before):
            return min(most, MORE_CONNECTIONS * last.connections)
        return None
    too_many = [each.connections for each in loops if each.connections > best.connections and not each.within(limit)]
    if too_many and min(too_many) > MIN_GAP * best.connections:
        between = round(math.sqrt(best.connections * min(too_many)))
        return between if between not in tried else None
    return None


def closed_loop_capacity(loops: Sequence[ClosedLoop], limit: float) -> float:
    """Return the highest rate with p99 within `limit`, 0 if even one request at a time takes longer."""
    return max((each.rate for each in loops if each.within(limit)), default=0.0)


def is_bad(point: RatePoint, limit: float) -> bool:
    """Say whether the answers at this rate were too slow or wrong."""
    return point.valid and (point.p99 is None or point.p99 > limit or point.wrong > MAX_WRONG)


def checked_capacity(capacity: float, curve: Sequence[RatePoint], limit: float) -> float:
    """Return `capacity`, or less if an open loop below it was already too slow.

    People do not wait for each other, so a queue can be longer than in a closed loop. Between the last good rate and
    the first bad one the logarithm of p99 is taken as a straight line.
    """
    known = sorted((each for each in curve if each.valid), key=lambda each: each.rate)
    bad = next((each for each in known if each.rate <= capacity and is_bad(each, limit)), None)
    if bad is None:
        return capacity
    good = [each for each in known if each.rate < bad.rate]
    if not good:
        return 0.0 if bad.p99 is None or bad.p99 > limit else bad.rate
    last = good[-1]
    if bad.p99 is None or last.p99 is None or not 0 < last.p99 < bad.p99 or bad.p99 <= limit:
        return last.rate
    share = math.log(limit / last.p99) / math.log(bad.p99 / last.p99)
    return last.rate + max(0.0, min(1.0, share)) * (bad.rate - last.rate)
