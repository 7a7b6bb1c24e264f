"""Servers x cases: the counts of each area first, then a sign for each cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...harness.baselines.baseline import told
from ...harness.model import CaseInfo, Check, Results, Verdict
from .. import tally, words
from .cells import standing
from .names import Names


@dataclass(frozen=True)
class Count:
    """What an area came to for one server: how many of its `total` judged cells passed. `shade` is the worst verdict
    in it, '' where none could be judged; `told` says it in words."""

    passed: int
    total: int
    shade: str
    told: str


@dataclass(frozen=True)
class Box:
    """One cell of the matrix. `verdict` is '' where nothing was decided; `standing` is its class by the baseline."""

    verdict: str
    sign: str
    link: str
    told: str
    standing: str = ""


@dataclass(frozen=True)
class Line:
    """One case; `broken` where a server failed or warns, `differs` where servers come out differently, `unexpected`
    where one does what the baseline does not expect; `verdicts` are those that occur in it beside pass."""

    id: str
    name: str
    case: CaseInfo
    boxes: Sequence[Box]
    broken: bool
    differs: bool
    unexpected: bool
    verdicts: Sequence[Verdict]


@dataclass(frozen=True)
class Block:
    """One area: a count for each server, then its cases.

    It has no `lines` where no server could be asked any of them, as all of a framework's that is not installed; then
    `why` is the reason.
    """

    id: str
    area: str
    counts: Sequence[Count]
    lines: Sequence[Line]
    why: str = ""


@dataclass(frozen=True)
class Matrix:
    """All of it; `used` are the verdicts that occur, for the legend."""

    servers: Sequence[str]
    blocks: Sequence[Block]
    used: Sequence[Verdict]


def matrix(results: Results, names: Names) -> Matrix:
    """Return the matrix of `results`."""
    servers = tally.checked(results)
    found = {(each.server, each.case): each for each in results.checks}
    blocks = []
    for area, cases in tally.cases(results).items():
        counts = [
            _count(server, area, [found[server, case.id] for case in cases if (server, case.id) in found])
            for server in servers
        ]
        lines = []
        for case in cases:
            cells = [found.get((server, case.id)) for server in servers]
            verdicts = {each.verdict for each in cells if each}
            lines.append(
                Line(
                    names.case(case.id),
                    case.id.removeprefix(f"{area}/"),
                    case,
                    [_box(server, case.id, each, names) for server, each in zip(servers, cells, strict=True)],
                    bool(verdicts & {Verdict.FAIL, Verdict.WARN, Verdict.FLAKY}),
                    len(verdicts) > 1,
                    any(standing(each) == "unexpected" for each in cells if each),
                    sorted(verdicts - {Verdict.PASS}),
                )
            )
        why = _why_none([each for each in results.checks if tally.area(each.case) == area])
        blocks.append(Block(names.area(area), area, counts, [] if why else lines, why))
    verdicts = {each.verdict for each in results.checks}
    return Matrix(servers, blocks, [each for each in words.VERDICTS if each in verdicts])


def _why_none(cells: Sequence[Check]) -> str:
    """Return the reason that all `cells` share for being unsupported, '' where they do not."""
    reasons = {each.actual for each in cells}
    alike = len(reasons) == 1 and all(each.verdict is Verdict.UNSUPPORTED for each in cells)
    return reasons.pop() if alike and len(cells) > 1 else ""


def _count(server: str, area: str, cells: Sequence[Check]) -> Count:
    counted = tally.count(cells)
    shade = next((each for each in (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY) if counted[each]), Verdict.PASS)
    told = ", ".join(f"{counted[each]} {each}" for each in words.VERDICTS if counted[each])
    judged = sum(counted[each] for each in (Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.FLAKY))
    return Count(counted[Verdict.PASS], judged, shade if judged else "", f"{server}, {area}: {told or 'nothing'}")


def _box(server: str, case: str, cell: Check | None, names: Names) -> Box:
    if cell is None:
        return Box("", "", "", f"{server}: {case} was not decided")
    said = f"; {told(cell)}" if cell.baseline is not None else ""
    return Box(
        cell.verdict,
        words.VERDICTS[cell.verdict].sign,
        names.cell(server, case),
        f"{server}: {cell.verdict}{said}",
        standing(cell),
    )
