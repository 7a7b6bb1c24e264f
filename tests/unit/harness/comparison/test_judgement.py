"""Words from synthetic rounds of known ratios."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.comparison import judgement
from wsgi_gauntlet.harness.model import ComparisonResult, ComparisonWord, Figure, FigureComparison

from ....helpers.sample_comparison import CAPACITY, P99, comparison, figure, judged


def found(made: ComparisonResult, figure_id: str, letter: str = "B") -> FigureComparison:
    """Return the comparison of one figure."""
    return next(each for each in made.judged if (each.figure, each.letter) == (figure_id, letter))


def with_figure(made: ComparisonResult, base: Figure, values: dict[str, tuple[float | None, bool]]) -> ComparisonResult:
    """Return `made` with other values of one figure, by letter: the value, and whether it is a lower bound."""
    return judged(
        replace(
            made,
            rounds=tuple(
                replace(
                    round_,
                    slots=tuple(
                        replace(
                            each,
                            figures=tuple(
                                figure(base, values[each.letter][0], bound=values[each.letter][1], why="no port")
                                if one.id == base.id
                                else one
                                for one in each.figures
                            ),
                        )
                        for each in round_.slots
                    ),
                )
                for round_ in made.rounds
            ),
        )
    )


@pytest.mark.parametrize(
    ("figure_id", "factor", "word", "text"),
    [
        ("capacity", 1.2, ComparisonWord.BETTER, "faster"),
        ("capacity", 0.8, ComparisonWord.WORSE, "slower"),
        ("capacity", 1.0, ComparisonWord.EQUAL, "no difference above 5 %"),
        ("p99", 1.2, ComparisonWord.WORSE, "slower"),
        ("p99", 0.8, ComparisonWord.BETTER, "faster"),
        ("memory", 0.5, ComparisonWord.BETTER, "less memory"),
        ("served", 1.6, ComparisonWord.BETTER, "more users"),
    ],
)
def test_each_figure_has_its_word(figure_id: str, factor: float, word: ComparisonWord, text: str) -> None:
    each = found(comparison({figure_id: factor}), figure_id)
    assert (each.word, each.text, each.rounds) == (word, text, 12)
    assert each.ratio is not None
    true = factor if figure_id != "served" else 0.3
    assert each.ratio.low <= true <= each.ratio.high or each.ratio.estimate == pytest.approx(true, abs=0.02)


def test_lateness_of_the_generator_makes_equality_harder_to_show_and_differences_no_easier() -> None:
    def judged_with(share: float, factor: float) -> ComparisonWord:
        made = comparison({"p99": factor})
        rounds = tuple(
            replace(
                each,
                slots=tuple(
                    replace(
                        slot,
                        figures=tuple(
                            replace(one, lateness=share * one.value) if one.id == "p99" and one.value else one
                            for one in slot.figures
                        ),
                    )
                    for slot in each.slots
                ),
            )
            for each in made.rounds
        )
        return found(judged(replace(made, rounds=rounds)), "p99").word

    assert [judged_with(share, 1.0) for share in (0.0, 0.9)] == [ComparisonWord.EQUAL, ComparisonWord.INCONCLUSIVE]
    assert [judged_with(share, 1.2) for share in (0.0, 0.9)] == [ComparisonWord.WORSE, ComparisonWord.WORSE]


def test_a_against_a_is_beside_every_figure() -> None:
    for each in comparison({"capacity": 2.0}).judged:
        assert each.noise is not None
        assert each.noise.low <= (0 if each.difference else 1) <= each.noise.high
        assert len(each.noise_by_round) == 12
        assert not each.noise_differs


def test_few_rounds_decide_nothing_and_say_how_many_would() -> None:
    each = found(comparison({"capacity": 2.0}, number=4), "capacity")
    assert each.word is ComparisonWord.INCONCLUSIVE
    assert each.more_rounds
    assert each.text == f"inconclusive: {each.more_rounds} more rounds would tell 5 %"


def test_invalid_rounds_do_not_count() -> None:
    made = comparison({"capacity": 2.0}, number=6)
    broken = replace(made.rounds[0], slots=(replace(made.rounds[0].slots[0], valid=False, why="late"),))
    again = judged(replace(made, rounds=(broken, *made.rounds)))
    assert found(again, "capacity").by_round == found(made, "capacity").by_round
    assert broken.why == "late"


def test_two_lower_bounds_have_no_ratio() -> None:
    each = found(with_figure(comparison({}), P99, {"A": (5.0, True), "B": (5.0, True)}), "p99")
    assert (each.word, each.text) == (ComparisonWord.NOT_COMPARED, judgement.NOT_COMPARED_TEXT)
    assert each.note == "both values are lower bounds: no port"
    assert each.ratio is None
    assert (each.baseline, each.baseline_bound, each.value_bound) == (5.0, True, True)


def test_a_lower_bound_counts_only_where_the_truth_is_further_away() -> None:
    slower = with_figure(comparison({}), P99, {"A": (0.1, False), "B": (5.0, True)})
    assert found(slower, "p99").word is ComparisonWord.WORSE
    unclear = with_figure(comparison({}), CAPACITY, {"A": (900.0, True), "B": (1000.0, False)})
    assert found(unclear, "capacity").word is ComparisonWord.NOT_COMPARED


def test_a_figure_that_nobody_could_measure_says_why() -> None:
    each = found(with_figure(comparison({}), P99, {"A": (None, False), "B": (1.0, False)}), "p99")
    assert (each.word, each.note) == (ComparisonWord.NOT_COMPARED, "no port")


def test_a_figure_without_a_direction_is_higher_or_lower() -> None:
    tries = Figure("stop:tries", "tries", None)
    made = comparison({}, number=6)
    rounds = tuple(
        replace(
            each,
            slots=tuple(
                replace(one, figures=(figure(tries, 4.0 if one.letter == "B" else 2.0),)) for one in each.slots
            ),
        )
        for each in made.rounds
    )
    each = judged(replace(made, rounds=rounds)).judged[0]
    assert (each.word, each.text) == (ComparisonWord.MORE, "higher")


def test_three_candidates_are_each_compared_with_a() -> None:
    made = comparison({"capacity": 1.0}, {"capacity": 2.0})
    assert found(made, "capacity", "B").word is ComparisonWord.EQUAL
    assert found(made, "capacity", "C").word is ComparisonWord.BETTER


def test_a_comparison_that_may_stop_early_stops_at_a_look_with_all_words() -> None:
    large = comparison({"capacity": 3.0, "p99": 3.0, "memory": 3.0, "served": 2.0}, number=8)
    planned = replace(large, until_decided=True, planned_rounds=20)
    looks = [each.rounds[each.index] for each in judgement.looks(planned)]
    assert looks[-1] == 20
    stops = [number for number in looks[:-1] if number <= 8 and judgement.may_stop(_first(planned, number))]
    assert stops, "a threefold difference is decided before the last look"
    assert not judgement.may_stop(_first(planned, 5))
    assert not judgement.looks(large)


def _first(made: ComparisonResult, number: int) -> ComparisonResult:
    return replace(made, rounds=made.rounds[:number])
