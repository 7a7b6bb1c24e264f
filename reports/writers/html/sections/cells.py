"""A section for each case: requirement, quote, and each server's cell. What was seen in a cell: packing.py."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.baseline.comparison import fails_run, told
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import BaselineStatus, CaseInfo, CaseResult, Results, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors

FOLDED_VERDICTS = frozenset({Verdict.PASS, Verdict.INFO, Verdict.UNSUPPORTED, Verdict.SKIPPED})
"""The verdicts whose cell folds to its server's name; the others say on their line what came."""

_NEEDS = re.compile(r"needs ([\w./-]+), which ")
"""How runner.py begins the reason of a skipped cell."""


@dataclass(frozen=True)
class Cell:
    """One cell as the page shows it; `brief` is its line while folded, `place` where its evidence is packed.

    `held` says in which ways of sending it held; `needs` is the case that it depends on, and the link to that one's
    cell. `standing` is its class by the baseline, `accepted` what that says.
    """

    id: str
    check: CaseResult
    mark: labels.LegendEntry
    quiet: bool
    brief: str
    duration_text: str
    index: int
    passed_segmentations: str
    needs: tuple[str, str] | None
    process: Sequence[str]
    standing: str
    baseline_note: str
    baseline_link: str


@dataclass(frozen=True)
class Section:
    """One case with its cells, those that folded say little last. `link` is '' unless it leads to a web page.

    `basis` and `breach` are in words, '' where results do not say or nobody breaks a rule.
    """

    id: str
    case: CaseInfo
    link: str
    basis: str
    breach: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Group:
    """The cases of one area."""

    id: str
    area: str
    sections: Sequence[Section]


def groups(results: Results, names: Anchors) -> list[Group]:
    """Return every cell of `results` by area and case."""
    order = {each.name: index for index, each in enumerate(aggregation.servers(results))}
    known = {(each.server, each.case) for each in results.conformance}

    def cell(index: int, check: CaseResult) -> Cell:
        need = _NEEDS.match(check.actual) if check.verdict is Verdict.SKIPPED else None
        needed = (need[1], names.cell(check.server, need[1])) if need and (check.server, need[1]) in known else None
        return _cell(check, names, index, needed)

    by_case: dict[str, list[tuple[int, CaseResult]]] = defaultdict(list)
    for index, each in enumerate(results.conformance):
        by_case[each.case].append((index, each))
    return [
        Group(
            names.area(area),
            area,
            [
                Section(
                    names.case(case.id),
                    case,
                    case.reference.url if case.reference.url.startswith("https://") else "",
                    labels.basis(case.basis) if case.basis is not None else "",
                    _breach(case),
                    [
                        cell(index, each)
                        for index, each in sorted(
                            by_case[case.id], key=lambda at: (_is_folded(at[1]), order[at[1].server])
                        )
                    ],
                )
                for case in cases
            ],
        )
        for area, cases in aggregation.cases(results).items()
    ]


def standing(check: CaseResult) -> str:
    """Return 'unexpected', 'expected' or 'stale' for how the cell stands to the baseline, '' where that is silent."""
    if check.baseline is None:
        return ""
    if fails_run(check):
        return "unexpected"
    return "expected" if check.baseline.status is BaselineStatus.EXPECTED else "stale"


def _breach(case: CaseInfo) -> str:
    description = labels.BREACHES[case.breach] if case.breach is not None else ""
    return f"On purpose {description}." if description else ""


def _is_folded(check: CaseResult) -> bool:
    return check.verdict in FOLDED_VERDICTS and standing(check) != "unexpected"


def _cell(check: CaseResult, names: Anchors, index: int, needs: tuple[str, str] | None) -> Cell:
    link = check.baseline.link if check.baseline is not None else ""
    return Cell(
        names.cell(check.server, check.case),
        check,
        labels.VERDICTS[check.verdict],
        _is_folded(check),
        "" if check.verdict is Verdict.PASS else line(check.actual, 180),
        labels.duration(check.seconds),
        index,
        _passed_segmentations(check),
        needs,
        [line(each, 500) for each in check.evidence.process[:50]],
        standing(check),
        line(told(check), 600),
        link if link.startswith(("https://", "http://")) else "",
    )


def _passed_segmentations(check: CaseResult) -> str:
    """Return in which ways of sending the case held, '' where it was sent in one way alone."""
    if not check.segmentations:
        return ""
    if len(check.segmentations) == len(Segmentation):
        return "in every way of sending"
    return f"sent {labels.join_names([line(each, 60) for each in check.segmentations])}"
