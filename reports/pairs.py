"""Servers that ran both on the wire and in-process: where the two disagree, a test without sockets would be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..harness.model import Check, Results, Verdict
from . import tally, words

VARIANT = ":in-process"
"""How a variant is named that calls a server's request handler without a socket."""

UNJUDGED = frozenset({Verdict.UNSUPPORTED, Verdict.SKIPPED})
"""What says nothing about the handler."""


@dataclass(frozen=True)
class Pair:
    """`wire` and `within` are the servers' names; `same` counts the cases in which they agree.

    `differing` are the cells with another verdict in-process, wire first. `unjudged` counts the cases
    that in-process come to no verdict on the server: most of them make no sense without a socket.
    """

    wire: str
    within: str
    same: int
    unjudged: int
    differing: Sequence[tuple[Check, Check]]

    @property
    def told(self) -> str:
        """In how many cases the two agree, in words."""
        told = f"the same in {words.counted(self.same, 'case')}, different in {len(self.differing)}"
        if self.unjudged:
            told += f"; {self.unjudged} judged on the wire only"
        return told


def pairs(results: Results) -> list[Pair]:
    """Return every pair of the run, none where it has none."""
    names = tally.checked(results)
    found = []
    for within in names:
        base = within.removesuffix(VARIANT)
        wire = next((each for each in names if each == base or _variant_of(each, base)), "")
        if within != base and wire:
            found.append(_pair(results, wire, within))
    return found


def _variant_of(name: str, base: str) -> bool:
    return name.startswith(f"{base}:") and not name.endswith(VARIANT)


def _pair(results: Results, wire: str, within: str) -> Pair:
    on_wire = {each.case: each for each in results.checks if each.server == wire}
    both = [(on_wire[each.case], each) for each in results.checks if each.server == within and each.case in on_wire]
    differing = [each for each in both if each[0].verdict is not each[1].verdict]
    judged = [each for each in differing if each[1].verdict not in UNJUDGED]
    return Pair(wire, within, len(both) - len(differing), len(differing) - len(judged), judged)
