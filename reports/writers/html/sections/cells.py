"""A section for each case: the requirement, the source, and the cell of each server."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.baseline.comparison import describe_status, fails_run
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import BaselineStatus, CaseInfo, CaseResult, Results, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors

FOLDED_VERDICTS = frozenset({Verdict.PASS, Verdict.INFO, Verdict.UNSUPPORTED, Verdict.SKIPPED})
"""Verdicts whose folded cell shows the server only. The others also show the actual behaviour."""

_NEEDS = re.compile(r"needs ([\w./-]+), which ")
"""The start of the reason of a skipped cell, as harness/conformance writes it."""


@dataclass(frozen=True)
class Cell:
    """One cell. `brief` is its line while folded, `index` the place of its evidence.

    `passed_segmentations` are words. `needs` is the id and the link of the case that it needs. `standing` is its CSS
    class by the baseline status, `baseline_note` describes the status.
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
    """One case with its cells, the less important ones last. `link` is '' unless it is a web address.

    `basis` and `breach` are words, or '' if the results do not have them.
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
    """Return all cells by area and case."""
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
    """Return the CSS class of the baseline status: 'unexpected', 'expected', 'stale' or ''."""
    if check.baseline is None:
        return ""
    if fails_run(check):
        return "unexpected"
    return "expected" if check.baseline.status is BaselineStatus.EXPECTED else "stale"


def _breach(case: CaseInfo) -> str:
    description = labels.BREACHES[case.breach] if case.breach is not None else ""
    return f"On purpose, {description}." if description else ""


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
        line(describe_status(check), 600),
        link if link.startswith(("https://", "http://")) else "",
    )


def _passed_segmentations(check: CaseResult) -> str:
    """Return the segmentations that passed in words, or '' if the case has only one."""
    if not check.segmentations:
        return ""
    if len(check.segmentations) == len(Segmentation):
        return "in every segmentation"
    return f"sent {labels.join_names([Segmentation(each).label for each in check.segmentations])}"
