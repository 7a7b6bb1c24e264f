"""How many connections an open loop needs, and whether too few of them were the limit. Pure.

A lane that has N connections, all of them busy, gets N / service time answers a second (Little's law). Where that is
less than is offered, requests wait in the generator for a connection. Then either the server is at its end, and each
answer takes far longer than one alone; or answers are as quick as ever, and the generator's own pool is the limit.
"""

from __future__ import annotations

import math

from wsgi_gauntlet.harness.load.analysis.grading import MAX_UNHARMED_SLOWDOWN, NOTICEABLE_SECONDS
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult

MIN_CONNECTIONS = 64
"""Connections that an open loop may always have."""

POOL_HEADROOM = 1.25
"""So many times the connections are taken that are busy when each answer takes as long as is allowed."""

UNLOADED_HEADROOM = 2.0
"""So many times the connections are taken that are busy when each answer takes as long as when nobody else asks."""

MIN_WARM_UP = 0.2
"""Seconds, however few connections are opened."""

MAX_WARM_UP = 5.0
"""Seconds, however many connections are opened."""

CONNECTS_PER_SECOND = 750
"""Connections that a warm-up opens a second, about: a server that starts a thread for each does twice that."""

CONNECTION_STEP = 4
"""The factor from one closed loop of an estimate to the next."""

MAX_QUEUED_SHARE = 0.01
"""The share of requests that may wait for a connection: it stands beyond the p99."""

MAX_ESTIMATE_RATIO = 1.5
"""The factor by which what a server can do may differ from an estimate before percentages of it mean nothing."""


def p99_limit(unloaded_latency: float) -> float:
    """Return the p99 in seconds below which users are served well by a page that takes `alone` when nobody else asks.

    It is what a person notices, or twice what the page takes anyway, as in the grades (grading.py).
    """
    return max(NOTICEABLE_SECONDS, MAX_UNHARMED_SLOWDOWN * unloaded_latency)


def connections_needed(rate: float, unloaded_latency: float) -> int:
    """Return the connections of an open loop of `rate` requests a second.

    With so many a pool that is all busy proves that answers take longer than is allowed, whoever waits for what.
    """
    return max(MIN_CONNECTIONS, math.ceil(POOL_HEADROOM * rate * p99_limit(unloaded_latency)))


def initial_connections(rate: float, unloaded_latency: float, best: int) -> int:
    """Return the connections that an open loop of `rate` begins with, where `best` of them got most in a closed loop.

    They are twice what Little's law asks for, and never fewer than `best`. With all that may be `needed` each hiccup
    would open hundreds of them, and a server with a thread for each answers less the more it has.
    """
    return min(
        connections_needed(rate, unloaded_latency),
        max(MIN_CONNECTIONS, best, math.ceil(UNLOADED_HEADROOM * rate * unloaded_latency)),
    )


def warm_up_seconds(rate: float, unloaded_latency: float) -> float:
    """Return the seconds in which `rate` is reached before an open loop counts.

    Each connection is new then. A server that starts a thread for each has that to do once, and users keep theirs.
    """
    return min(MAX_WARM_UP, max(MIN_WARM_UP, 2 * unloaded_latency + rate * unloaded_latency / CONNECTS_PER_SECOND))


def next_connections(connections: int, most: int) -> int:
    """Return how many connections a closed loop is tried with after so many, up to `most`.

    Each step is at least twice the one before: a shorter one could not tell a full pool from a busy server.
    """
    following = min(CONNECTION_STEP * connections, most)
    return most if most < 2 * following else following


def pool_is_limit(found: GeneratorResult, unloaded_latency: float) -> bool:
    """Say whether requests waited for a connection while those on their way were answered as quickly as is allowed."""
    return (
        found.queued_requests > MAX_QUEUED_SHARE * found.scheduled
        and found.saturated_seconds < p99_limit(unloaded_latency) * found.saturated_responses
    )


def estimate_outdated(estimate: float, now: float) -> bool:
    """Say whether a server that answers `now` requests a second is another one than the estimate was made of."""
    return not estimate / MAX_ESTIMATE_RATIO <= now <= estimate * MAX_ESTIMATE_RATIO
