"""The broken requirements of a run. The variants of a case are one requirement. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wsgi_gauntlet.harness.baseline.comparison import fails_run
from wsgi_gauntlet.harness.model import CaseResult, Results, Verdict
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.harness.model.requirement import DECISIVE_VERDICTS


@dataclass(frozen=True)
class BrokenRequirement:
    """A requirement that some servers break. `variants` has the number of its judged variants by server.

    `verdict` is that of its worst cell: fail or warn, or another one if the baseline expects another.
    """

    requirement: str
    verdict: Verdict
    security: bool
    cells: tuple[CaseResult, ...]
    variants: Mapping[str, int]

    @property
    def servers(self) -> dict[str, int]:
        """The number of broken variants by server."""
        return dict(Counter(each.server for each in self.cells))


def broken_requirements(results: Results) -> list[BrokenRequirement]:
    """Return the requirements with a fail or a warning, the most important first: security, must, many servers."""
    return _grouped(results, lambda cell: cell.verdict.blames_server)


def unexpected_requirements(results: Results) -> list[BrokenRequirement]:
    """Return the requirements with a cell that differs from the baseline and fails the run, in the same order."""
    return _grouped(results, lambda cell: cell.baseline is not None and fails_run(cell))


def _grouped(results: Results, wanted: Callable[[CaseResult], bool]) -> list[BrokenRequirement]:
    groups: dict[str, list[CaseResult]] = {}
    for cell in results.conformance:
        if wanted(cell):
            groups.setdefault(requirement_id(cell.case), []).append(cell)
    judged = Counter((each.server, requirement_id(each.case)) for each in results.conformance if each.verdict.is_judged)
    order = DECISIVE_VERDICTS
    found = [
        BrokenRequirement(
            requirement,
            min((each.verdict for each in cells), key=order.index),
            any("security" in each.tags for each in cells),
            tuple(sorted(cells, key=lambda each: order.index(each.verdict))),
            {each.server: judged[each.server, requirement] for each in cells},
        )
        for requirement, cells in groups.items()
    ]
    return sorted(
        found,
        key=lambda each: (
            order.index(each.verdict),
            not each.security,
            -len(each.variants),
            each.requirement,
        ),
    )
