"""From rounds to whether a statement held: the interval decides, and where it straddles nothing does."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from wsgi_gauntlet.harness.load.analysis.paired_comparison import (
    above,
    alternating_orders,
    below,
    grade_claims,
    interval,
    keep_served_rounds,
    keep_valid_rounds,
    median,
    ratios,
    unanimous,
    undecided_if_lower_bounds,
    with_notes,
)
from wsgi_gauntlet.harness.model import Claim, ClaimVerdict, Grade


def test_few_rounds_leave_open_all_that_they_saw() -> None:
    found = interval([3.0, 1.0, 2.0])
    assert (found.low, found.median, found.high) == (1.0, 2.0, 3.0)
    assert found.describe() == "2.00 (1.00 to 3.00)"
    assert interval([0.5]).describe() == "0.50"


def test_one_odd_round_of_many_moves_little() -> None:
    found = interval([1.0] * 20 + [9.0])
    assert (found.low, found.high) == (1.0, 1.0)


def test_there_is_no_interval_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        interval([])


@pytest.mark.parametrize(
    ("values", "held"),
    [
        ([0.1, 0.2], ClaimVerdict.HELD),
        ([0.5, 0.6], ClaimVerdict.DID_NOT_HOLD),
        ([0.4, 0.6], ClaimVerdict.INCONCLUSIVE),
        ([0.2, 0.5], ClaimVerdict.INCONCLUSIVE),
        ([0.1], ClaimVerdict.INCONCLUSIVE),
        ([], ClaimVerdict.INCONCLUSIVE),
    ],
)
def test_below(values: list[float], held: ClaimVerdict) -> None:
    assert below(values, 0.5) is held


@pytest.mark.parametrize(
    ("values", "held"),
    [
        ([1.6, 1.9], ClaimVerdict.HELD),
        ([1.5, 1.2], ClaimVerdict.DID_NOT_HOLD),
        ([1.4, 1.6], ClaimVerdict.INCONCLUSIVE),
        ([], ClaimVerdict.INCONCLUSIVE),
    ],
)
def test_above(values: list[float], held: ClaimVerdict) -> None:
    assert above(values, 1.5) is held


def test_rounds_without_a_ratio_are_left_out() -> None:
    assert ratios([1.0, 2.0], [2.0, 0.0]) == [0.5]


def test_the_middle_of_nothing_is_unknown() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert median([]) is None


@dataclass(frozen=True)
class Round:
    ok: int
    goodput: float


GOOD, SOME_WRONG, NOTHING = Round(100, 1.0), Round(900, 0.9), Round(0, 1.0)


def test_a_round_counts_where_everybody_answered_rightly() -> None:
    """Errors are quick and cheap: a server that gives nothing else would win each comparison."""
    kept, notes = keep_served_rounds({"a": [GOOD, GOOD, SOME_WRONG, GOOD], "b": [GOOD, NOTHING, GOOD, GOOD]})
    assert kept == {"a": [GOOD, GOOD], "b": [GOOD, GOOD]}
    assert notes == "2 rounds do not count: not all responses were correct."
    assert keep_served_rounds({"a": [GOOD], "b": [GOOD]}) == ({"a": [GOOD], "b": [GOOD]}, "")


def test_one_round_left_out() -> None:
    kept, notes = keep_valid_rounds({1: [1, 5], 2: [2, 3]}, lambda value: value < 5, "five is too much")
    assert kept == {1: [1], 2: [2]}
    assert notes == "1 round does not count: five is too much."


def test_figures_with_more_to_say() -> None:
    claim = Claim("s", ClaimVerdict.HELD, "r", "It is 3.")
    assert with_notes(claim, "", "One round does not count.").figures == "It is 3. One round does not count."
    assert with_notes(claim, "") == claim


def test_what_does_not_hold_by_lower_bounds_is_open() -> None:
    """A generator at its limit holds the faster one back, so rates look more alike than they are."""
    held, broken = Claim("s", ClaimVerdict.HELD, "r", "3."), Claim("s", ClaimVerdict.DID_NOT_HOLD, "r", "3.")
    assert undecided_if_lower_bounds(held, ["lower bounds"]) == held
    assert undecided_if_lower_bounds(broken, []) == broken
    left = undecided_if_lower_bounds(broken, ["lower bounds"])
    assert left.verdict is ClaimVerdict.INCONCLUSIVE
    assert left.figures.startswith("3. The generator was at its limit")


def test_rounds_that_disagree_decide_nothing() -> None:
    assert unanimous([ClaimVerdict.HELD, ClaimVerdict.HELD]) is ClaimVerdict.HELD
    assert unanimous([ClaimVerdict.HELD, ClaimVerdict.NOT_APPLICABLE]) is ClaimVerdict.INCONCLUSIVE
    assert unanimous([]) is ClaimVerdict.INCONCLUSIVE


def test_arms_take_turns_there_and_back() -> None:
    assert alternating_orders(range(2), 4) == [[0, 1], [1, 0], [0, 1], [1, 0]]


def test_a_cell_is_inconclusive_where_all_its_statements_are() -> None:
    def claim(held: ClaimVerdict) -> Claim:
        return Claim("", held, "", "")

    assert grade_claims([claim(ClaimVerdict.INCONCLUSIVE)]) is Grade.INCONCLUSIVE
    assert grade_claims([claim(ClaimVerdict.INCONCLUSIVE), claim(ClaimVerdict.DID_NOT_HOLD)]) is Grade.MEASURED
