"""What must hold, and which candidate is better."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.model.recommendation import (
    CandidateFigures,
    FigureId,
    MeasuredFigure,
    RecommendationCandidate,
)
from wsgi_gauntlet.harness.recommendation.objective import (
    Requirements,
    best_that_holds,
    broken_requirements,
    ranked,
)

from ....helpers.synthetic_search import MB, candidate, figures

GOOD = {"capacity": 100.0, "p99_at_peak": 0.1, "goodput_alone": 1.0, "goodput_among_slow": 1.0, "memory": 50.0 * MB}
WANTED = Requirements(peak=30, p99_limit=0.3, memory_limit=100 * MB)


@pytest.mark.parametrize(
    ("figure", "value", "broken"),
    [
        ("capacity", 30.0, ()),
        ("capacity", 29.9, (FigureId.CAPACITY,)),
        ("capacity", 0.0, (FigureId.CAPACITY,)),
        ("p99_at_peak", 0.3, ()),
        ("p99_at_peak", 0.31, (FigureId.P99_AT_PEAK,)),
        ("memory", 100.0 * MB, ()),
        ("memory", 100.1 * MB, (FigureId.MEMORY,)),
        ("goodput_among_slow", 0.95, ()),
        ("goodput_among_slow", 0.94, (FigureId.GOODPUT_AMONG_SLOW,)),
        ("goodput_alone", 0.5, (FigureId.GOODPUT_ALONE,)),
    ],
)
def test_each_limit_is_kept_up_to_its_value(figure: str, value: float, broken: tuple[FigureId, ...]) -> None:
    found = broken_requirements(figures(**{**GOOD, figure: value}), WANTED)
    assert tuple(each.figure for each in found) == broken


def test_a_figure_that_was_not_measured_breaks_nothing() -> None:
    assert broken_requirements(CandidateFigures("x"), WANTED) == ()


def test_a_margin_lets_a_short_trial_miss_a_limit_a_little() -> None:
    short = Requirements(peak=30, p99_limit=0.3, memory_limit=100 * MB, margin=0.2)
    assert broken_requirements(figures(**{**GOOD, "capacity": 26.0, "memory": 110.0 * MB}), short) == ()
    assert broken_requirements(figures(**{**GOOD, "capacity": 24.0}), short)


def test_without_slow_clients_nobody_must_be_served_beside_them() -> None:
    wanted = Requirements(peak=30, slow_clients=False)
    assert broken_requirements(figures(**{**GOOD, "goodput_among_slow": 0.0}), wanted) == ()


def test_without_a_peak_the_highest_capacity_is_first() -> None:
    few, many = candidate(1), candidate(2)
    table = {few.name: figures(**GOOD), many.name: figures(**{**GOOD, "capacity": 200.0, "memory": 80.0 * MB})}
    assert ranked([few, many], table.__getitem__, Requirements()) == [many, few]


def test_with_enough_room_the_least_memory_is_first() -> None:
    few, many = candidate(1), candidate(2)
    table = {few.name: figures(**GOOD), many.name: figures(**{**GOOD, "capacity": 900.0, "memory": 80.0 * MB})}
    assert ranked([many, few], table.__getitem__, WANTED) == [few, many]


def test_room_for_twice_the_peak_is_worth_memory() -> None:
    few, many = candidate(1), candidate(2)
    table = {
        few.name: figures(**{**GOOD, "capacity": 33.0}),
        many.name: figures(**{**GOOD, "capacity": 66.0, "memory": 80.0 * MB}),
    }
    assert ranked([few, many], table.__getitem__, WANTED) == [many, few]


def order(wanted: Requirements, **changes: dict[str, float]) -> list[str]:
    """Return the order of candidates with good figures and `changes`. Their names are those of the arguments."""
    table = {name: figures(**{**GOOD, **each}) for name, each in changes.items()}
    every = [RecommendationCandidate(name, "gunicorn", workers=1, threads=1) for name in changes]
    return [each.name for each in ranked(every, table.__getitem__, wanted)]


def test_a_p99_that_nobody_notices_is_no_reason() -> None:
    assert order(WANTED, first={"p99_at_peak": 0.009}, second={"p99_at_peak": 0.001}) == ["first", "second"]
    assert order(WANTED, first={"p99_at_peak": 0.2}, second={"p99_at_peak": 0.1}) == ["second", "first"]


@pytest.mark.parametrize("capacity", [100.0 * 1.01**step for step in range(40)])
def test_figures_that_differ_by_less_than_the_band_are_equal_wherever_they_lie(capacity: float) -> None:
    small = {"capacity": capacity}
    large = {"capacity": 1.1 * capacity, "memory": 80.0 * MB}
    assert order(Requirements(), large=large, small=small) == ["small", "large"]
    near = {"memory": capacity * MB}
    lean = {"memory": 0.9 * capacity * MB}
    assert order(Requirements(), near=near, lean=lean) == ["near", "lean"]


def test_fewer_broken_requirements_of_security_come_first() -> None:
    unsafe, safe = {"security_must_broken": 2.0}, {"security_must_broken": 1.0}
    assert order(WANTED, unsafe=unsafe, safe=safe) == ["safe", "unsafe"]
    other = Requirements(peak=30, compare_security=False)
    assert order(other, unsafe=unsafe, safe=safe) == ["unsafe", "safe"]


def test_many_more_broken_requirements_are_worse_than_more_memory() -> None:
    lean = {"must_broken": 60.0, "memory": 20.0 * MB}
    correct = {"must_broken": 10.0, "memory": 80.0 * MB}
    assert order(WANTED, lean=lean, correct=correct) == ["correct", "lean"]
    near = {"must_broken": 20.0, "memory": 20.0 * MB}
    assert order(WANTED, near=near, correct=correct) == ["near", "correct"], "a few more do not outweigh memory"


def test_a_candidate_that_was_not_checked_for_security_does_not_win_by_that() -> None:
    unsafe, safe = {"security_must_broken": 2.0}, {"security_must_broken": 1.0}
    assert order(WANTED, unsafe=unsafe, safe=safe, unchecked={}) == ["safe", "unsafe", "unchecked"]
    assert order(WANTED, unsafe=unsafe, unchecked={}) == ["unsafe", "unchecked"]


def test_a_check_of_security_that_was_cut_off_decides_nothing() -> None:
    table = {
        "checked": figures(**{**GOOD, "security_must_broken": 2.0}),
        "cut off": replace(figures(**GOOD), security_must_broken=MeasuredFigure(0.0, n=1, bound=True)),
    }
    every = [RecommendationCandidate(name, "gunicorn") for name in table]
    assert [each.name for each in ranked(every, table.__getitem__, WANTED)] == ["checked", "cut off"]


def test_a_check_that_was_cut_off_breaks_at_least_what_it_found() -> None:
    table = {
        "cut off": replace(figures(**GOOD), security_must_broken=MeasuredFigure(10.0, n=1, bound=True)),
        "checked": figures(**{**GOOD, "memory": 80.0 * MB, "security_must_broken": 5.0}),
    }
    every = [RecommendationCandidate(name, "gunicorn") for name in table]
    assert [each.name for each in ranked(every, table.__getitem__, WANTED)] == ["checked", "cut off"]


def test_fewer_broken_requirements_come_after_memory_and_p99_and_before_parts() -> None:
    many, few = {"must_broken": 20.0}, {"must_broken": 10.0}
    assert order(WANTED, many=many, few=few) == ["few", "many"]
    assert order(WANTED, many={**many, "memory": 20.0 * MB}, few=few) == ["many", "few"]
    assert order(WANTED, nearly={"must_broken": 11.0}, few=few) == ["nearly", "few"]


def test_nobody_holds() -> None:
    table = {candidate().name: figures(**{**GOOD, "capacity": 1.0})}
    assert best_that_holds([candidate()], table.__getitem__, WANTED) is None
    assert best_that_holds([], table.__getitem__, WANTED) is None
    assert best_that_holds([candidate()], lambda _: CandidateFigures("x"), WANTED) is None
