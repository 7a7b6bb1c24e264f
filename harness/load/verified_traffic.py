"""The traffic that a generator sends: it was played once, and its correct responses are known."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from wsgi_gauntlet.harness.traffic.expected import ExpectedBody
from wsgi_gauntlet.harness.traffic.model import Traffic
from wsgi_gauntlet.harness.traffic.template import ORIGIN, placeholder_names


class VerifiedTraffic(msgspec.Struct, frozen=True, tag=True):
    """The visits that a generator plays. `expected` has the correct body of each step of each sequence.

    `seed` decides the order of the sequences. The visits have the numbers `first_visit`, `first_visit + stride` and so
    on, so that processes use different rows of the value lists. Without `keep` each request has its own connection.
    `redirects` has the number of redirects that each step followed; without it, there are none.
    `latency_ratio` is the mean response time of all requests divided by that of the request to an idle server.
    """

    traffic: Traffic
    expected: tuple[tuple[ExpectedBody | None, ...], ...]
    seed: int = 0
    first_visit: int = 0
    stride: int = 1
    keep: bool = True
    latency_ratio: float = 1.0
    redirects: tuple[tuple[int, ...], ...] = ()

    @property
    def limitations(self) -> Mapping[str, object]:
        """The conditions that name what cannot be checked. A value that is the same in all rows names no user."""
        steps = (step for each in self.traffic.sequences for step in each.steps)
        same = {
            f"{each.name}.{column}"
            for each in self.traffic.values
            for number, column in enumerate(each.columns)
            if len({row[number] for row in each.rows}) == 1
        }
        owned = any({*placeholder_names(text)} - {*same, ORIGIN} for step in steps for text in step.contains)
        return {} if owned else {"not checked": USERS_NOT_DISTINGUISHED}


USERS_NOT_DISTINGUISHED = (
    "whether a page belongs to another user: no step of the traffic says by `contains` which user's name or value "
    "a page must have"
)
"""The check that cannot be done without a text of the user."""
