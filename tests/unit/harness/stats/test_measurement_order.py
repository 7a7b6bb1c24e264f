"""The order of a comparison: each block is its own mirror, and the order is random."""

from __future__ import annotations

import collections
import math

import pytest

from wsgi_gauntlet.harness.stats.measurement_order import Slot, schedule


@pytest.mark.parametrize("candidates", [2, 3, 5])
def test_each_round_has_every_candidate_once_and_a_twice(candidates: int) -> None:
    for number, slots in enumerate(schedule(candidates, 8, seed=3)):
        assert {each.round for each in slots} == {number}
        kinds = sorted((each.candidate, each.again) for each in slots)
        assert kinds == sorted([(0, True), *((each, False) for each in range(candidates))])


def test_the_second_round_of_a_block_is_the_first_one_backwards() -> None:
    rounds = schedule(3, 10, seed=1)
    for first, second in zip(rounds[::2], rounds[1::2], strict=True):
        kinds = [[(each.candidate, each.again) for each in slots] for slots in (first, second)]
        assert kinds[0] == kinds[1][::-1]


def test_a_linear_drift_adds_nothing_to_the_mean_of_a_block() -> None:
    slots = [each for round_ in schedule(3, 2, seed=9) for each in round_]
    times: dict[tuple[int, bool], list[int]] = collections.defaultdict(list)
    for time, each in enumerate(slots):
        times[each.candidate, each.again].append(time)
    assert len({sum(each) for each in times.values()}) == 1


def test_the_same_seed_gives_the_same_order_and_a_longer_one_begins_with_it() -> None:
    assert schedule(2, 6, seed=5) == schedule(2, 12, seed=5)[:6]
    assert schedule(2, 12, seed=5) != schedule(2, 12, seed=6)


def test_every_order_of_a_block_is_equally_likely() -> None:
    firsts = schedule(2, 12000, seed=1)[::2]
    counts = collections.Counter(tuple((each.candidate, each.again) for each in slots) for slots in firsts)
    assert len(counts) == math.factorial(3)
    assert all(abs(each - 1000) < 150 for each in counts.values())


def test_wrong_numbers_are_refused_with_advice() -> None:
    with pytest.raises(ValueError, match="name a second one"):
        schedule(1, 6, seed=1)
    for rounds in (0, 7):
        with pytest.raises(ValueError, match="give an even number"):
            schedule(2, rounds, seed=1)


def test_a_slot_is_by_default_the_first_instance() -> None:
    assert not Slot(0, 0).again
