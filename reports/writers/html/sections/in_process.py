"""A table for each server that also ran in-process, with the cases whose verdicts differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import CaseResult, Results
from wsgi_gauntlet.reports.analysis.in_process import InProcessComparison, find_pairs
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors


@dataclass(frozen=True)
class Side:
    """The cell of one server and its link."""

    check: CaseResult
    sign: str
    link: str


@dataclass(frozen=True)
class Row:
    """One case with the cells of two servers."""

    case: str
    link: str
    sides: Sequence[Side]


@dataclass(frozen=True)
class Table:
    """One pair with a row for each difference."""

    pair: InProcessComparison
    rows: Sequence[Row]


def tables(results: Results, names: Anchors) -> list[Table]:
    """Return a table for each pair."""
    return [
        Table(
            each,
            [
                Row(wire.case, names.case(wire.case), [_side(wire, names), _side(in_process, names)])
                for wire, in_process in each.differing
            ],
        )
        for each in find_pairs(results)
    ]


def _side(check: CaseResult, names: Anchors) -> Side:
    return Side(check, labels.VERDICTS[check.verdict].sign, names.cell(check.server, check.case))
