"""What changed against the baseline, or against an earlier run: the first screen of a run that has one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from wsgi_gauntlet.harness.baseline.comparison import describe_status
from wsgi_gauntlet.harness.model import BaselineStatus, BaseRun, CaseResult, Results, Verdict
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.harness.store import rerun_command
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.run_diff import ChangeKind, run_diff
from wsgi_gauntlet.reports.text.fragments import cell_fragment
from wsgi_gauntlet.reports.text.labels import join_names, pluralize, shorten_list


@dataclass(frozen=True)
class Change:
    """One cell that changed. `before` is the verdict that the baseline expects or that the base run has, '' if none.

    `replay` is the command that shows it again. `fragment` is the address of the cell in the report.
    """

    server: str
    case: str
    verdict: Verdict
    before: str
    expected: str
    got: str
    why: str
    replay: str
    fragment: str


@dataclass(frozen=True)
class ChangedRequirement:
    """The cells of one requirement that changed for the same reason, on one or more servers. There is at least one."""

    requirement: str
    changes: tuple[Change, ...]

    @property
    def first(self) -> Change:
        """The cell that stands for the others."""
        return self.changes[0]

    @property
    def name(self) -> str:
        """The case if only one changed, else the requirement."""
        return self.first.case if len({each.case for each in self.changes}) == 1 else self.requirement

    @property
    def servers(self) -> str:
        """The servers with the number of their variants, as `waitress and gunicorn:sync (3 variants)`."""
        counts = Counter(each.server for each in self.changes)
        named = [
            f"{server} ({pluralize(count, 'variant')})" if count > 1 else server for server, count in counts.items()
        ]
        return join_names(shorten_list(named))


def by_requirement(changes: Iterable[Change]) -> list[ChangedRequirement]:
    """Return `changes` by requirement and reason, in the order of the first change of each."""
    found: dict[tuple[str, str], list[Change]] = {}
    for each in changes:
        found.setdefault((requirement_id(each.case), each.why), []).append(each)
    return [ChangedRequirement(requirement, tuple(cells)) for (requirement, _), cells in found.items()]


@dataclass(frozen=True)
class WhatChanged:
    """The changes against `base`, a baseline file or a run.

    `new_failures` blame the server now: a fail that the baseline does not expect, or a cell that passed in the base
    run. `fixed` pass now. `others` differ in another way. `same` counts the cells that have the verdict of the base,
    `worse_grades` the cells of load whose grade got worse. `not_compared` says why nothing can be compared, '' if it
    can.
    """

    base: str
    new_failures: tuple[Change, ...]
    fixed: tuple[Change, ...]
    others: tuple[Change, ...]
    same: int
    worse_grades: int = 0
    not_compared: str = ""

    @property
    def title(self) -> str:
        """The result in a few words, without the base."""
        if self.not_compared:
            return "Nothing was compared"
        return pluralize(len(self.new_failures), "new failure") if self.new_failures else "No new failure"

    @property
    def summary(self) -> str:
        """The numbers in words, as `2 new failures, 1 fixed, 130 as before`, or the reason why there are none."""
        if self.not_compared:
            return self.not_compared
        return ", ".join([pluralize(len(self.new_failures), "new failure"), *self.details])

    @property
    def details(self) -> list[str]:
        """The parts of the summary after the new failures."""
        parts = [f"{pluralize(self.worse_grades, 'grade')} worse"] if self.worse_grades else []
        parts += [f"{len(self.fixed)} fixed"] if self.fixed else []
        parts += [f"{len(self.others)} changed in another way"] if self.others else []
        parts += [f"{self.same} as before"] if self.same else []
        return parts


def what_changed(results: Results) -> WhatChanged | None:
    """Return the changes of `results` against its base run, or against its baseline; None if it has neither.

    A baseline says nothing about a run of load alone.
    """
    if results.base is not None:
        return _against_run(results, results.base)
    return _against_baseline(results) if results.baseline and results.conformance else None


def _against_baseline(results: Results) -> WhatChanged:
    def find(*statuses: BaselineStatus) -> tuple[Change, ...]:
        return tuple(_baseline_change(results, each) for each in aggregation.with_status(results, *statuses))

    return WhatChanged(
        base=results.baseline,
        new_failures=find(BaselineStatus.UNEXPECTED_FAIL),
        fixed=find(BaselineStatus.UNEXPECTED_PASS),
        others=find(BaselineStatus.OTHER, BaselineStatus.EXPIRED),
        same=len(aggregation.with_status(results, BaselineStatus.EXPECTED)),
        not_compared="" if any(each.verdict.is_judged for each in results.conformance) else "nothing was judged",
    )


def _baseline_change(results: Results, cell: CaseResult) -> Change:
    expected = cell.baseline.verdict if cell.baseline is not None else None
    return _change(results, cell, str(expected or ""), describe_status(cell))


def _against_run(results: Results, base: BaseRun) -> WhatChanged:
    """Compare the cells that both runs judged. A cell that is new is no change."""
    cells = {(each.server, each.case): each for each in results.conformance}
    found = run_diff(base, results)

    def changes(kind: ChangeKind) -> tuple[Change, ...]:
        changed = [cell for each in found.of_kind(kind) for cell in each.cells]
        return tuple(
            _change(results, cell, str(each.before), f"{each.after}, and {each.before} in {base.name}")
            for each in changed
            if (cell := cells.get((each.server, each.case))) is not None
        )

    return WhatChanged(
        base=base.name,
        new_failures=changes(ChangeKind.BROKEN),
        fixed=changes(ChangeKind.FIXED),
        others=changes(ChangeKind.FLAKY) + changes(ChangeKind.OTHER),
        same=found.same,
        worse_grades=len(found.regressions),
        not_compared=found.not_compared,
    )


def _change(results: Results, cell: CaseResult, before: str, why: str) -> Change:
    info = results.cases.get(cell.case)
    return Change(
        server=cell.server,
        case=cell.case,
        verdict=cell.verdict,
        before=before,
        expected=cell.expected or (info.expected if info is not None else ""),
        got=cell.actual,
        why=why,
        replay=rerun_command.replay(cell.server, cell.case, rerun_command.given(results.environment)),
        fragment=cell_fragment(cell.server, cell.case),
    )
