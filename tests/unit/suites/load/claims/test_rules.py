"""The rule of each claim, with figures on both sides of its threshold."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.load.analysis.collapse_search import CollapseBounds
from wsgi_gauntlet.harness.load.experiments.before_after import BeforeAfter
from wsgi_gauntlet.harness.model import ClaimVerdict, Outcome, Phase
from wsgi_gauntlet.suites.load.claims import rules


def phase(goodput: float, p99: float | None) -> Phase:
    good = round(100 * goodput)
    return Phase("x", 0.0, 1.0, 100, {Outcome.OK: good, Outcome.ERROR: 100 - good}, goodput, p99, p99, p99, p99)


GOOD = BeforeAfter(phase(1.0, 0.01), phase(1.0, 0.015))
HARMED = BeforeAfter(phase(1.0, 0.01), phase(0.1, 2.0))
ILL = BeforeAfter(phase(0.5, 0.01), phase(0.1, 2.0))
"""One that served nobody before any slow client came."""


@pytest.mark.parametrize(
    ("alone", "behind", "held"),
    [
        ([HARMED, HARMED], [GOOD, GOOD], ClaimVerdict.HELD),
        ([HARMED, HARMED], [HARMED, HARMED], ClaimVerdict.DID_NOT_HOLD),
        ([GOOD, GOOD], [HARMED, HARMED], ClaimVerdict.DID_NOT_HOLD),
        ([GOOD, GOOD], [GOOD, GOOD], ClaimVerdict.NOT_APPLICABLE),
        ([HARMED, GOOD], [GOOD, GOOD], ClaimVerdict.INCONCLUSIVE),
        ([ILL], [GOOD], ClaimVerdict.INCONCLUSIVE),
        ([HARMED], [ILL], ClaimVerdict.INCONCLUSIVE),
    ],
)
def test_shield(alone: list[BeforeAfter], behind: list[BeforeAfter], held: ClaimVerdict) -> None:
    claim = rules.shield(alone, behind, 128, "nginx")
    assert claim.verdict is held
    assert "With 128 slow clients, alone: " in claim.figures


@pytest.mark.parametrize(
    ("behind", "tick", "held"),
    [
        ([0.0, 0.0], 0.0005, ClaimVerdict.HELD),
        ([0.1, 0.11], 0.0005, ClaimVerdict.DID_NOT_HOLD),  # half of what it costs the server alone
        ([0.0, 0.1], 0.0005, ClaimVerdict.INCONCLUSIVE),
        ([0.0, 0.0], 0.05, ClaimVerdict.INCONCLUSIVE),  # what a tick may hide is more than nothing
    ],
)
def test_static(behind: list[float], tick: float, held: ClaimVerdict) -> None:
    claim = rules.static([0.2, 0.22], behind, [tick, tick])
    assert claim.verdict is held
    assert "per 1,000 files: 210 (200 to 220) ms alone" in claim.figures


@pytest.mark.parametrize(
    ("uwsgi", "held"),
    [([0.8, 0.9], ClaimVerdict.HELD), ([1.0, 1.2], ClaimVerdict.DID_NOT_HOLD), ([0.9, 1.1], ClaimVerdict.INCONCLUSIVE)],
)
def test_cheaper(uwsgi: list[float], held: ClaimVerdict) -> None:
    assert rules.cheaper(uwsgi, [1.0, 1.0], "TCP").verdict is held


def test_without_rounds_that_count_nothing_is_decided() -> None:
    for claim in (
        rules.static([], [], []),
        rules.cheaper([], [], "TCP"),
        rules.scales([], [], 2),
        rules.fewer([], {"a": []}),
        rules.later([], {"a": []}, 300),
    ):
        assert claim.verdict is ClaimVerdict.INCONCLUSIVE
        assert claim.figures


def test_the_rule_of_static_files_is_said_as_it_is() -> None:
    """One odd round of many is left to the interval; the words say so."""
    claim = rules.static([1.0] * 8, [0.001] * 7 + [0.5], [0.0] * 8)
    assert claim.verdict is ClaimVerdict.HELD
    assert "the whole interval of all rounds" in claim.rule
    assert "every round" not in claim.rule


@pytest.mark.parametrize(
    ("each", "count", "dropped", "held"),
    [
        ([600.0], 1000, 0, ClaimVerdict.HELD),
        ([600.0], 995, 5, ClaimVerdict.HELD),
        ([3000.0], 1000, 0, ClaimVerdict.DID_NOT_HOLD),
        ([900.0, 1100.0], 1000, 0, ClaimVerdict.INCONCLUSIVE),
        ([600.0], 500, 500, ClaimVerdict.DID_NOT_HOLD),  # nginx closed them
        ([600.0], 500, 0, ClaimVerdict.INCONCLUSIVE),  # the server behind had not answered them yet
        ([], 0, 0, ClaimVerdict.INCONCLUSIVE),
    ],
)
def test_idle(each: list[float], count: int, dropped: int, held: ClaimVerdict) -> None:
    claim = rules.idle(each, count, 1000, [30_000.0], 15_000_000, dropped)
    assert claim.verdict is held
    assert claim.statement == "nginx holds 1,000 idle connections in little memory"
    assert f"{count:,} of 1,000 held" in claim.figures
    assert "30 KB in the server alone" in claim.figures


@pytest.mark.parametrize(
    ("many", "held"),
    [
        ([190.0, 195.0], ClaimVerdict.HELD),
        ([100.0, 110.0], ClaimVerdict.DID_NOT_HOLD),
        ([140.0, 190.0], ClaimVerdict.INCONCLUSIVE),
    ],
)
def test_scales(many: list[float], held: ClaimVerdict) -> None:
    assert rules.scales([100.0, 100.0], many, 2).verdict is held


def test_one_core_shows_no_scaling() -> None:
    assert rules.scales([], [], 1).verdict is ClaimVerdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("found", "held", "words"),
    [
        (
            {1: CollapseBounds(0, 1), 2: CollapseBounds(1, 2), 4: CollapseBounds(3, 4)},
            ClaimVerdict.HELD,
            "1 with 1, 2 with 2, 4 with 4",
        ),
        ({1: CollapseBounds(2, 3), 2: CollapseBounds(2, 3)}, ClaimVerdict.DID_NOT_HOLD, "3 with 1, 3 with 2"),
        ({1: CollapseBounds(0, 1), 2: CollapseBounds(0, 1)}, ClaimVerdict.DID_NOT_HOLD, "1 with 2"),
        ({1: CollapseBounds(16, None)}, ClaimVerdict.DID_NOT_HOLD, "more than 16 with 1 worker"),
        (
            {1: CollapseBounds(0, 1), 4: CollapseBounds(4, None)},
            ClaimVerdict.DID_NOT_HOLD,
            "more than 4 with 4",
        ),  # no more were tried
        ({4: CollapseBounds(3, None)}, ClaimVerdict.INCONCLUSIVE, "more than 3 with 4"),
        ({1: CollapseBounds(0, 1), 4: None}, ClaimVerdict.INCONCLUSIVE, "unknown with 4"),
        ({1: CollapseBounds(2, 3), 4: None}, ClaimVerdict.DID_NOT_HOLD, "3 with 1, unknown with 4"),
        ({1: CollapseBounds(0, 1), 4: CollapseBounds(1, 8)}, ClaimVerdict.INCONCLUSIVE, "2 to 8 with 4"),
        ({4: CollapseBounds(1, 3)}, ClaimVerdict.DID_NOT_HOLD, "2 to 3 with 4"),
    ],
)
def test_one_client_per_worker(found: dict[int, CollapseBounds | None], held: ClaimVerdict, words: str) -> None:
    claim = rules.one_client_per_worker(found)
    assert claim.verdict is held
    assert words in claim.figures


def test_fewer_is_against_the_best_of_each_round() -> None:
    others = {"a": [1000.0, 1000.0], "b": [2000.0, 500.0]}
    assert rules.fewer([700.0, 700.0], others).verdict is ClaimVerdict.HELD
    assert rules.fewer([1900.0, 950.0], others).verdict is ClaimVerdict.DID_NOT_HOLD
    assert rules.fewer([700.0, 900.0], others).verdict is ClaimVerdict.INCONCLUSIVE


def test_later() -> None:
    others = {"a": [0.004, 0.004], "b": [0.002, 0.008]}
    assert rules.later([0.02, 0.02], others, 300).verdict is ClaimVerdict.HELD
    assert rules.later([0.003, 0.005], others, 300).verdict is ClaimVerdict.DID_NOT_HOLD
    assert rules.later([0.003, 0.02], others, 300).verdict is ClaimVerdict.INCONCLUSIVE
    assert rules.later([], {"a": [], "b": []}, 300).verdict is ClaimVerdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("mine", "others", "held"),
    [
        (HARMED, {"a": GOOD, "b": HARMED}, ClaimVerdict.HELD),
        (GOOD, {"a": HARMED}, ClaimVerdict.DID_NOT_HOLD),
        (HARMED, {"a": HARMED}, ClaimVerdict.NOT_APPLICABLE),
        (HARMED, {"a": ILL}, ClaimVerdict.INCONCLUSIVE),
    ],
)
def test_falls(mine: BeforeAfter, others: dict[str, BeforeAfter], held: ClaimVerdict) -> None:
    assert rules.falls(mine, others, 64).verdict is held
