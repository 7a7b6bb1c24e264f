"""How many connections an open loop needs, and whether too few of them were the limit. Pure.

A lane that has N connections, all of them busy, gets N / service time answers a second (Little's law). Where that is
less than is offered, requests wait in the generator for a connection. Then either the server is at its end, and each
answer takes far longer than one alone; or answers are as quick as ever, and the generator's own pool is the limit.
"""

from __future__ import annotations

import math

from ..judging.grading import NOTICED, SLOWDOWN
from ..lanes.lane_result import LaneResult

LEAST = 64
"""Connections that an open loop may always have."""

SPARE = 1.25
"""So many times the connections are taken that are busy when each answer takes as long as is allowed."""

ROOM = 2.0
"""So many times the connections are taken that are busy when each answer takes as long as when nobody else asks."""

SHORTEST_WARM_UP = 0.2
"""Seconds, however few connections are opened."""

LONGEST_WARM_UP = 5.0
"""Seconds, however many connections are opened."""

OPENED = 750
"""Connections that a warm-up opens a second, about: a server that starts a thread for each does twice that."""

STEP = 4
"""The factor from one closed loop of an estimate to the next."""

WAITED = 0.01
"""The share of requests that may wait for a connection: it stands beyond the p99."""

OUTRUN = 1.5
"""The factor by which what a server can do may differ from an estimate before percentages of it mean nothing."""


def allowed(alone: float) -> float:
    """Return the p99 in seconds below which users are served well by a page that takes `alone` when nobody else asks.

    It is what a person notices, or twice what the page takes anyway, as in the grades (grading.py).
    """
    return max(NOTICED, SLOWDOWN * alone)


def needed(rate: float, alone: float) -> int:
    """Return the connections of an open loop of `rate` requests a second.

    With so many a pool that is all busy proves that answers take longer than is allowed, whoever waits for what.
    """
    return max(LEAST, math.ceil(SPARE * rate * allowed(alone)))


def first(rate: float, alone: float, best: int) -> int:
    """Return the connections that an open loop of `rate` begins with, where `best` of them got most in a closed loop.

    They are twice what Little's law asks for, and never fewer than `best`. With all that may be `needed` each hiccup
    would open hundreds of them, and a server with a thread for each answers less the more it has.
    """
    return min(needed(rate, alone), max(LEAST, best, math.ceil(ROOM * rate * alone)))


def warm_up(rate: float, alone: float) -> float:
    """Return the seconds in which `rate` is reached before an open loop counts.

    Each connection is new then. A server that starts a thread for each has that to do once, and users keep theirs.
    """
    return min(LONGEST_WARM_UP, max(SHORTEST_WARM_UP, 2 * alone + rate * alone / OPENED))


def more(connections: int, most: int) -> int:
    """Return how many connections a closed loop is tried with after so many, up to `most`.

    Each step is at least twice the one before: a shorter one could not tell a full pool from a busy server.
    """
    following = min(STEP * connections, most)
    return most if most < 2 * following else following


def binds(found: LaneResult, alone: float) -> bool:
    """Say whether requests waited for a connection while those on their way were answered as quickly as is allowed."""
    return found.waited > WAITED * found.scheduled and found.full_time < allowed(alone) * found.full_answers


def outrun(estimate: float, now: float) -> bool:
    """Say whether a server that answers `now` requests a second is another one than the estimate was made of."""
    return not estimate / OUTRUN <= now <= estimate * OUTRUN
