"""What all figures together say about apps whose behaviour is known."""

from __future__ import annotations

from wsgi_gauntlet.harness.model.recommendation import Reason, RecommendationCandidate
from wsgi_gauntlet.harness.recommendation.figures import candidate_figures
from wsgi_gauntlet.harness.recommendation.findings import findings

from ....helpers.synthetic_search import App, candidate

SETTINGS = [candidate(1, 1), candidate(2, 1), candidate(5, 1), candidate(1, 8), candidate(1, 32), candidate(2, 8)]


def about(
    app: App, candidates: list[RecommendationCandidate] = SETTINGS, memory_limit: int = 0, peak: float = 0.0
) -> list[str]:
    return [each.text for each in reasons(app, candidates, memory_limit, peak)]


def reasons(
    app: App, candidates: list[RecommendationCandidate] = SETTINGS, memory_limit: int = 0, peak: float = 0.0
) -> tuple[Reason, ...]:
    trials = [app.trial(each) for each in candidates]
    wrong = {each.candidate for each in trials if each.ruled_out}
    return findings(
        [each for each in candidates if each.name not in wrong],
        lambda name: candidate_figures(name, trials),
        mixing=[each for each in candidates if each.name in wrong],
        cores=app.cores,
        memory_limit=memory_limit,
        peak=peak,
    )


def test_cpu_is_the_limit_and_neither_threads_nor_more_workers_than_cores_gain_anything() -> None:
    found = about(App(cpu=0.005))
    assert found[0].startswith("CPU time is the limit: a request needs 5.0 ms of it, so 2 cores give at most 400/s")
    assert found[1].startswith("More threads gain nothing")
    assert found[2].startswith("More workers than cores gain nothing")


def test_an_app_that_waits_is_served_by_as_many_threads_as_littles_law_says() -> None:
    (found,) = about(App(cpu=0.0002, wait=0.05))
    assert found.startswith("The app waits: a request takes about 50 ms")
    assert "32 serve 637/s" in found


def test_a_lock_is_found_and_nothing_helps() -> None:
    (found,) = reasons(App(cpu=0.0002, wait=0.02, locked=True))
    assert found.text.startswith("The app serves one request at a time, whatever the server does: about 49.5/s")
    assert {each.candidate for each in found.cells} == {each.name for each in SETTINGS if each != candidate(2, 1)}


def test_a_leak_is_found_with_the_time_until_the_memory_is_full() -> None:
    found = about(App(growth=64_000), memory_limit=2 * 10**9, peak=60)
    assert any(
        "each request leaves about 64 KB behind. At the peak, 2000.0 MB are full after about 9 min" in e for e in found
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
