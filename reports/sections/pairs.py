"""A table for each server that also ran in-process: the cases in which the two disagree, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...harness.model import Check, Results
from .. import words
from ..pairs import Pair, pairs
from .names import Names


@dataclass(frozen=True)
class Side:
    """What one of the two came to, and the link to its cell."""

    check: Check
    sign: str
    link: str


@dataclass(frozen=True)
class Row:
    """One case: on the wire and in-process, or whatever the two are that stand beside each other."""

    case: str
    link: str
    sides: Sequence[Side]


@dataclass(frozen=True)
class Table:
    """One pair, a row for each case in which it disagrees."""

    pair: Pair
    rows: Sequence[Row]


def tables(results: Results, names: Names) -> list[Table]:
    """Return a table for each pair of `results`."""
    return [
        Table(
            each,
            [
                Row(wire.case, names.case(wire.case), [_side(wire, names), _side(within, names)])
                for wire, within in each.differing
            ],
        )
        for each in pairs(results)
    ]


def _side(check: Check, names: Names) -> Side:
    return Side(check, words.VERDICTS[check.verdict].sign, names.cell(check.server, check.case))
