"""Cells that say nothing about the server, or not the same twice: each with its reason, so that none is overlooked."""

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
    """One cell: its server, its case, and the link to it."""

    server: str
    case: str
    link: str


@dataclass(frozen=True)
class Reason:
    """Why, and the cells that share it."""

    text: str
    cells: Sequence[CellLink]


@dataclass(frozen=True)
class ReasonGroup:
    """The cells of one verdict by their reasons, the commonest first."""

    verdict: Verdict
    mark: labels.LegendEntry
    count: int
    reasons: Sequence[Reason]


def reason_groups(results: Results, names: Anchors) -> list[ReasonGroup]:
    """Return the cells of LISTED_VERDICTS by verdict and reason; a verdict that does not occur is left out."""
    by_verdict: dict[Verdict, dict[str, list[CaseResult]]] = {each: defaultdict(list) for each in LISTED_VERDICTS}
    for each in results.conformance:
        if each.verdict in by_verdict:
            by_verdict[each.verdict][line(each.actual, 400) or "no reason was given"].append(each)
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
