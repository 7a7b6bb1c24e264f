"""Which candidates a server name means."""

from __future__ import annotations

import sys

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.recommendation.server_search import ServerSearch, base_servers
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.adapter import Installation
from wsgi_gauntlet.harness.server.name import parse


@pytest.mark.parametrize(
    ("name", "workers", "threads"),
    [
        ("gunicorn:sync[workers=2]", 2, 1),
        ("gunicorn:gthread[workers=2,threads=8]", 2, 8),
        ("gunicorn:gevent[workers=2]", 2, None),
        ("uwsgi:gevent", 1, None),
    ],
)
def test_a_worker_with_greenlets_does_not_count_as_one_that_serves_one_request_at_a_time(
    monkeypatch: pytest.MonkeyPatch, name: str, workers: int, threads: int | None
) -> None:
    monkeypatch.setattr(planning, "missing", lambda _plan: Installation())
    found = ServerSearch(sys.executable, registry.REFERENCE_APP, None, Configuration()).possible(name)
    assert found is not None
    assert (found.candidate.workers, found.candidate.threads) == (workers, threads)


def test_a_short_search_has_the_first_variant_of_each_server_before_the_second_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "missing", lambda _plan, **_options: Installation())
    search = ServerSearch(sys.executable, registry.REFERENCE_APP, None, Configuration())
    bases, _ = base_servers(search, ())
    servers = [parse(each.text).server.adapter for each in bases]
    first = len(set(servers))
    assert first < len(servers)
    assert len(set(servers[:first])) == first
    guides = [len(registry.adapters()[each].deployment_guides) for each in servers[:first]]
    assert guides == sorted(guides, reverse=True), "the servers that people know come first"
    assert guides[0] > guides[-1]


def test_settings_that_a_named_server_does_not_have_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "missing", lambda _plan, **_options: Installation())
    search = ServerSearch(sys.executable, registry.REFERENCE_APP, None, Configuration())
    with pytest.raises(ConfigurationError, match=r"--servers waitress\[workers=3\]: "):
        base_servers(search, ("gunicorn:sync", "waitress[workers=3]"))
    (found,), fronts = base_servers(search, ("waitress[threads=3]",))
    assert (found.text, found.fixed, fronts) == ("waitress[threads=3]", True, ())
