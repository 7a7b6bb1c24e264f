"""The matrix of servers and cases: counts of each area, and a sign for each cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.baseline.comparison import describe_status
from wsgi_gauntlet.harness.model import CaseInfo, CaseResult, Results, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors
from wsgi_gauntlet.reports.writers.html.sections.cells import standing


@dataclass(frozen=True)
class AreaCount:
    """The passed and the judged (`total`) cells of an area for one server. `shade` is the worst verdict, or '' if none
    was judged."""

    passed: int
    total: int
    shade: str
    description: str


@dataclass(frozen=True)
class MatrixCell:
    """One cell. `verdict` is '' without a result. `standing` is the CSS class of the baseline status."""

    verdict: str
    sign: str
    link: str
    description: str
    standing: str = ""


@dataclass(frozen=True)
class MatrixRow:
    """One case. `broken`: a server failed, warns or is flaky. `differs`: the servers have different verdicts.
    `unexpected`: a cell differs from the baseline. `verdicts` are all that occur, without pass."""

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

    It has no `lines` if all cells are unsupported for the same reason, for example a missing framework. `why` is the
    reason.
    """

    id: str
    area: str
    counts: Sequence[AreaCount]
    lines: Sequence[MatrixRow]
    why: str = ""


@dataclass(frozen=True)
class Matrix:
    """The whole matrix. `used` are the verdicts of the legend."""

    servers: Sequence[str]
    blocks: Sequence[AreaBlock]
    used: Sequence[Verdict]


def matrix(results: Results, names: Anchors) -> Matrix:
    """Return the matrix."""
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
    """Return the common reason of all `cells` for `unsupported`, or ''."""
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
        return MatrixCell("", "", "", f"{server}: {case} has no result")
    baseline_note = f"; {describe_status(cell)}" if cell.baseline is not None else ""
    return MatrixCell(
        cell.verdict,
        labels.VERDICTS[cell.verdict].sign,
        names.cell(server, case),
        f"{server}: {cell.verdict}{baseline_note}",
        standing(cell),
    )
