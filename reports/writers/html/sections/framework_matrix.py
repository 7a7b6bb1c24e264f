"""The table of servers and frameworks, with a line for each unavailable framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.reports.analysis.framework_matrix import FrameworkMatrix, framework_matrix
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors


@dataclass(frozen=True)
class FrameworkCell:
    """One server with one framework: the worst verdict with its link, and the numbers of `passed` and `judged` cases,
    or '' if none was judged."""

    verdict: Verdict
    sign: str
    passed: str
    judged: str
    link: str
    summary: str


@dataclass(frozen=True)
class Row:
    """One server with a box for each framework, or None without a cell."""

    server: str
    boxes: Sequence[FrameworkCell | None]
    failed_cases: str


@dataclass(frozen=True)
class Table:
    """The whole table. `unavailable` has the reasons for frameworks that no server could serve."""

    summary: str
    frameworks: Sequence[str]
    rows: Sequence[Row]
    unavailable: Sequence[tuple[str, str]]


def table(results: Results, names: Anchors) -> Table | None:
    """Return the table, or None if the run has no framework cases."""
    found = framework_matrix(results)
    if found is None:
        return None
    rows = [
        Row(server, [_cell(found, server, name, names) for name in found.frameworks], found.failed_cases(server))
        for server in found.servers
    ]
    return Table(
        found.summary,
        [each.title() for each in found.frameworks],
        rows if found.frameworks else [],
        [(name.title(), why) for name, why in found.unavailable.items()],
    )


def _cell(found: FrameworkMatrix, server: str, framework: str, names: Anchors) -> FrameworkCell | None:
    each = found.pairings.get((server, framework))
    if each is None:
        return None
    reason = f": {each.worst.actual}" if not each.judged and each.worst.actual else ""
    return FrameworkCell(
        each.verdict,
        labels.VERDICTS[each.verdict].sign,
        str(each.passed) if each.judged else "",
        str(each.judged or ""),
        names.cell(server, each.worst.case),
        f"{framework.title()} on {server}: {each.verdict}{reason}",
    )
