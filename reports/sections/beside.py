"""Servers that differ in one thing, beside each other: a table of all pairs, then for each pair its cells and loads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...harness.model import Check, Load, Results
from .. import tally, words
from ..beside import Difference, Lacking, Twins, compared, lacking, pairs
from .names import Names
from .overview import key_figure
from .pairs import Row, Side

FEW = 6
"""Cases up to which a group is shown unfolded."""

NOTES = {
    Difference.FRONT: "Masked is what {plain} breaks and {other} does not, caused the other way round.",
    Difference.VERSION: "Fixed is what {plain} breaks and {other} does not, broke the other way round.",
    Difference.TUNED: "{other} has what its documentation advises, {plain} its defaults.",
}


@dataclass(frozen=True)
class Group:
    """Cases that came out otherwise in one way, told by `word` and `meaning`."""

    word: str
    meaning: str
    rows: Sequence[Row]
    unfolded: bool


@dataclass(frozen=True)
class Loaded:
    """One server in one scenario: its grade, and below it in figures what that rests on."""

    server: str
    grade: str
    sign: str
    told: str
    figures: str
    link: str


@dataclass(frozen=True)
class Scenario:
    """One scenario, the plain server's side first; `better` is 1, -1 or 0, of the other."""

    name: str
    title: str
    link: str
    sides: Sequence[Loaded]
    better: int


@dataclass(frozen=True)
class Comparison:
    """One pair."""

    id: str
    title: str
    twins: Twins
    note: str
    groups: Sequence[Group]
    scenarios: Sequence[Scenario]


@dataclass(frozen=True)
class Beside:
    """All of it. `checked` and `loaded` say which columns the table has."""

    comparisons: Sequence[Comparison]
    lacking: Sequence[Lacking]
    checked: bool
    loaded: bool


def beside(results: Results, names: Names) -> Beside | None:
    """Return every pair of `results`, and the chains that lack one; None where there is neither."""
    found = [_comparison(each, results, names) for each in pairs(results)]
    without = lacking(results)
    if not found and not without:
        return None
    return Beside(found, without, any(each.twins.told for each in found), any(each.scenarios for each in found))


def title(twins: Twins) -> str:
    """Return what a pair is about, in words."""
    match twins.difference:
        case Difference.FRONT:
            return f"{twins.what} in front of {twins.plain}"
        case Difference.VERSION:
            return f"{twins.plain} and {twins.other}: {twins.what}"
        case Difference.TUNED:
            return f"{twins.what}: {twins.other} beside {twins.plain}"


def _comparison(twins: Twins, results: Results, names: Names) -> Comparison:
    said = twins.difference
    groups = [
        (said.gain, f"{twins.plain} breaks it, {twins.other} passes", twins.gains),
        (said.loss, f"{twins.plain} passes, {twins.other} breaks it", twins.losses),
        ("otherwise different", "one is flaky or only recorded, or they break it otherwise", twins.changes),
    ]
    known = tally.scenarios(results)
    scenarios = [_scenario(*each, known[each[0].scenario][0].title, names) for each in twins.loads]
    return Comparison(
        names.beside(twins.plain, twins.other),
        title(twins),
        twins,
        NOTES[said].format(plain=twins.plain, other=twins.other),
        [_group(*each, names) for each in groups if each[2]],
        scenarios,
    )


def _group(word: str, meaning: str, cells: Sequence[tuple[Check, Check]], names: Names) -> Group:
    rows = [
        Row(plain.case, names.case(plain.case), [_side(plain, names), _side(other, names)]) for plain, other in cells
    ]
    return Group(word, meaning, rows, len(rows) <= FEW)


def _side(check: Check, names: Names) -> Side:
    return Side(check, words.VERDICTS[check.verdict].sign, names.cell(check.server, check.case))


def _scenario(plain: Load, other: Load, shown: str, names: Names) -> Scenario:
    return Scenario(
        plain.scenario,
        shown,
        names.scenario(plain.scenario),
        [_loaded(plain, names), _loaded(other, names)],
        compared(plain, other),
    )


def _loaded(load: Load, names: Names) -> Loaded:
    figures = []
    if load.grade not in words.UNJUDGED:
        if load.goodput is not None:
            figures.append(f"{words.percent(load.goodput)} in time")
        if load.slowdown is not None:
            figures.append(f"p99 {words.ratio(load.slowdown, at_least=load.slowdown_censored)}")
        figure = key_figure(load)
        if not figures or words.best_rate(load) is not None:
            figures = [figure] if figure else figures
    return Loaded(
        load.server,
        load.grade.value,
        words.GRADES[load.grade].sign,
        words.grade(load),
        ", ".join(figures),
        names.load(load.server, load.scenario),
    )
