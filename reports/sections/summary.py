"""One row a server: what it is, its verdicts counted, and what it was worth under load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...harness.model import Load, Results, ServerInfo, Verdict
from .. import tally, words
from .names import Names

COUNTED = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.PASS)
OTHERS = (Verdict.INFO, Verdict.UNSUPPORTED, Verdict.SKIPPED, Verdict.ERROR)


@dataclass(frozen=True)
class Grade:
    """What a server came to in one scenario."""

    scenario: str
    sign: str
    shade: str
    told: str
    link: str


@dataclass(frozen=True)
class Row:
    """One server. `others` counts what is neither pass nor blame, `other_words` says which."""

    info: ServerInfo
    counts: Sequence[tuple[Verdict, int]]
    others: int
    other_words: str
    security: int
    grades: Sequence[Grade | None]
    measured: bool


@dataclass(frozen=True)
class Columns:
    """Which halves of the table there are: conformance, and the scenarios by id and title."""

    checks: bool
    scenarios: Sequence[tuple[str, str]]


def columns(results: Results) -> Columns:
    """Return what the table shows."""
    return Columns(bool(results.checks), [(name, info.title) for name, (info, _) in tally.scenarios(results).items()])


def rows(results: Results, names: Names) -> list[Row]:
    """Return the servers in the order of the call, those that are not here among them."""
    scenarios = tally.scenarios(results)
    found = []
    for info in tally.servers(results):
        counted = tally.count(each for each in results.checks if each.server == info.name)
        loads = {
            name: next((each for each in cells if each.server == info.name), None)
            for name, (_, cells) in scenarios.items()
        }
        found.append(
            Row(
                info,
                [(each, counted[each]) for each in COUNTED],
                sum(counted[each] for each in OTHERS),
                ", ".join(f"{counted[each]} {each}" for each in OTHERS if counted[each]),
                counted.security,
                [_grade(each, names) if each else None for each in loads.values()],
                bool(counted.total or any(loads.values())),
            )
        )
    return found


def _grade(load: Load, names: Names) -> Grade:
    told = words.grade(load)
    if load.grade.value == "measured":
        best = max((each.rate for each in load.steps if each.rate is not None), default=None)
        told = words.rate(best) if best is not None else told
    elif load.goodput is not None and load.grade not in words.UNJUDGED and load.collapse is None:
        told = f"{words.percent(load.goodput)} {told}"
    return Grade(
        load.scenario, words.GRADES[load.grade].sign, load.grade.value, told, names.load(load.server, load.scenario)
    )
