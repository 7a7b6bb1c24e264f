"""Servers that ran both on the wire and in-process: where the two disagree, a test without sockets would be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import CaseResult, Results, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels

IN_PROCESS_SUFFIX = ":in-process"
"""How a variant is named that calls a server's request handler without a socket."""

NOT_JUDGED_VERDICTS = frozenset({Verdict.UNSUPPORTED, Verdict.SKIPPED})
"""What says nothing about the handler."""


@dataclass(frozen=True)
class InProcessComparison:
    """`wire` and `within` are the servers' names; `same` counts the cases in which they agree.

    `differing` are the cells with another verdict in-process, wire first. `unjudged` counts the cases
    that in-process come to no verdict on the server: most of them make no sense without a socket.
    """

    wire: str
    in_process: str
    same: int
    not_judged: int
    differing: Sequence[tuple[CaseResult, CaseResult]]

    @property
    def summary(self) -> str:
        """In how many cases the two agree, in words."""
        summary = f"the same in {labels.pluralize(self.same, 'case')}, different in {len(self.differing)}"
        if self.not_judged:
            summary += f"; {self.not_judged} judged on the wire only"
        return summary


def find_pairs(results: Results) -> list[InProcessComparison]:
    """Return every pair of the run, none where it has none."""
    names = aggregation.checked(results)
    found = []
    for in_process in names:
        base = in_process.removesuffix(IN_PROCESS_SUFFIX)
        wire = next((each for each in names if each == base or _is_variant_of(each, base)), "")
        if in_process != base and wire:
            found.append(_compare(results, wire, in_process))
    return found


def _is_variant_of(name: str, base: str) -> bool:
    return name.startswith(f"{base}:") and not name.endswith(IN_PROCESS_SUFFIX)


def _compare(results: Results, wire: str, in_process: str) -> InProcessComparison:
    on_wire = {each.case: each for each in results.conformance if each.server == wire}
    both = [
        (on_wire[each.case], each) for each in results.conformance if each.server == in_process and each.case in on_wire
    ]
    differing = [each for each in both if each[0].verdict is not each[1].verdict]
    judged = [each for each in differing if each[1].verdict not in NOT_JUDGED_VERDICTS]
    return InProcessComparison(wire, in_process, len(both) - len(differing), len(differing) - len(judged), judged)
