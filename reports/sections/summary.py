"""One row a server: what it is, its verdicts counted, and what it was worth under load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ...harness.model import Grade, Load, Results, ServerInfo, Verdict
from .. import tally, words
from .names import Names

COUNTED = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)
FEW = 4
"""Scenarios up to which each has a column of its own; of more, the grades are counted and the overview has the rest."""


@dataclass(frozen=True)
class Graded:
    """What a server came to in one scenario."""

    scenario: str
    sign: str
    shade: str
    told: str
    link: str


@dataclass(frozen=True)
class Row:
    """One server. `others` says what is neither pass nor blame. Under load it has `grades`,
    one a scenario, or in `graded` how often each (grade, sign) was given."""

    info: ServerInfo
    counts: Sequence[tuple[Verdict, int]]
    others: str
    security: int
    grades: Sequence[Graded | None]
    graded: Sequence[tuple[Grade, str, int]]
    measured: bool


@dataclass(frozen=True)
class Columns:
    """What the table shows: conformance, and the scenarios by id and title, or only their grades, `counted`."""

    checks: bool
    counted: bool
    scenarios: Sequence[tuple[str, str]]


def columns(results: Results) -> Columns:
    """Return what the table shows."""
    every = [(name, info.title) for name, (info, _) in tally.scenarios(results).items()]
    return Columns(bool(results.checks), len(every) > FEW, every if len(every) <= FEW else [])


def rows(results: Results, names: Names) -> list[Row]:
    """Return the servers in the order of the call, those that are not here among them."""
    scenarios = tally.scenarios(results)
    found = []
    for info in tally.servers(results):
        counted = tally.of_server(results, info.name)
        loads = {
            name: next((each for each in cells if each.server == info.name), None)
            for name, (_, cells) in scenarios.items()
        }
        found.append(
            Row(
                info,
                [(each, counted[each]) for each in COUNTED],
                counted.others,
                counted.security,
                [_grade(each, names) if each else None for each in loads.values()] if len(scenarios) <= FEW else [],
                _graded([each for each in loads.values() if each]),
                bool(counted.total or any(loads.values())),
            )
        )
    return found


def _graded(loads: Sequence[Load]) -> list[tuple[Grade, str, int]]:
    grades = Counter(each.grade for each in loads)
    return [(each, words.GRADES[each].sign, grades[each]) for each in words.GRADES if grades[each]]


def _grade(load: Load, names: Names) -> Graded:
    told = words.grade(load)
    if load.grade is Grade.MEASURED:
        best = words.rated(load)
        told = best if best != words.MISSING else told
    elif load.goodput is not None and load.grade not in words.UNJUDGED and load.collapse is None:
        told = f"{words.percent(load.goodput)} {told}"
    return Graded(
        load.scenario, words.GRADES[load.grade].sign, load.grade.value, told, names.load(load.server, load.scenario)
    )
