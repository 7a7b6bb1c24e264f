"""The levels of the looks, against published bounds and a simulation."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest

from wsgi_gauntlet.harness.stats import student
from wsgi_gauntlet.harness.stats.early_stop import Look, levels, planned_looks

NORMAL = statistics.NormalDist()


def test_the_bounds_are_those_of_the_published_program() -> None:
    # Reboussin, DeMets, Kim and Lan, program ld98: alpha 0.05, two-sided, five equal looks, O'Brien-Fleming type.
    bounds = [NORMAL.inv_cdf(1 - each) for each in levels((2, 4, 6, 8, 10), 0.025)]
    assert bounds == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)


def test_one_look_has_the_whole_level() -> None:
    assert levels((16,), 0.025) == pytest.approx((0.025,))
    assert Look.only(16).level(0.01) == pytest.approx(0.01)
    assert Look.only(16).is_last


@pytest.mark.parametrize("rounds", [(6, 8, 12, 14, 18, 20, 24, 26, 30, 32), (6, 30, 32), (16, 32)])
def test_all_looks_at_a_normal_sum_together_err_with_alpha(rounds: tuple[int, ...]) -> None:
    runs = 200_000
    found = levels(rounds, 0.05)
    rng = np.random.default_rng(1)
    total, crossed = np.zeros(runs), np.zeros(runs, dtype=bool)
    for before, end, level in zip((0, *rounds), rounds, found, strict=False):
        total += rng.standard_normal(runs) * math.sqrt(end - before)
        if level:
            crossed |= total / math.sqrt(end) > NORMAL.inv_cdf(1 - level)
    assert crossed.mean() == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / runs))


def test_later_looks_of_a_plan_have_larger_levels() -> None:
    for rounds in (6, 8, 16, 24, 32, 100):
        plan = planned_looks(rounds)
        found = [each.level(0.025) for each in plan]
        assert found == sorted(found)


def test_a_very_early_look_decides_nothing() -> None:
    found = levels((2, 200), 0.025)
    assert found == pytest.approx((0.0, 0.025), abs=1e-6)


def test_looks_are_whole_blocks_from_six_rounds_to_the_end() -> None:
    for rounds in range(2, 202, 2):
        looks = planned_looks(rounds)
        plan = looks[0].rounds
        assert plan[-1] == rounds
        assert all(each % 2 == 0 for each in plan)
        assert all(before < after for before, after in itertools.pairwise(plan))
        assert plan[0] == min(6, rounds)
        assert len(plan) <= 10
        assert [each.index for each in looks] == list(range(len(plan)))
        assert [each.is_last for each in looks].index(True) == len(plan) - 1


def test_the_bound_of_the_last_look_costs_little() -> None:
    last = planned_looks(32)[-1]
    assert 0.015 < last.level(0.025) < 0.025
    assert student.NORMAL.inv_cdf(1 - last.level(0.025)) < 2.17


def test_several_looks_keep_a_part_of_alpha() -> None:
    plan = planned_looks(16)
    assert [each.level(0.025) for each in plan] == pytest.approx(levels(plan[0].rounds, 0.85 * 0.025))
