"""Cells that are flaky or not judged, with their reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import CaseResult, Results, Verdict
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors

LISTED_VERDICTS = (Verdict.FLAKY, Verdict.ERROR, Verdict.SKIPPED, Verdict.UNSUPPORTED)


@dataclass(frozen=True)
class CellLink:
    """One cell and its link."""

    server: str
    case: str
    link: str


@dataclass(frozen=True)
class Reason:
    """One reason and its cells."""

    text: str
    cells: Sequence[CellLink]


@dataclass(frozen=True)
class ReasonGroup:
    """The cells of one verdict by reason, the most frequent first."""

    verdict: Verdict
    mark: labels.LegendEntry
    count: int
    reasons: Sequence[Reason]


def reason_groups(results: Results, names: Anchors) -> list[ReasonGroup]:
    """Return the cells of LISTED_VERDICTS by verdict and reason."""
    by_verdict: dict[Verdict, dict[str, list[CaseResult]]] = {each: defaultdict(list) for each in LISTED_VERDICTS}
    for each in results.conformance:
        if each.verdict in by_verdict:
            by_verdict[each.verdict][line(each.actual, 400) or "no reason"].append(each)
    return [
        ReasonGroup(
            verdict,
            labels.VERDICTS[verdict],
            sum(map(len, reasons.values())),
            [
                Reason(text, [CellLink(each.server, each.case, names.cell(each.server, each.case)) for each in cells])
                for text, cells in sorted(reasons.items(), key=lambda each: -len(each[1]))
            ],
        )
        for verdict, reasons in by_verdict.items()
        if reasons
    ]
