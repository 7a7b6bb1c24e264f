"""Comparisons of servers that differ in one thing: a table of pairs, then the cells of each pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import CaseResult, Results, ScenarioResult
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.comparison import (
    Difference,
    MissingServer,
    ServerComparison,
    compare_loads,
    find_pairs,
    missing_servers,
)
from wsgi_gauntlet.reports.analysis.key_figure import key_figure
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors
from wsgi_gauntlet.reports.writers.html.sections.in_process import Row, Side

MAX_CASES_UNFOLDED = 6
"""A group is open if it has at most this number of cases."""

NOTES = {
    Difference.FRONT: "Masked: only {plain} breaks the case. Caused: only {other} breaks it.",
    Difference.VERSION: "Fixed: only {plain} breaks the case. Broke: only {other} breaks it.",
    Difference.TUNED: "{other} has the settings that its documentation recommends, {plain} has the defaults.",
}


@dataclass(frozen=True)
class Group:
    """Cases with the same kind of change."""

    word: str
    meaning: str
    rows: Sequence[Row]
    unfolded: bool


@dataclass(frozen=True)
class LoadCell:
    """One server in one scenario: its grade and the figures for it."""

    server: str
    grade: str
    sign: str
    summary: str
    figures: str
    link: str


@dataclass(frozen=True)
class Scenario:
    """One scenario, the plain server first. `better` is 1, -1 or 0 for the other server."""

    name: str
    title: str
    link: str
    sides: Sequence[LoadCell]
    better: int


@dataclass(frozen=True)
class ComparisonView:
    """One pair."""

    id: str
    title: str
    comparison: ServerComparison
    note: str
    groups: Sequence[Group]
    scenarios: Sequence[Scenario]


@dataclass(frozen=True)
class ComparisonSection:
    """The whole section. `checked` and `loaded` say which columns the table has."""

    comparisons: Sequence[ComparisonView]
    missing_servers: Sequence[MissingServer]
    checked: bool
    loaded: bool


def comparison_section(results: Results, names: Anchors) -> ComparisonSection | None:
    """Return all pairs and the chains without a pair, or None if there is neither."""
    found = [_comparison(each, results, names) for each in find_pairs(results)]
    without = missing_servers(results)
    if not found and not without:
        return None
    return ComparisonSection(
        found, without, any(each.comparison.summary for each in found), any(each.scenarios for each in found)
    )


def title(comparison: ServerComparison) -> str:
    """Return the title of a pair."""
    match comparison.difference:
        case Difference.FRONT:
            return f"{comparison.what} in front of {comparison.plain}"
        case Difference.VERSION:
            return f"{comparison.plain} and {comparison.other}: {comparison.what}"
        case Difference.TUNED:
            return f"{comparison.what}: {comparison.other} and {comparison.plain}"


def _comparison(comparison: ServerComparison, results: Results, names: Anchors) -> ComparisonView:
    difference = comparison.difference
    groups = [
        (difference.improved_label, f"{comparison.plain} breaks it, {comparison.other} passes", comparison.improved),
        (difference.worsened_label, f"{comparison.plain} passes, {comparison.other} breaks it", comparison.worsened),
        ("other changes", "one is flaky or info, or they break it differently", comparison.changes),
    ]
    known = aggregation.scenarios(results)
    scenarios = [_scenario(*each, known[each[0].scenario][0].title, names) for each in comparison.loads]
    return ComparisonView(
        names.comparison_section(comparison.plain, comparison.other),
        title(comparison),
        comparison,
        NOTES[difference].format(plain=comparison.plain, other=comparison.other),
        [_group(*each, names) for each in groups if each[2]],
        scenarios,
    )


def _group(word: str, meaning: str, cells: Sequence[tuple[CaseResult, CaseResult]], names: Anchors) -> Group:
    rows = [
        Row(plain.case, names.case(plain.case), [_side(plain, names), _side(other, names)]) for plain, other in cells
    ]
    return Group(word, meaning, rows, len(rows) <= MAX_CASES_UNFOLDED)


def _side(check: CaseResult, names: Anchors) -> Side:
    return Side(check, labels.VERDICTS[check.verdict].sign, names.cell(check.server, check.case))


def _scenario(plain: ScenarioResult, other: ScenarioResult, shown: str, names: Anchors) -> Scenario:
    return Scenario(
        plain.scenario,
        shown,
        names.scenario(plain.scenario),
        [_loaded(plain, names), _loaded(other, names)],
        compare_loads(plain, other),
    )


def _loaded(load: ScenarioResult, names: Anchors) -> LoadCell:
    figures = []
    if load.grade not in labels.NOT_JUDGED_GRADES:
        if load.goodput is not None:
            figures.append(f"{labels.percent(load.goodput)} in time")
        if load.slowdown is not None:
            figures.append(f"p99 {labels.ratio(load.slowdown, at_least=load.slowdown_censored)}")
        figure = key_figure(load)
        if not figures or labels.best_rate(load) is not None:
            figures = [figure] if figure else figures
    return LoadCell(
        load.server,
        load.grade.value,
        labels.GRADES[load.grade].sign,
        labels.grade(load),
        ", ".join(figures),
        names.load(load.server, load.scenario),
    )
