"""What all figures together say about apps whose behaviour is known."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.model.recommendation import FigureId, Reason, RecommendationCandidate, Trial
from wsgi_gauntlet.harness.recommendation.figures import candidate_figures, figure
from wsgi_gauntlet.harness.recommendation.findings import findings, waiting_seconds

from ....helpers.synthetic_search import App, candidate, conditions

SETTINGS = [candidate(1, 1), candidate(2, 1), candidate(5, 1), candidate(1, 8), candidate(1, 32), candidate(2, 8)]


def about(
    app: App, candidates: list[RecommendationCandidate] = SETTINGS, memory_limit: int = 0, peak: float = 0.0
) -> list[str]:
    return [each.text for each in reasons(app, candidates, memory_limit, peak)]


def reasons(
    app: App, candidates: list[RecommendationCandidate] = SETTINGS, memory_limit: int = 0, peak: float = 0.0
) -> tuple[Reason, ...]:
    return of_trials(app, [app.trial(each) for each in candidates], candidates, memory_limit, peak)


def of_trials(
    app: App,
    trials: list[Trial],
    candidates: list[RecommendationCandidate] = SETTINGS,
    memory_limit: int = 0,
    peak: float = 0.0,
) -> tuple[Reason, ...]:
    wrong = {each.candidate for each in trials if each.ruled_out}
    return findings(
        [each for each in candidates if each.name not in wrong],
        lambda name: candidate_figures(name, trials),
        asked=conditions(cores=app.cores, memory_limit=memory_limit, peak=peak),
        mixing=[each for each in candidates if each.name in wrong],
    )


def test_cpu_is_the_limit_and_neither_threads_nor_more_workers_than_cores_gain_anything() -> None:
    found = about(App(cpu=0.005))
    assert found[0].startswith("CPU time is the limit: a request needs 5.0 ms of it, so 2 cores give about 400/s")
    assert found[1].startswith("More threads gain nothing")
    assert found[2].startswith("More workers than cores gain nothing")


@pytest.mark.parametrize(
    ("app", "seconds"),
    [
        (App(cpu=0.0002, wait=0.05), 0.0502),
        (App(cpu=0.005), None),
        (App(cpu=0.0002, wait=0.02, locked=True), None),
    ],
)
def test_the_time_of_a_request_is_known_if_the_app_waits(app: App, seconds: float | None) -> None:
    trials = [app.trial(each) for each in SETTINGS]
    found = waiting_seconds(SETTINGS, lambda name: candidate_figures(name, trials), 64)
    assert found == (seconds and pytest.approx(seconds))
    assert waiting_seconds([], lambda name: candidate_figures(name, trials), 64) is None


def test_an_app_that_waits_is_served_by_as_many_threads_as_littles_law_says() -> None:
    (found,) = about(App(cpu=0.0002, wait=0.05))
    assert found.startswith("The app waits: a request takes about 50 ms")
    assert "32 serve 637/s" in found


def test_the_example_of_littles_law_follows_it() -> None:
    app = App(cpu=0.0002, wait=0.05)
    largest = max(SETTINGS, key=lambda each: (each.workers or 1) * (each.threads or 1))
    trials = [
        replace(
            trial,
            figures=tuple(
                replace(each, value=0.6 * (each.value or 0.0)) if each.id == FigureId.CAPACITY.value else each
                for each in trial.figures
            ),
        )
        if trial.candidate == largest.name
        else trial
        for trial in map(app.trial, SETTINGS)
    ]
    (text,) = [each.text for each in of_trials(app, trials) if each.text.startswith("The app waits")]
    number = (largest.workers or 1) * (largest.threads or 1)
    assert f": {number} serve" not in text
    assert " serve " in text


def test_a_lock_is_found_and_nothing_helps() -> None:
    (found,) = reasons(App(cpu=0.0002, wait=0.02, locked=True))
    assert found.text.startswith("The app serves one request at a time, whatever the server does: about 49.5/s")
    assert {each.candidate for each in found.cells} == {each.name for each in SETTINGS if each != candidate(2, 1)}


def test_a_leak_is_found_with_the_time_until_the_memory_is_full() -> None:
    found = about(App(growth=64_000), memory_limit=2 * 10**9, peak=60)
    assert any(
        "each request leaves about 64 KB behind. At the peak, 2.0 GB are full after about 9 min" in e for e in found
    )
    assert not any("leaks" in each for each in about(App(growth=2_000)))


def test_an_app_that_mixes_up_users_with_threads_alone_is_not_thread_safe() -> None:
    (found,) = [each for each in about(App(thread_safe=False)) if "thread-safe" in each]
    assert "gunicorn[workers=1,threads=8] serves several requests at a time" in found
    assert "gunicorn[workers=1,threads=1] serves one at a time" in found
    assert not any("thread-safe" in each for each in about(App()))


def test_a_proxy_that_keeps_slow_clients_away_is_named_with_both_shares() -> None:
    pair = [candidate(2, 1), candidate(2, 1, front="nginx")]
    (found,) = [each for each in about(App(), pair) if "proxy" in each]
    assert "gunicorn[workers=2,threads=1] answers 10 %" in found
    assert "nginx+gunicorn[workers=2,threads=1] 100 %" in found


def test_nothing_measured_says_nothing() -> None:
    assert about(App(), []) == []
    assert about(App(cpu=0.0001, wait=0.01), [candidate(1, 8)]) == []


MANY_SETTINGS = [
    candidate(workers, threads, front=front)
    for front in ("", "nginx")
    for workers, threads in ((1, 1), (2, 1), (5, 1), (1, 8), (1, 32), (2, 8), (2, 32), (5, 8))
]


def disturbed(trials: list[Trial], number: int, factor: float) -> list[Trial]:
    """Return the trials with another capacity of the one with a `number`, as after a disturbance."""
    changed = trials[number]
    figures = tuple(
        replace(each, value=(each.value or 0.0) * factor) if each.id == FigureId.CAPACITY.value else each
        for each in changed.figures
    )
    return [replace(changed, figures=figures) if each is changed else each for each in trials]


APPS = (
    (App(cpu=0.005), ("CPU time is the limit", "More threads gain nothing", "More workers than cores gain nothing")),
    (App(cpu=0.0002, wait=0.05), ("The app waits: a request takes about",)),
    (App(cpu=0.0002, wait=0.02, locked=True), ("The app serves one request at a time",)),
)


@pytest.mark.parametrize("number", range(len(MANY_SETTINGS)))
@pytest.mark.parametrize(("app", "sentences"), APPS, ids=["cpu", "waits", "lock"])
def test_one_disturbed_trial_hides_no_finding(app: App, sentences: tuple[str, ...], number: int) -> None:
    trials = disturbed([app.trial(each) for each in MANY_SETTINGS], number, 0.7)
    found = [each.text for each in of_trials(app, trials, MANY_SETTINGS)]
    for sentence in sentences:
        assert any(each.startswith(sentence) for each in found), found


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("app", "sentences"), APPS, ids=["cpu", "waits", "lock"])
def test_noise_of_a_tenth_hides_no_finding(app: App, sentences: tuple[str, ...], seed: int) -> None:
    draw = random.Random(seed)
    trials = [app.trial(each) for each in MANY_SETTINGS]
    for number in range(len(trials)):
        trials = disturbed(trials, number, draw.uniform(0.9, 1.1))
    found = [each.text for each in of_trials(app, trials, MANY_SETTINGS)]
    for sentence in sentences:
        assert any(each.startswith(sentence) for each in found), found


def test_threads_that_help_are_no_lock_and_no_limit() -> None:
    found = about(App(cpu=0.0002, wait=0.02), MANY_SETTINGS)
    assert not any("one request at a time" in each or "gain nothing" in each for each in found)


def test_a_lock_is_found_if_cpu_time_is_below_a_clock_tick() -> None:
    (found,) = about(App(cpu=0.0, wait=0.02, locked=True, cores=2))
    assert found.startswith("The app serves one request at a time")


def test_more_threads_than_connections_say_nothing_about_the_time_of_a_request() -> None:
    app = App(cpu=0.0002, wait=0.05)
    trials = [app.trial(each) for each in SETTINGS]
    huge = replace(app.trial(candidate(1, 512)), figures=trials[4].figures)
    (found,) = of_trials(app, [*trials, huge], [*SETTINGS, candidate(1, 512)])
    assert "32 serve 637/s" in found.text


def test_one_server_that_mixes_up_users_is_not_the_apps_fault() -> None:
    app = App(wait=0.002)
    trials = [app.trial(each) for each in SETTINGS]
    wrong = replace(trials[3], ruled_out="It mixes up users.", evidence=("the page of another user",))
    found = of_trials(app, [*trials[:3], wrong, *trials[4:]])
    assert not any("thread-safe" in each.text for each in found)


def test_memory_that_grows_with_the_threads_is_no_leak() -> None:
    app = App(growth=64_000)
    trials = [
        replace(
            each,
            figures=tuple(
                replace(one, value=9_000.0 * 3**place) if one.id == FigureId.MEMORY_GROWTH.value else one
                for one in each.figures
            ),
        )
        for place, each in enumerate(app.trial(each) for each in SETTINGS)
    ]
    assert not any("leaks" in each.text for each in of_trials(app, trials))


def with_slow_request(seconds: dict[str, float]) -> list[str]:
    """Return the findings if the request “log in” takes this long alone on the candidates."""
    trials = []
    for each in SETTINGS:
        trial = App(cpu=0.005).trial(each)
        if each.name in seconds:
            slowest = figure(FigureId.SLOWEST_REQUEST, seconds[each.name], why="log in")
            trial = replace(trial, figures=(*trial.figures, slowest))
        trials.append(trial)
    return [each.text for each in of_trials(App(cpu=0.005), trials) if "log in" in each.text]


def test_a_request_that_is_slower_than_the_limit_by_itself_is_named() -> None:
    (text,) = with_slow_request({SETTINGS[0].name: 0.42, SETTINGS[1].name: 0.4})
    assert text == (
        "The request “log in” takes 400 ms or more on each server, even if there is no other. It is more than one of "
        "100 requests, so no server can answer 99 of 100 within 300 ms. Make it faster, or allow more with --p99."
    )


def test_a_request_that_one_server_answers_within_the_limit_is_not_named() -> None:
    assert with_slow_request({SETTINGS[0].name: 0.42, SETTINGS[1].name: 0.3}) == []
    assert with_slow_request({}) == []
