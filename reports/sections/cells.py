"""A section for each cell: requirement, quote, expected, actual, and the evidence on one time line."""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from ...harness.baseline import breaks, told
from ...harness.model import CaseInfo, Check, Evidence, Results, Standing, Verdict
from .. import tally, words
from ..bounds import Bounds, bounded
from ..timeline import Row, timeline
from ..visible import clean, line
from .names import Names

QUIET = frozenset({Verdict.PASS, Verdict.INFO, Verdict.UNSUPPORTED, Verdict.SKIPPED})
"""The verdicts whose cell folds to its server's name; the others say on their line what came."""

_ESCAPES = re.compile(r"(?:\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[rntvf\\]))+")


_FIXED, _ROW = 900, 110
"""Characters of markup around a cell, its box in the matrix included, and around a row of its time line."""


@dataclass(frozen=True)
class Line:
    """A row of the time line, its text with the escapes marked up."""

    row: Row
    at: str
    text: Markup


@dataclass(frozen=True)
class Cell:
    """One cell as the page shows it; `brief` is its line while folded.

    A quiet cell's time line is `plain` text instead of `lines`: with thousands of passes, which are seldom opened, the
    page would have several times as many elements. `standing` is its class by the baseline, `accepted` what that says.
    """

    id: str
    check: Check
    mark: words.Mark
    quiet: bool
    brief: str
    took: str
    lines: Sequence[Line]
    plain: str
    log: Markup
    process: Sequence[str]
    standing: str
    accepted: str
    accepted_link: str


@dataclass(frozen=True)
class Section:
    """One case with its cells, those that folded say little last. `link` is '' unless it leads to a web page."""

    id: str
    case: CaseInfo
    link: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Group:
    """The cases of one area."""

    id: str
    area: str
    sections: Sequence[Section]


def groups(results: Results, names: Names, plain: Bounds, full: Bounds) -> list[Group]:
    """Return every cell of `results` by area and case; `plain` bounds a pass's evidence, `full` that of the rest."""
    order = {each.name: place for place, each in enumerate(tally.servers(results))}

    def place(cell: Check) -> tuple[bool, int]:
        return _quiet(cell), order[cell.server]

    by_case: dict[str, list[Check]] = defaultdict(list)
    for each in results.checks:
        by_case[each.case].append(each)
    return [
        Group(
            names.area(area),
            area,
            [
                Section(
                    names.case(case.id),
                    case,
                    case.reference.url if case.reference.url.startswith("https://") else "",
                    [
                        _cell(each, names, plain if _quiet(each) else full)
                        for each in sorted(by_case[case.id], key=place)
                    ],
                )
                for case in cases
            ],
        )
        for area, cases in tally.cases(results).items()
    ]


def size(groups: Sequence[Group]) -> int:
    """Return about how many characters `groups` take in the page."""
    cells = [cell for group in groups for section in group.sections for cell in section.cells]
    return sum(
        _FIXED
        + len(cell.log)
        + len(cell.check.expected)
        + 2 * len(cell.check.actual)
        + len(cell.plain)
        + sum(map(_length, cell.lines))
        for cell in cells
    )


def standing(check: Check) -> str:
    """Return 'unexpected', 'expected' or 'stale' for how the cell stands to the baseline, '' where that is silent."""
    if check.baseline is None:
        return ""
    if breaks(check):
        return "unexpected"
    return "expected" if check.baseline.standing is Standing.EXPECTED else "stale"


def marked(text: str) -> Markup:
    """Return `text` escaped for the page, what stands for unprintable bytes set apart."""
    return Markup(_ESCAPES.sub(_apart, str(escape(text))))  # noqa: S704 - escaped just here


def _quiet(check: Check) -> bool:
    return check.verdict in QUIET and standing(check) != "unexpected"


def _cell(check: Check, names: Names, bounds: Bounds) -> Cell:
    evidence: Evidence = bounded(check.evidence, bounds)
    quiet = _quiet(check)
    rows = timeline(evidence, bounds.detail)
    link = check.baseline.link if check.baseline is not None else ""
    return Cell(
        names.cell(check.server, check.case),
        check,
        words.VERDICTS[check.verdict],
        quiet,
        "" if check.verdict is Verdict.PASS else line(check.actual, 180),
        words.duration(check.seconds),
        [] if quiet else [Line(each, f"{each.at:,.1f}", marked(each.text)) for each in rows],
        "\n".join(map(_plain, rows)) if quiet else "",
        marked(clean(evidence.log).strip("\n")) if not quiet else escape(clean(evidence.log).strip("\n")),
        [line(each, 500) for each in evidence.process],
        standing(check),
        line(told(check), 600),
        link if link.startswith(("https://", "http://")) else "",
    )


def _plain(row: Row) -> str:
    head = f"{row.at:7,.1f} ms  {row.arrow:>3}  {f'#{row.connection} ' if row.connection else ''}{row.label}"
    if not row.text:
        return head
    if row.side == "note":
        return f"{head} {row.text}"
    return f"{head}\n{textwrap.indent(row.text, ' ' * 17)}"


def _length(shown: Line) -> int:
    return _ROW + len(shown.row.label) + len(shown.text)


def _apart(found: re.Match[str]) -> str:
    return f"<i>{found.group()}</i>"
