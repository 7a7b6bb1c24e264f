"""The table of servers and frameworks: a sign and a count for each pairing, and a line for each framework not here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.reports.analysis.framework_matrix import FrameworkMatrix, framework_matrix
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors


@dataclass(frozen=True)
class FrameworkCell:
    """One server with one framework: its worst verdict, how many cases `held` of how many `judged`, '' where none was,
    and the link to the worst cell."""

    verdict: Verdict
    sign: str
    passed: str
    judged: str
    link: str
    summary: str


@dataclass(frozen=True)
class Row:
    """One server; a box for each framework, None where it has no cell. `lost` says what did not come through."""

    server: str
    boxes: Sequence[FrameworkCell | None]
    failed_cases: str


@dataclass(frozen=True)
class Table:
    """All of it; `absent` are the frameworks that no server could be given, each with its reason."""

    summary: str
    frameworks: Sequence[str]
    rows: Sequence[Row]
    unavailable: Sequence[tuple[str, str]]


def table(results: Results, names: Anchors) -> Table | None:
    """Return the table of `results`, None where it has no apps of frameworks."""
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
