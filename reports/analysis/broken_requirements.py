"""The broken requirements of a run. The variants of a case are one requirement. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wsgi_gauntlet.harness.baseline.comparison import fails_run
from wsgi_gauntlet.harness.model import CaseResult, Level, Results, Verdict
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.reports.analysis import aggregation


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


@dataclass(frozen=True)
class ServerRequirements:
    """The number of requirements of one server: judged and broken ones of level must, and broken ones of level should.

    `security` is the number of the broken ones with that tag.
    """

    server: str
    judged: int
    broken: int
    security: int
    recommendations: int


def broken_requirements(results: Results) -> list[BrokenRequirement]:
    """Return the requirements with a fail or a warning, the most important first: security, must, many servers."""
    return _grouped(results, lambda cell: cell.verdict.blames_server)


def unexpected_requirements(results: Results) -> list[BrokenRequirement]:
    """Return the requirements with a cell that differs from the baseline and fails the run, in the same order."""
    return _grouped(results, lambda cell: cell.baseline is not None and fails_run(cell))


def server_requirements(results: Results) -> list[ServerRequirements]:
    """Return the numbers of each checked server, without the cases that check the user app."""
    found = []
    for server in aggregation.checked(results):
        cells = aggregation.server_cells(each for each in results.conformance if each.server == server)
        judged = {requirement_id(each.case) for each in cells if each.level is Level.MUST and _is_verdict(each)}
        failed = [each for each in cells if each.verdict is Verdict.FAIL]
        security = {requirement_id(each.case) for each in failed if "security" in each.tags}
        warned = {requirement_id(each.case) for each in cells if each.verdict is Verdict.WARN}
        broken = {requirement_id(each.case) for each in failed}
        found.append(ServerRequirements(server, len(judged), len(broken), len(security), len(warned)))
    return found


def _is_verdict(cell: CaseResult) -> bool:
    return cell.verdict in (Verdict.PASS, Verdict.FAIL)


def _grouped(results: Results, wanted: Callable[[CaseResult], bool]) -> list[BrokenRequirement]:
    groups: dict[str, list[CaseResult]] = {}
    for cell in results.conformance:
        if wanted(cell):
            groups.setdefault(requirement_id(cell.case), []).append(cell)
    judged = Counter((each.server, requirement_id(each.case)) for each in results.conformance if each.verdict.is_judged)
    order = list(_WORST_FIRST)
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


_WORST_FIRST = (Verdict.FAIL, Verdict.WARN, *(each for each in Verdict if not each.blames_server))
