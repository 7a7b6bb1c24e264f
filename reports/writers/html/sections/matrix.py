"""Servers x cases: the counts of each area first, then a sign for each cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.baseline.comparison import told
from wsgi_gauntlet.harness.model import CaseInfo, CaseResult, Results, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors
from wsgi_gauntlet.reports.writers.html.sections.cells import standing


@dataclass(frozen=True)
class AreaCount:
    """What an area came to for one server: how many of its `total` judged cells passed. `shade` is the worst verdict
    in it, '' where none could be judged; `description` says it in words."""

    passed: int
    total: int
    shade: str
    description: str


@dataclass(frozen=True)
class MatrixCell:
    """One cell of the matrix. `verdict` is '' where nothing was decided; `standing` is its class by the baseline."""

    verdict: str
    sign: str
    link: str
    description: str
    standing: str = ""


@dataclass(frozen=True)
class MatrixRow:
    """One case; `broken` where a server failed or warns, `differs` where servers come out differently, `unexpected`
    where one does what the baseline does not expect; `verdicts` are those that occur in it beside pass."""

    id: str
    name: str
    case: CaseInfo
    boxes: Sequence[MatrixCell]
    broken: bool
    differs: bool
    unexpected: bool
    verdicts: Sequence[Verdict]


@dataclass(frozen=True)
class AreaBlock:
    """One area: a count for each server, then its cases.

    It has no `lines` where no server could be asked any of them, as all of a framework's that is not installed; then
    `why` is the reason.
    """

    id: str
    area: str
    counts: Sequence[AreaCount]
    lines: Sequence[MatrixRow]
    why: str = ""


@dataclass(frozen=True)
class Matrix:
    """All of it; `used` are the verdicts that occur, for the legend."""

    servers: Sequence[str]
    blocks: Sequence[AreaBlock]
    used: Sequence[Verdict]


def matrix(results: Results, names: Anchors) -> Matrix:
    """Return the matrix of `results`."""
    servers = aggregation.checked(results)
    found = {(each.server, each.case): each for each in results.conformance}
    blocks = []
    for area, cases in aggregation.cases(results).items():
        counts = [
            _count(server, area, [found[server, case.id] for case in cases if (server, case.id) in found])
            for server in servers
        ]
        lines = []
        for case in cases:
            cells = [found.get((server, case.id)) for server in servers]
            verdicts = {each.verdict for each in cells if each}
            lines.append(
                MatrixRow(
                    names.case(case.id),
                    case.id.removeprefix(f"{area}/"),
                    case,
                    [_cell(server, case.id, each, names) for server, each in zip(servers, cells, strict=True)],
                    bool(verdicts & {Verdict.FAIL, Verdict.WARN, Verdict.FLAKY}),
                    len(verdicts) > 1,
                    any(standing(each) == "unexpected" for each in cells if each),
                    sorted(verdicts - {Verdict.PASS}),
                )
            )
        why = _shared_reason([each for each in results.conformance if aggregation.area(each.case) == area])
        blocks.append(AreaBlock(names.area(area), area, counts, [] if why else lines, why))
    verdicts = {each.verdict for each in results.conformance}
    return Matrix(servers, blocks, [each for each in labels.VERDICTS if each in verdicts])


def _shared_reason(cells: Sequence[CaseResult]) -> str:
    """Return the reason that all `cells` share for being unsupported, '' where they do not."""
    reasons = {each.actual for each in cells}
    alike = len(reasons) == 1 and all(each.verdict is Verdict.UNSUPPORTED for each in cells)
    return reasons.pop() if alike and len(cells) > 1 else ""


def _count(server: str, area: str, cells: Sequence[CaseResult]) -> AreaCount:
    counts = aggregation.count(cells)
    shade = next((each for each in (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY) if counts[each]), Verdict.PASS)
    text = ", ".join(f"{counts[each]} {each}" for each in labels.VERDICTS if counts[each])
    judged = sum(counts[each] for each in (Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.FLAKY))
    return AreaCount(counts[Verdict.PASS], judged, shade if judged else "", f"{server}, {area}: {text or 'nothing'}")


def _cell(server: str, case: str, cell: CaseResult | None, names: Anchors) -> MatrixCell:
    if cell is None:
        return MatrixCell("", "", "", f"{server}: {case} was not decided")
    baseline_note = f"; {told(cell)}" if cell.baseline is not None else ""
    return MatrixCell(
        cell.verdict,
        labels.VERDICTS[cell.verdict].sign,
        names.cell(server, case),
        f"{server}: {cell.verdict}{baseline_note}",
        standing(cell),
    )
