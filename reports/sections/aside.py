"""Cells that say nothing about the server, or not the same twice: each with its reason, so that none is overlooked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ...harness.model import Check, Results, Verdict
from .. import words
from ..visible import line
from .names import Names

SHOWN = (Verdict.FLAKY, Verdict.ERROR, Verdict.SKIPPED, Verdict.UNSUPPORTED)


@dataclass(frozen=True)
class Place:
    """One cell: its server, its case, and the link to it."""

    server: str
    case: str
    link: str


@dataclass(frozen=True)
class Reason:
    """Why, and the cells that share it."""

    text: str
    cells: Sequence[Place]


@dataclass(frozen=True)
class Heap:
    """The cells of one verdict by their reasons, the commonest first."""

    verdict: Verdict
    mark: words.Mark
    count: int
    reasons: Sequence[Reason]


def heaps(results: Results, names: Names) -> list[Heap]:
    """Return the cells of SHOWN by verdict and reason; a verdict that does not occur is left out."""
    by_verdict: dict[Verdict, dict[str, list[Check]]] = {each: defaultdict(list) for each in SHOWN}
    for each in results.checks:
        if each.verdict in by_verdict:
            by_verdict[each.verdict][line(each.actual, 400) or "no reason was given"].append(each)
    return [
        Heap(
            verdict,
            words.VERDICTS[verdict],
            sum(map(len, reasons.values())),
            [
                Reason(text, [Place(each.server, each.case, names.cell(each.server, each.case)) for each in cells])
                for text, cells in sorted(reasons.items(), key=lambda each: -len(each[1]))
            ],
        )
        for verdict, reasons in by_verdict.items()
        if reasons
    ]
