"""The figures of a candidate, from its trials."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.model.recommendation import FigureId, RatePoint, Stage, Trial
from wsgi_gauntlet.harness.recommendation.figures import MEANINGS, candidate_figures, figure


def trial(
    value: float | None, stage: Stage = Stage.SCREENING, *, valid: bool = True, why: str = "", bound: bool = False
) -> Trial:
    return Trial("a", stage, figures=(figure(FigureId.CAPACITY, value, bound=bound, why=why),), valid=valid, why=why)


def test_every_figure_has_a_meaning_and_a_field() -> None:
    assert set(MEANINGS) == set(FigureId)
    empty = candidate_figures("a", [])
    assert all(empty.figure(each) is None for each in FigureId)


def test_the_median_of_the_finals_is_the_figure() -> None:
    trials = [trial(10.0), trial(100.0, Stage.FINALS), trial(300.0, Stage.FINALS), trial(200.0, Stage.FINALS)]
    found = candidate_figures("a", [*trials, Trial("b", Stage.FINALS)]).capacity
    assert found is not None
    assert (found.value, found.low, found.high, found.n, found.unit) == (200.0, 100.0, 300.0, 3, "requests/s")


def test_invalid_finals_leave_the_figure_of_the_screening() -> None:
    found = candidate_figures("a", [trial(10.0), trial(900.0, Stage.FINALS, valid=False, why="busy")]).capacity
    assert found is not None
    assert (found.value, found.n) == (10.0, 1)


def test_only_invalid_trials_give_no_value_and_the_reason() -> None:
    found = candidate_figures("a", [trial(900.0, valid=False, why="busy")]).capacity
    assert found is not None
    assert (found.value, found.why, found.n_invalid, found.valid) == (None, "busy", 1, False)


def test_a_figure_is_a_bound_if_half_of_the_measurements_are() -> None:
    both = candidate_figures("a", [trial(10.0, bound=True, why="generator"), trial(11.0)]).capacity
    assert both is not None
    assert (both.bound, both.why) == (True, "generator")
    few = candidate_figures("a", [trial(10.0, bound=True), trial(11.0), trial(12.0)]).capacity
    assert few is not None
    assert not few.bound


def test_the_curve_has_the_median_p99_of_each_rate_in_order() -> None:
    curves = [
        (RatePoint(50, 0.2), RatePoint(25, 0.1)),
        (RatePoint(50, 0.4), RatePoint(25, 9.9, valid=False)),
        (RatePoint(50, 0.3),),
    ]
    found = candidate_figures("a", [Trial("a", Stage.FINALS, each, curve=c) for each, c in enumerate(curves, 1)]).curve
    assert [(each.rate, each.p99) for each in found] == [(25, 0.1), (50, 0.3)]
    invalid = candidate_figures("a", [Trial("a", Stage.FINALS, curve=(RatePoint(5, 1.0, valid=False, why="x"),))])
    assert [each.valid for each in invalid.curve] == [False]


def test_an_invalid_trial_says_nothing_about_figures_that_its_stage_does_not_measure() -> None:
    found = candidate_figures("a", [Trial("a", Stage.SCREENING, valid=False, why="busy")])
    assert found.capacity is not None
    assert (found.reload_losses, found.security_must_broken, found.must_broken) == (None, None, None)


def test_the_curve_of_many_rounds_has_each_share_of_the_capacity_once() -> None:
    """The capacity differs from round to round, and so do the rates. The highest must not be lost."""
    capacities = [100.0 + 2 * number for number in range(10)]
    trials = [
        Trial("a", Stage.FINALS, each, curve=tuple(RatePoint(share * rate, share) for share in (0.25, 0.5, 0.8)))
        for each, rate in enumerate(capacities, 1)
    ]
    found = candidate_figures("a", trials).curve
    assert [each.p99 for each in found] == [0.25, 0.5, 0.8]
    assert found[-1].rate == pytest.approx(0.8 * 109)
