"""The claims of the run, each with its rule, and its verdict and figures for each server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Claim, ClaimVerdict, Results, ScenarioResult
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors

CLAIM_SCENARIO_PREFIX = "claims/"
"""The start of the ids of scenarios that test claims."""


@dataclass(frozen=True)
class Row:
    """One server. `shade` is the grade with the same colour."""

    server: str
    verdict: ClaimVerdict
    sign: str
    shade: str
    figures: str
    link: str


@dataclass(frozen=True)
class Statement:
    """One statement, its rule, and a row for each server."""

    statement: str
    rule: str
    summary: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class UnmeasuredClaim:
    """A cell without a verdict on a claim, with the reason."""

    scenario: str
    server: str
    why: str
    link: str


def statements(results: Results, names: Anchors) -> list[Statement]:
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
            [_row(load, claim, names) for load, claim in cells],
        )
        for statement, cells in found.items()
    ]


def unmeasured_claims(results: Results, names: Anchors) -> list[UnmeasuredClaim]:
    """Return the cells that were to test a claim and have no verdict on it."""
    return [
        UnmeasuredClaim(
            results.scenarios[each.scenario].title if each.scenario in results.scenarios else each.scenario,
            each.server,
            each.note or each.grade.label,
            names.load(each.server, each.scenario),
        )
        for each in results.load
        if each.scenario.startswith(CLAIM_SCENARIO_PREFIX) and not each.claims
    ]


def _row(load: ScenarioResult, claim: Claim, names: Anchors) -> Row:
    mark = labels.CLAIM_VERDICTS[claim.verdict]
    return Row(load.server, claim.verdict, mark.sign, mark.shade, claim.figures, names.load(load.server, load.scenario))
