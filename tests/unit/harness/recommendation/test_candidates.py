"""Which candidates a search has, and in which order."""

from __future__ import annotations

from wsgi_gauntlet.harness.model.recommendation import RecommendationCandidate
from wsgi_gauntlet.harness.recommendation.candidates import BaseServer, PossibleCandidate, candidates
from wsgi_gauntlet.harness.server.name import parse


def possible(name: str) -> PossibleCandidate | None:
    """Know gunicorn with everything, `single` without settings, `pool` with threads alone."""
    parsed = parse(name)
    settings = parsed.server.settings
    server = parsed.server.adapter
    if server == "single" and (settings.workers or settings.threads):
        return None
    if server == "pool" and settings.workers:
        return None
    workers, threads = settings.workers or 1, settings.threads or (4 if server == "pool" else 1)
    front = parsed.front.adapter if parsed.front else ""
    found = RecommendationCandidate(name, server, parsed.server.variant, workers, threads, front)
    return PossibleCandidate(found, f"{server} {parsed.server.variant} {front} {workers} {threads}")


def names(*bases: BaseServer, fronts: tuple[str, ...] = (), memory: int = 0) -> list[str]:
    return [each.name for each in candidates(bases, fronts, 2, memory, possible)]


def test_each_level_has_one_candidate_of_every_server() -> None:
    found = names(BaseServer("gunicorn", workers=5, threads=4), BaseServer("single"), fronts=("nginx",))
    assert found[:4] == [
        "gunicorn[workers=5,threads=4]",
        "single",
        "nginx+gunicorn[workers=5,threads=4]",
        "nginx+single",
    ]
    assert found[4] == "gunicorn"
    assert "nginx+gunicorn[workers=1,threads=32]" in found


def test_only_settings_that_a_server_has_are_tried() -> None:
    assert names(BaseServer("single")) == ["single"]
    assert names(BaseServer("pool")) == ["pool", "pool[threads=8]", "pool[threads=32]", "pool[threads=1]"]


def test_two_names_of_the_same_settings_are_one_candidate() -> None:
    found = names(BaseServer("gunicorn"))
    assert "gunicorn" in found
    assert len(found) == len(set(found))
    keys = [each.key for name in found if (each := possible(name)) is not None]
    assert len(keys) == len(set(keys))


def test_a_candidate_with_settings_of_the_user_stays_alone() -> None:
    assert names(BaseServer("gunicorn[workers=3]", fixed=True), fronts=("nginx",)) == ["gunicorn[workers=3]"]
    assert names(BaseServer("gunicorn[workers=3]", "nginx", fixed=True)) == ["nginx+gunicorn[workers=3]"]


def test_a_proxy_that_the_user_named_is_before_every_candidate() -> None:
    found = names(BaseServer("gunicorn", "nginx"), fronts=("caddy",))
    assert found
    assert all(each.startswith("nginx+gunicorn") for each in found)


def test_processes_that_do_not_fit_into_the_memory_are_left_out() -> None:
    assert all("workers=5" not in each for each in names(BaseServer("gunicorn"), memory=50_000_000))
    assert names(BaseServer("gunicorn"), memory=1_000_000) == []


def test_the_advice_is_noted() -> None:
    advised = candidates([BaseServer("gunicorn", workers=5)], (), 2, 0, possible)
    assert [each.name for each in advised if each.advice] == ["gunicorn[workers=5]"]
