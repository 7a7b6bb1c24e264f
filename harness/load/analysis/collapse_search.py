"""The search for the fewest slow clients that take a server from its users: N*.

The largest number is tried first, since most servers worth having stand it and then nothing is left to search. Else
double until it collapses, then bisect:

    known:  1 ok   2 ok   4 ok   8 collapsed         next: 6
    known:  4 ok   6 ok   8 collapsed                next: 7
    known:  6 ok   7 collapsed                       N* = 7

What to try next is a pure function of what is known, so an interrupted search still says what it has: N* lies in
(`above`, `at_most`].
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

MAX_PROBES = 64
"""More than any search takes: doubling and bisecting up to a million clients is 40 probes."""


@dataclass(frozen=True)
class CollapseBounds:
    """Where N* lies: above `above` and at most `at_most`; `at_most` is None where nothing collapsed."""

    above: int
    at_most: int | None

    @property
    def exact(self) -> bool:
        """Say whether N* is known: it is `at_most`, or nothing collapsed."""
        return self.at_most is None or self.at_most - self.above == 1


def collapse_bounds(known: Mapping[int, bool]) -> CollapseBounds:
    """Return where N* lies after the probes in `known`: number of clients to whether it collapsed.

    Where a larger number was fine although a smaller one collapsed, the smaller one decides: N* is the fewest.
    """
    collapsed = [clients for clients, down in known.items() if down]
    at_most = min(collapsed, default=None)
    fine = [clients for clients, down in known.items() if not down and (at_most is None or clients < at_most)]
    return CollapseBounds(max(fine, default=0), at_most)


def next_client_count(known: Mapping[int, bool], largest: int) -> int | None:
    """Return the number of clients to try next, None where the search is over."""
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

    `known` is what earlier probes said. Before every probe `more` says whether there is time for it; without it the
    bracket so far is returned.
    """
    probe_results = dict(known or {})
    for _ in range(MAX_PROBES):
        clients = next_client_count(probe_results, largest)
        if clients is None or not has_time():
            break
        probe_results[clients] = await probe(clients)
    return collapse_bounds(probe_results)
