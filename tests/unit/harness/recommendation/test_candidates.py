"""Which candidates a search has, and in which order."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.model.recommendation import RecommendationCandidate
from wsgi_gauntlet.harness.recommendation.candidates import (
    BaseServer,
    PossibleCandidate,
    server_candidates,
    servers_with_settings,
    settings_of,
)
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
    """Return the names of the first candidates, then those of the settings for an app that does not wait."""
    servers = server_candidates(bases, fronts, 2, memory, possible)
    return [each.name for each in (*(server.first for server in servers), *settings_of(servers, 1))]


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
    (advised,) = server_candidates([BaseServer("gunicorn", workers=5)], (), 2, 0, possible)
    assert [each.name for each in advised.every if each.advice] == ["gunicorn[workers=5]"]


def test_a_server_with_workers_and_threads_is_tried_with_one_thread_in_each_of_as_many_workers_as_cores() -> None:
    found = names(BaseServer("gunicorn", workers=5, threads=4), fronts=("nginx",))
    assert {"gunicorn[workers=2,threads=1]", "nginx+gunicorn[workers=2,threads=1]"} <= set(found)


@pytest.mark.parametrize(
    ("at_a_time", "threads"), [(1, None), (32, None), (33, 64), (64, 64), (65, 128), (128, 128), (9_999, 128)]
)
def test_an_app_that_waits_gets_the_threads_that_it_needs_first(at_a_time: int, threads: int | None) -> None:
    servers = server_candidates([BaseServer("gunicorn", workers=5), BaseServer("pool")], (), 2, 0, possible)
    found = [each.name for each in settings_of(servers, at_a_time)]
    many = [each for each in found if "threads=64" in each or "threads=128" in each]
    expected = [f"gunicorn[workers=1,threads={threads}]", f"pool[threads={threads}]"]
    assert many == ([*expected, f"gunicorn[workers=2,threads={threads}]"] if threads else [])
    assert found[: 2 if threads else 0] == many[:2]
    assert len(found) == len(set(found))


def test_a_proxy_that_the_user_named_is_before_the_candidates_with_many_threads_too() -> None:
    (server,) = server_candidates([BaseServer("pool", "nginx")], (), 2, 0, possible)
    assert [each.name for each in server.waiting] == ["nginx+pool[threads=64]", "nginx+pool[threads=128]"]


def test_a_choice_of_the_user_has_no_settings() -> None:
    (server,) = server_candidates([BaseServer("gunicorn[workers=3]", fixed=True)], ("nginx",), 2, 0, possible)
    assert server.every == (server.first,)


def test_more_servers_get_settings_if_there_are_many_places() -> None:
    assert [servers_with_settings(places) for places in (0, 20, 31, 40, 60)] == [3, 3, 3, 5, 7]
