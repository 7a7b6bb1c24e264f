"""Plans made of plans."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wsgi_gauntlet.harness import planning
from wsgi_gauntlet.harness.adapter import Found, Settings
from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.launching.ownapp import OWN
from wsgi_gauntlet.harness.launching.plan import Plan
from wsgi_gauntlet.harness.load import variants

HERE = Found(version="1", executable="/bin/true")


def plan(name: str) -> Plan:
    found = replace(planning.plan(name), found=HERE)
    return found if found.upstream is None else replace(found, upstream=replace(found.upstream, found=HERE))


@pytest.fixture
def everything_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "missing", lambda _plan: Found())


@pytest.mark.usefixtures("everything_here")
def test_behind_a_front_the_server_is_what_it_was() -> None:
    served = replace(plan("gunicorn:sync[workers=2,unix]"), environment={"X": "1"}, host="::1")
    chain = variants.behind(served, "nginx:unix[static]")
    assert chain.name == "nginx:unix[static]+gunicorn:sync[workers=2,unix]"
    assert (chain.adapter.name, chain.variant, chain.settings.features) == ("nginx", "unix", frozenset({"static"}))
    assert chain.upstream is not None
    assert chain.upstream.settings.workers == 2
    assert not chain.upstream.unix
    assert (chain.environment, chain.host) == ({"X": "1"}, "::1")


def test_what_is_not_here_is_told_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "missing", lambda _plan: Found(why="no nginx", get="get nginx"))
    with pytest.raises(Unsupported, match=r"is needed for this: no nginx; get it with: get nginx"):
        variants.behind(plan("waitress"), "nginx")


@pytest.mark.usefixtures("everything_here")
def test_the_same_app_is_flasks_where_flask_serves_it() -> None:
    assert variants.same_app(plan("werkzeug"), "waitress").app == planning.plan("werkzeug").app
    assert variants.same_app(plan("flask"), "waitress").app == "gauntlet_apps.flask_app:application"
    assert variants.same_app(replace(plan("flask"), app=OWN), "waitress").app == "gauntlet_apps.own_flask:application"


def test_another_server_that_nobody_knows_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="no server is named 'nowhere'"):
        variants.same_app(plan("flask"), "nowhere")


def test_workers_are_a_setting() -> None:
    assert variants.with_workers(plan("gunicorn"), 4).settings == Settings(workers=4)
