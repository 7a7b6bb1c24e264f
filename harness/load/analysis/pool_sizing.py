"""Compute how many connections an open loop needs, and whether too few of them were the limit. Pure.

With N busy connections, N / service time responses per second are possible (Little's law). If more is offered,
requests wait in the generator for a connection. Either the server is overloaded, and each response takes far longer
than one alone. Or responses are as quick as ever, and the connections of the generator are the limit.
"""

from __future__ import annotations

import math

from wsgi_gauntlet.harness.load.analysis.grading import MAX_UNHARMED_SLOWDOWN, NOTICEABLE_SECONDS
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult

MIN_CONNECTIONS = 64
"""Connections that an open loop may always have."""

POOL_HEADROOM = 1.25
"""The factor on the connections that are busy if each response takes the longest allowed time."""

UNLOADED_HEADROOM = 2.0
"""The factor on the connections that are busy if each response takes as long as on an idle server."""

MIN_WARM_UP = 0.2
"""Shortest warm-up in seconds."""

MAX_WARM_UP = 5.0
"""Longest warm-up in seconds."""

CONNECTS_PER_SECOND = 750
"""Connections that a warm-up opens per second. A server that starts a thread for each can do twice that."""

CONNECTION_STEP = 4
"""The factor from the connections of one closed loop of an estimate to the next."""

MAX_QUEUED_SHARE = 0.01
"""The share of requests that may wait for a connection: it is beyond the p99."""

MAX_ESTIMATE_RATIO = 1.5
"""If capacity and estimate differ by more than this factor, shares of the estimate mean nothing."""


def p99_limit(unloaded_latency: float) -> float:
    """Return the p99 in seconds below which users are served well.

    It is NOTICEABLE_SECONDS, or twice the latency of the page on an idle server, as in grading.py.
    """
    return max(NOTICEABLE_SECONDS, MAX_UNHARMED_SLOWDOWN * unloaded_latency)


def connections_needed(rate: float, unloaded_latency: float) -> int:
    """Return the connections of an open loop of `rate` requests per second.

    If so many are all busy, responses take longer than is allowed.
    """
    return max(MIN_CONNECTIONS, math.ceil(POOL_HEADROOM * rate * p99_limit(unloaded_latency)))


def initial_connections(rate: float, unloaded_latency: float, best: int) -> int:
    """Return the first number of connections of an open loop of `rate`. `best` had the highest rate in a closed loop.

    It is twice the number of Little's law, and at least `best`. With all connections that may be needed, each short
    delay would open hundreds, and a server with a thread for each gets slower with their number.
    """
    return min(
        connections_needed(rate, unloaded_latency),
        max(MIN_CONNECTIONS, best, math.ceil(UNLOADED_HEADROOM * rate * unloaded_latency)),
    )


def warm_up_seconds(rate: float, unloaded_latency: float) -> float:
    """Return the seconds in which an open loop reaches `rate` before it counts.

    All connections are new in this time. A server that starts a thread for each needs to do so only once.
    """
    return min(MAX_WARM_UP, max(MIN_WARM_UP, 2 * unloaded_latency + rate * unloaded_latency / CONNECTS_PER_SECOND))


def next_connections(connections: int, most: int) -> int:
    """Return the number of connections of the next closed loop, up to `most`.

    Each step at least doubles it: a smaller one could not separate a full pool from a busy server.
    """
    following = min(CONNECTION_STEP * connections, most)
    return most if most < 2 * following else following


def pool_is_limit(found: GeneratorResult, unloaded_latency: float) -> bool:
    """Say whether requests waited for a connection although responses came within the allowed time."""
    return (
        found.queued_requests > MAX_QUEUED_SHARE * found.scheduled
        and found.saturated_seconds < p99_limit(unloaded_latency) * found.saturated_responses
    )


def estimate_outdated(estimate: float, now: float) -> bool:
    """Say whether a server that now answers `now` requests per second differs too much from the estimate."""
    return not estimate / MAX_ESTIMATE_RATIO <= now <= estimate * MAX_ESTIMATE_RATIO
