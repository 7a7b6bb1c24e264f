"""Search for N*, the smallest number of slow clients that makes a server collapse.

The largest number is tried first. If the server does not collapse, the search is over. Otherwise the number doubles
until the server collapses, and then the interval is halved:

    known:  1 ok   2 ok   4 ok   8 collapsed         next: 6
    known:  4 ok   6 ok   8 collapsed                next: 7
    known:  6 ok   7 collapsed                       N* = 7

The next number is a pure function of the probes so far, so an interrupted search also has a result: N* is in
(`above`, `at_most`].
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

MAX_PROBES = 64
"""More than any search needs: a search up to a million clients has 40 probes."""


@dataclass(frozen=True)
class CollapseBounds:
    """N* is above `above` and at most `at_most`. `at_most` is None if nothing collapsed."""

    above: int
    at_most: int | None

    @property
    def exact(self) -> bool:
        """Whether N* is known: it is `at_most`, or nothing collapsed."""
        return self.at_most is None or self.at_most - self.above == 1


def collapse_bounds(known: Mapping[int, bool]) -> CollapseBounds:
    """Return the bounds of N* after the probes in `known`, which says for each number whether the server collapsed.

    The smallest number with a collapse decides, even if the server withstood a larger number.
    """
    collapsed = [clients for clients, down in known.items() if down]
    at_most = min(collapsed, default=None)
    fine = [clients for clients, down in known.items() if not down and (at_most is None or clients < at_most)]
    return CollapseBounds(max(fine, default=0), at_most)


def next_client_count(known: Mapping[int, bool], largest: int) -> int | None:
    """Return the number of clients to try next, None if the search is over."""
    if largest not in known:
        return largest
    found = collapse_bounds(known)
    if found.at_most is None or found.exact:
        return None
    doubled = max(1, found.above * 2)
    return doubled if doubled < found.at_most else (found.above + found.at_most) // 2


async def find_collapse_threshold(
    probe: Callable[[int], Awaitable[bool]],
    largest: int,
    known: Mapping[int, bool] | None = None,
    *,
    has_time: Callable[[], bool] = lambda: True,
) -> CollapseBounds:
    """Find N* up to `largest` clients with `probe(clients)`, which says whether the server collapsed.

    `known` has the results of earlier probes. `has_time` is called before every probe and can end the search.
    """
    probe_results = dict(known or {})
    for _ in range(MAX_PROBES):
        clients = next_client_count(probe_results, largest)
        if clients is None or not has_time():
            break
        probe_results[clients] = await probe(clients)
    return collapse_bounds(probe_results)
