"""The rule of each statement, by measurements made up on both sides of its threshold."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.claim import Held
from wsgi_gauntlet.harness.load.judging import folklore
from wsgi_gauntlet.harness.load.judging.collapse import Bracket
from wsgi_gauntlet.harness.load.judging.folklore import Besieged
from wsgi_gauntlet.harness.model import Outcome, Phase


def phase(goodput: float, p99: float | None) -> Phase:
    good = round(100 * goodput)
    return Phase("x", 0.0, 1.0, 100, {Outcome.OK: good, Outcome.ERROR: 100 - good}, goodput, p99, p99, p99, p99)


GOOD = Besieged(phase(1.0, 0.01), phase(1.0, 0.015))
HARMED = Besieged(phase(1.0, 0.01), phase(0.1, 2.0))
ILL = Besieged(phase(0.5, 0.01), phase(0.1, 2.0))
"""One that served nobody before any slow client came."""


@pytest.mark.parametrize(
    ("alone", "behind", "held"),
    [
        ([HARMED, HARMED], [GOOD, GOOD], Held.HELD),
        ([HARMED, HARMED], [HARMED, HARMED], Held.BROKEN),
        ([GOOD, GOOD], [HARMED, HARMED], Held.BROKEN),
        ([GOOD, GOOD], [GOOD, GOOD], Held.MOOT),
        ([HARMED, GOOD], [GOOD, GOOD], Held.INCONCLUSIVE),
        ([ILL], [GOOD], Held.INCONCLUSIVE),
        ([HARMED], [ILL], Held.INCONCLUSIVE),
    ],
)
def test_shield(alone: list[Besieged], behind: list[Besieged], held: Held) -> None:
    claim = folklore.shield(alone, behind, 128, "nginx")
    assert claim.held is held
    assert "With 128 slow clients, alone: " in claim.figures


@pytest.mark.parametrize(
    ("behind", "tick", "held"),
    [
        ([0.0, 0.0], 0.0005, Held.HELD),
        ([0.1, 0.11], 0.0005, Held.BROKEN),  # half of what it costs the server alone
        ([0.0, 0.1], 0.0005, Held.INCONCLUSIVE),
        ([0.0, 0.0], 0.05, Held.INCONCLUSIVE),  # what a tick may hide is more than nothing
    ],
)
def test_static(behind: list[float], tick: float, held: Held) -> None:
    claim = folklore.static([0.2, 0.22], behind, [tick, tick])
    assert claim.held is held
    assert "per 1,000 files: 210 (200 to 220) ms alone" in claim.figures


@pytest.mark.parametrize(
    ("uwsgi", "held"), [([0.8, 0.9], Held.HELD), ([1.0, 1.2], Held.BROKEN), ([0.9, 1.1], Held.INCONCLUSIVE)]
)
def test_cheaper(uwsgi: list[float], held: Held) -> None:
    assert folklore.cheaper(uwsgi, [1.0, 1.0], "TCP").held is held


def test_without_rounds_that_count_nothing_is_decided() -> None:
    for claim in (
        folklore.static([], [], []),
        folklore.cheaper([], [], "TCP"),
        folklore.scales([], [], 2),
        folklore.fewer([], {"a": []}),
        folklore.later([], {"a": []}, 300),
    ):
        assert claim.held is Held.INCONCLUSIVE
        assert claim.figures


def test_the_rule_of_static_files_is_said_as_it_is() -> None:
    """One odd round of many is left to the interval; the words say so."""
    claim = folklore.static([1.0] * 8, [0.001] * 7 + [0.5], [0.0] * 8)
    assert claim.held is Held.HELD
    assert "over all rounds' interval" in claim.rule
    assert "every round" not in claim.rule


@pytest.mark.parametrize(
    ("each", "count", "dropped", "held"),
    [
        ([600.0], 1000, 0, Held.HELD),
        ([600.0], 995, 5, Held.HELD),
        ([3000.0], 1000, 0, Held.BROKEN),
        ([900.0, 1100.0], 1000, 0, Held.INCONCLUSIVE),
        ([600.0], 500, 500, Held.BROKEN),  # nginx closed them
        ([600.0], 500, 0, Held.INCONCLUSIVE),  # the server behind had not answered them yet
        ([], 0, 0, Held.INCONCLUSIVE),
    ],
)
def test_idle(each: list[float], count: int, dropped: int, held: Held) -> None:
    claim = folklore.idle(each, count, 1000, [30_000.0], 15_000_000, dropped)
    assert claim.held is held
    assert claim.statement == "nginx holds 1,000 idle connections in little memory"
    assert f"{count:,} of 1,000 held" in claim.figures
    assert "30 KB in the server alone" in claim.figures


@pytest.mark.parametrize(
    ("many", "held"), [([190.0, 195.0], Held.HELD), ([100.0, 110.0], Held.BROKEN), ([140.0, 190.0], Held.INCONCLUSIVE)]
)
def test_scales(many: list[float], held: Held) -> None:
    assert folklore.scales([100.0, 100.0], many, 2).held is held


def test_one_core_shows_no_scaling() -> None:
    assert folklore.scales([], [], 1).held is Held.MOOT


@pytest.mark.parametrize(
    ("found", "held", "words"),
    [
        ({1: Bracket(0, 1), 2: Bracket(1, 2), 4: Bracket(3, 4)}, Held.HELD, "1 with 1, 2 with 2, 4 with 4"),
        ({1: Bracket(2, 3), 2: Bracket(2, 3)}, Held.BROKEN, "3 with 1, 3 with 2"),
        ({1: Bracket(0, 1), 2: Bracket(0, 1)}, Held.BROKEN, "1 with 2"),
        ({1: Bracket(16, None)}, Held.BROKEN, "more than 16 with 1 worker"),
        ({1: Bracket(0, 1), 4: Bracket(4, None)}, Held.BROKEN, "more than 4 with 4"),  # no more were tried
        ({4: Bracket(3, None)}, Held.INCONCLUSIVE, "more than 3 with 4"),
        ({1: Bracket(0, 1), 4: None}, Held.INCONCLUSIVE, "unknown with 4"),
        ({1: Bracket(2, 3), 4: None}, Held.BROKEN, "3 with 1, unknown with 4"),
        ({1: Bracket(0, 1), 4: Bracket(1, 8)}, Held.INCONCLUSIVE, "2 to 8 with 4"),
        ({4: Bracket(1, 3)}, Held.BROKEN, "2 to 3 with 4"),
    ],
)
def test_taken(found: dict[int, Bracket | None], held: Held, words: str) -> None:
    claim = folklore.taken(found)
    assert claim.held is held
    assert words in claim.figures


def test_fewer_is_against_the_best_of_each_round() -> None:
    others = {"a": [1000.0, 1000.0], "b": [2000.0, 500.0]}
    assert folklore.fewer([700.0, 700.0], others).held is Held.HELD
    assert folklore.fewer([1900.0, 950.0], others).held is Held.BROKEN
    assert folklore.fewer([700.0, 900.0], others).held is Held.INCONCLUSIVE


def test_later() -> None:
    others = {"a": [0.004, 0.004], "b": [0.002, 0.008]}
    assert folklore.later([0.02, 0.02], others, 300).held is Held.HELD
    assert folklore.later([0.003, 0.005], others, 300).held is Held.BROKEN
    assert folklore.later([0.003, 0.02], others, 300).held is Held.INCONCLUSIVE
    assert folklore.later([], {"a": [], "b": []}, 300).held is Held.INCONCLUSIVE


@pytest.mark.parametrize(
    ("mine", "others", "held"),
    [
        (HARMED, {"a": GOOD, "b": HARMED}, Held.HELD),
        (GOOD, {"a": HARMED}, Held.BROKEN),
        (HARMED, {"a": HARMED}, Held.MOOT),
        (HARMED, {"a": ILL}, Held.INCONCLUSIVE),
    ],
)
def test_falls(mine: Besieged, others: dict[str, Besieged], held: Held) -> None:
    assert folklore.falls(mine, others, 64).held is held
