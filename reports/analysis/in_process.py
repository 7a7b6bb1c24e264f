"""Compare servers that ran both on the wire and in-process. A difference shows an error of tests without sockets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import CaseResult, Results, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels

IN_PROCESS_SUFFIX = ":in-process"
"""The end of the name of an in-process server."""

NOT_JUDGED_VERDICTS = frozenset({Verdict.UNSUPPORTED, Verdict.SKIPPED})
"""Verdicts that say nothing about the request handler."""


@dataclass(frozen=True)
class InProcessComparison:
    """`wire` and `in_process` are the names of the servers. `same` counts the cases with equal verdicts.

    `differing` are the pairs with different verdicts, wire first. `not_judged` counts the cases without a verdict
    in-process. Most of them make no sense without a socket.
    """

    wire: str
    in_process: str
    same: int
    not_judged: int
    differing: Sequence[tuple[CaseResult, CaseResult]]

    @property
    def summary(self) -> str:
        """The numbers in words."""
        summary = f"the same in {labels.pluralize(self.same, 'case')}, different in {len(self.differing)}"
        if self.not_judged:
            summary += f"; {self.not_judged} judged on the wire only"
        return summary


def find_pairs(results: Results) -> list[InProcessComparison]:
    """Return every pair of the run."""
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
