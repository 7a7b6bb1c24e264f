"""Who goes on after a round of the screening."""

from __future__ import annotations

from wsgi_gauntlet.harness.model.recommendation import CandidateFigures, RecommendationCandidate
from wsgi_gauntlet.harness.recommendation.objective import Requirements
from wsgi_gauntlet.harness.recommendation.screening import dominates, kept_count, rounds_needed, screen

from ....helpers.synthetic_search import MB, candidate, figures

WANTED = Requirements(peak=30)
GOOD = {"capacity": 100.0, "p99_at_peak": 0.1, "goodput_among_slow": 1.0, "memory": 50.0 * MB}


def run(
    values: dict[RecommendationCandidate, CandidateFigures], finalists: int = 2, wanted: Requirements = WANTED
) -> tuple[list[str], dict[str, str]]:
    table = {each.name: found for each, found in values.items()}
    found = screen(list(values), table.__getitem__, wanted, finalists)
    return [each.name for each in found.kept], {each.candidate: each.reason for each in found.eliminated}


def test_a_third_goes_on_until_the_finalists_are_left() -> None:
    assert [kept_count(each, 4) for each in (36, 13, 12, 5, 4, 2)] == [12, 5, 4, 4, 4, 2]
    assert [rounds_needed(each, 4) for each in (36, 12, 4, 1)] == [2, 1, 1, 1]


def test_a_broken_requirement_comes_first_with_its_figure() -> None:
    slow, good, best = candidate(1), candidate(2), candidate(3)
    broken = figures(**{**GOOD, "goodput_among_slow": 0.1})
    kept, out = run({slow: broken, good: figures(**GOOD), best: figures(**GOOD)}, finalists=3)
    assert kept == [good.name, best.name]
    assert out[slow.name] == "Beside slow clients only 10 % of the users' requests are answered in time."


def test_a_second_candidate_goes_on_so_that_the_finals_compare_two() -> None:
    slow, good = candidate(1), candidate(2)
    kept, out = run({slow: figures(**{**GOOD, "goodput_among_slow": 0.1}), good: figures(**GOOD)})
    assert (kept, out) == ([good.name, slow.name], {})


def test_if_nobody_holds_the_best_go_on() -> None:
    values = {candidate(each): figures(**{**GOOD, "capacity": float(each)}) for each in (1, 2, 3)}
    kept, out = run(values)
    assert len(kept) == 2
    assert len(out) == 1


def test_the_winner_of_a_round_names_the_figures_of_both() -> None:
    values = {candidate(each): figures(**{**GOOD, "memory": each * 100.0 * MB}) for each in (1, 2, 3)}
    kept, out = run(values)
    assert kept == [candidate(1).name, candidate(2).name]
    assert "memory (300.0 MB against 100.0 MB)" in out[candidate(3).name]


def test_one_candidate_dominates_another_only_if_nothing_is_worse() -> None:
    good, worse = figures(**GOOD), figures(**{**GOOD, "memory": 80.0 * MB})
    assert dominates(good, worse)
    assert not dominates(worse, good)
    assert not dominates(good, figures(**{**GOOD, "memory": 80.0 * MB, "capacity": 200.0}))
    assert not dominates(good, figures(**{**GOOD, "memory": 55.0 * MB})), "the difference is within the noise"


def test_a_single_candidate_goes_on() -> None:
    assert run({candidate(): figures(**{**GOOD, "capacity": 0.0})}) == ([candidate().name], {})


def test_a_candidate_without_a_clear_difference_is_not_called_worse() -> None:
    values = {candidate(each): figures(**{**GOOD, "memory": (50.0 + each) * MB}) for each in (1, 2, 3)}
    _, out = run(values)
    (reason,) = out.values()
    assert reason.startswith("Others came before it, without a clear difference; it and gunicorn[workers=1,threads=1]:")


def test_a_lean_server_does_not_drop_one_that_breaks_fewer_requirements_of_security() -> None:
    lean = figures(**{**GOOD, "memory": 20.0 * MB, "security_must_broken": 38.0})
    safe = figures(**{**GOOD, "security_must_broken": 2.0})
    assert not dominates(lean, safe)
    assert not dominates(lean, figures(**{**GOOD, "security_must_broken": 35.0}))
    assert dominates(lean, figures(**{**GOOD, "security_must_broken": 36.0})), "such a difference is none"
    kept, out = run({candidate(1): lean, candidate(2): safe, candidate(3): safe})
    assert kept == [candidate(2).name, candidate(3).name]
    assert "broken requirements of security (38 against 2)" in out[candidate(1).name]
