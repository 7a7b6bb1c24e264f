"""Lint findings by kind and server. They never change a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.http.lint.kinds import LINT_RULES, LintKind, kind_of
from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors


@dataclass(frozen=True)
class Count:
    """The number of cells of a server with the finding. `link` leads to the first one."""

    number: int
    link: str


@dataclass(frozen=True)
class Row:
    """One kind: its sentence, its source, and a count for each server."""

    kind: str
    sentence: str
    where: str
    counts: Sequence[Count]


def rows(results: Results, names: Anchors) -> list[Row]:
    """Return the kinds that occur, the most frequent first."""
    cells_by_kind: dict[str, dict[str, list[str]]] = {}
    for cell in results.conformance:
        for kind in dict.fromkeys(map(kind_of, cell.findings)):
            cells_by_kind.setdefault(kind, {}).setdefault(cell.server, []).append(cell.case)
    servers = aggregation.checked(results)
    known = {str(kind): kind for kind in LintKind}
    found = []
    for kind, by_server in sorted(cells_by_kind.items(), key=lambda each: -sum(map(len, each[1].values()))):
        rule = LINT_RULES.get(known[kind]) if kind in known else None
        counts = [
            Count(len(cases), names.cell(server, cases[0]) if cases else "")
            for server in servers
            for cases in [by_server.get(server, [])]
        ]
        found.append(Row(line(kind, 60), rule.sentence if rule else "", rule.where if rule else "", counts))
    return found
