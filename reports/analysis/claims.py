"""The claims of a run: each statement with its rule and a row for each server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Claim, ClaimVerdict, Results, ScenarioResult
from wsgi_gauntlet.reports.text import labels

CLAIM_SCENARIO_PREFIX = "claims/"
"""The start of the ids of scenarios that test claims."""


@dataclass(frozen=True)
class ClaimRow:
    """The verdict of one server, with its figures in a sentence."""

    server: str
    scenario: str
    verdict: ClaimVerdict
    figures: str


@dataclass(frozen=True)
class Statement:
    """One statement, its rule, the numbers of its verdicts, and a row for each server."""

    statement: str
    rule: str
    summary: str
    rows: Sequence[ClaimRow]


@dataclass(frozen=True)
class UnmeasuredClaim:
    """A cell without a verdict on a claim, with the reason."""

    title: str
    scenario: str
    server: str
    why: str


def statements(results: Results) -> list[Statement]:
    """Return the measured statements in the order of the cells."""
    found: dict[str, list[tuple[ScenarioResult, Claim]]] = {}
    for load in results.load:
        for claim in load.claims:
            found.setdefault(claim.statement, []).append((load, claim))
    return [
        Statement(
            statement,
            cells[0][1].rule,
            labels.describe_claims(claim.verdict for _, claim in cells),
            [ClaimRow(load.server, load.scenario, claim.verdict, claim.figures) for load, claim in cells],
        )
        for statement, cells in found.items()
    ]


def unmeasured_claims(results: Results) -> list[UnmeasuredClaim]:
    """Return the cells that were to test a claim and have no verdict on it."""
    return [
        UnmeasuredClaim(
            results.scenarios[each.scenario].title if each.scenario in results.scenarios else each.scenario,
            each.scenario,
            each.server,
            each.note or each.grade.label,
        )
        for each in results.load
        if each.scenario.startswith(CLAIM_SCENARIO_PREFIX) and not each.claims
    ]
