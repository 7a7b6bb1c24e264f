"""The answer, from trials and rounds of apps whose best server is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.comparison.runner import letter
from wsgi_gauntlet.harness.model import Candidate, ComparisonResult, ComparisonWord, RoundResult, SlotResult
from wsgi_gauntlet.harness.model.recommendation import (
    Answer,
    Elimination,
    FigureId,
    NotDistinguished,
    Recommendation,
    RecommendationCandidate,
    RequirementCheck,
    Stage,
    Trial,
)
from wsgi_gauntlet.harness.recommendation.decision import decide, judge_against
from wsgi_gauntlet.harness.recommendation.figures import COMPARED_IN_FINALS, figure

from ....helpers.synthetic_search import MB, App, candidate, search


def with_finals(
    app: App,
    *finalists: RecommendationCandidate,
    rounds: int = 8,
    slower: Callable[[RecommendationCandidate, int], float] = lambda _each, _number: 1.0,
    **changes: object,
) -> tuple[Recommendation, ComparisonResult]:
    """Return a search whose finalists were measured in rounds; `slower` changes the capacity a little."""
    trials: list[Trial] = []
    found: list[RoundResult] = []
    for number in range(1, rounds + 1):
        slots = []
        for place, each in enumerate((*finalists, finalists[0])):
            trial = app.trial(each, Stage.FINALS, number)
            figures = tuple(
                replace(figure, value=(figure.value or 0.0) * slower(each, number) * (1 + 0.002 * (number % 3)))
                for figure in trial.figures
            )
            trial = replace(trial, figures=figures)
            trials.append(trial)
            again = place == len(finalists)
            compared = tuple(figure for figure in trial.figures if figure.id in COMPARED_IN_FINALS)
            slots.append(SlotResult("A" if again else letter(place), compared, again=again))
        found.append(RoundResult(number, tuple(slots)))
    comparison = ComparisonResult(
        tuple(Candidate(letter(place), each.name, each.name) for place, each in enumerate(finalists)),
        1,
        0.05,
        rounds=tuple(found),
    )
    state = search(app, *finalists, **changes)
    names = tuple(each.name for each in finalists)
    return replace(state, trials=(*state.trials, *trials), finalists=names), comparison


def test_the_smallest_server_that_holds_everything_wins() -> None:
    small, large = candidate(1, 16), candidate(5, 16)
    found = decide(search(App(wait=0.02), large, small), None)
    assert (found.answer, found.winner, found.runner_up) == (Answer.RECOMMENDED, small.name, large.name)
    assert found.headline == f"Take {small.name}."
    assert found.reasons[0].text.startswith("It serves 762/s with p99 within 300 ms: 25.4 times your peak.")
    assert found.reasons[0].cells[0].figure is FigureId.CAPACITY


def test_threads_win_for_an_app_that_waits() -> None:
    app = App(cpu=0.0002, wait=0.05)
    found = decide(search(app, candidate(2, 1), candidate(1, 32), peak=200.0), None)
    assert found.winner == candidate(1, 32).name


def test_a_proxy_wins_for_an_app_whose_threads_slow_clients_hold() -> None:
    behind = candidate(2, 1, front="nginx")
    found = decide(search(App(), candidate(2, 1), behind), None)
    assert found.winner == behind.name
    changes = {each.condition: each for each in found.what_would_change}
    assert changes["no slow clients"].winner == candidate(2, 1).name


def test_the_memory_criterion_decides() -> None:
    found = decide(search(App(wait=0.02), candidate(5, 16), candidate(1, 16), memory_limit=40 * MB), None)
    assert found.winner == candidate(1, 16).name
    changes = {each.condition: each.answer for each in found.what_would_change}
    assert changes["half of the memory (20.0 MB)"] == "No candidate that was measured holds that."


def test_a_server_for_development_comes_after_those_for_production() -> None:
    words = "“Do not use it in production.” (its documentation)"
    development = replace(candidate(1, 16, server="werkzeug"), for_development=words)
    found = decide(search(App(wait=0.02), development, candidate(5, 16)), None)
    assert (found.winner, found.runner_up) == (candidate(5, 16).name, development.name)
    alone = decide(search(App(wait=0.02), development, candidate(1, 1)), None)
    assert alone.winner == development.name
    assert alone.reasons[0].text.startswith(f"It is a server for development: {words} No server for production")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (candidate(1, 16, front="nginx"), "if you run nginx before your app anyway."),
        (candidate(2, 16), "if its settings suit you better."),
        (candidate(1, 16, server="waitress"), "if you cannot or do not want to run gunicorn."),
    ],
)
def test_when_to_take_the_runner_up_fits_its_server(other: RecommendationCandidate, words: str) -> None:
    found = decide(search(App(wait=0.02), candidate(1, 16), other, slow_clients=0), None)
    assert (found.winner, found.runner_up) == (candidate(1, 16).name, other.name)
    assert found.when_runner_up.endswith(words)


def test_nobody_holds_and_the_nearest_is_named_with_what_it_breaks() -> None:
    found = decide(
        search(App(cpu=0.0002, wait=0.02, locked=True), candidate(1, 16), candidate(2, 16), peak=200.0), None
    )
    assert (found.answer, found.winner) == (Answer.NONE_HOLDS, "")
    assert found.headline == "No candidate holds what you ask for. The nearest is gunicorn[workers=1,threads=16]."
    assert "the peak is 200/s" in found.reasons[0].text


def test_who_was_not_measured_may_hold_what_nobody_else_does() -> None:
    app = App(cpu=0.0002, wait=0.02, locked=True)
    state = search(app, candidate(1, 16), peak=200.0)
    unknown = replace(state, candidates=(*state.candidates, candidate(2, 16)))
    assert decide(unknown, None).headline.startswith("No candidate that was measured holds what you ask for.")
    wrong = Elimination(candidate(2, 16).name, Stage.START, "It cannot serve the app.")
    assert decide(replace(unknown, eliminated=(wrong,)), None).headline.startswith("No candidate holds")


def test_nothing_of_an_earlier_answer_stays() -> None:
    app = App(cpu=0.0002, wait=0.02, locked=True)
    old = (NotDistinguished("a", "It is equal."),)
    state = replace(search(app, candidate(1, 16), peak=200.0), not_distinguished=old, when_runner_up="Take it.")
    found = decide(state, None)
    assert (found.answer, found.not_distinguished, found.when_runner_up) == (Answer.NONE_HOLDS, (), "")
    nobody = decide(replace(state, trials=()), None)
    assert (nobody.answer, nobody.not_distinguished, nobody.what_would_change) == (Answer.NOT_DECIDED, (), ())


def test_half_of_the_peak_is_not_judged_by_p99_at_the_whole_peak() -> None:
    state = search(App(cpu=0.0002, wait=0.02, locked=True), candidate(1, 16), peak=60.0)
    (trial,) = state.trials
    slow = tuple(replace(each, value=5.0) if each.id == FigureId.P99_AT_PEAK.value else each for each in trial.figures)
    found = decide(replace(state, trials=(replace(trial, figures=slow),)), None)
    changes = {each.condition: each for each in found.what_would_change}
    assert found.answer is Answer.NONE_HOLDS
    assert changes["half of the peak (30/s)"].winner == candidate(1, 16).name


def test_a_candidate_without_a_valid_measurement_is_never_the_runner_up() -> None:
    state = search(App(wait=0.02), candidate(1, 16))
    other = candidate(5, 16)
    busy = Trial(other.name, Stage.SCREENING, valid=False, why="busy")
    out = Elimination(other.name, Stage.SCREENING, "Its measurements did not count.")
    found = decide(
        replace(state, candidates=(*state.candidates, other), trials=(*state.trials, busy), eliminated=(out,)), None
    )
    assert (found.winner, found.runner_up) == (candidate(1, 16).name, "")
    assert found.headline == f"Take {candidate(1, 16).name}, the only candidate with a valid measurement."
    assert all(each.winner != other.name for each in found.what_would_change)


def test_a_candidate_of_the_screening_wins_if_every_finalist_breaks_a_limit() -> None:
    finalist, left = candidate(1, 16), candidate(1, 16, front="nginx")
    state = search(App(wait=0.02), finalist, left)
    trials = tuple(
        replace(
            each,
            figures=tuple(
                replace(one, value=0.9 if each.candidate == finalist.name else 1.0)
                if one.id == FigureId.GOODPUT_AMONG_SLOW.value
                else one
                for one in each.figures
            ),
        )
        for each in state.trials
    )
    out = Elimination(left.name, Stage.SCREENING, "Others came before it.")
    found = decide(replace(state, trials=trials, eliminated=(out,), finalists=(finalist.name,)), None)
    assert (found.answer, found.winner) == (Answer.RECOMMENDED, left.name)
    assert found.reasons[0].text.startswith("It was not in the finals: every finalist breaks something")
    assert [each.candidate for each in found.eliminated] == [finalist.name]


def test_the_cause_of_a_capacity_of_0_is_named() -> None:
    state = search(App(wait=0.02), candidate(1, 16))
    (trial,) = state.trials
    none = tuple(
        replace(each, value=0.0, why="2 % of the requests get no correct answer")
        if each.id == FigureId.CAPACITY.value
        else each
        for each in trial.figures
    )
    found = decide(replace(state, trials=(replace(trial, figures=none),)), None)
    assert "it has no rate at which p99 is within 300 ms and 99 % of the answers are correct (2 % of" in (
        found.reasons[0].text
    )


def test_half_of_the_peak_is_offered_if_nobody_holds_it() -> None:
    app = App(cpu=0.0002, wait=0.02, locked=True)
    found = decide(search(app, candidate(1, 16), peak=80.0), None)
    changes = {each.condition: each for each in found.what_would_change}
    assert changes["half of the peak (40/s)"].winner == candidate(1, 16).name


def test_a_candidate_that_was_ruled_out_is_never_the_answer() -> None:
    state = search(App(wait=0.02), candidate(1, 16), candidate(5, 16))
    out = (Elimination(candidate(1, 16).name, Stage.CORRECTNESS, "It mixes up users."),)
    found = decide(replace(state, eliminated=out), None)
    assert found.winner == candidate(5, 16).name
    assert found.runner_up == ""
    assert all(each.winner != candidate(1, 16).name for each in found.what_would_change)


@pytest.mark.parametrize(
    ("trials", "headline"),
    [
        ((), "Nothing is decided: no candidate was measured."),
        (
            (Trial(candidate().name, Stage.SCREENING, valid=False, why="busy"),),
            "Nothing is decided: the machine or the generator could not keep up in any measurement.",
        ),
        (
            (
                Trial(candidate().name, Stage.SCREENING, valid=False, why="busy"),
                Trial(candidate().name, Stage.CORRECTNESS, figures=(figure(FigureId.SECURITY_MUST_BROKEN, 0.0),)),
            ),
            "Nothing is decided: the machine or the generator could not keep up in any measurement.",
        ),
        (
            (Trial(candidate().name, Stage.SCREENING, ruled_out="It cannot serve the app."),),
            "Nothing is decided: no candidate served the app correctly.",
        ),
    ],
)
def test_without_figures_nothing_is_decided(trials: tuple[Trial, ...], headline: str) -> None:
    found = decide(replace(search(App(), candidate()), trials=trials), None)
    assert (found.answer, found.headline) == (Answer.NOT_DECIDED, headline)


def test_an_invalid_measurement_is_listed_and_counts_for_nothing() -> None:
    state = search(App(wait=0.02), candidate(1, 16))
    disturbed = Trial(candidate(1, 16).name, Stage.SCREENING, 2, valid=False, why="busy")
    found = decide(replace(state, trials=(*state.trials, disturbed)), None)
    assert [each.reason for each in found.invalid] == ["busy"]
    capacity = found.figures_of(candidate(1, 16).name).capacity
    assert capacity is not None
    assert (capacity.n, capacity.n_invalid) == (1, 1)


def test_equal_finalists_are_not_distinguished() -> None:
    one, two = candidate(1, 16), candidate(1, 16, server="waitress")
    found = decide(*with_finals(App(wait=0.02), one, two))
    assert found.winner == one.name
    assert [each.candidate for each in found.not_distinguished] == [two.name]
    assert "8 rounds show no difference" in found.not_distinguished[0].text
    assert "take waitress" in found.when_runner_up
    assert found.rounds == 8


def test_a_worse_finalist_is_distinguished_by_its_figures() -> None:
    one, two = candidate(1, 16), candidate(5, 16)
    found = decide(*with_finals(App(wait=0.02), two, one))
    assert found.winner == one.name
    assert found.finalists == (one.name, two.name)
    assert not found.not_distinguished
    (reason,) = [each for each in found.reasons if "finals show" in each.text]
    assert "memory (30.1 MB against 70.1 MB)" in reason.text


def test_a_finalist_that_breaks_a_requirement_is_out_with_its_figure() -> None:
    one, two = candidate(1, 16), candidate(1, 1)
    found = decide(*with_finals(App(wait=0.02), one, two))
    left = found.elimination(two.name)
    assert left is not None
    assert (left.stage, left.better) == (Stage.FINALS, one.name)
    assert left.reason == "Beside slow clients only 10 % of the users' requests are answered in time."
    assert not found.not_distinguished


def test_the_runner_up_is_better_in_something() -> None:
    one, two = candidate(1, 16), candidate(5, 16)
    found = decide(*with_finals(App(wait=0.02), one, two))
    assert found.when_runner_up.startswith(f"Take {two.name} if this matters more to you: it is better in capacity")


def test_the_words_are_against_the_winner_and_not_against_a() -> None:
    one, two, three = candidate(1, 16), candidate(5, 16), candidate(2, 16)
    _, comparison = with_finals(App(wait=0.02), one, two, three)
    found = judge_against(comparison, two.name)
    memory = {each.note: each.word for each in found if each.figure == FigureId.MEMORY}
    assert memory == {one.name: ComparisonWord.BETTER, three.name: ComparisonWord.BETTER}
    assert judge_against(comparison, "nobody") == ()
    assert judge_against(None, one.name) == ()


def with_capacity(trial: Trial, value: float) -> Trial:
    return replace(
        trial,
        figures=tuple(
            replace(each, value=value) if each.id == FigureId.CAPACITY.value else each for each in trial.figures
        ),
    )


def test_a_candidate_of_the_screening_without_a_clear_difference_is_named() -> None:
    app, finalist, near, large = App(wait=0.02), candidate(1, 16), candidate(1, 17), candidate(5, 16)
    state = search(app, finalist, near, large)
    out = tuple(Elimination(each.name, Stage.SCREENING, "Others came before it.") for each in (near, large))
    found = decide(replace(state, eliminated=out, finalists=(finalist.name,)), None)
    assert [each.candidate for each in found.not_distinguished] == [near.name]
    assert "short trials show no clear difference from the winner: capacity" in found.not_distinguished[0].text


def test_a_finalist_whose_capacity_was_checked_does_not_lose_to_one_that_was_not() -> None:
    app, finalist, other = App(wait=0.02), candidate(1, 16, front="nginx"), candidate(2, 16, front="nginx")
    state = search(app, finalist, other, peak=0.0)
    trials = [with_capacity(each, 1000.0) for each in state.trials]
    checked = with_capacity(app.trial(finalist, Stage.FINALS), 700.0)
    out = (Elimination(other.name, Stage.SCREENING, "Others came before it."),)
    found = decide(replace(state, trials=(*trials, checked), eliminated=out, finalists=(finalist.name,)), None)
    changes = {each.condition: each.winner for each in found.what_would_change}
    assert changes["no slow clients"] == finalist.name


def test_without_a_valid_round_a_finalist_with_a_longer_trial_is_compared_by_its_short_one() -> None:
    app, one, two = App(wait=0.02), candidate(1, 16), candidate(1, 17)
    state = search(app, one, two, peak=0.0)
    trials = [with_capacity(each, 1000.0) for each in state.trials]
    checked = with_capacity(app.trial(one, Stage.FINALS), 500.0)
    found = decide(replace(state, trials=(*trials, checked), finalists=(one.name, two.name)), None)
    assert found.winner == one.name
    capacity = found.figures_of(one.name).capacity
    assert capacity is not None
    assert (capacity.value, found.rounds) == (1000.0, 0)


def test_an_unchecked_finalist_does_not_win_by_the_check_of_the_others() -> None:
    app, finalists = App(wait=0.02), [candidate(1, 16), candidate(1, 17), candidate(1, 18)]
    state = search(app, *finalists)
    checks = [
        Trial(each.name, Stage.CORRECTNESS, figures=(figure(FigureId.SECURITY_MUST_BROKEN, count),))
        for each, count in zip(finalists, (3.0, 2.0), strict=False)
    ]
    found = decide(
        replace(state, trials=(*state.trials, *checks), finalists=tuple(each.name for each in finalists)), None
    )
    assert found.winner == finalists[1].name


def checked(
    name: str, found: RequirementCheck | None, *, lost: float | None = 0.0, why: str = "", started: str = ""
) -> tuple[Trial, ...]:
    """Return the trials of the checks of a finalist; without `found` the server did not start for it."""
    count = None if found is None else float(found.broken)
    broken = figure(FigureId.MUST_BROKEN, count, why=started)
    return (
        Trial(name, Stage.CORRECTNESS, figures=(broken,), requirements=found),
        Trial(name, Stage.RELOAD, figures=(figure(FigureId.RELOAD_LOSSES, lost, why=why),)),
    )


WHOLE = RequirementCheck(3, 1, 280, 300, 300, ("http/framing/a/x", "http/framing/a/y", "http/b/c", "http/b/d"))


def test_the_checks_of_both_finalists_are_in_the_answer_with_their_cells() -> None:
    small, large = candidate(1, 16), candidate(5, 16)
    state = search(App(wait=0.02), small, large)
    none = RequirementCheck(0, 0, 280, 300, 300)
    trials = (*state.trials, *checked(small.name, none, lost=2.0), *checked(large.name, WHOLE, why="it has no reload"))
    found = decide(replace(state, trials=trials), None)
    assert (found.winner, found.runner_up) == (small.name, large.name)
    texts = [each.text for each in found.reasons]
    assert "It breaks none of 280 requirements (must) of PEP 3333 and HTTP." in texts
    assert "2 requests are lost when it is reloaded under load." in texts
    named = "such as http/framing/a and http/b/c."
    assert [each.text for each in found.about_runner_up] == [
        "No request is lost when it is restarted under load (it has no reload).",
        "It breaks 3 of 280 requirements (must) of PEP 3333 and HTTP, 1 of them of security: " + named,
    ]
    assert [(each.server, each.case) for each in found.about_runner_up[1].cases] == [
        (large.name, each) for each in WHOLE.broken_cases
    ]


def test_a_check_that_was_cut_off_says_how_much_was_asked() -> None:
    state = search(App(wait=0.02), candidate(1, 16))
    found = decide(
        replace(state, trials=(*state.trials, *checked(candidate(1, 16).name, replace(WHOLE, asked=120)))), None
    )
    (text,) = [each.text for each in found.reasons if each.text.startswith("It breaks")]
    assert text.startswith("It breaks at least 3 of 280 requirements (must)")
    assert text.endswith("The time was over after 120 of 300.")


def test_a_check_that_was_cut_off_does_not_say_that_nothing_is_broken() -> None:
    state = search(App(wait=0.02), candidate(1, 16))
    cut = RequirementCheck(0, 0, 110, 120, 300)
    found = decide(replace(state, trials=(*state.trials, *checked(candidate(1, 16).name, cut))), None)
    (text,) = [each.text for each in found.reasons if "requirements (must)" in each.text]
    assert text.startswith("The time was over after 120 of 300 requirements (must)")
    assert "Broken ones are confirmed last" in text
    assert not [each for each in found.reasons if each.text.startswith("It breaks")]


def test_checks_without_a_result_say_why() -> None:
    state = search(App(wait=0.02), candidate(1, 16))
    why = "the page failed for 1.5 s. The server reloaded 3 times."
    trials = checked(candidate(1, 16).name, None, lost=None, why=why, started="the port is in use")
    texts = [each.text for each in decide(replace(state, trials=(*state.trials, *trials)), None).reasons]
    assert "Its requirements of PEP 3333 and HTTP were not checked: the port is in use." in texts
    assert "Nobody knows whether a reload loses requests: the page failed for 1.5 s." in texts


def test_without_checks_nothing_is_said_about_them() -> None:
    found = decide(search(App(wait=0.02), candidate(1, 16), candidate(5, 16)), None)
    assert found.about_runner_up == ()
    assert not any("requirements" in each.text or "load." in each.text for each in found.reasons)


def test_the_broken_requirements_of_the_nearest_are_said_if_nobody_holds() -> None:
    each = candidate(1, 16)
    state = search(App(cpu=0.0002, wait=0.02, locked=True), each, peak=200.0)
    found = decide(replace(state, trials=(*state.trials, *checked(each.name, WHOLE))), None)
    assert found.answer is Answer.NONE_HOLDS
    assert any(one.text.startswith("It breaks 3 of 280") for one in found.reasons)


def test_a_check_is_no_measurement_of_the_app() -> None:
    each = candidate(1, 16)
    busy = Trial(each.name, Stage.SCREENING, valid=False, why="busy")
    found = decide(replace(search(App(), each), trials=(busy, *checked(each.name, WHOLE))), None)
    assert found.headline == "Nothing is decided: the machine or the generator could not keep up in any measurement."
