"""The table of servers: the server, its counts of verdicts, and its grades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Grade, Results, ScenarioResult, ServerInfo, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors

COUNTED_VERDICTS = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)
MAX_SCENARIO_COLUMNS = 4
"""Scenarios up to which each has a column. Of more, the table counts grades and the overview has the rest."""


@dataclass(frozen=True)
class ScenarioGrade:
    """The grade of a server in one scenario."""

    scenario: str
    sign: str
    shade: str
    label: str
    link: str


@dataclass(frozen=True)
class Row:
    """One server. `others` are the counts of neutral verdicts. `grades` has one entry per scenario, or `graded` counts
    (grade, sign)."""

    info: ServerInfo
    counts: Sequence[tuple[Verdict, int]]
    others: str
    security: int
    grades: Sequence[ScenarioGrade | None]
    graded: Sequence[tuple[Grade, str, int]]
    measured: bool


@dataclass(frozen=True)
class Columns:
    """The columns: conformance, and either the scenarios by id and title, or `counted` grades."""

    checks: bool
    counted: bool
    scenarios: Sequence[tuple[str, str]]


def columns(results: Results) -> Columns:
    """Return the columns of the table."""
    every = [(name, info.title) for name, (info, _) in aggregation.scenarios(results).items()]
    return Columns(
        bool(results.conformance),
        len(every) > MAX_SCENARIO_COLUMNS,
        every if len(every) <= MAX_SCENARIO_COLUMNS else [],
    )


def rows(results: Results, names: Anchors) -> list[Row]:
    """Return all servers in the order of the call, also those that are not available."""
    scenarios = aggregation.scenarios(results)
    found = []
    for info in aggregation.servers(results):
        counted = aggregation.count_for_server(results, info.name)
        loads = {
            name: next((each for each in cells if each.server == info.name), None)
            for name, (_, cells) in scenarios.items()
        }
        found.append(
            Row(
                info,
                [(each, counted[each]) for each in COUNTED_VERDICTS],
                counted.others,
                counted.security,
                [_grade(each, names) if each else None for each in loads.values()]
                if len(scenarios) <= MAX_SCENARIO_COLUMNS
                else [],
                _graded([each for each in loads.values() if each]),
                bool(counted.total or any(loads.values())),
            )
        )
    return found


def _graded(loads: Sequence[ScenarioResult]) -> list[tuple[Grade, str, int]]:
    grades = Counter(each.grade for each in loads)
    return [(each, labels.GRADES[each].sign, grades[each]) for each in labels.GRADES if grades[each]]


def _grade(load: ScenarioResult, names: Anchors) -> ScenarioGrade:
    label = labels.grade(load)
    if load.grade is Grade.MEASURED:
        best = labels.format_best_rate(load)
        label = best if best != labels.MISSING else label
    elif load.goodput is not None and load.grade not in labels.NOT_JUDGED_GRADES and load.collapse is None:
        label = f"{labels.percent(load.goodput)} {label}"
    return ScenarioGrade(
        load.scenario, labels.GRADES[load.grade].sign, load.grade.value, label, names.load(load.server, load.scenario)
    )
