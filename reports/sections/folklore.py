"""The statements of folklore: each with its rule, and whether it held on which server, by which figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...harness.claim import Claim, Held
from ...harness.model import Load, Results
from .. import words
from .names import Names

FAMILY = "folklore/"
"""What the ids of these scenarios begin with."""


@dataclass(frozen=True)
class Row:
    """One server. `shade` is the grade whose colour it has."""

    server: str
    held: Held
    sign: str
    shade: str
    figures: str
    link: str


@dataclass(frozen=True)
class Statement:
    """One statement, by which rule it holds, and a row for each server that it was measured on."""

    statement: str
    rule: str
    told: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Aside:
    """A scenario that came to no claim on a server: why, and the link to its cell."""

    scenario: str
    server: str
    why: str
    link: str


def statements(results: Results, names: Names) -> list[Statement]:
    """Return the statements that were measured, in the order of the run's cells."""
    found: dict[str, list[tuple[Load, Claim]]] = {}
    for load in results.loads:
        for claim in load.claims:
            found.setdefault(claim.statement, []).append((load, claim))
    return [
        Statement(
            statement,
            cells[0][1].rule,
            words.tallied(claim.held for _, claim in cells),
            [_row(load, claim, names) for load, claim in cells],
        )
        for statement, cells in found.items()
    ]


def not_here(results: Results, names: Names) -> list[Aside]:
    """Return the cells of folklore without a claim: what they lack, or why nothing can be said."""
    return [
        Aside(
            results.scenarios[each.scenario].title if each.scenario in results.scenarios else each.scenario,
            each.server,
            each.note or each.grade.value,
            names.load(each.server, each.scenario),
        )
        for each in results.loads
        if each.scenario.startswith(FAMILY) and not each.claims
    ]


def _row(load: Load, claim: Claim, names: Names) -> Row:
    mark = words.HELD[claim.held]
    return Row(load.server, claim.held, mark.sign, mark.shade, claim.figures, names.load(load.server, load.scenario))
